import assert from 'node:assert/strict'
import test from 'node:test'
import { actor } from '../../../../test/helpers/actors.ts'
import { type GrantTerms, IdentityRun, startMs } from '../../../../test/helpers/identity-run.ts'
import type { Hash } from '../../crypto/hash.ts'
import { boolean, struct } from '../../lib/codec.ts'
import { type Domain, transaction } from '../../ledger/domain.ts'
import { Ledger } from '../../ledger/ledger.ts'
import { accountsDomain, lock, payLocked, unlock } from '../accounts/index.ts'
import { identityDomain } from './index.ts'
import { charges, grants } from './rows.ts'

const alice = actor('alice').did
const dora = actor('dora').did

function granted(terms: GrantTerms = {}): IdentityRun {
  const run = new IdentityRun()
  assert.equal(run.act(run.grant('alice', 'dora', terms)), 'applied')
  return run
}

/** What becomes of alice's Tokens when dora pays bob: the amount, and a fee of 1. */
function paid(run: IdentityRun, amount: bigint, timeMs?: number, fee = 1n): string {
  return run.act(run.pay('alice', 'bob', amount, { by: 'dora', fee }), timeMs)
}

function spent(run: IdentityRun): readonly (bigint | undefined)[] {
  const grant = grants.get(run.view, { did: alice, key: dora })
  return [grant?.spent, grant?.spentInAll]
}

// When a session key may sign (L41)

const from = startMs + 100_000
const until = startMs + 200_000

test('a session key signs from notBefore on, not a millisecond earlier', () => {
  const run = granted({ notBefore: from, notAfter: until })
  assert.equal(paid(run, 1n, from - 1), 'refused: grant_has_not_begun')
  assert.equal(paid(run, 1n, from), 'applied')
  assert.equal(paid(run, 1n, from + 1), 'applied')
})

test('a session key signs until notAfter, not in a block of that very time', () => {
  const run = granted({ notBefore: from, notAfter: until })
  assert.equal(paid(run, 1n, until - 1), 'applied')
  assert.equal(paid(run, 1n, until), 'refused: grant_is_over')
  assert.equal(paid(run, 1n, until + 1), 'refused: grant_is_over')
})

test('a period begins notBefore and after each periodMs, to the millisecond', () => {
  const periodMs = 10_000
  const run = granted({ perTx: 100n, budget: 100n, periodMs, notBefore: from, notAfter: from + 1_000_000 })
  assert.equal(paid(run, 98n, from), 'applied')
  assert.equal(paid(run, 1n, from + periodMs - 1), 'rejected: exceeds_budget')
  assert.deepEqual(spent(run), [100n, 100n])
  assert.equal(paid(run, 1n, from + periodMs - 1), 'refused: budget_does_not_cover_fee')
  assert.equal(paid(run, 99n, from + periodMs), 'applied')
  assert.deepEqual(spent(run), [100n, 200n])
  assert.equal(paid(run, 1n, from + periodMs + 1), 'refused: budget_does_not_cover_fee')
  assert.equal(paid(run, 99n, from + 7 * periodMs + 1), 'applied')
  assert.equal(paid(run, 1n, from + 8 * periodMs - 1), 'refused: budget_does_not_cover_fee')
  assert.equal(paid(run, 99n, from + 8 * periodMs), 'applied')
})

test('left to themselves, periods begin with the block of the grant', () => {
  const run = granted({ perTx: 50n, budget: 50n, periodMs: 5_000 })
  assert.equal(run.timeMs, startMs)
  assert.equal(paid(run, 49n, startMs + 4_999), 'applied')
  assert.equal(paid(run, 49n, startMs + 5_000), 'applied')
})

// What it may sign (L41)

test('of the kinds a session key was granted it signs these only; of none, all that need no own key', () => {
  const narrow = granted({ kinds: ['identity.update', 'market.unheardOf'] })
  assert.equal(paid(narrow, 1n), 'refused: kind_is_not_granted')
  assert.equal(narrow.act(narrow.order('alice', 'identity.update', { name: 'A' }, { by: 'dora' })), 'applied')
  const mute = granted({ kinds: [] })
  assert.equal(paid(mute, 1n), 'refused: kind_is_not_granted')
  const wide = granted()
  assert.equal(paid(wide, 1n), 'applied')
  assert.equal(wide.act(wide.grant('alice', 'eve', {}, { by: 'dora' })), 'refused: needs_own_key')
})

