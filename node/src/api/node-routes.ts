/** The routes about this node: its state, its peers, its identities. */
import {
  address,
  addressOf,
  type AnyQuery,
  boolean,
  describe,
  type Did,
  did,
  enumeration,
  formatDid,
  hash,
  type Infer,
  type Json,
  keyOf,
  list,
  networkName,
  optional,
  present,
  publicKey,
  type PublicKey,
  rotationMessage,
  rotationsOf,
  struct,
  text,
  timestamp,
  tokenSum,
  uint,
} from '@claw-network/protocol'
import { passphrase, queryContextOf, sendFields } from './domain-routes.ts'
import { jsonObject } from './json.ts'
import type { ApiNode, WalletIdentity } from './node.ts'
import { guesserOf } from './principal.ts'
import { jsonRoute, type Route } from './route.ts'
import { walletProblem } from './sender.ts'
import { transactionAnswer, transactionAnswerOf } from './transaction-answer.ts'

const unlockSecondsDefault = 15 * 60
const unlockSecondsMax = 24 * 60 * 60

const line = text(1024)
const walletPassphrase = describe(
  passphrase,
  'The passphrase of the node’s wallet, which also seals the new key; a local network needs none',
)
const nodeType = enumeration('full', 'light')

const identity = struct({
  did,
  address,
  index: describe(uint(), 'Its place among the identities of the node’s 24 words'),
  key: optional(describe(publicKey, 'The key that signs now, where it is no longer the one in the DID')),
  holdsKey: describe(boolean, 'This node has the key that signs now'),
  isUnlocked: describe(boolean, 'It signs without a passphrase'),
  unlockedUntilMs: optional(describe(timestamp, 'When it locks; absent where it stays open until the node stops')),
})

const status = jsonRoute({
  method: 'GET',
  path: '/api/node/status',
  tag: 'node',
  access: 'read',
  doc: 'Who this node is and how it is.',
  input: struct({}),
  answer: struct({
    did: optional(describe(did, 'The node’s own identity; absent before clawnet init')),
    address: optional(address),
    synced: describe(boolean, 'The node knows the current state of the network'),
    blockHeight: describe(uint(), 'The last final block on this node'),
    peers: describe(uint(), 'Connected nodes'),
    network: networkName,
    version: line,
    type: nodeType,
    chainId: describe(hash, 'The hash of the genesis file'),
    blockHash: hash,
    blockTimeMs: timestamp,
    targetHeight: describe(uint(), 'The highest block any peer is known to have'),
    degraded: describe(list(line, 16), 'What is wrong, as sentences; empty while all is well'),
    validator: optional(
      describe(struct({ publicKey, power: tokenSum }), 'Present where this node takes part in deciding blocks'),
    ),
    pendingTransactions: describe(uint(), 'Transactions that wait for a block here'),
    peerId: line,
    listen: describe(list(line, 64), 'Where other nodes reach this one'),
    startedAtMs: timestamp,
  }),
  handle({ node }) {
    const { type, synced, targetHeight, degraded, validator, peerId, listen, startedAtMs } = node.condition()
    const { tip, chainId } = node.chain
    const self = node.wallet.identities()[0]?.did
    return {
      ...(self !== undefined && { did: self, address: addressOf(self) }),
      synced,
      blockHeight: tip.height,
      peers: node.peers().length,
      network: node.network,
      version: node.version,
      type,
      chainId,
      blockHash: tip.blockHash,
      blockTimeMs: tip.timeMs,
      targetHeight,
      degraded,
      ...(validator !== undefined && { validator }),
      pendingTransactions: node.mempool.size,
      peerId,
      listen,
      startedAtMs,
    }
  },
})

