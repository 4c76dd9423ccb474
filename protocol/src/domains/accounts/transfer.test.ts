import assert from 'node:assert/strict'
import test from 'node:test'
import { actor } from '../../../../test/helpers/actors.ts'
import { LedgerRun, type TransferOptions } from '../../../../test/helpers/ledger-run.ts'

// From 1,000 Tokens each; `paid` is what the receiver has more afterwards, undefined where it is rejected.
const transfers: readonly (readonly [what: string, options: TransferOptions, paid: bigint | undefined])[] = [
  ['one Token', { amount: 1n }, 1n],
  ['all but the fee', { amount: 999n }, 999n],
  ['all but a higher fee', { amount: 990n, fee: 10n }, 990n],
  ['all, the fee on top', { amount: 1_000n }, undefined],
  ['one too many', { amount: 991n, fee: 10n }, undefined],
  ['more than there is in the world', { amount: 2n ** 53n - 1n }, undefined],
  ['a payment to somebody new', { amount: 5n, to: actor('newcomer') }, 5n],
  ['a payment with the longest memo', { amount: 5n, memo: 'é'.repeat(128) }, 5n],
  ['a payment with an empty memo', { amount: 5n, memo: '' }, 5n],
]

for (const [what, options, paid] of transfers) {
  test(`${what} ${paid === undefined ? 'is rejected and costs the fee' : 'is paid'}`, () => {
    const run = new LedgerRun()
    const to = options.to ?? actor('bob')
    const before = run.account(to.name).available
    const { outcomes, receipts } = run.block([run.transfer('alice', options)])
    const { fee = 1n } = options

    assert.deepEqual(outcomes, [
      paid === undefined ? { type: 'rejected', code: 'funds_are_short' } : { type: 'applied' },
    ])
    assert.equal(run.account('alice').available, 1_000n - fee - (paid ?? 0n))
    assert.equal(run.account(to.name).available, before + (paid ?? 0n))
    assert.equal(run.account('val').available, fee)
    const feeMovement = { from: actor('alice').address, amount: fee }
    const movements =
      paid === undefined ? [feeMovement] : [feeMovement, { from: actor('alice').address, to: to.address, amount: paid }]
    assert.deepEqual(receipts[0]?.movements, movements)
  })
}

test('paying oneself costs the fee and needs the amount', () => {
  const run = new LedgerRun()
  run.block([run.transfer('alice', { to: actor('alice'), amount: 999n })])
  assert.equal(run.account('alice').available, 999n)
  const { outcomes } = run.try([run.transfer('alice', { to: actor('alice'), amount: 999n })])
  assert.deepEqual(outcomes, [{ type: 'rejected', code: 'funds_are_short' }])
})

test('what was received can be spent in the same block, in block order only', () => {
  const order = (first: 'pay' | 'spend') => {
    const run = new LedgerRun({ balances: { alice: 1_000n, bob: 5n } })
    const pay = run.transfer('alice', { to: actor('bob'), amount: 100n })
    const spend = run.transfer('bob', { to: actor('carol'), amount: 100n })
    return run.try(first === 'pay' ? [pay, spend] : [spend, pay]).outcomes
  }
  assert.deepEqual(order('pay'), [{ type: 'applied' }, { type: 'applied' }])
  assert.deepEqual(order('spend'), [{ type: 'rejected', code: 'funds_are_short' }, { type: 'applied' }])
})

test('locked Tokens are neither spent nor taken for fees', () => {
  const run = new LedgerRun({ stakes: { val: 100n } })
  const { outcomes } = run.try([run.transfer('val', { amount: 1n })])
  assert.deepEqual(outcomes, [{ type: 'refused', code: 'fee_is_not_covered' }])
})

test('an account counts its transactions and remembers the last, applied or rejected', () => {
  const run = new LedgerRun()
  const applied = run.transfer('alice')
  const rejected = run.transfer('alice', { nonce: 2, amount: 5_000n })
  run.block([applied])
  assert.deepEqual(run.account('alice'), { available: 989n, locked: 0n, nonce: 1, head: applied.id })
  run.block([rejected])
  assert.deepEqual(run.account('alice'), { available: 988n, locked: 0n, nonce: 2, head: rejected.id })
  assert.deepEqual(run.account('bob'), { available: 1_010n, locked: 0n, nonce: 0 })
})
