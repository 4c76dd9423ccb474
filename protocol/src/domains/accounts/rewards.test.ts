import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { actor } from '../../../../test/helpers/actors.ts'
import { LedgerRun } from '../../../../test/helpers/ledger-run.ts'
import { presets } from '../../ledger/params.ts'
import { subsidyAt } from './rewards.ts'
import { accounts } from './rows.ts'

const stakes = { val: 50n, vera: 30n, vito: 20n }

/** What each of the three got in the last block. */
function rewards(run: LedgerRun, act: () => void): bigint[] {
  const before = Object.keys(stakes).map(name => run.account(name).available)
  act()
  return Object.keys(stakes).map((name, index) => run.account(name).available - (before[index] ?? 0n))
}

// After a first block; a subsidy of 100 and the fee of one transaction.
const splits: readonly (readonly [
  claim: string,
  fee: bigint,
  signers: string[],
  proposer: string,
  shares: bigint[],
])[] = [
  ['everybody signed: by power', 0n, ['val', 'vera', 'vito'], 'val', [50n, 30n, 20n]],
  ['fees are shared like the subsidy', 100n, ['val', 'vera', 'vito'], 'val', [100n, 60n, 40n]],
  ['who did not sign gets nothing', 0n, ['val', 'vera'], 'val', [63n, 37n, 0n]],
  ['the remainder is the proposer’s', 0n, ['val', 'vera'], 'vera', [62n, 38n, 0n]],
  ['also where the proposer did not sign', 0n, ['val', 'vera'], 'vito', [62n, 37n, 1n]],
  ['a remainder of two', 3n, ['val', 'vera', 'vito'], 'vito', [51n, 30n, 22n]],
]

for (const [claim, fee, signers, proposer, shares] of splits) {
  test(`rewards are split among the signers of the last commit: ${claim}`, () => {
    const run = new LedgerRun({ stakes, params: { subsidy: 100n, feeMin: 0n } })
    run.block()
    const transactions = fee === 0n ? [] : [run.transfer('alice', { fee })]
    assert.deepEqual(
      rewards(run, () => run.block(transactions, signers, proposer)),
      shares,
    )
  })
}

test('the first block has no commit to reward: all goes to its proposer', () => {
  const run = new LedgerRun({ stakes, params: { subsidy: 100n } })
  assert.deepEqual(
    rewards(run, () => run.block([run.transfer('alice', { fee: 7n })], undefined, 'vera')),
    [0n, 107n, 0n],
  )
})

test('a reward too small to share is the proposer’s, and no other account is touched', () => {
  const run = new LedgerRun({ stakes, params: { subsidy: 1n } })
  run.block()
  const { draft } = run.try([], ['val', 'vera', 'vito'], 'vito')
  assert.deepEqual(draft.movements, [{ to: actor('vito').address, amount: 1n }])
  assert.ok(!draft.changes().some(([key]) => key === accounts.key(actor('val').address)))
})

test('a subsidy of 0 issues nothing and fees are still paid out', () => {
  const run = new LedgerRun({ stakes, params: { subsidy: 0n } })
  run.block()
  const { issued } = run.supply
  assert.deepEqual(
    rewards(run, () => run.block([run.transfer('alice', { fee: 10n })])),
    [5n, 3n, 2n],
  )
  assert.equal(run.supply.issued, issued)
})

test('a block without reward writes no account', () => {
  const run = new LedgerRun({ stakes, params: { subsidy: 0n } })
  run.block()
  const written = run.try([], ['val', 'vera', 'vito']).draft.changes()
  assert.deepEqual(
    written.map(([key]) => key.split('/')[0]),
    ['validators', 'validators'],
  )
})

test('the subsidy halves exactly at the boundary and ends at 0', () => {
  const run = new LedgerRun({ stakes: { val: 1n }, params: { subsidy: 5n, subsidyHalvingBlocks: 3 } })
  const issued: bigint[] = []
  for (let height = 1; height <= 12; height++) {
    const before = run.supply.issued
    run.block()
    issued.push(run.supply.issued - before)
  }
  assert.deepEqual(issued, [5n, 5n, 5n, 2n, 2n, 2n, 1n, 1n, 1n, 0n, 0n, 0n])
})

test('the subsidy of any height is the first one halved as often as the boundary was passed', () => {
  fc.assert(
    fc.property(
      fc.bigInt(0n, 2n ** 53n - 1n),
      fc.integer({ min: 1, max: 1_000_000_000 }),
      fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      (subsidy, subsidyHalvingBlocks, height) => {
        let expected = subsidy
        const halvings = (BigInt(height) - 1n) / BigInt(subsidyHalvingBlocks)
        for (let times = 0n; times < halvings && expected > 0n; times++) expected /= 2n
        assert.equal(subsidyAt({ ...presets.local, subsidy, subsidyHalvingBlocks }, height), expected)
      },
    ),
  )
})

test('whatever the powers, signers and reward, shares add up to the reward', () => {
  const power = fc.bigInt(1n, 2n ** 50n)
  fc.assert(
    fc.property(
      power,
      power,
      power,
      fc.bigInt(0n, 2n ** 50n),
      fc.integer({ min: 1, max: 7 }),
      (a, b, c, subsidy, mask) => {
        const params = { subsidy, subsidyHalvingBlocks: 1 }
        const run = new LedgerRun({
          balances: {},
          stakes: { val: a, vera: b, vito: c },
          params: { ...params, subsidyHalvingBlocks: 1_000 },
        })
        run.block([], undefined, 'vera')
        const signers = Object.keys(stakes).filter((_, index) => (mask >> index) & 1)
        const shares = rewards(run, () => run.block([], signers, 'vera'))
        assert.equal(
          shares.reduce((sum, share) => sum + share, 0n),
          subsidy,
        )
        shares.forEach((share, index) => {
          const isRewarded = (mask >> index) & 1 || index === 1
          assert.ok(share >= 0n && (isRewarded || share === 0n))
        })
      },
    ),
    { numRuns: 50 },
  )
})