const peers = jsonRoute({
  method: 'GET',
  path: '/api/node/peers',
  tag: 'node',
  access: 'read',
  doc: 'The nodes this one is connected to.',
  input: struct({}),
  answer: struct({
    peers: list(
      struct({
        id: line,
        address: line,
        direction: enumeration('inbound', 'outbound'),
        connectedAtMs: timestamp,
      }),
      10_000,
    ),
  }),
  handle: ({ node }) => ({ peers: node.peers() }),
})

const config = jsonRoute({
  method: 'GET',
  path: '/api/node/config',
  tag: 'node',
  access: 'read',
  doc: 'The settings in force, without secrets.',
  input: struct({}),
  answer: struct({ config: jsonObject }),
  handle: ({ node }) => ({ config: node.config() }),
})

const health = jsonRoute({
  method: 'GET',
  path: '/health',
  tag: 'node',
  access: 'public',
  doc: 'Answers 200 as long as the node runs; status says whether it is fit. Needs no credential.',
  input: struct({}),
  answer: struct({ status: enumeration('ok', 'syncing', 'degraded'), version: line }),
  handle({ node }) {
    const { synced, degraded } = node.condition()
    return { status: degraded.length > 0 ? 'degraded' : synced ? 'ok' : 'syncing', version: node.version } as const
  },
})

const identities = jsonRoute({
  method: 'GET',
  path: '/api/identity',
  tag: 'identity',
  access: 'read',
  doc: 'The identities whose keys this node holds, the default one first, and the public document of that one; to an agent token its own counts as the default one.',
  input: struct({}),
  answer: struct({
    did: optional(describe(did, 'The default identity; absent before clawnet init')),
    address: optional(address),
    document: optional(describe(jsonObject, 'The DID document of the default identity')),
    identities: list(identity, 100_000),
  }),
  handle({ node }, _, { principal }) {
    const all = node.wallet.identities()
    const self = principal.role === 'agent' ? principal.token.did : all[0]?.did
    return {
      ...(self !== undefined && { did: self, address: addressOf(self), ...documentOf(node, self) }),
      identities: all.map(one => shown(node, one)),
    }
  },
})

const unlock = jsonRoute({
  method: 'POST',
  path: '/api/identity/unlock',
  tag: 'identity',
  access: 'owner',
  doc: 'Lets the node sign for an identity without a passphrase, for a while.',
  input: struct({
    did: optional(describe(did, 'Which identity; the node’s own where it is left out')),
    passphrase,
    seconds: optional(describe(uint(unlockSecondsMax, 1), `How long; ${unlockSecondsDefault} where it is left out`)),
  }),
  answer: identity,
  codes: ['passphrase_is_wrong', 'too_many_attempts', 'identity_is_unknown', 'key_is_missing'],
  example: { passphrase: 'correct horse battery staple', seconds: 900 },
  async handle({ node, sender }, { did: named, passphrase, seconds = unlockSecondsDefault }, { principal, note }) {
    const subject = sender.identity(named, principal)
    note({ did: subject })
    const key = keyOf(node.chain.view, subject)
    const refusal = await node.wallet.unlock(subject, passphrase, seconds * 1000, key, guesserOf(principal))
    if (refusal !== undefined) throw walletProblem(refusal)
    return shownOf(node, subject)
  },
})

const lock = jsonRoute({
  method: 'POST',
  path: '/api/identity/lock',
  tag: 'identity',
  access: 'owner',
  doc: 'Makes the node forget an identity’s secret; without did that of all identities.',
  input: struct({ did: optional(did) }),
  answer: struct({ locked: list(did, 100_000) }),
  codes: ['identity_is_unknown'],
  example: {},
  handle({ node, sender }, { did: named }, { principal, note }) {
    const locked =
      named === undefined ? node.wallet.identities().map(({ did }) => did) : [sender.identity(named, principal)]
    if (named !== undefined) note({ did: named })
    for (const subject of locked) node.wallet.lock(subject)
    return { locked }
  },
})

