/**
 * Writes protocol/vectors: the bytes of a small network, for implementations in other languages. A test recomputes them,
 * so that they change only when somebody means it. `npm run vectors`.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  addressOf,
  assemble,
  assert,
  bitmapOf,
  type Block,
  block,
  blockHashOf,
  blockVersion,
  type BlockInputs,
  canonicalJson,
  chainIdOf,
  type Codec,
  type Commit,
  commit,
  commitHashOf,
  credentialStatement,
  type Did,
  digest,
  emptyRoot,
  type Envelope,
  envelopeCodec,
  evidenceRootOf,
  formatAddress,
  formatDid,
  type Genesis,
  genesis,
  type Hash,
  hashOfSet,
  type Header,
  header,
  identityKey,
  identityPath,
  type Json,
  ledger,
  mnemonicOf,
  paramsHashOf,
  presets,
  present,
  type PublicKey,
  publicKeyOf,
  readCredential,
  resultsRootOf,
  rotationMessage,
  seedOf,
  sign,
  signCredential,
  signBytes,
  signingBytes,
  type Statement,
  type StateKey,
  statePath,
  toBytes,
  toHex,
  type Transaction,
  transactionsRootOf,
  updateTree,
  validatorsAt,
  type View,
} from '@claw-network/protocol'
import { type EscrowActors, escrowOrders } from './escrow-orders.ts'

/** What each file of protocol/vectors holds, by its name. */
export function vectors(): { readonly [file: string]: Json } {
  const signed = transactions()
  const blocks = blocksOf(signed.slice(0, 2))
  return {
    'keys.json': keyVectors(),
    'genesis.json': genesisVectors(),
    'transactions.json': {
      description:
        'Signed transactions of the network in genesis.json. body = canonical bytes of `json`; signingBytes = "clawnet/tx/1" || chain id || body; id = SHA-256(signingBytes); bytes = [body, signature]; wireHash = SHA-256(0x00 || bytes).',
      transactions: signed.map(transactionVector),
    },
    'blocks.json': {
      description:
        'Blocks 1 and 2 of the network in genesis.json. blockHash = SHA-256("clawnet/block/1" || headerBytes). results are those of the transactions, in order; roots are RFC 6962 trees, txRoot over the signed bytes.',
      blocks,
    },
    'votes.json': voteVectors(),
    'credentials.json': credentialVectors(),
    'identity.json': identityVectors(),
    'escrow.json': escrowVectors(),
  }
}

// The actors: the first agents of the wallet of all-zero entropy. The fourth holds the session key.

interface Agent {
  readonly index: number
  readonly secretKey: Uint8Array
  readonly publicKey: PublicKey
}

const walletEntropies = [new Uint8Array(32), Uint8Array.from({ length: 32 }, (_, index) => index)]
const agents = agentsOf(walletEntropies[0] as Uint8Array, 4)
const [payer, payee, validator, session] = agents as [Agent, Agent, Agent, Agent]

function agentsOf(entropy: Uint8Array, count: number): readonly Agent[] {
  const seed = seedOf(entropy)
  return Array.from({ length: count }, (_, index) => {
    const secretKey = identityKey(seed, index)
    return { index, secretKey, publicKey: publicKeyOf(secretKey) }
  })
}

function didOf(agent: Agent): Did {
  return agent.publicKey as Did
}

function keyVectors(): Json {
  return {
    description:
      'BIP-39 (24 words, no passphrase), SLIP-0010 ed25519, did:claw and bech32m addresses (docs/spec/encoding.md, E20 to E24; keystore.md, K1 to K4). Bytes in hex.',
    wallets: walletEntropies.map(entropy => ({
      entropy: toHex(entropy),
      mnemonic: mnemonicOf(entropy),
      seed: toHex(seedOf(entropy)),
      agents: agentsOf(entropy, 4).map(agent => ({
        path: identityPath(agent.index),
        secretKey: toHex(agent.secretKey),
        publicKey: agent.publicKey,
        did: formatDid(didOf(agent)),
        address: formatAddress(addressOf(didOf(agent))),
      })),
    })),
  }
}

// The network

