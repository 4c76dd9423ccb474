import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import test from 'node:test'
import fc from 'fast-check'
import { nativeEd25519 } from '../../../../node/src/signatures/ed25519.ts'
import { actor } from '../../../../test/helpers/actors.ts'
import { sign } from '../../crypto/ed25519.ts'
import { formatDid } from '../../crypto/keys.ts'
import { utf8 } from '../../lib/bytes.ts'
import { DecodeError, fromBytes, type Json, toBytes } from '../../lib/codec.ts'
import { canonicalJson } from '../../lib/jcs.ts'
import type { JsonObject } from '../../lib/json-object.ts'
import { credentialDocument, credentialStatement, readCredential, signCredential } from './credential.ts'

const alice = actor('alice')
const bob = actor('bob')
const [alices, bobs] = [formatDid(alice.did), formatDid(bob.did)]

const document: JsonObject = {
  '@context': ['https://www.w3.org/ns/credentials/v2'],
  type: ['VerifiableCredential', 'CapabilityCredential'],
  issuer: alices,
  validFrom: '2026-01-01T00:00:00Z',
  validUntil: '2027-01-01T00:00:00Z',
  credentialSubject: { id: bobs, capability: 'translation' },
}
const by = { did: alice.did, key: alice.did, nowMs: 1_760_000_000_000 }
const signed = signCredential(document, by, message => sign(message, alice.secretKey))

test('a credential is named by the hash of its canonical form without the proof', () => {
  const { hash, ...said } = readCredential(signed)
  assert.equal(
    hash,
    createHash('sha256')
      .update(utf8(canonicalJson(document)))
      .digest('hex'),
  )
  assert.equal(hash, readCredential(document).hash)
  assert.deepEqual(said, {
    issuer: alice.did,
    subject: bob.did,
    capability: 'translation',
    validFrom: 1_767_225_600_000,
    validUntil: 1_798_761_600_000,
  })
})

test('its signature verifies with the key of the issuer', () => {
  const { signature, message, publicKey } = credentialStatement(signed)
  assert.ok(nativeEd25519().verify(signature, message, publicKey))
})

const accepted: readonly JsonObject[] = [
  { ...document, issuer: { id: alices, name: 'Alice' } },
  { ...document, type: ['CapabilityCredential', 'Other', 'VerifiableCredential'] },
  { ...document, '@context': ['https://www.w3.org/ns/credentials/v2', { capability: 'https://vc.example/#c' }] },
  { ...document, credentialSubject: { id: alices, capability: 'é'.repeat(128), grade: 'A' } },
  { ...document, termsOfUse: { type: 'Example' }, evidence: [] },
]

test('what a credential may say, it says without harm', () => {
  for (const given of accepted) assert.equal(readCredential(given).issuer, alice.did)
})

const subject = document['credentialSubject'] as { [name: string]: Json }
const refused: readonly (readonly [change: JsonObject, field: string])[] = [
  [{ '@context': 'https://www.w3.org/ns/credentials/v2' }, '@context'],
  [{ '@context': [] }, '@context'],
  [{ '@context': ['https://www.w3.org/2018/credentials/v1'] }, '@context'],
  [{ '@context': ['https://vc.example', 'https://www.w3.org/ns/credentials/v2'] }, '@context'],
  [{ type: 'CapabilityCredential' }, 'type'],
  [{ type: ['CapabilityCredential'] }, 'type'],
  [{ type: ['VerifiableCredential'] }, 'type'],
  [{ issuer: 'did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2' }, 'issuer'],
  [{ issuer: `did:claw:z${'2'.repeat(8_000)}` }, 'issuer'],
  [{ issuer: [alices] }, 'issuer'],
  [{ issuer: null }, 'issuer'],
  [{ issuer: { name: 'Alice' } }, 'issuer.id'],
  [{ credentialSubject: [subject] }, 'credentialSubject'],
  [{ credentialSubject: bobs }, 'credentialSubject'],
  [{ credentialSubject: { capability: 'translation' } }, 'credentialSubject.id'],
  [{ credentialSubject: { id: bobs } }, 'credentialSubject.capability'],
  [{ credentialSubject: { id: bobs, capability: '' } }, 'credentialSubject.capability'],
  [{ credentialSubject: { id: bobs, capability: 'x'.repeat(257) } }, 'credentialSubject.capability'],
  [{ credentialSubject: { id: bobs, capability: ['translation'] } }, 'credentialSubject.capability'],
  [{ validFrom: '2026-01-01' }, 'validFrom'],
  [{ validFrom: 1_767_225_600_000 }, 'validFrom'],
  [{ validFrom: null }, 'validFrom'],
  [{ validUntil: '2026-02-30T00:00:00Z' }, 'validUntil'],
  [{ validUntil: '2026-01-01T00:00:00Z' }, 'validUntil'],
  [{ validUntil: '2025-12-31T23:59:59.999Z' }, 'validUntil'],
  [{ credentialStatus: { type: 'BitstringStatusListEntry' } }, 'credentialStatus'],
  [{ expirationDate: '2027-01-01T00:00:00Z' }, 'expirationDate'],
  [{ issuanceDate: '2026-01-01T00:00:00Z' }, 'issuanceDate'],
]

