/** The routes about the chain: transactions signed elsewhere, look-ups, blocks, validators, history, events. */
import {
  type Address,
  address,
  addressOf,
  assemble,
  bytes,
  type Codec,
  DecodeError,
  describe,
  did,
  enumeration,
  type Envelope,
  envelopeCodec,
  formatDid,
  hash,
  header,
  type Infer,
  type Json,
  list,
  optional,
  publicKey,
  signatureStatement,
  signersOf,
  signingBytes,
  struct,
  text,
  timestamp,
  tokenSum,
  type Transaction,
  transactionBytesMax,
  uint,
} from '@claw-network/protocol'
import { sendFields } from './domain-routes.ts'
import { jsonObject } from './json.ts'
import { movements } from './events.ts'
import type { ApiNode, HistoryEntry } from './node.ts'
import { Problem } from './problems.ts'
import { jsonRoute, rawRoute, type Route } from './route.ts'
import { transactionAnswer, transactionAnswerOf } from './transaction-answer.ts'

/** Tokens more or less. */
const signed: Codec<bigint> = {
  ...tokenSum,
  schema: { type: 'integer', description: 'Tokens, negative where they left' },
}

const limitMax = 200
const limitDefault = 20

const transactionId = describe(hash, 'The id of the transaction')

const submit = jsonRoute({
  method: 'POST',
  path: '/api/tx',
  tag: 'transactions',
  access: 'submit',
  doc: 'Takes a transaction signed elsewhere, so that the key never comes to this node: bytes, or envelope and signature.',
  input: struct({
    bytes: optional(describe(bytes(transactionBytesMax, 1), 'The canonical bytes of [body, signature]')),
    envelope: optional(describe(jsonObject, 'The envelope as POST /api/tx/prepare gives it')),
    signature: optional(describe(bytes(64, 64), 'The Ed25519 signature of its signing bytes')),
  }),
  answer: transactionAnswer,
  waits: true,
  codes: ['signature_is_wrong'],
  async handle({ node, sender, outcomes, rejections }, input, call) {
    const transaction = transactionOf(node, input)
    const { signature, message, publicKey } = signatureStatement(transaction)
    if (!node.signatures.verify(signature, message, publicKey)) {
      throw Problem.of('signature_is_wrong', { field: input.bytes === undefined ? 'signature' : 'bytes' })
    }
    sender.pass(transaction)
    const outcome = await outcomes.settled(transaction.id, call.waitMs, call.signal)
    return transactionAnswerOf(transaction.id, outcome, rejections, call.waitMs > 0)
  },
})

const { passphrase: _, ...envelopeFields } = sendFields

const prepare = jsonRoute({
  method: 'POST',
  path: '/api/tx/prepare',
  tag: 'transactions',
  access: 'read',
  doc: 'Gives the bytes to sign for a transaction, its id and a summary to read before signing. Nothing is sent or reserved.',
  input: struct({
    kind: describe(text(64, 1), 'The kind of transaction'),
    payload: describe(jsonObject, 'The fields of that kind'),
    ...envelopeFields,
    signer: optional(describe(publicKey, 'The session key that will sign, where it is not the identity’s own')),
  }),
  answer: struct({
    txHash: transactionId,
    signingBytes: describe(bytes(transactionBytesMax + 128), 'What the Ed25519 key signs'),
    envelope: describe(jsonObject, 'What POST /api/tx takes beside the signature'),
    summary: describe(text(transactionBytesMax), 'The same in words'),
  }),
  example: {
    kind: 'wallet.transfer',
    payload: { to: 'did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK', amount: 100 },
  },
  handle({ node, sender }, { kind: name, payload, ...fields }) {
    const { kinds } = node.chain.ledger
    const kind = kinds.get(name)
    if (kind === undefined) {
      throw new DecodeError(`is not a known kind; known are ${[...kinds.keys()].join(', ')}`).within('kind')
    }
    const subject = fields.did ?? sender.identity(undefined)
    const body = within('payload', () => kind.body.fromJson(payload))
    const envelope = sender.envelope(kind, body, { ...fields, sender: subject })
    const { id } = assemble(kinds, envelope, new Uint8Array(64))
    return {
      txHash: id,
      signingBytes: signingBytes(kinds, envelope),
      envelope: envelopeCodec(kinds).toJson(envelope) as { [field: string]: Json },
      summary: summaryOf(envelope, kind.body.toJson(body) as { [field: string]: Json }, node),
    }
  },
})

const lookUp = jsonRoute({
  method: 'GET',
  path: '/api/tx/:hash',
  tag: 'transactions',
  access: 'read',
  doc: 'What became of a transaction.',
  input: struct({ hash: transactionId }),
  answer: transactionAnswer,
  waits: true,
  codes: ['not_found'],
  example: { hash: `0x${'5f'.repeat(32)}` },
  async handle({ outcomes, rejections }, { hash: id }, call) {
    const outcome = await outcomes.settled(id, call.waitMs, call.signal)
    if (outcome === undefined) {
      throw Problem.of('not_found', {
        field: 'hash',
        detail: 'hash: no transaction with this id is known to this node.',
      })
    }
    return transactionAnswerOf(id, outcome, rejections, call.waitMs > 0)
  },
})

