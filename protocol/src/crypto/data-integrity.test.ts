import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import test from 'node:test'
import { base58 } from '@scure/base'
import { nativeEd25519 } from '../../../node/src/signatures/ed25519.ts'
import { fromHex, toHex, utf8 } from '../lib/bytes.ts'
import type { Json } from '../lib/codec.ts'
import { DecodeError } from '../lib/codec.ts'
import { canonicalJson } from '../lib/jcs.ts'
import type { JsonObject } from '../lib/json-object.ts'
import { hashData, proofConfig, readProof, withProof } from './data-integrity.ts'
import { publicKeyOf, sign } from './ed25519.ts'
import { formatMultikey, parseMultikey } from './keys.ts'

// W3C "Data Integrity EdDSA Cryptosuites v1.0", appendix B.3: key pair, credential, and every step of its proof.
const publicKeyMultibase = 'z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2'
const secretKeyMultibase = 'z3u2en7t5LR2WtQH5PfFqMqwVHBeXouLzo6haApm8XHqvjxq'
const verificationMethod = `did:key:${publicKeyMultibase}#${publicKeyMultibase}`
const created = '2023-02-24T23:36:38Z'
const alumni: JsonObject = {
  '@context': ['https://www.w3.org/ns/credentials/v2', 'https://www.w3.org/ns/credentials/examples/v2'],
  id: 'urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33',
  type: ['VerifiableCredential', 'AlumniCredential'],
  name: 'Alumni Credential',
  description: 'A minimum viable example of an Alumni Credential.',
  issuer: 'https://vc.example/issuers/5678',
  validFrom: '2023-01-01T00:00:00Z',
  credentialSubject: { id: 'did:example:abcdefgh', alumniOf: 'The School of Examples' },
}
const documentHash = '59b7cb6251b8991add1ce0bc83107e3db9dbbab5bd2c28f687db1a03abc92f19'
const configText =
  '{"@context":["https://www.w3.org/ns/credentials/v2","https://www.w3.org/ns/credentials/examples/v2"],"created":"2023-02-24T23:36:38Z","cryptosuite":"eddsa-jcs-2022","proofPurpose":"assertionMethod","type":"DataIntegrityProof","verificationMethod":"did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2#z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"}'
const configHash = '66ab154f5c2890a140cb8388a22a160454f80575f6eae09e5a097cabe539a1db'
const signatureHex =
  '407cd12654b33d718ecbb99179a1506daaa849450bf3fc523cce3e1c96f8b80351da3f253d725c6f00b07c9e5448d50b3ef78012b9ab54255116d069c6dd2808'
const proofValue = 'z2HnFSSPPBzR36zdDgK8PbEHeXbR56YF24jwMpt3R1eHXQzJDMWS93FCzpvJpwTWd3GAVFuUfjoJdcnTMuVor51aX'

// A Multikey of a secret key: two bytes that say what it is, then the key.
const secretKey = base58.decode(secretKeyMultibase.slice(1)).subarray(2)
const config = proofConfig(alumni, { verificationMethod, created })
const secured = withProof(alumni, config, fromHex(signatureHex))

test('the proof of the published credential is made, step by step', () => {
  assert.equal(formatMultikey(publicKeyOf(secretKey)), publicKeyMultibase)
  assert.equal(
    createHash('sha256')
      .update(utf8(canonicalJson(alumni)))
      .digest('hex'),
    documentHash,
  )
  assert.equal(canonicalJson(config), configText)
  const message = hashData(alumni, config)
  assert.equal(toHex(message), configHash + documentHash)
  assert.equal(toHex(sign(message, secretKey)), signatureHex)
  assert.deepEqual(secured['proof'], { ...config, proofValue })
})

test('the published credential is read and its signature verifies, in any order of fields', () => {
  const shuffled = Object.fromEntries(Object.entries(secured).reverse()) as JsonObject
  for (const given of [secured, shuffled]) {
    const { document, controller, key, signature, message, documentHash: hashed } = readProof(given)
    assert.deepEqual(document, alumni)
    assert.equal(controller, `did:key:${publicKeyMultibase}`)
    assert.equal(key, parseMultikey(publicKeyMultibase))
    assert.equal(toHex(message), configHash + documentHash)
    assert.equal(toHex(hashed), documentHash)
    assert.ok(nativeEd25519().verify(signature, message, fromHex(key)))
  }
})

test('a proof may say less: without created and context it covers what it has', () => {
  const bare = { ...config }
  delete (bare as Record<string, Json>)['created']
  delete (bare as Record<string, Json>)['@context']
  const { message } = readProof(withProof(alumni, bare, fromHex(signatureHex)))
  assert.equal(toHex(message), toHex(hashData(alumni, bare)))
})

const proof = secured['proof'] as { readonly [name: string]: Json }
const refused: readonly (readonly [what: string, secured: JsonObject, field: string])[] = [
  ['no proof', alumni, 'proof'],
  ['a set of proofs', { ...secured, proof: [proof] }, 'proof'],
  ['a text', { ...secured, proof: 'z' }, 'proof'],
  ['another type', changed({ type: 'Ed25519Signature2020' }), 'proof.type'],
  ['another suite', changed({ cryptosuite: 'eddsa-rdfc-2022' }), 'proof.cryptosuite'],
  ['another purpose', changed({ proofPurpose: 'authentication' }), 'proof.proofPurpose'],
  ['a chain', changed({ previousProof: 'urn:1' }), 'proof.previousProof'],
  ['an end', changed({ expires: created }), 'proof.expires'],
  ['no moment', changed({ created: 'yesterday' }), 'proof.created'],
  ['another context', changed({ '@context': ['https://www.w3.org/ns/credentials/v2'] }), 'proof.@context'],
  ['no key', changed({ verificationMethod: 'did:key:x' }), 'proof.verificationMethod'],
  ['no controller', changed({ verificationMethod: `#${publicKeyMultibase}` }), 'proof.verificationMethod'],
  ['two keys', changed({ verificationMethod: `${verificationMethod}#x` }), 'proof.verificationMethod'],
  ['a key of another kind', changed({ verificationMethod: 'did:key:x#z6LSbysY2' }), 'proof.verificationMethod'],
  ['another base', changed({ proofValue: `u${proofValue.slice(1)}` }), 'proof.proofValue'],
  ['a short signature', changed({ proofValue: `z${base58.encode(new Uint8Array(63))}` }), 'proof.proofValue'],
  ['a long signature', changed({ proofValue: `z${base58.encode(new Uint8Array(65))}` }), 'proof.proofValue'],
  ['a signature with a 0', changed({ proofValue: `z0${proofValue.slice(2)}` }), 'proof.proofValue'],
]

for (const [what, given, field] of refused) {
  test(`${what} instead of the proof is refused and named ${field}`, () => {
    assert.throws(
      () => readProof(given),
      (error: unknown) => error instanceof DecodeError && error.field === field,
    )
  })
}

function changed(fields: { readonly [name: string]: Json }): JsonObject {
  return { ...secured, proof: { ...proof, ...fields } }
}
