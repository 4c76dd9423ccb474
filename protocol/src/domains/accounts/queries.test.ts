import assert from 'node:assert/strict'
import test from 'node:test'
import { actor } from '../../../../test/helpers/actors.ts'
import { LedgerRun } from '../../../../test/helpers/ledger-run.ts'
import { balance } from './queries.ts'

const alice = actor('alice')

function ask(run: LedgerRun, input: Parameters<typeof balance.read>[1], pending = 0n, self?: typeof alice.did) {
  const context = {
    height: run.height,
    timeMs: run.timeMs,
    pending: () => pending,
    begun: () => [],
    ...(self !== undefined && { self }),
  }
  return balance.read(run.view, input, context)
}

test('balance is available, pending and locked together', () => {
  const run = new LedgerRun({ balances: { val: 40n }, stakes: { val: 100n } })
  for (const pending of [0n, 15n, 40n]) {
    const answer = ask(run, { address: actor('val').address }, pending) ?? assert.fail()
    assert.deepEqual([answer.available, answer.pending, answer.locked], [40n - pending, pending, 100n])
    assert.equal(answer.balance, answer.available + answer.pending + answer.locked)
  }
})

test('more pending than there is leaves nothing available, and never less', () => {
  const answer = ask(new LedgerRun(), { address: alice.address }, 5_000n) ?? assert.fail()
  assert.deepEqual([answer.balance, answer.available, answer.pending], [1_000n, 0n, 1_000n])
})

test('an account is named by address, by DID, or is the node’s own', () => {
  const run = new LedgerRun()
  const byAddress = ask(run, { address: alice.address })
  assert.deepEqual(ask(run, { did: alice.did }), byAddress)
  assert.deepEqual(ask(run, {}, 0n, alice.did), byAddress)
  assert.deepEqual(ask(run, { did: alice.did, address: alice.address }), byAddress)
  assert.throws(() => ask(run, { did: actor('bob').did, address: alice.address }), /address: is of another account/)
  assert.equal(ask(run, {}), undefined)
  assert.equal(ask(run, { did: actor('bob').did }, 0n, alice.did)?.address, actor('bob').address)
})

test('an account that was never paid has nothing, and no head', () => {
  assert.deepEqual(ask(new LedgerRun(), { did: actor('stranger').did }), {
    address: actor('stranger').address,
    balance: 0n,
    available: 0n,
    pending: 0n,
    locked: 0n,
    nonce: 0,
  })
})

test('nonce and head are those of the last final transaction', () => {
  const run = new LedgerRun()
  const sent = run.transfer('alice')
  run.block([sent])
  const { nonce, head } = ask(run, { address: alice.address }) ?? assert.fail()
  assert.deepEqual({ nonce, head }, { nonce: 1, head: sent.id })
})