const block = jsonRoute({
  method: 'GET',
  path: '/api/blocks/:height',
  tag: 'blocks',
  access: 'read',
  doc: 'A final block with what became of its transactions, and the commit that proves it final.',
  input: struct({
    height: describe(text(66, 1), 'The height, the block’s hash, or latest'),
    limit: optional(describe(uint(limitMax, 1), `Most transactions to show; ${limitDefault} where it is left out`)),
    offset: optional(describe(uint(), 'Transactions to skip')),
  }),
  answer: struct({
    height: uint(),
    blockHash: hash,
    timeMs: timestamp,
    header,
    commit: describe(
      struct({ round: uint(), signers: list(publicKey, 1_000), signatures: list(bytes(64, 64), 1_000) }),
      'The validators that made it final, with their signatures in the same order',
    ),
    transactionCount: uint(),
    transactions: list(transactionAnswer, limitMax),
  }),
  codes: ['not_found'],
  example: { height: 'latest' },
  handle({ node, rejections }, { height: named, limit = limitDefault, offset = 0 }) {
    const { store } = node.chain
    const height = heightNamed(node, named)
    if (height === 0) throw noBlock('0 is the genesis file, the first block is 1')
    const decided = store.decidedAt(height)
    const outcome = store.outcomeAt(height)
    const set = store.validatorsAt(height)
    if (decided === undefined || outcome === undefined || set === undefined)
      throw noBlock(`${height} is not on this node`)

    const { block, commit } = decided
    const { timeMs } = block.header
    const { blockHash, round, signatures } = commit
    const transactions = block.transactions.slice(offset, offset + limit).map((encoded, nth) => {
      const index = offset + nth
      const transaction = node.chain.decode(encoded)
      const place = { height, index, blockHash, timeMs }
      const code = outcome.rejections[index]
      return transactionAnswerOf(
        transaction.id,
        code === undefined ? { status: 'final', transaction, place } : { status: 'failed', code, transaction, place },
        rejections,
        false,
      )
    })
    return {
      height,
      blockHash,
      timeMs,
      header: block.header,
      commit: { round, signers: signersOf(set, commit.signers).map(signer => signer.publicKey), signatures },
      transactionCount: block.transactions.length,
      transactions,
    }
  },
})

const validators = jsonRoute({
  method: 'GET',
  path: '/api/validators',
  tag: 'blocks',
  access: 'read',
  doc: 'Who decides the next block, in the order of the set, and with what power.',
  input: struct({}),
  answer: struct({
    height: describe(uint(), 'The block they decide'),
    totalPower: tokenSum,
    validators: list(struct({ publicKey, address, power: tokenSum }), 1_000),
  }),
  handle({ node }) {
    const height = node.chain.tip.height + 1
    const { validators } = node.chain.validators(height)
    return { height, totalPower: validators.reduce((sum, { power }) => sum + power, 0n), validators }
  },
})

const historyEntry = struct({
  height: uint(),
  index: describe(uint(), 'The place in the block; what the end of the block paid comes after the last transaction'),
  timeMs: timestamp,
  txHash: optional(describe(hash, 'Absent for what the end of a block paid')),
  status: enumeration('final', 'failed'),
  code: optional(describe(text(64, 1), 'Why it had no effect but its fee')),
  kind: optional(text(64, 1)),
  did: optional(describe(did, 'Who sent the transaction')),
  nonce: optional(uint()),
  fee: optional(tokenSum),
  change: describe(signed, 'What it did to this account, in Tokens, fee included'),
  movements: describe(movements, 'The Tokens that moved from or to this account; a fee has no `to`'),
})

const history = jsonRoute({
  method: 'GET',
  path: '/api/wallet/history',
  tag: 'accounts',
  access: 'read',
  doc: 'What touched an account, newest first.',
  input: struct({
    did: optional(describe(did, 'Whose history; the node’s own identity where neither did nor address is given')),
    address: optional(describe(address, 'Whose history, by address or DID')),
    limit: optional(describe(uint(limitMax, 1), `Most entries to show; ${limitDefault} where it is left out`)),
    offset: optional(describe(uint(1_000_000), 'Entries to skip; for long histories use cursor')),
    cursor: optional(describe(text(64, 1), 'Go on after the page that gave this cursor')),
  }),
  answer: struct({
    address,
    entries: list(historyEntry, limitMax),
    cursor: optional(describe(text(64, 1), 'Where the next page begins; absent on the last one')),
  }),
  example: { limit: 20, offset: 0 },
  handle({ node, sender }, { did: owner, address: named, limit = limitDefault, offset = 0, cursor }) {
    const account = named ?? addressOf(owner ?? sender.identity(undefined))
    const before = cursor === undefined ? undefined : placeOf(cursor)
    const found = node.history(account, { limit: limit + 1, offset, ...(before && { before }) })
    const entries = found.slice(0, limit)
    const last = entries.at(-1)
    return {
      address: account,
      entries: entries.map(entry => historyEntryOf(account, entry)),
      ...(found.length > limit && last && { cursor: `${last.height}.${last.index}` }),
    }
  },
})

