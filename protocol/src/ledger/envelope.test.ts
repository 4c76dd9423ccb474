import assert from 'node:assert/strict'
import test from 'node:test'
import { ed25519 } from '@noble/curves/ed25519.js'
import { actor } from '../../../test/helpers/actors.ts'
import { readCbor, writeCbor } from '../../../test/helpers/cbor.ts'
import { damagedCopy } from '../../../test/helpers/damage.ts'
import { genesisOf, transfer, transferEnvelope } from '../../../test/helpers/ledger-run.ts'
import type { Hash } from '../crypto/hash.ts'
import { ledger } from '../domains/index.ts'
import { bytesEqual, concat, fromHex, toHex, utf8 } from '../lib/bytes.ts'
import { DecodeError } from '../lib/codec.ts'
import { Prng } from '../lib/prng.ts'
import {
  assemble,
  decodeTransaction,
  type Envelope,
  envelopeCodec,
  signatureStatements,
  signedBy,
  signingBytes,
} from './envelope.ts'
import { chainIdOf } from './genesis.ts'
import { transactionBytesMax } from './params.ts'

const { kinds } = ledger
const chainId = chainIdOf(genesisOf())
const alice = actor('alice')
const session = actor('session')
const full: Envelope = transferEnvelope(chainId, alice, {
  nonce: 7,
  fee: 3n,
  validUntil: 1_800_000_000_000,
  prev: 'ab'.repeat(32) as Hash,
  signer: session.did,
  memo: 'invoice 7',
})

function decoded(bytes: Uint8Array) {
  return decodeTransaction(kinds, chainId, bytes)
}

/** `[body, signature]` of any two items. */
function pair(body: Uint8Array, signature: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(0x82), body, signature)
}

function bodyOf(envelope: Envelope): Uint8Array {
  return signingBytes(kinds, envelope).subarray('clawnet/tx/1'.length + 32)
}

const signatureItem = (length: number): Uint8Array =>
  writeCbor({ type: 'bytes', value: new Uint8Array(length).fill(7) })

function refusedAt(field: string, problem: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof DecodeError, String(error))
    assert.equal(error.field, field)
    assert.match(error.problem, problem)
    return true
  }
}

test('a transaction comes back from its bytes as it was, with and without its optional fields', () => {
  for (const envelope of [full, transferEnvelope(chainId, alice)]) {
    const made = assemble(kinds, envelope, new Uint8Array(64).fill(9))
    assert.deepEqual(decoded(made.bytes), made)
  }
})

test('the id does not depend on the signature, the wire hash does', () => {
  const one = assemble(kinds, full, new Uint8Array(64).fill(1))
  const other = assemble(kinds, full, new Uint8Array(64).fill(2))
  assert.equal(one.id, other.id)
  assert.notEqual(one.wireHash, other.wireHash)
})

test('every field changes the id', () => {
  const other: Envelope = transferEnvelope('cd'.repeat(32) as Hash, actor('bob'), {
    nonce: 8,
    fee: 4n,
    validUntil: 1_800_000_000_001,
    prev: 'ba'.repeat(32) as Hash,
    signer: actor('bob').did,
    memo: 'invoice 8',
  })
  const ids = new Set([assemble(kinds, full, new Uint8Array(64)).id])
  const fields = ['chainId', 'sender', 'nonce', 'fee', 'validUntil', 'prev', 'signer', 'payload'] as const
  for (const field of fields) ids.add(assemble(kinds, { ...full, [field]: other[field] }, new Uint8Array(64)).id)
  for (const field of ['validUntil', 'prev', 'signer'] as const) {
    const { [field]: _, ...without } = full
    ids.add(assemble(kinds, without, new Uint8Array(64)).id)
  }
  assert.equal(ids.size, 1 + fields.length + 3)
})

test('what is signed begins with its purpose and its chain, so that no signature serves twice', () => {
  const expected = concat(utf8('clawnet/tx/1'), fromHex(chainId))
  assert.equal(toHex(signingBytes(kinds, full).subarray(0, expected.length)), toHex(expected))
})

test('the statement to verify is what the signer signed', () => {
  const statements = signatureStatements(transfer(chainId, alice))
  assert.equal(statements.length, 1)
  const [{ signature, message, publicKey }] = statements as [(typeof statements)[number]]
  assert.ok(ed25519.verify(signature, message, publicKey))
  assert.equal(toHex(message), toHex(signingBytes(kinds, transferEnvelope(chainId, alice))))
})

