import assert from 'node:assert/strict'
import test from 'node:test'
import { nativeEd25519 } from '../../../../node/src/signatures/ed25519.ts'
import { type Actor, actor } from '../../../../test/helpers/actors.ts'
import { genesisTimeMs, LedgerRun } from '../../../../test/helpers/ledger-run.ts'
import { sign } from '../../crypto/ed25519.ts'
import type { Hash } from '../../crypto/hash.ts'
import { type Did, formatDid, type PublicKey } from '../../crypto/keys.ts'
import { assemble, decodeTransaction, signatureStatements, signingBytes } from '../../ledger/envelope.ts'
import type { Outcome } from '../../ledger/ledger.ts'
import { present } from '../../lib/assert.ts'
import { DecodeError, type Json } from '../../lib/codec.ts'
import { formatDateTime } from '../../lib/date-time.ts'
import type { JsonObject } from '../../lib/json-object.ts'
import { attest } from './attest.ts'
import { capabilities } from './credential-queries.ts'
import { credentialViolations } from './credential-rows.ts'
import { readCredential, signCredential } from './credential.ts'

const [alice, bob, carol] = ['alice', 'bob', 'carol'].map(actor) as [Actor, Actor, Actor]
const applied: Outcome = { type: 'applied' }

interface Said {
  readonly capability?: string
  readonly validFrom?: number
  readonly validUntil?: number
  readonly more?: JsonObject
  /** The key that signs, where it is not the one the issuer was born with. */
  readonly key?: Actor
}

/** Signed by the issuer, about the subject. */
function credentialOf(issuer: Actor, subject: Actor, said: Said = {}): JsonObject {
  const { capability = 'translation', validFrom, validUntil, more, key = issuer } = said
  return signCredential(
    {
      credentialSubject: { id: formatDid(subject.did), capability },
      ...(validFrom !== undefined && { validFrom: formatDateTime(validFrom) }),
      ...(validUntil !== undefined && { validUntil: formatDateTime(validUntil) }),
      ...more,
    },
    { did: issuer.did, key: key.did, nowMs: genesisTimeMs },
    message => sign(message, key.secretKey),
  )
}

class CredentialRun extends LedgerRun {
  send(sender: Actor, kind: string, payload: unknown, signer?: PublicKey): Outcome {
    const nonce = this.account(sender.name).nonce + 1
    const head = { chainId: this.chainId, kind, sender: sender.did, nonce, fee: 1n, ...(signer && { signer }) }
    const { outcomes } = this.block([this.unsigned({ ...head, payload })])
    assert.deepEqual(credentialViolations(this.view), [])
    return outcomes[0] ?? assert.fail('a transaction has an outcome')
  }

  attest(sender: Actor, credential: JsonObject): Outcome {
    return this.send(sender, 'identity.attest', { credential })
  }

  revoke(sender: Actor, credential: Hash): Outcome {
    return this.send(sender, 'identity.revokeCredential', { credential })
  }

  list(subject: Did, page: { limit?: number; offset?: number } = {}, timeMs = this.timeMs) {
    const context = { height: this.height, timeMs, pending: () => 0n, begun: () => [] }
    return present(capabilities.read(this.view, { did: subject, ...page }, context), 'everybody has a list')
  }
}

function rejected(code: string): Outcome {
  return { type: 'rejected', code }
}

test('what somebody says of himself is a claim, what another says an attestation', () => {
  const run = new CredentialRun()
  const claim = credentialOf(alice, alice)
  const attestation = credentialOf(bob, alice, { capability: 'law', validFrom: 1_000, validUntil: 9_000_000_000_000 })
  assert.deepEqual(run.attest(alice, claim), applied)
  assert.deepEqual(run.attest(bob, attestation), applied)

  const { head } = run.account('bob')
  assert.deepEqual(run.list(alice.did), {
    count: 2,
    capabilities: [
      {
        credential: readCredential(attestation).hash,
        capability: 'law',
        issuer: bob.did,
        subject: alice.did,
        type: 'attestation',
        status: 'valid',
        validFrom: 1_000,
        validUntil: 9_000_000_000_000,
        height: 2,
        txHash: head,
      },
      {
        credential: readCredential(claim).hash,
        capability: 'translation',
        issuer: alice.did,
        subject: alice.did,
        type: 'claim',
        status: 'valid',
        height: 1,
        txHash: run.account('alice').head,
      },
    ],
  })
  assert.deepEqual(run.list(bob.did), { count: 0, capabilities: [] })
})