const events = rawRoute({
  method: 'GET',
  path: '/api/events',
  tag: 'events',
  access: 'read',
  doc:
    'What becomes final, as server-sent events: `transaction` with what GET /api/tx/:hash answers and the Tokens it moved, then ' +
    '`block`; first a `hello`. Ids are `<height>.<index>`; a stream goes on after the one in Last-Event-ID. ' +
    '`reset` says that events in between are not here any more: read the state anew.',
  input: struct({
    did: optional(describe(did, 'Only what concerns this identity')),
    address: optional(describe(address, 'Only what concerns this account')),
    kind: optional(describe(text(64, 1), 'Only transactions of this kind')),
  }),
  mediaType: 'text/event-stream',
  codes: ['too_many_streams'],
  example: {},
  open({ events }, { did: owner, address: named, kind }, { headers, response }) {
    const account = named ?? (owner && addressOf(owner))
    const lastEventId = headers['last-event-id']
    events.open(
      { ...(account !== undefined && { account }), ...(kind !== undefined && { kind }) },
      typeof lastEventId === 'string' && lastEventId !== '' ? lastEventId : undefined,
      response,
    )
  },
})

export const chainRoutes: readonly Route[] = [submit, prepare, lookUp, block, validators, history, events]

function transactionOf(
  node: ApiNode,
  input: {
    readonly bytes?: Uint8Array
    readonly envelope?: { readonly [field: string]: Json }
    readonly signature?: Uint8Array
  },
): Transaction {
  const { kinds } = node.chain.ledger
  const { bytes: given, envelope, signature } = input
  if (given !== undefined && envelope === undefined && signature === undefined) {
    return within('bytes', () => node.chain.decode(given))
  }
  if (given !== undefined)
    throw new DecodeError('stands alone, or leave it out and give envelope and signature').within('bytes')
  if (envelope === undefined) throw new DecodeError('is missing (or give bytes)').within('envelope')
  if (signature === undefined) throw new DecodeError('is missing').within('signature')
  return within('envelope', () => {
    const assembled = assemble(kinds, envelopeCodec(kinds).fromJson(envelope), signature)
    return node.chain.decode(assembled.bytes)
  })
}

function summaryOf(
  envelope: Envelope,
  payload: { readonly [field: string]: Json },
  { network, chain }: ApiNode,
): string {
  const fields = Object.entries(payload).map(([name, value]) => `${name} ${JSON.stringify(value)}`)
  return [
    `${envelope.kind}: ${fields.join(', ')}`,
    `from ${formatDid(envelope.sender)}`,
    `transaction ${envelope.nonce} of this account`,
    `fee ${envelope.fee} Tokens`,
    ...(envelope.validUntil === undefined ? [] : [`not after ${new Date(envelope.validUntil).toISOString()}`]),
    ...(envelope.prev === undefined ? [] : [`only after 0x${envelope.prev}`]),
    `on ${network} (chain 0x${chain.chainId})`,
  ].join('; ')
}

function heightNamed({ chain }: ApiNode, named: string): number {
  if (named === 'latest') return chain.tip.height
  if (named.startsWith('0x')) {
    const height = chain.store.heightOf(within('height', () => hash.fromJson(named)))
    if (height === undefined) throw noBlock('no block with this hash is on this node')
    return height
  }
  if (!/^(0|[1-9]\d{0,15})$/.test(named)) {
    throw new DecodeError('must be a height, the hash of a block (0x…) or latest').within('height')
  }
  return Number(named)
}

function noBlock(reason: string): Problem {
  return Problem.of('not_found', { field: 'height', detail: `height: ${reason}.` })
}

function placeOf(cursor: string): { height: number; index: number } {
  const [, height, index] = (/^(\d{1,15})\.(\d{1,6})$/.exec(cursor) ?? []).map(Number)
  if (height === undefined || index === undefined) throw new DecodeError('is not one this API gave').within('cursor')
  return { height, index }
}

function historyEntryOf(
  account: Address,
  { height, index, timeMs, transaction, movements }: HistoryEntry,
): Infer<typeof historyEntry> {
  const change = movements.reduce((sum, { from, to, amount }) => {
    return sum + (to === account ? amount : 0n) - (from === account ? amount : 0n)
  }, 0n)
  const code = transaction?.rejected
  return {
    height,
    index,
    timeMs,
    ...(transaction && {
      txHash: transaction.id,
      kind: transaction.kind,
      did: transaction.sender,
      nonce: transaction.nonce,
      fee: transaction.fee,
    }),
    status: code === undefined ? 'final' : 'failed',
    ...(code !== undefined && { code }),
    change,
    movements,
  }
}

/** Runs a decoder of a part and names the part in its error. */
function within<T>(name: string, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    throw error instanceof DecodeError ? error.within(name) : error
  }
}
