import assert from 'node:assert/strict'
import test from 'node:test'
import { actor } from '../../../../test/helpers/actors.ts'
import { dump } from '../../../../test/helpers/ledger-run.ts'
import { type GrantTerms, IdentityRun, startMs } from '../../../../test/helpers/identity-run.ts'
import { grants, identities } from './rows.ts'

const alice = actor('alice').did
const dora = actor('dora').did

function granted(terms: GrantTerms = {}): IdentityRun {
  const run = new IdentityRun()
  assert.equal(run.act(run.grant('alice', 'dora', terms)), 'applied')
  return run
}

const unfit: readonly (readonly [claim: string, terms: GrantTerms, code: string])[] = [
  ['more per transaction than per period', { perTx: 301n }, 'budgets_do_not_nest'],
  ['more per period than in all', { total: 299n }, 'budgets_do_not_nest'],
  ['an end now', { notAfter: startMs }, 'grant_ends_too_early'],
  ['an end that is past', { notAfter: startMs - 1 }, 'grant_ends_too_early'],
  ['an end at its beginning', { notBefore: startMs + 9, notAfter: startMs + 9 }, 'grant_ends_too_early'],
]
for (const [claim, terms, code] of unfit) {
  test(`a grant with ${claim} is rejected`, () => {
    const run = new IdentityRun()
    assert.equal(run.act(run.grant('alice', 'dora', terms)), `rejected: ${code}`)
    assert.equal(identities.get(run.view, alice), undefined)
  })
}

test('the bounds themselves are allowed', () => {
  const run = new IdentityRun()
  const terms = { perTx: 300n, budget: 300n, total: 300n, notBefore: startMs, notAfter: startMs + 1 }
  assert.equal(run.act(run.grant('alice', 'dora', terms)), 'applied')
})

test('the own key needs no grant', () => {
  const run = new IdentityRun()
  assert.equal(run.act(run.grant('alice', 'alice')), 'rejected: key_is_own')
})

test('a session key neither grants, nor revokes another', () => {
  const run = granted()
  run.act(run.grant('alice', 'eve'))
  assert.equal(run.act(run.grant('alice', 'mallory', {}, { by: 'dora' })), 'refused: needs_own_key')
  assert.equal(run.act(run.grant('alice', 'dora', { budget: 9_999n }, { by: 'dora' })), 'refused: needs_own_key')
  assert.equal(run.act(run.revoke('alice', 'eve', { by: 'dora' })), 'rejected: key_is_of_another')
})

test('the own key revokes at once, also within one block', () => {
  const run = granted()
  const { outcomes } = run.block([
    run.pay('alice', 'bob', 1n, { by: 'dora', nonce: 2 }),
    run.revoke('alice', 'dora', { nonce: 3 }),
    run.pay('alice', 'bob', 1n, { by: 'dora', nonce: 4 }),
  ])
  assert.deepEqual(outcomes, [{ type: 'applied' }, { type: 'applied' }, { type: 'refused', code: 'signer_is_unknown' }])
  assert.equal(run.act(run.revoke('alice', 'dora')), 'rejected: grant_is_unknown')
})

test('a session key hands itself back, whatever kinds it was granted', () => {
  const run = granted({ kinds: ['wallet.transfer'] })
  assert.equal(run.act(run.revoke('alice', 'dora', { by: 'dora' })), 'applied')
  assert.equal(run.act(run.pay('alice', 'bob', 1n, { by: 'dora' })), 'refused: signer_is_unknown')
})

test('an identity that took everything back has no row any more', () => {
  const run = new IdentityRun()
  run.block()
  const before = Object.keys(dump(run.rows))
  run.act(run.grant('alice', 'dora'))
  run.act(run.revoke('alice', 'dora'))
  assert.deepEqual(
    Object.keys(dump(run.rows)).filter(key => !before.includes(key) && !key.startsWith('validators/')),
    [],
  )
})

test('a new grant of the same key takes the place of the old one, with a fresh budget', () => {
  const run = granted()
  run.act(run.pay('alice', 'bob', 90n, { by: 'dora' }))
  assert.equal(grants.get(run.view, { did: alice, key: dora })?.spentInAll, 91n)
  run.act(run.grant('alice', 'dora', { perTx: 40n, budget: 50n }))
  const fresh = grants.get(run.view, { did: alice, key: dora })
  assert.deepEqual([fresh?.perTx, fresh?.budget, fresh?.spent, fresh?.spentInAll], [40n, 50n, 0n, 0n])
  assert.equal(identities.get(run.view, alice)?.grants.length, 1)
})

test('thirty-two session keys are the most; those that are over make room', () => {
  const run = new IdentityRun()
  for (let number = 1; number <= 32; number++) {
    const terms = number <= 2 ? { notAfter: startMs + 60_000 } : {}
    assert.equal(run.act(run.grant('alice', `agent ${number}`, terms)), 'applied')
  }
  assert.equal(run.act(run.grant('alice', 'one more')), 'rejected: grants_are_too_many')
  assert.equal(run.act(run.grant('alice', 'agent 7', { budget: 400n })), 'applied')
  assert.equal(run.act(run.grant('alice', 'one more'), startMs + 59_999), 'rejected: grants_are_too_many')
  assert.equal(run.act(run.grant('alice', 'one more'), startMs + 60_000), 'applied')
  assert.equal(grants.get(run.view, { did: alice, key: actor('agent 1').did }), undefined)
  assert.equal(run.act(run.grant('alice', 'two more')), 'applied')
  assert.equal(run.act(run.grant('alice', 'three more')), 'rejected: grants_are_too_many')
})

test('a key acts for every identity that granted it, and counts apart for each', () => {
  const run = granted()
  run.act(run.grant('bob', 'dora', { perTx: 10n, budget: 30n }))
  assert.equal(run.act(run.pay('bob', 'carol', 9n, { by: 'dora' })), 'applied')
  assert.equal(run.act(run.pay('bob', 'carol', 10n, { by: 'dora' })), 'rejected: exceeds_per_tx')
  assert.equal(run.act(run.pay('alice', 'carol', 99n, { by: 'dora' })), 'applied')
})