test('the subject may register what was said of it, a stranger may not', () => {
  const run = new CredentialRun()
  const credential = credentialOf(bob, alice)
  assert.deepEqual(run.attest(carol, credential), rejected('sender_is_no_party'))
  assert.deepEqual(run.attest(alice, credential), applied)
})

test('a credential is registered once, whatever its proof', () => {
  const run = new CredentialRun()
  assert.deepEqual(run.attest(alice, credentialOf(alice, alice)), applied)
  assert.deepEqual(run.attest(alice, credentialOf(alice, alice)), rejected('credential_is_registered'))
  const later = signCredential(
    { credentialSubject: { capability: 'translation' } },
    { did: alice.did, key: alice.did, nowMs: genesisTimeMs + 60_000 },
    message => sign(message, alice.secretKey),
  )
  assert.deepEqual(run.attest(alice, later), rejected('credential_is_registered'))
  assert.deepEqual(run.attest(alice, credentialOf(alice, alice, { more: { name: 'Another' } })), applied)
})

test('a credential can be registered until the block before validUntil', () => {
  // Blocks come a second after each other, and a date has whole seconds.
  for (const [validUntil, outcome] of [
    [genesisTimeMs, rejected('credential_has_expired')],
    [genesisTimeMs + 1_000, rejected('credential_has_expired')],
    [genesisTimeMs + 2_000, applied],
  ] as const) {
    assert.deepEqual(new CredentialRun().attest(alice, credentialOf(alice, alice, { validUntil })), outcome)
  }
})

test('a credential is valid from validFrom on and not at validUntil any more', () => {
  const run = new CredentialRun()
  const [validFrom, validUntil] = [genesisTimeMs + 60_000, genesisTimeMs + 120_000]
  assert.deepEqual(run.attest(alice, credentialOf(alice, alice, { validFrom, validUntil })), applied)
  const statusAt = (timeMs: number) => run.list(alice.did, {}, timeMs).capabilities[0]?.status
  assert.equal(statusAt(validFrom - 1), 'not_yet_valid')
  assert.equal(statusAt(validFrom), 'valid')
  assert.equal(statusAt(validFrom + 1), 'valid')
  assert.equal(statusAt(validUntil - 1), 'valid')
  assert.equal(statusAt(validUntil), 'expired')
  assert.equal(statusAt(validUntil + 1), 'expired')
})

test('only the issuer revokes, once and for good', () => {
  const run = new CredentialRun()
  const credential = credentialOf(bob, alice, { validUntil: genesisTimeMs + 60_000 })
  const { hash } = readCredential(credential)
  assert.deepEqual(run.revoke(bob, hash), rejected('credential_is_unknown'))
  run.attest(alice, credential)
  assert.deepEqual(run.revoke(alice, hash), rejected('sender_is_not_issuer'))
  assert.deepEqual(run.revoke(carol, hash), rejected('sender_is_not_issuer'))
  assert.equal(run.list(alice.did).capabilities[0]?.status, 'valid')
  assert.deepEqual(run.revoke(bob, hash), applied)
  const revokedAtMs = run.timeMs
  assert.deepEqual(run.revoke(bob, hash), rejected('credential_is_revoked'))
  assert.deepEqual(run.attest(bob, credential), rejected('credential_is_registered'))

  for (const timeMs of [run.timeMs, genesisTimeMs + 90_000]) {
    const [entry] = run.list(alice.did, {}, timeMs).capabilities
    assert.deepEqual([entry?.status, entry?.revokedAtMs], ['revoked', revokedAtMs])
  }
})

test('only the key that the issuer has now makes credentials; those registered before stay', () => {
  const run = new CredentialRun()
  const next = actor('the next key of alice')
  const before = credentialOf(alice, bob, { capability: 'before' })
  const unused = credentialOf(alice, bob, { capability: 'signed, but not registered in time' })
  const early = credentialOf(alice, bob, { capability: 'early', key: next })
  assert.deepEqual(run.attest(bob, before), applied)
  assert.deepEqual(run.attest(bob, early), rejected('key_is_not_issuers'))
  const rotation = { newKey: next.did, rotation: 1, proof: new Uint8Array(64) }
  assert.deepEqual(run.send(alice, 'identity.rotate', rotation), applied)

  assert.deepEqual(run.attest(bob, unused), rejected('key_is_not_issuers'))
  assert.deepEqual(run.attest(bob, early), applied)
  assert.deepEqual(
    run.list(bob.did).capabilities.map(({ capability, status }) => [capability, status]),
    [
      ['early', 'valid'],
      ['before', 'valid'],
    ],
  )
  const { hash } = readCredential(before)
  assert.deepEqual(run.send(alice, 'identity.revokeCredential', { credential: hash }, next.did), applied)
})