test('every kind that needs the own key is refused to a session key that was granted it by name', () => {
  const kinds = [...new IdentityRun().ledger.kinds.values()].filter(({ needsOwnKey }) => needsOwnKey)
  assert.ok(kinds.length >= 2)
  for (const { kind } of kinds) {
    const run = granted({ kinds: kinds.map(other => other.kind) })
    const at = { height: 2, timeMs: run.timeMs, params: run.genesis.params }
    const sample = run.pay('alice', 'bob', 1n, { by: 'dora' })
    const disguised = {
      ...sample,
      envelope: { ...sample.envelope, kind },
      kind: run.ledger.kinds.get(kind) ?? sample.kind,
    }
    assert.deepEqual(run.ledger.admission(run.view, disguised, at), { refused: 'needs_own_key' }, kind)
  }
})

// How much (L42, L47)

test('a transaction takes at most perTx, its fee included', () => {
  const run = granted({ perTx: 100n })
  assert.equal(paid(run, 100n), 'rejected: exceeds_per_tx')
  assert.equal(paid(run, 99n), 'applied')
  assert.equal(paid(run, 91n, undefined, 10n), 'rejected: exceeds_per_tx')
  assert.deepEqual(spent(run), [1n + 100n + 10n, 111n])
})

test('budget and total are used up to the last Token', () => {
  const run = granted({ perTx: 60n, budget: 100n, total: 150n, periodMs: 1_000_000 })
  assert.equal(paid(run, 59n), 'applied')
  assert.equal(paid(run, 39n), 'applied')
  assert.equal(paid(run, 1n), 'refused: budget_does_not_cover_fee')
  const next = startMs + 1_000_000
  assert.equal(paid(run, 50n, next), 'rejected: exceeds_total')
  assert.equal(paid(run, 48n, next), 'applied')
  assert.equal(paid(run, 1n, next), 'refused: budget_does_not_cover_fee')
})

test('where period and total both fall short, the period answers', () => {
  const run = granted({ perTx: 80n, budget: 100n, total: 100n })
  assert.equal(paid(run, 79n), 'applied')
  assert.equal(paid(run, 20n), 'rejected: exceeds_budget')
})

test('a fee beyond what is left keeps a transaction out of the block, so that fees do not drain an account', () => {
  const run = granted({ perTx: 10n, budget: 25n })
  assert.equal(paid(run, 1n, undefined, 11n), 'refused: budget_does_not_cover_fee')
  for (const fee of [10n, 10n]) assert.equal(paid(run, 10n, undefined, fee), 'rejected: exceeds_per_tx')
  assert.equal(paid(run, 10n, undefined, 6n), 'refused: budget_does_not_cover_fee')
  assert.equal(paid(run, 10n, undefined, 5n), 'rejected: exceeds_per_tx')
  assert.equal(run.account('alice').available, 10_000n - 1n - 25n)
})

test('of what a budget rejects, nothing but the fee is left, neither Tokens nor rows', () => {
  const run = granted({ perTx: 10n, budget: 25n })
  run.block()
  const before = { bob: run.account('bob'), rows: run.rows.size }
  assert.equal(paid(run, 10n), 'rejected: exceeds_per_tx')
  assert.deepEqual({ bob: run.account('bob'), rows: run.rows.size }, before)
  assert.equal(run.account('alice').available, 9_998n)
})

test('Tokens go to granted payees only, and the rejected try costs its fee', () => {
  const run = granted({ payees: ['carol', 'alice'] })
  assert.equal(paid(run, 1n), 'rejected: payee_is_not_granted')
  assert.equal(run.act(run.pay('alice', 'carol', 1n, { by: 'dora' })), 'applied')
  assert.deepEqual(spent(run), [3n, 3n])
  const nobody = granted({ payees: [] })
  assert.equal(paid(nobody, 1n), 'rejected: payee_is_not_granted')
})

test('paying the account itself takes nothing but the fee', () => {
  const run = granted()
  assert.equal(run.act(run.pay('alice', 'alice', 5_000n, { by: 'dora' })), 'applied')
  assert.deepEqual(spent(run), [1n, 1n])
})