const start: Genesis = {
  network: 'local',
  name: 'vectors',
  timeMs: 1_760_000_000_000,
  params: { ...presets.local, subsidy: 100n },
  accounts: [
    { address: addressOf(didOf(payer)), balance: 1_000n },
    { address: addressOf(didOf(payee)), balance: 0n },
  ],
  validators: [
    { address: addressOf(didOf(validator)), consensusKey: validator.publicKey, stake: 70n },
    { address: addressOf(didOf(payee)), consensusKey: session.publicKey, stake: 30n },
  ],
}
const chainId = chainIdOf(start)

function genesisVectors(): Json {
  const state = new State()
  return {
    description:
      'A genesis file, its canonical bytes, and the state it makes. chainId = SHA-256("clawnet/genesis/1" || bytes). state: key and row of every table; stateRoot: docs/spec/ledger.md, L30 and L31; state-tree.md.',
    json: genesis.toJson(start),
    bytes: hexOf(genesis, start),
    chainId,
    state: [...state.rows].map(([key, row]) => [key, toHex(row)]),
    stateRoot: state.root,
  }
}

/** The rows and the tree, block after block. */
class State implements View {
  readonly rows = new Map<StateKey, Uint8Array>()
  readonly #pages = new Map<string, Uint8Array>()
  root: Hash = emptyRoot

  constructor() {
    this.take(ledger.genesis(start).changes())
  }

  get(key: StateKey): Uint8Array | undefined {
    return this.rows.get(key)
  }

