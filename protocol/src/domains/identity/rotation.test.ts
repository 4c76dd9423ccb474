import assert from 'node:assert/strict'
import test from 'node:test'
import { actor } from '../../../../test/helpers/actors.ts'
import { IdentityRun } from '../../../../test/helpers/identity-run.ts'
import { sign } from '../../crypto/ed25519.ts'
import { fromHex } from '../../lib/bytes.ts'
import { decodeTransaction, signatureStatements } from '../../ledger/envelope.ts'
import { rotationMessage } from './rotation.ts'
import { identities, keyOf } from './rows.ts'

const alice = actor('alice').did

test('after a rotation the new key signs, the old one does not, and DID, account and nonces stay', () => {
  const run = new IdentityRun()
  assert.equal(run.act(run.rotate('alice', 'dora')), 'applied')
  assert.equal(keyOf(run.view, alice), actor('dora').did)
  assert.equal(run.act(run.pay('alice', 'bob', 1n)), 'refused: signer_is_unknown')
  assert.equal(run.act(run.pay('alice', 'bob', 1n, { by: 'alice' })), 'refused: signer_is_unknown')
  assert.equal(run.act(run.pay('alice', 'bob', 1n, { by: 'dora' })), 'applied')
  assert.deepEqual([run.account('alice').available, run.account('alice').nonce], [9_997n, 2])
})

test('the key of one identity may become that of another, and signs for both', () => {
  const run = new IdentityRun()
  run.act(run.rotate('alice', 'bob'))
  assert.equal(run.act(run.pay('alice', 'carol', 1n, { by: 'bob' })), 'applied')
  assert.equal(run.act(run.pay('bob', 'carol', 1n)), 'applied')
})

test('a proof is good for one rotation: going back and forth needs a new one each time', () => {
  const run = new IdentityRun()
  run.act(run.rotate('alice', 'dora'))
  run.act(run.rotate('alice', 'alice', { by: 'dora' }))
  assert.equal(run.act(run.rotate('alice', 'dora', { rotation: 1 })), 'rejected: stale_rotation')
  assert.equal(run.act(run.rotate('alice', 'dora', { rotation: 2 })), 'rejected: stale_rotation')
  assert.equal(run.act(run.rotate('alice', 'dora', { rotation: 4 })), 'rejected: stale_rotation')
  assert.equal(run.act(run.rotate('alice', 'dora', { rotation: 3 })), 'applied')
})

test('back at the key it was born with, an identity still knows how often it rotated', () => {
  const run = new IdentityRun()
  run.act(run.rotate('alice', 'dora'))
  run.act(run.rotate('alice', 'alice', { by: 'dora' }))
  assert.equal(identities.get(run.view, alice)?.rotations, 2)
  assert.equal(run.act(run.pay('alice', 'bob', 1n)), 'applied')
  assert.equal(run.act(run.pay('alice', 'bob', 1n, { by: 'dora' })), 'refused: signer_is_unknown')
})

test('a rotation to the key that signs already is rejected', () => {
  const run = new IdentityRun()
  assert.equal(run.act(run.rotate('alice', 'alice')), 'rejected: key_is_own')
})

test('a session key becomes the own key only once its grant is over or revoked', () => {
  const run = new IdentityRun()
  const notAfter = run.timeMs + 60_000
  run.act(run.grant('alice', 'dora', { notBefore: notAfter - 1_000, notAfter }))
  assert.equal(run.act(run.rotate('alice', 'dora'), notAfter - 1), 'rejected: key_is_a_session_key')
  assert.equal(run.act(run.rotate('alice', 'dora'), notAfter), 'applied')

  const other = new IdentityRun()
  other.act(other.grant('alice', 'dora'))
  other.act(other.revoke('alice', 'dora'))
  assert.equal(other.act(other.rotate('alice', 'dora')), 'applied')
})

test('what the old key granted ends with it', () => {
  const run = new IdentityRun()
  run.act(run.grant('alice', 'dora'))
  run.act(run.rotate('alice', 'eve'))
  assert.equal(run.act(run.pay('alice', 'bob', 1n, { by: 'dora' })), 'refused: signer_is_unknown')
  run.act(run.grant('alice', 'dora', {}, { by: 'eve' }))
  assert.equal(run.act(run.pay('alice', 'bob', 1n, { by: 'dora' })), 'applied')
})

test('the proof is one of the signatures a transaction stands on, over chain, DID, key and count', () => {
  const run = new IdentityRun()
  const sent = run.rotate('alice', 'dora')
  const decoded = decodeTransaction(run.ledger.kinds, run.chainId, sent.bytes)
  const message = rotationMessage(run.chainId, alice, actor('dora').did, 1)
  assert.deepEqual(signatureStatements(decoded)[1], {
    signature: sign(message, actor('dora').secretKey),
    message,
    publicKey: fromHex(actor('dora').did),
  })
  const zero = '0'.repeat(64) as typeof run.chainId
  const others = [
    rotationMessage(zero, alice, actor('dora').did, 1),
    rotationMessage(run.chainId, actor('bob').did, actor('dora').did, 1),
    rotationMessage(run.chainId, alice, actor('eve').did, 1),
    rotationMessage(run.chainId, alice, actor('dora').did, 2),
  ]
  for (const other of others) assert.notDeepEqual(other, message)
})

test('a session key never rotates, whatever it was granted', () => {
  const run = new IdentityRun()
  run.act(run.grant('alice', 'dora', { kinds: ['identity.rotate'] }))
  assert.equal(run.act(run.rotate('alice', 'eve', { by: 'dora' })), 'refused: needs_own_key')
})