test('what the own key spends counts against no session key', () => {
  const run = granted()
  run.act(run.pay('alice', 'bob', 500n))
  assert.deepEqual(spent(run), [0n, 0n])
})

test('several transactions of one block share one budget', () => {
  const run = granted({ perTx: 100n, budget: 250n })
  const { outcomes } = run.block([2, 3, 4, 5].map(nonce => run.pay('alice', 'bob', 99n, { by: 'dora', nonce })))
  assert.deepEqual(
    outcomes.map(outcome => ('code' in outcome ? outcome.code : outcome.type)),
    ['applied', 'applied', 'exceeds_budget', 'exceeds_budget'],
  )
  assert.deepEqual(spent(run), [202n, 202n])
})

test('tried without being admitted, a transaction of a key without a grant has no budget', () => {
  const run = new IdentityRun()
  const at = { height: 1, timeMs: startMs, params: run.genesis.params }
  const { rejected } = run.ledger.dryRun(run.view, run.pay('alice', 'bob', 1n, { by: 'dora' }), at)
  assert.equal(rejected, 'exceeds_budget')
})

// Locked Tokens (L42, L48), with a box that holds them: what escrows, bonds and channels do.

const object = 'b0'.repeat(32) as Hash
const boxed = 40n
const boxDomain = {
  name: 'box',
  doc: '',
  transactions: [
    transaction({
      kind: 'box.put',
      doc: '',
      path: '/api/box/put',
      command: 'box put',
      example: 'box put',
      body: struct({ gives: boolean }),
      rejections: { funds_are_short: '' },
      spends: () => boxed,
      apply(draft, { gives }, { account }) {
        if (!lock(draft, account, boxed, { object, payees: [actor('bob').address] })) return 'funds_are_short'
        if (gives) payLocked(draft, account, actor('bob').address, boxed, object)
        return
      },
    }),
    transaction({
      kind: 'box.open',
      doc: '',
      path: '/api/box/open',
      command: 'box open',
      example: 'box open',
      body: struct({ gives: boolean }),
      rejections: {},
      spends: () => 0n,
      apply(draft, { gives }, { account }) {
        if (gives) payLocked(draft, account, actor('carol').address, boxed, object)
        else unlock(draft, account, boxed)
        return
      },
    }),
  ],
  queries: [],
} satisfies Domain

/** Each step: whose key, put or open, and whether it gives; the last says what dora's grant counts, fees of 1 included. */
function boxes(terms: GrantTerms, steps: readonly (readonly [by: 'alice' | 'dora', kind: string, gives: boolean])[]) {
  const run = new IdentityRun({}, new Ledger([identityDomain, accountsDomain, boxDomain]))
  run.act(run.grant('alice', 'dora', terms))
  const outcomes = steps.map(([by, kind, gives]) =>
    run.act(run.order('alice', `box.${kind}`, { gives }, by === 'alice' ? {} : { by })),
  )
  const credit = charges.get(run.view, { did: alice, key: dora, object })
  return { outcomes, spent: spent(run)[1], credit }
}

test('what a session key locks counts, and giving that out does not count again', () => {
  const steps = [['dora', 'put', false] as const, ['dora', 'open', true] as const]
  assert.deepEqual(boxes({}, steps), { outcomes: ['applied', 'applied'], spent: 42n, credit: undefined })
})

test('what comes back is not counted off', () => {
  const steps = [['dora', 'put', false] as const, ['dora', 'open', false] as const]
  assert.deepEqual(boxes({}, steps), { outcomes: ['applied', 'applied'], spent: 42n, credit: 40n })
})

test('giving out what the own key locked counts', () => {
  const steps = [['alice', 'put', false] as const, ['dora', 'open', true] as const]
  assert.deepEqual(boxes({}, steps), { outcomes: ['applied', 'applied'], spent: 41n, credit: undefined })
  assert.deepEqual(boxes({ perTx: 40n }, steps).outcomes, ['applied', 'rejected: exceeds_per_tx'])
})

test('locking and giving in one transaction counts once', () => {
  assert.deepEqual(boxes({}, [['dora', 'put', true]]), { outcomes: ['applied'], spent: 41n, credit: undefined })
})