test('a session key does not speak for its owner, whatever it was granted', () => {
  const run = new CredentialRun()
  const credential = credentialOf(alice, alice)
  const terms = { perTx: 100n, budget: 100n, periodMs: 60_000, notAfter: genesisTimeMs + 60_000 }
  assert.deepEqual(run.send(alice, 'identity.grant', { key: carol.did, ...terms }), applied)
  const refused: Outcome = { type: 'refused', code: 'needs_own_key' }
  assert.deepEqual(run.send(alice, 'identity.attest', { credential }, carol.did), refused)
  assert.deepEqual(run.attest(alice, credential), applied)
  const revocation = { credential: readCredential(credential).hash }
  assert.deepEqual(run.send(alice, 'identity.revokeCredential', revocation, carol.did), refused)
})

test('rows that contradict each other are noticed', () => {
  for (const [table, expected] of [
    ['credentials/', /is listed but has no row/],
    ['credentialLists/', /1 credentials, 0 listed, 1 counted/],
    ['credentialCounts/', /1 credentials, 1 listed, 0 counted/],
  ] as const) {
    const run = new CredentialRun()
    run.attest(alice, credentialOf(alice, alice))
    for (const key of run.rows.keys()) if (key.startsWith(table)) run.rows.delete(key)
    assert.match(credentialViolations(run.view).join(), expected)
  }
})

test('the list begins with the newest and is read in pages', () => {
  const run = new CredentialRun()
  for (let nth = 0; nth < 5; nth++) {
    assert.deepEqual(run.attest(alice, credentialOf(alice, alice, { capability: `skill ${nth}` })), applied)
  }
  const page = (limit?: number, offset?: number): readonly string[] =>
    run
      .list(alice.did, { ...(limit !== undefined && { limit }), ...(offset !== undefined && { offset }) })
      .capabilities.map(({ capability }) => capability.slice(-1))
  assert.deepEqual(page(), ['4', '3', '2', '1', '0'])
  assert.deepEqual(page(2), ['4', '3'])
  assert.deepEqual(page(2, 2), ['2', '1'])
  assert.deepEqual(page(2, 4), ['0'])
  assert.deepEqual(page(2, 5), [])
  assert.deepEqual(page(2, 1_000), [])
  assert.equal(run.list(alice.did, { limit: 1 }).count, 5)
})

// The signature of the sender inside the body

const endorsement = attest.endorsement ?? assert.fail('attest has an endorsement')
const by = { did: alice.did, key: alice.did, nowMs: genesisTimeMs + 999 }

/** As a node does it: what is to be signed, then the body with the signature. */
function endorsed(credential: JsonObject, endorser = by, secretKey = alice.secretKey): JsonObject {
  const unsigned = endorsement.message({ credential }, endorser)
  if (unsigned === undefined) return credential
  return endorsement.endorsed({ credential }, endorser, sign(unsigned, secretKey)).credential
}

test('a plain credential is completed and signed by the node of its issuer', () => {
  const credential = endorsed({ credentialSubject: { capability: 'translation' } })
  assert.deepEqual(
    { ...credential, proof: undefined },
    {
      '@context': ['https://www.w3.org/ns/credentials/v2', 'https://www.w3.org/ns/credentials/undefined-terms/v2'],
      type: ['VerifiableCredential', 'CapabilityCredential'],
      issuer: formatDid(alice.did),
      credentialSubject: { id: formatDid(alice.did), capability: 'translation' },
      proof: undefined,
    },
  )
  const { created, verificationMethod } = credential['proof'] as { [name: string]: Json }
  assert.equal(created, formatDateTime(genesisTimeMs))
  assert.equal(verificationMethod, `${formatDid(alice.did)}#${formatDid(alice.did).slice('did:claw:'.length)}`)
  const run = new CredentialRun()
  assert.ok(isSound(run, credential))
  assert.deepEqual(run.attest(alice, credential), applied)
})

