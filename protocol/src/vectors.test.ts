import assert from 'node:assert/strict'
import { createHash, createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { base58, bech32m } from '@scure/base'
import { vectors } from '../../scripts/vectors.ts'
import { type Item, readCbor } from '../../test/helpers/cbor.ts'
import { toHex } from './lib/bytes.ts'

const directory = join(import.meta.dirname, '../vectors')

for (const [file, content] of Object.entries(vectors())) {
  test(`${file} says what the code does; if the change is meant, run npm run vectors`, () => {
    assert.deepEqual(JSON.parse(readFileSync(join(directory, file), 'utf8')), content)
  })
}

// From here on nothing of ours: what another implementation would do with the files.

interface TransactionVector {
  readonly json: Record<string, never> & { readonly payload: Record<string, unknown> }
  readonly signedBy: string
  readonly body: string
  readonly signingBytes: string
  readonly id: string
  readonly signature: string
  readonly bytes: string
  readonly wireHash: string
}

interface BlockVector {
  readonly json: {
    readonly header: Record<string, unknown>
    readonly transactions: string[]
    readonly evidence: unknown[]
  }
  readonly headerBytes: string
  readonly blockHash: string
  readonly bytes: string
  readonly lastCommitBytes?: string
}

interface CredentialVector {
  readonly given: Record<string, unknown>
  readonly signed: Record<string, unknown> & { readonly proof: Record<string, unknown> }
  readonly document: string
  readonly config: string
  readonly hash: string
  readonly message: string
  readonly publicKey: string
  readonly signature: string
  readonly payload: string
}

function read<T>(file: string): T {
  return JSON.parse(readFileSync(join(directory, file), 'utf8')) as T
}

const genesis = read<{ bytes: string; chainId: string }>('genesis.json')
const { transactions } = read<{ transactions: TransactionVector[] }>('transactions.json')
const escrow = read<{ transactions: TransactionVector[] }>('escrow.json')
const keys = read<{ wallets: { agents: { did: string; publicKey: string }[] }[] }>('keys.json')
const identity = read<{ transactions: TransactionVector[]; rotationMessage: string }>('identity.json')

function sha256(...parts: (string | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

function isSigned(publicKey: string, message: string, signature: string): boolean {
  const der = Buffer.from(`302a300506032b6570032100${publicKey}`, 'hex')
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  return verify(null, hex(message), key, hex(signature))
}

function hex(text: string): Buffer {
  return Buffer.from(text.replace(/^0x/, ''), 'hex')
}

/** What another reader finds, in the form of the JSON: hex for bytes, numbers, null for what is absent. */
function plain(item: Item): unknown {
  switch (item.type) {
    case 'uint':
    case 'negative':
      return Number(item.value)
    case 'bytes':
      return `0x${toHex(item.value)}`
    case 'text':
      return new TextDecoder().decode(item.value)
    case 'array':
      return item.value.map(plain)
    case 'simple':
      return item.value
  }
}

test('the transactions are what their JSON says, to a reader that knows only the spec', () => {
  for (const { json, body, bytes, signature } of transactions) {
    const fields = plain(readCbor(hex(body))) as unknown[]
    const { chainId, kind, nonce, fee, validUntil = null, prev = null, signer = null, payload } = json
    assert.deepEqual(fields.toSpliced(2, 1).slice(0, -1), [chainId, kind, nonce, fee, validUntil, prev, signer])
    const { amount, memo = null } = payload
    assert.deepEqual((fields.at(-1) as unknown[]).slice(1), [amount, memo])
    assert.deepEqual(plain(readCbor(hex(bytes))), [fields, `0x${signature}`])
  }
})

/** The fields of each payload, in their order. */
const identityFields: { readonly [kind: string]: readonly string[] } = {
  'identity.update': ['name', 'services', 'alsoKnownAs'],
  'identity.rotate': ['newKey', 'rotation', 'proof'],
  'identity.grant': ['key', 'perTx', 'budget', 'periodMs', 'total', 'payees', 'kinds', 'notBefore', 'notAfter'],
  'identity.revoke': ['key'],
}

test('the transactions of identities are what their JSON says, each field in its place', () => {
  for (const { json, body } of identity.transactions) {
    const fields = plain(readCbor(hex(body))) as unknown[]
    const { kind, signer = null, payload } = json
    assert.deepEqual([fields[1], fields[7]], [kind, signer])
    const names = identityFields[String(kind)] ?? assert.fail(`${String(kind)} has no order here`)
    const expected = names.map(name => inBytes(name, payload[name] ?? null))
    assert.deepEqual(fields.at(-1), expected)
  }
})

/** Services are arrays in bytes; addresses are 20 bytes, of which the JSON shows another form. */
function inBytes(name: string, value: unknown): unknown {
  if (value === null) return null
  if (name === 'services') return (value as object[]).map(service => Object.values(service))
  if (name !== 'payees') return value
  return (value as string[]).map(addressBytes)
}

function addressBytes(address: string): string {
  const { prefix, words } = bech32m.decode(address as `claw1${string}`)
  assert.equal(prefix, 'claw')
  return `0x${toHex(bech32m.fromWords(words))}`
}

/** The fields of each payload and of each structure in it, in their order; forms and names by their number. */
const escrowFields: { readonly [what: string]: readonly string[] } = {
  'escrow.create': ['beneficiary', 'amount', 'releaseRules', 'refundRules', 'arbiter', 'expiresAt', 'onExpiry'],
  'escrow.fund': ['id', 'amount', 'resourcePrev'],
  'escrow.release': ['id', 'amount', 'ruleId', 'preimage', 'resourcePrev'],
  'escrow.refund': ['id', 'amount', 'reason', 'ruleId', 'preimage', 'resourcePrev'],
  'escrow.approve': ['id', 'amount', 'ruleId', 'resourcePrev'],
  rule: ['id', 'cap', 'to', 'when'],
  kOf: ['k', 'dids'],
}
const conditionForms = ['sig', 'kOf', 'preimage', 'after', 'before', 'and', 'or']

test('the transactions about escrows are what their JSON says, conditions included', () => {
  const met = new Set<string>()
  const fieldsOf = (what: string, value: Record<string, unknown>): unknown[] =>
    (escrowFields[what] ?? assert.fail(`${what} has no order here`)).map(name => written(name, value[name] ?? null))
  const written = (name: string, value: unknown): unknown => {
    if (value === null) return null
    if (name === 'onExpiry') return ['refund', 'release'].indexOf(value as string)
    if (Array.isArray(value)) return value.map(each => written(name, each))
    if (name.endsWith('Rules')) return fieldsOf('rule', value as Record<string, unknown>)
    if (name === 'kOf') return fieldsOf('kOf', value as Record<string, unknown>)
    if (typeof value === 'object') {
      const [[form, inner] = ['', null]] = Object.entries(value)
      met.add(form)
      return [conditionForms.indexOf(form), written(form, inner)]
    }
    if (typeof value !== 'string') return value
    return value.startsWith('did:') ? publicKeyIn(value) : value.startsWith('claw1') ? addressBytes(value) : value
  }
  for (const { json, body } of escrow.transactions) {
    const fields = plain(readCbor(hex(body))) as unknown[]
    assert.deepEqual(fields.at(-1), fieldsOf(String(json.kind), json.payload))
  }
  assert.deepEqual([...met].sort(), conditionForms.toSorted())
})

function publicKeyIn(did: string): string {
  const agents = keys.wallets.flatMap(wallet => wallet.agents)
  return `0x${agents.find(agent => agent.did === did)?.publicKey ?? assert.fail(`${did} is in keys.json`)}`
}

test('the proof of a rotation is the new key’s signature over chain, DID, key and number', () => {
  const { signedBy, json } = identity.transactions.at(-1) ?? assert.fail('the last one rotates')
  const { newKey, proof } = json.payload as { readonly newKey: string; readonly proof: string }
  const prefix = Buffer.from('clawnet/rotate/1').toString('hex') + genesis.chainId
  assert.equal(identity.rotationMessage, `${prefix}835820${signedBy}5820${newKey.slice(2)}01`)
  assert.ok(isSigned(newKey.slice(2), identity.rotationMessage, proof.slice(2)))
})

test('ids, wire hashes and signatures of the transactions are what the spec says they are', () => {
  for (const vector of [...transactions, ...identity.transactions, ...escrow.transactions]) {
    assert.equal(vector.signingBytes, Buffer.from('clawnet/tx/1').toString('hex') + genesis.chainId + vector.body)
    assert.equal(vector.id, sha256(hex(vector.signingBytes)))
    assert.equal(vector.wireHash, sha256(Uint8Array.of(0), hex(vector.bytes)))
    assert.ok(isSigned(vector.signedBy, vector.signingBytes, vector.signature))
  }
})

test('the chain id is the hash of the genesis bytes under its domain', () => {
  assert.equal(sha256('clawnet/genesis/1', hex(genesis.bytes)), genesis.chainId)
})

test('the votes are signed by the first validator', () => {
  const { publicKey, votes } = read<{ publicKey: string; votes: { signBytes: string; signature: string }[] }>(
    'votes.json',
  )
  for (const { signBytes, signature } of votes) {
    assert.equal(signBytes.length, 2 * 95)
    assert.ok(isSigned(publicKey, signBytes, signature))
  }
})

test('the credentials are the JSON that is hashed and signed', () => {
  const { credentials } = read<{ credentials: CredentialVector[] }>('credentials.json')
  for (const { given, signed, document, config, hash, message, publicKey, signature, payload } of credentials) {
    const { proof, ...unsigned } = signed
    const { proofValue, ...unsignedProof } = proof
    assert.deepEqual(JSON.parse(document), unsigned)
    assert.deepEqual(JSON.parse(config), unsignedProof)
    for (const [name, value] of Object.entries(given)) {
      if (name !== 'credentialSubject') assert.deepEqual(unsigned[name], value)
    }
    assert.equal(hash, sha256(document))
    assert.equal(message, sha256(config) + hash)
    assert.equal(proofValue, `z${base58.encode(hex(signature))}`)
    assert.ok(isSigned(publicKey, message, signature))
    const [text] = plain(readCbor(hex(payload))) as [string]
    assert.deepEqual(JSON.parse(text), signed)
  }
})

test('the blocks are what their JSON says, and each names the one before', () => {
  const { blocks } = read<{ blocks: BlockVector[] }>('blocks.json')
  let before = `0x${genesis.chainId}`
  for (const { json, headerBytes, blockHash, bytes, lastCommitBytes } of blocks) {
    const fields = Object.values(json.header)
    assert.deepEqual(plain(readCbor(hex(headerBytes))), fields)
    assert.equal(sha256('clawnet/block/1', hex(headerBytes)), blockHash)
    assert.equal(json.header['lastBlockHash'], before)
    const lastCommit = lastCommitBytes === undefined ? null : plain(readCbor(hex(lastCommitBytes)))
    assert.deepEqual(plain(readCbor(hex(bytes))), [fields, json.transactions, lastCommit, json.evidence])
    if (lastCommitBytes !== undefined) assert.equal(json.header['lastCommitHash'], `0x${sha256(hex(lastCommitBytes))}`)
    before = `0x${blockHash}`
  }
})