test('a key gives what it locked once: after that it is the owner’s that it takes', () => {
  const steps = [
    ['alice', 'put', false] as const,
    ['dora', 'put', false] as const,
    ['dora', 'open', true] as const,
    ['dora', 'open', true] as const,
  ]
  assert.equal(boxes({}, steps).spent, 3n + 80n)
})

test('a rejected lock remembers nothing', () => {
  const { outcomes, credit } = boxes({ perTx: 40n }, [['dora', 'put', false]])
  assert.deepEqual([outcomes, credit], [['rejected: exceeds_per_tx'], undefined])
})

test('all who may come to have locked Tokens must be granted, and who gets them in the end', () => {
  const payees = ['bob']
  const steps = [['dora', 'put', false] as const, ['dora', 'open', true] as const]
  assert.deepEqual(boxes({ payees }, steps).outcomes, ['applied', 'rejected: payee_is_not_granted'])
  assert.deepEqual(boxes({ payees: ['carol'] }, steps.slice(0, 1)).outcomes, ['rejected: payee_is_not_granted'])
})

// Escrow, where a word may be worth as much as a payment (L42)

/** Dora may sign for alice, whose own key has locked 500 for bob, to be released when alice and bob agree. */
function agreed(terms: GrantTerms = {}): { readonly run: IdentityRun; readonly id: Hash } {
  const run = granted(terms)
  const both = { id: 'both', when: { type: 'kOf', value: { k: 2, dids: [alice, actor('bob').did] } } }
  const payload = { beneficiary: actor('bob').address, amount: 500n, releaseRules: [both] }
  const created = run.order('alice', 'escrow.create', payload)
  assert.equal(run.act(created), 'applied')
  return { run, id: created.id }
}

test('approving that somebody takes what the own key locked counts like giving it', () => {
  const { run, id } = agreed()
  const approve = (amount: bigint) =>
    run.order('alice', 'escrow.approve', { id, amount, ruleId: 'both' }, { by: 'dora' })
  assert.equal(run.act(approve(500n)), 'rejected: exceeds_per_tx')
  const release = run.order('bob', 'escrow.release', { id, ruleId: 'both' })
  assert.equal(run.act(release), 'rejected: rule_does_not_hold')
  assert.equal(run.act(approve(60n)), 'applied')
  assert.deepEqual(spent(run), [62n, 62n])
  assert.equal(run.act(run.order('bob', 'escrow.release', { id, ruleId: 'both', amount: 60n })), 'applied')
  assert.deepEqual(spent(run), [62n, 62n])
})

test('an approval names a payee who must be granted', () => {
  const { run, id } = agreed({ payees: ['carol'] })
  const approval = run.order('alice', 'escrow.approve', { id, amount: 1n, ruleId: 'both' }, { by: 'dora' })
  assert.equal(run.act(approval), 'rejected: payee_is_not_granted')
})

test('taking an approval back, and approving in somebody else’s escrow, takes nothing but the fee', () => {
  const { run, id } = agreed()
  run.act(run.order('alice', 'escrow.approve', { id, amount: 60n, ruleId: 'both' }, { by: 'dora' }))
  run.act(run.order('alice', 'escrow.approve', { id, amount: 0n, ruleId: 'both' }, { by: 'dora' }))
  assert.deepEqual(spent(run), [62n, 62n])
  run.act(run.grant('bob', 'eve', { perTx: 5n, budget: 5n }))
  assert.equal(
    run.act(run.order('bob', 'escrow.approve', { id, amount: 500n, ruleId: 'both' }, { by: 'eve' })),
    'applied',
  )
})

test('what a session key locks in an escrow itself, it releases without counting it again', () => {
  const { run, id } = agreed({ perTx: 60n, budget: 200n })
  assert.equal(run.act(run.order('alice', 'escrow.fund', { id, amount: 59n }, { by: 'dora' })), 'applied')
  const release = (amount: bigint) => run.order('alice', 'escrow.release', { id, amount }, { by: 'dora' })
  assert.equal(run.act(release(119n)), 'rejected: exceeds_per_tx')
  assert.equal(run.act(release(59n)), 'applied')
  assert.deepEqual(spent(run), [62n, 62n])
  assert.equal(run.act(release(59n)), 'applied')
  assert.deepEqual(spent(run), [122n, 122n])
  assert.equal(run.act(release(60n)), 'rejected: exceeds_per_tx')
})
