import assert from 'node:assert/strict'
import test from 'node:test'
import { actor } from '../../../../test/helpers/actors.ts'
import { EscrowRun } from '../../../../test/helpers/escrow-run.ts'
import { Prng } from '../../lib/prng.ts'
import { escrowDomain } from './index.ts'
import { escrowIds, escrows, escrowTerms, isClosed } from './rows.ts'
import { workload } from './workload.ts'

const people = ['alice', 'bob', 'arbiter', 'payee', 'signer'].map(actor)

/** Blocks of random orders, a few each and seconds apart, checked after each. */
function busy(seed: number, blocks: number): { readonly run: EscrowRun; readonly outcomes: Map<string, number> } {
  const run = new EscrowRun()
  const prng = new Prng(seed)
  const outcomes = new Map<string, number>()
  for (let block = 0; block < blocks; block += 1) {
    run.timeMs += prng.below(2_000)
    const orders = people.flatMap(sender => {
      const order = workload({
        sender: sender.did,
        identities: people.map(({ did }) => did),
        accounts: people.map(({ address }) => address),
        chainId: run.chainId,
        nowMs: run.timeMs,
        view: run.view,
        below: bound => prng.below(bound),
        sign: () => assert.fail('escrows need no signatures inside'),
      })
      if (order === undefined) return []
      const head = { chainId: run.chainId, sender: sender.did, nonce: run.account(sender.name).nonce + 1, fee: 1n }
      return [run.unsigned({ ...head, ...order })]
    })
    const before = run.supply.issued
    run.block(orders).receipts.forEach(({ transaction, result }) => {
      const what = `${transaction.kind.kind} ${result.rejected ?? 'applied'}`
      outcomes.set(what, (outcomes.get(what) ?? 0) + 1)
    })
    assert.equal(run.supply.issued, before)
    run.check()
  }
  assert.equal([...run.view.range('deadlines/')].length, endsToCome(run), 'open escrows with an end are in the queue')
  return { run, outcomes }
}

function endsToCome({ view }: EscrowRun): number {
  return [...escrowIds(view)].filter(id => {
    const escrow = escrows.get(view, id)
    return escrow !== undefined && !isClosed(escrow) && escrowTerms.get(view, id)?.expiresAt !== undefined
  }).length
}

test('random escrows are sound after every block, no Token is lost, and many actions succeed', () => {
  const total = new Map<string, number>()
  const ends = new Map<string, number>()
  for (let seed = 1; seed <= 5; seed += 1) {
    const { run, outcomes } = busy(seed, 60)
    for (const [what, count] of outcomes) total.set(what, (total.get(what) ?? 0) + count)
    for (const id of escrowIds(run.view)) {
      const { state } = escrows.get(run.view, id) ?? assert.fail('an id has an escrow')
      ends.set(state, (ends.get(state) ?? 0) + 1)
    }
  }
  for (const { kind } of escrowDomain.transactions) {
    const of = [...total].filter(([what]) => what.startsWith(`${kind} `))
    const applied = total.get(`${kind} applied`) ?? 0
    const all = of.reduce((sum, [, count]) => sum + count, 0)
    assert.ok(applied >= 30 && applied * 4 >= all, `${kind}: ${applied} of ${all} were applied`)
  }
  for (const state of ['open', 'funded', 'released', 'refunded', 'split']) {
    assert.ok((ends.get(state) ?? 0) >= 5, `${ends.get(state)} are ${state}`)
  }
  for (const code of ['rule_does_not_hold', 'amount_exceeds_cap', 'amount_exceeds_held', 'stale_resource']) {
    assert.ok(
      [...total.keys()].some(what => what.endsWith(` ${code}`)),
      `nothing was rejected with ${code}`,
    )
  }
})

test('one seed is one course of events', () => {
  const [one, two, other] = [7, 7, 8].map(seed => busy(seed, 15).run.root)
  assert.equal(one, two)
  assert.notEqual(one, other)
})