test('what a plain credential says is kept', () => {
  const given: JsonObject = {
    '@context': ['https://www.w3.org/ns/credentials/v2', 'https://vc.example/ns'],
    id: 'urn:uuid:1',
    type: ['VerifiableCredential', 'CapabilityCredential', 'ExampleCredential'],
    issuer: { id: formatDid(alice.did), name: 'Alice' },
    credentialSubject: { id: formatDid(bob.did), capability: 'translation', level: 3 },
  }
  const { proof, ...document } = endorsed(given)
  assert.deepEqual(document, given)
  assert.notEqual(proof, undefined)
})

test('a credential with a proof is left alone, and another’s is not signed', () => {
  const foreign = credentialOf(bob, alice)
  assert.equal(endorsed(foreign), foreign)
  const { proof: _, ...unsigned } = foreign
  assert.throws(() => endorsed(unsigned), refusedAt('credential.proof'))
  assert.throws(() => endorsed({ credentialSubject: {} }), refusedAt('credential.credentialSubject.capability'))
  assert.throws(() => endorsed({}), refusedAt('credential.credentialSubject'))
})

test('the node of an issuer that changed its key signs with the new one', () => {
  const next = actor('the next key of alice')
  const credential = endorsed(
    { credentialSubject: { capability: 'translation' } },
    { ...by, key: next.did },
    next.secretKey,
  )
  const run = new CredentialRun()
  assert.ok(isSound(run, credential))
  run.send(alice, 'identity.rotate', { newKey: next.did, rotation: 1, proof: new Uint8Array(64) })
  assert.deepEqual(run.send(alice, 'identity.attest', { credential }, next.did), applied)
})

test('a credential that is too long with its proof is refused', () => {
  const filled = (length: number): JsonObject => ({
    credentialSubject: { capability: 'translation', story: 'x'.repeat(length) },
  })
  assert.throws(() => endorsed(filled(7_900)), refusedAt('credential'))
  const run = new CredentialRun()
  assert.ok(isSound(run, endorsed(filled(7_000))))
})

/** True if the credential passes in a transaction from bytes and all signatures in it are good; throws DecodeError. */
function isSound(run: LedgerRun, credential: JsonObject): boolean {
  const head = { chainId: run.chainId, kind: 'identity.attest', sender: alice.did, nonce: 1, fee: 1n }
  const envelope = { ...head, payload: { credential } }
  const { kinds } = run.ledger
  const { bytes } = assemble(kinds, envelope, sign(signingBytes(kinds, envelope), alice.secretKey))
  const statements = signatureStatements(decodeTransaction(kinds, run.chainId, bytes))
  assert.equal(statements.length, 2)
  const { verify } = nativeEd25519()
  return statements.every(({ signature, message, publicKey }) => verify(signature, message, publicKey))
}

function refusedAt(field: string) {
  return (error: unknown): boolean => error instanceof DecodeError && error.field === field
}

test('a credential from another wallet is no longer good when any of its values is another', () => {
  const run = new CredentialRun()
  const credential = credentialOf(bob, alice, {
    validFrom: 1_000,
    validUntil: 9_000_000_000_000,
    more: { id: 'urn:uuid:1', note: { list: [1, 'two', true, null] } },
  })
  assert.ok(isSound(run, credential))
  let tried = 0
  for (const tampered of tamperings(credential)) {
    tried += 1
    let isGood = false
    try {
      isGood = isSound(run, tampered as JsonObject)
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
    }
    assert.ok(!isGood, JSON.stringify(tampered))
  }
  assert.ok(tried > 60)
})

/** The value with one thing in it changed, left out or added, for each place in it. */
function* tamperings(value: Json): Generator<Json> {
  if (typeof value === 'string') yield* [`${value}x`, value.slice(0, -1), '', 7]
  else if (typeof value === 'number') yield* [value + 1, -value]
  else if (typeof value === 'boolean') yield !value
  else if (value === null) yield 0
  else if (Array.isArray(value)) {
    yield [...value, 'more']
    yield [...value].reverse()
    for (const [index, item] of value.entries()) {
      yield value.toSpliced(index, 1)
      for (const other of tamperings(item)) yield value.with(index, other)
    }
  } else {
    yield { ...value, more: 'more' }
    for (const [name, item] of Object.entries(value)) {
      const { [name]: _, ...rest } = value
      yield rest
      for (const other of tamperings(item)) yield { ...rest, [name]: other }
    }
  }
}