  take(changes: readonly (readonly [StateKey, Uint8Array | undefined])[]): void {
    for (const [key, row] of changes) {
      if (row === undefined) this.rows.delete(key)
      else this.rows.set(key, row)
    }
    const leaves = changes.map(([key, row]) => ({ path: statePath(key), valueHash: row && digest(row) }))
    const { root, writes } = updateTree({ get: page => this.#pages.get(page) }, this.root, leaves)
    this.root = root
    for (const [page, bytes] of writes) {
      if (bytes === undefined) this.#pages.delete(page)
      else this.#pages.set(page, bytes)
    }
  }
}

// Transactions

/** Two that come into block 1, one applied and one rejected; and one that names a session key nobody granted. */
function transactions(): readonly Transaction[] {
  const first = transferOf(1, 1n, { amount: 250n }, {}, payer)
  const full = {
    validUntil: start.timeMs + 60_000,
    prev: first.id,
  }
  return [
    first,
    transferOf(2, 3n, { amount: 5_000n, memo: 'invoice 7, überfällig' }, full, payer),
    transferOf(3, 2n, { amount: 1n, memo: '' }, { ...full, signer: session.publicKey }, session),
  ]
}

function transferOf(
  nonce: number,
  fee: bigint,
  payment: { readonly amount: bigint; readonly memo?: string },
  options: Pick<Envelope, 'validUntil' | 'prev' | 'signer'>,
  by: Agent,
): Transaction {
  const envelope: Envelope = {
    chainId,
    kind: 'wallet.transfer',
    sender: didOf(payer),
    nonce,
    fee,
    ...options,
    payload: { to: addressOf(didOf(payee)), ...payment },
  }
  return assemble(ledger.kinds, envelope, sign(signingBytes(ledger.kinds, envelope), by.secretKey))
}

function transactionVector({ envelope, id, wireHash, signature, bytes }: Transaction): Json {
  const codec = envelopeCodec(ledger.kinds)
  return {
    json: codec.toJson(envelope),
    signedBy: envelope.signer ?? envelope.sender,
    body: hexOf(codec, envelope),
    signingBytes: toHex(signingBytes(ledger.kinds, envelope)),
    id,
    signature: toHex(signature),
    bytes: toHex(bytes),
    wireHash,
  }
}

// Identities

/** The payer describes itself, lets the session key pay, which hands itself back, and makes it its own in the end. */
function identityVectors(): Json {
  const key = session.publicKey
  const message = rotationMessage(chainId, didOf(payer), key, 1)
  const grant = {
    key,
    perTx: 50n,
    budget: 200n,
    periodMs: 86_400_000,
    total: 1_000n,
    payees: [addressOf(didOf(payee))],
    kinds: ['wallet.transfer'],
    notBefore: start.timeMs,
    notAfter: start.timeMs + 1,
  }
  const { perTx, budget, periodMs, notAfter } = grant
  const services = [{ id: '#agent', type: 'Agent', serviceEndpoint: 'https://agents.example/ü' }]
  const orders: readonly (readonly [kind: string, payload: unknown, by: Agent])[] = [
    ['identity.update', { name: 'Wetterbüro', services, alsoKnownAs: ['https://weather.example'] }, payer],
    ['identity.update', { alsoKnownAs: [] }, payer],
    ['identity.grant', grant, payer],
    ['identity.grant', { key, perTx, budget, periodMs, notAfter }, payer],
    ['identity.revoke', { key }, session],
    ['identity.rotate', { newKey: key, rotation: 1, proof: sign(message, session.secretKey) }, payer],
  ]
  return {
    description:
      'Signed transactions of identities (docs/spec/ledger.md, L40 to L45), in the form of transactions.json; and what the new key signs to be rotated to, its signature being the proof in the last of them.',
    transactions: orders.map(([kind, payload, by], index) => {
      const signer = by === payer ? {} : { signer: by.publicKey }
      const envelope = { chainId, kind, sender: didOf(payer), nonce: index + 1, fee: 1n, ...signer, payload }
      return transactionVector(
        assemble(ledger.kinds, envelope, sign(signingBytes(ledger.kinds, envelope), by.secretKey)),
      )
    }),
    rotationMessage: toHex(message),
  }
}

function escrowVectors(): Json {
  const [depositor, beneficiary, arbiter] = [payer, payee, validator].map(agent => formatDid(didOf(agent)))
  return {
    description:
      'Signed transactions about escrows (docs/spec/ledger.md, L50 to L60), in the form of transactions.json. The id is no escrow of this network.',
    transactions: escrowOrders({ depositor, beneficiary, arbiter } as EscrowActors).map(([kind, body], index) => {
      const payload = ledger.kinds.get(kind)?.body.fromJson(body)
      const envelope = { chainId, kind, sender: didOf(payer), nonce: index + 1, fee: 1n, payload }
      return transactionVector(
        assemble(ledger.kinds, envelope, sign(signingBytes(ledger.kinds, envelope), payer.secretKey)),
      )
    }),
  }
}

// Credentials

/** One that the payer has of itself, and one that it gives the payee, with everything a credential may have. */
function credentialVectors(): Json {
  const given = [
    { credentialSubject: { capability: 'translation zh-en' } },
    {
      id: 'urn:uuid:5b2e9d0c-6f1a-4b8e-9d57-0c6b1f7a3e21',
      validFrom: '2026-01-01T00:00:00Z',
      validUntil: '2028-02-29T23:59:59.999Z',
      credentialSubject: {
        id: formatDid(didOf(payee)),
        capability: 'Übersetzung',
        level: 3,
        '😀': [null, true],
        ﬁ: -1,
      },
    },
  ]
  const by = { did: didOf(payer), key: payer.publicKey, nowMs: start.timeMs }
  return {
    description:
      'Capability credentials (docs/spec/ledger.md, L70 to L72; encoding.md, E13). signed = what signing `given` as the first agent of keys.json at createdMs gives. document and config are the JCS forms (RFC 8785) of the credential without its proof and of the proof without proofValue; hash = SHA-256(document); message = SHA-256(config) || hash; payload = canonical bytes of the payload of identity.attest.',
    createdMs: start.timeMs,
    credentials: given.map(plain => {
      const signed = signCredential(plain, by, message => sign(message, payer.secretKey))
      const { proof, ...document } = signed
      const { proofValue: _, ...config } = proof as { readonly [name: string]: Json }
      const { message, signature, publicKey } = credentialStatement(signed)
      const { body } = present(ledger.kinds.get('identity.attest'), 'credentials are attested')
      return {
        given: plain,
        signed,
        document: canonicalJson(document),
        config: canonicalJson(config),
        hash: readCredential(signed).hash,
        message: toHex(message),
        publicKey: toHex(publicKey),
        signature: toHex(signature),
        payload: hexOf(body, { credential: signed }),
      }
    }),
  }
}

// Blocks

function blocksOf(included: readonly Transaction[]): Json {
  const state = new State()
  const one = executed(state, included, undefined)
  const lastCommit = commitOf(1, blockHashOf(one.header))
  const two = executed(state, [], lastCommit, one.header)
  return [one, two].map((value, index) => ({
    json: block.toJson(value),
    headerBytes: hexOf(header, value.header),
    blockHash: blockHashOf(value.header),
    bytes: hexOf(block, value),
    results: index === 0 ? [{}, { rejected: 'funds_are_short' }] : [],
    ...(value.lastCommit && { lastCommitBytes: hexOf(commit, value.lastCommit) }),
  }))
}

function executed(
  state: State,
  included: readonly Transaction[],
  lastCommit: Commit | undefined,
  parent?: Header,
): Block {
  const height = (parent?.height ?? 0) + 1
  const inputs: BlockInputs = {
    height,
    timeMs: start.timeMs + 1_000 * height,
    proposer: validator.publicKey,
    ...(lastCommit && { lastCommit }),
  }
  const [validatorsHash, nextValidatorsHash] = [height, height + 1].map(at => hashOfSet(validatorsAt(state, at)))
  const execution = ledger.begin(state, inputs)
  for (const transaction of included) assert(execution.apply(transaction).type !== 'refused', 'it stands in the block')
  execution.end()
  state.take(execution.draft.changes())
  return {
    header: {
      version: blockVersion,
      chainId,
      height,
      timeMs: inputs.timeMs,
      lastBlockHash: parent === undefined ? chainId : blockHashOf(parent),
      lastCommitHash: commitHashOf(lastCommit),
      txRoot: transactionsRootOf(included.map(({ wireHash }) => wireHash)),
      evidenceRoot: evidenceRootOf([]),
      validatorsHash: present(validatorsHash, 'of two'),
      nextValidatorsHash: present(nextValidatorsHash, 'of two'),
      paramsHash: paramsHashOf(start.params),
      stateRoot: state.root,
      resultsRoot: resultsRootOf(execution.receipts.map(({ result }) => result)),
      proposer: inputs.proposer,
    },
    transactions: included.map(({ bytes }) => bytes),
    ...(lastCommit && { lastCommit }),
    evidence: [],
  }
}

/** By both validators, the stronger first. */
function commitOf(height: number, blockHash: Hash): Commit {
  const message = signBytes(chainId, { type: 'precommit', height, round: 0, blockHash })
  const signatures = [validator, session].map(({ secretKey }) => sign(message, secretKey))
  return { height, round: 0, blockHash, signers: bitmapOf(signatures, signatures.length), signatures }
}

// Votes

function voteVectors(): Json {
  const blockHash = chainId
  const statements: readonly Statement[] = [
    { type: 'proposal', height: 1, round: 0, blockHash },
    { type: 'proposal', height: 1, round: 2, polRound: 1, blockHash },
    { type: 'prevote', height: 1, round: 0, blockHash },
    { type: 'prevote', height: 1, round: 0 },
    { type: 'precommit', height: 2 ** 40, round: 0xffff_fffe, blockHash },
    { type: 'precommit', height: Number.MAX_SAFE_INTEGER, round: 7 },
  ]
  return {
    description:
      'What validators sign (docs/spec/consensus.md, C2), by the first validator of genesis.json. A statement without blockHash is for nil.',
    chainId,
    publicKey: validator.publicKey,
    votes: statements.map(statement => ({
      statement: { ...statement },
      signBytes: toHex(signBytes(chainId, statement)),
      signature: toHex(sign(signBytes(chainId, statement), validator.secretKey)),
    })),
  }
}

function hexOf<T>(codec: Codec<T>, value: T): string {
  return toHex(toBytes(codec, value))
}

if (import.meta.main) {
  const directory = join(import.meta.dirname, '../protocol/vectors')
  mkdirSync(directory, { recursive: true })
  for (const [file, content] of Object.entries(vectors())) {
    writeFileSync(join(directory, file), `${JSON.stringify(content, null, 1)}\n`)
  }
}
