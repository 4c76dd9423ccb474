import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Deeds } from './deeds.ts'
import { planOf } from './plan.ts'
import { simulate } from './simulate.ts'

/** Those in which much is traded. */
const seeds = Array.from({ length: 12 }, (_, index) => 20 * index + 5)

/** What must have happened in all of them together, at least so often. */
const least: readonly (readonly [number, string])[] = [
  [80, 'escrow.create: applied'],
  [15, 'escrow.fund: applied'],
  [30, 'escrow.release: applied'],
  [20, 'escrow.refund: applied'],
  [25, 'escrow.approve: applied'],
  [30, 'escrow: expired'],
  [10, 'escrow: partly paid'],
  [15, 'escrow: released'],
  [25, 'escrow: refunded'],
  [8, 'escrow: split'],
  [4, 'escrow: approvals used'],
  [75, 'identity.grant: applied'],
  [50, 'wallet.transfer by a session key: applied'],
  [4, 'escrow.create by a session key: applied'],
  [1, 'escrow.fund by a session key: applied'],
  [2, 'escrow.refund by a session key: applied'],
  [4, 'escrow.release by a session key: applied'],
  [2, 'escrow.approve by a session key: applied'],
  [4, 'identity.rotate: applied'],
  [5, 'identity.revoke: applied'],
  [5, 'identity.revoke by a session key: applied'],
  [15, 'identity.update: applied'],
  [25, 'identity.attest: applied'],
  [4, 'identity.revokeCredential: applied'],
]

test('simulated networks come to all that the ledger can do, often enough', async () => {
  const deeds = new Deeds()
  for (const seed of seeds) {
    const { violation, deeds: counts } = await simulate(planOf(seed))
    assert.equal(violation, undefined)
    deeds.take(counts)
  }
  for (const [times, what] of least) {
    const count = deeds.counts.get(what) ?? 0
    assert.ok(count >= times, `"${what}" happened ${count} times, not ${times}`)
  }
})

test('what happens in many runs adds up, and nothing is counted that did not happen', () => {
  const deeds = new Deeds()
  deeds.add('b', 2)
  deeds.add('a', 0)
  deeds.take(
    new Map([
      ['a', 1],
      ['b', 1],
    ]),
  )
  assert.deepEqual(deeds.lines, ['1\ta', '3\tb'])
})