const create = jsonRoute({
  method: 'POST',
  path: '/api/identity',
  tag: 'identity',
  access: 'owner',
  doc: 'Makes the next identity of this node’s 24 words, for one more agent on this node. On a local network it is unlocked.',
  input: struct({ passphrase: optional(walletPassphrase) }),
  answer: identity,
  codes: ['passphrase_is_missing', 'passphrase_is_wrong', 'too_many_attempts', 'identity_is_unknown'],
  example: { passphrase: 'correct horse battery staple' },
  async handle({ node }, { passphrase }, { principal, note }) {
    const made = await node.wallet.create(passphrase, guesserOf(principal))
    if (typeof made !== 'string') throw walletProblem(made)
    note({ did: made })
    return shownOf(node, made)
  },
})

const rotate = jsonRoute({
  method: 'POST',
  path: '/api/identity/:did/rotate',
  tag: 'identity',
  access: 'owner',
  doc: 'Makes the next key of an identity of this node, from its 24 words, and sends identity.rotate to it. May be repeated: until a rotation is final it is the same key.',
  input: struct({ ...sendFields, did: describe(did, 'Whose key'), passphrase: optional(walletPassphrase) }),
  answer: transactionAnswer,
  waits: true,
  codes: [
    'passphrase_is_missing',
    'passphrase_is_wrong',
    'too_many_attempts',
    'identity_is_unknown',
    'key_is_missing',
    'wallet_is_another',
  ],
  example: {
    did: 'did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
    passphrase: 'correct horse battery staple',
  },
  async handle({ node, sender, outcomes, rejections }, { did: named, ...fields }, call) {
    const { wallet, chain } = node
    const subject = sender.identity(named, call.principal)
    const rotation = rotationsOf(chain.view, subject) + 1
    const proofOf = (key: PublicKey): Uint8Array => rotationMessage(chain.chainId, subject, key, rotation)
    const next = await wallet.nextKey(subject, rotation, fields.passphrase, proofOf, guesserOf(call.principal))
    if ('refused' in next) throw walletProblem(next)
    const kind = present(chain.ledger.kinds.get('identity.rotate'), 'the ledger has its domains')
    const body = { newKey: next.key, rotation, proof: next.proof }
    const id = await sender.send(kind, body, { ...fields, did: subject }, call)
    const outcome = await outcomes.settled(id, call.waitMs, call.signal)
    return transactionAnswerOf(id, outcome, rejections, call.waitMs > 0)
  },
})

export const nodeRoutes: readonly Route[] = [status, peers, config, health, identities, create, rotate, unlock, lock]

function shownOf(node: ApiNode, subject: Did): Infer<typeof identity> {
  const found = node.wallet.identities().find(({ did }) => did === subject)
  return shown(node, present(found, 'the identity is one of ours'))
}

function shown(node: ApiNode, { did: subject, index, keys, unlockedUntilMs }: WalletIdentity): Infer<typeof identity> {
  const key = keyOf(node.chain.view, subject)
  return {
    did: subject,
    address: addressOf(subject),
    index,
    ...(key !== subject && { key }),
    holdsKey: keys.includes(key),
    isUnlocked: unlockedUntilMs !== undefined,
    ...(unlockedUntilMs !== undefined && Number.isFinite(unlockedUntilMs) && { unlockedUntilMs }),
  }
}

/** What `GET /api/identity/:did` answers, where a domain has that path. */
function documentOf(node: ApiNode, subject: Did): { document?: { readonly [field: string]: Json } } {
  const { ledger, view } = node.chain
  const query = ledger.domains.flatMap((domain): readonly AnyQuery[] => domain.queries).find(isIdentityQuery)
  const document = query?.read(view, query.input.fromJson({ did: formatDid(subject) }), queryContextOf(node))
  return document === undefined ? {} : { document: query?.output.toJson(document) as { [field: string]: Json } }
}

function isIdentityQuery({ path }: AnyQuery): boolean {
  return path === '/api/identity/:did'
}