for (const [change, field] of refused) {
  test(`a credential with ${JSON.stringify(change).slice(0, 60)} is refused and named ${field}`, () => {
    assert.throws(() => readCredential({ ...document, ...change }), refusedAt(field))
  })
}

test('a credential lacks none of what it must have', () => {
  for (const name of ['@context', 'type', 'issuer', 'credentialSubject']) {
    const { [name]: _, ...rest } = document
    assert.throws(() => readCredential(rest), refusedAt(name))
  }
})

test('the proof is the issuer’s: one in the name of somebody else is refused before its signature is looked at', () => {
  const { proof } = signCredential({ ...document, issuer: bobs }, { ...by, did: bob.did }, message =>
    sign(message, alice.secretKey),
  )
  assert.throws(() => credentialStatement({ ...document, proof: proof as Json }), refusedAt('proof.verificationMethod'))
  assert.throws(() => credentialStatement(document), refusedAt('proof'))
})

test('nobody is made to sign for another issuer, or more than 8 KiB', () => {
  const signing = (given: JsonObject) => () => signCredential(given, by, message => sign(message, alice.secretKey))
  assert.throws(signing({ ...document, issuer: bobs }), refusedAt('proof'))
  assert.throws(signing({ ...document, story: 'x'.repeat(8_192) }), refusedAt(''))
})

test('whatever a credential is changed to, it is read, refused or no longer signed, and comes back from its bytes', () => {
  const { verify } = nativeEd25519()
  const places = [...placesIn(signed)]
  const change = fc.tuple(fc.constantFrom(...places), fc.oneof(fc.jsonValue(), fc.constantFrom(undefined, ...values)))
  let read = 0
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), changes => {
      const given = changes.reduce<Json>((value, [place, other]) => put(value, place, other as Json), signed)
      try {
        const decoded = credentialDocument.fromJson(given)
        assert.deepEqual(fromBytes(credentialDocument, toBytes(credentialDocument, decoded)), decoded)
        const { signature, message, publicKey } = credentialStatement(decoded)
        const isSame = canonicalJson(decoded) === canonicalJson(signed)
        assert.equal(verify(signature, message, publicKey), isSame)
        read += 1
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error
      }
    }),
    { numRuns: 3_000, seed: 70 },
  )
  assert.ok(read > 100, `${read} were read`)
})

const values: readonly Json[] = [alices, bobs, '2026-06-01T00:00:00Z', 'translation', 0, [], {}]

/** Every place in a value, as the names and indices that lead there. */
function* placesIn(value: Json): Generator<readonly string[]> {
  if (typeof value !== 'object' || value === null) return
  for (const [name, item] of Object.entries(value)) {
    yield [name]
    for (const place of placesIn(item)) yield [name, ...place]
  }
  yield ['new']
}

/** A copy with another value at a place; undefined takes it out. */
function put(value: Json, [name, ...rest]: readonly string[], other: Json | undefined): Json {
  if (name === undefined) return other ?? null
  if (typeof value !== 'object' || value === null) return value
  const copy = (Array.isArray(value) ? [...value] : { ...value }) as { [name: string]: Json }
  if (rest.length === 0 && other === undefined) delete copy[name]
  else copy[name] = put(copy[name] ?? null, rest, other)
  return copy
}

function refusedAt(field: string) {
  return (error: unknown): boolean => error instanceof DecodeError && error.field === field
}