test('the key that must have signed is the named session key, else the identity’s own', () => {
  assert.equal(signedBy(full), session.did)
  assert.equal(signedBy(transferEnvelope(chainId, alice)), alice.did)
})

test('another network’s transaction is refused at chainId', () => {
  const foreign = transfer('cd'.repeat(32) as Hash, alice)
  assert.throws(() => decoded(foreign.bytes), refusedAt('chainId', /another network's; this one is 0x/))
})

test('an unknown kind is refused with the known ones', () => {
  const body = readCbor(bodyOf(full))
  assert.equal(body.type, 'array')
  const items = [...(body.value as ReturnType<typeof readCbor>[])]
  items[1] = { type: 'text', value: utf8('wallet.print') }
  const bytes = pair(writeCbor({ type: 'array', value: items }), signatureItem(64))
  assert.throws(() => decoded(bytes), refusedAt('kind', /not a known kind; known are .*wallet\.transfer/))
})

test('a body with a field too many or too few is refused', () => {
  const body = readCbor(bodyOf(full))
  const items = body.value as ReturnType<typeof readCbor>[]
  for (const wrong of [items.slice(1), items.slice(0, -1), [...items, { type: 'simple', value: null } as const]]) {
    const bytes = pair(writeCbor({ type: 'array', value: wrong }), signatureItem(64))
    assert.throws(() => decoded(bytes), DecodeError)
  }
})

test('a nonce of 0 is refused: the first is 1', () => {
  const zero = assemble(kinds, { ...full, nonce: 0 }, new Uint8Array(64))
  assert.throws(() => decoded(zero.bytes), refusedAt('nonce', /from 1 to/))
})

test('an error of the payload names its field', () => {
  const long = assemble(kinds, transferEnvelope(chainId, alice, { memo: 'x'.repeat(257) }), new Uint8Array(64))
  assert.throws(() => decoded(long.bytes), refusedAt('payload.memo', /0 to 256 bytes, has 257/))
})

test('a signature has 64 bytes, and nothing stands beside it', () => {
  const body = bodyOf(full)
  assert.doesNotThrow(() => decoded(pair(body, signatureItem(64))))
  for (const length of [0, 63, 65]) assert.throws(() => decoded(pair(body, signatureItem(length))), DecodeError)
  assert.throws(() => decoded(pair(body, writeCbor({ type: 'text', value: new Uint8Array(64) }))), DecodeError)
  assert.throws(() => decoded(concat(Uint8Array.of(0x83), body, signatureItem(64), Uint8Array.of(0))), DecodeError)
  assert.throws(() => decoded(body), DecodeError)
  assert.throws(() => decoded(concat(pair(body, signatureItem(64)), Uint8Array.of(0))), /follow after the end/)
})

test('bytes beyond the limit are refused unread', () => {
  assert.throws(() => decoded(new Uint8Array(transactionBytesMax + 1)), /at most 65536 bytes/)
})

test('of 50,000 damaged transactions each is refused by DecodeError or is another in canonical form', () => {
  const prng = new Prng(1_012)
  const originals = [full, transferEnvelope(chainId, alice)].map(
    envelope => assemble(kinds, envelope, prng.bytes(64)).bytes,
  )
  let accepted = 0
  for (let run = 0; run < 50_000; run++) {
    const hostile = damagedCopy(prng, prng.pick(originals))
    try {
      assert.ok(bytesEqual(decoded(hostile).bytes, hostile), toHex(hostile))
      accepted += 1
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
    }
  }
  assert.ok(accepted > 1_000, `only ${accepted} were accepted: the damage is too great to show anything`)
})

test('JSON with an unknown field, or without a payload, is refused at the place', () => {
  const codec = envelopeCodec(kinds)
  const json = codec.toJson(full) as Record<string, unknown>
  assert.deepEqual(codec.fromJson(json), full)
  assert.throws(() => codec.fromJson({ ...json, tip: 1 }), refusedAt('tip', /not a known field/))
  assert.throws(
    () => codec.fromJson({ ...json, payload: { ...(json['payload'] as object), note: 'x' } }),
    refusedAt('payload.note', /not a known field/),
  )
  const { payload: _, ...bare } = json
  assert.throws(() => codec.fromJson(bare), refusedAt('payload', /must be an object/))
  assert.throws(() => codec.fromJson({ ...json, kind: 'toString' }), refusedAt('kind', /not a known kind/))
  for (const nonsense of [null, [], 'x', 1]) assert.throws(() => codec.fromJson(nonsense), DecodeError)
})
