import assert from 'node:assert/strict'
import test from 'node:test'
import {
  assemble,
  fromBytes,
  type Hash,
  ledger,
  rotationMessage,
  sign,
  signingBytes,
  toBytes,
  type Transaction,
} from '@claw-network/protocol'
import { actor } from '../../../test/helpers/actors.ts'
import { ChainRun, signatures } from '../../../test/helpers/chain-run.ts'
import { transfer, transferEnvelope, type TransferOptions } from '../../../test/helpers/ledger-run.ts'
import { ManualClock, QuietTransport, silentLog } from '../../../test/helpers/quiet-ports.ts'
import { Mempool, mempoolDefaults } from './mempool.ts'
import { Relay } from './relay.ts'
import { transactionBatch } from './wire.ts'

interface Node {
  readonly run: ChainRun
  readonly relay: Relay
  readonly mempool: Mempool
  readonly transport: QuietTransport
  readonly clock: ManualClock
}

async function node(): Promise<Node> {
  const run = await ChainRun.open()
  const { chain } = run
  const mempool = new Mempool(mempoolDefaults, { view: () => chain.view })
  const transport = new QuietTransport()
  const clock = new ManualClock(chain.tip.timeMs + 10_000)
  const relay = new Relay({ chain, mempool, transport, signatures, clock, log: silentLog })
  relay.start()
  return { run, relay, mempool, transport, clock }
}

function batch(...transactions: readonly Transaction[]): Uint8Array {
  return toBytes(transactionBatch, { salt: 1, transactions: transactions.map(({ bytes }) => bytes) })
}

/** Signed by mallory as the session key of alice, who never named her. */
function forged(chainId: Hash, options: TransferOptions = {}): Transaction {
  const mallory = actor('mallory')
  const envelope = transferEnvelope(chainId, actor('alice'), { ...options, to: mallory, signer: mallory.did })
  return assemble(ledger.kinds, envelope, sign(signingBytes(ledger.kinds, envelope), mallory.secretKey))
}

test('a transaction that is heard waits here and is spread', async () => {
  const { run, mempool, transport } = await node()
  const sent = run.transfer('alice')
  assert.equal(await transport.hear('transactions', batch(sent)), 'accept')
  assert.deepEqual(mempool.get(sent.id), sent)
})

test('a submitted transaction waits here and goes out with the next batch', async () => {
  const { run, relay, mempool, transport, clock } = await node()
  const sent = run.transfer('alice')
  assert.equal(relay.submit(sent), undefined)
  assert.equal(mempool.size, 1)
  clock.advance(50)
  const [message = assert.fail('nothing was published')] = transport.published
  assert.equal(message.topic, 'transactions')
  assert.deepEqual(fromBytes(transactionBatch, message.payload).transactions, [sent.bytes])
})

// Each could never stand in a block now: it must not take a place, nor be spread, for its signature is good.
const inadmissible: readonly (readonly [
  claim: string,
  code: string,
  make: (run: ChainRun, nowMs: number) => Transaction,
])[] = [
  ['signed by a key that the sender never named', 'signer_is_unknown', run => forged(run.chain.chainId)],
  ['expired', 'transaction_expired', (run, nowMs) => run.transfer('alice', { validUntil: nowMs - 1 })],
  ['below the least fee', 'fee_is_too_low', run => run.transfer('alice', { fee: 0n })],
  ['of an account that can not pay its fee', 'fee_is_not_covered', run => run.transfer('nobody')],
]

for (const [claim, code, make] of inadmissible) {
  test(`a transaction ${claim} neither waits nor is spread, and nobody is blamed`, async () => {
    const { run, relay, mempool, transport, clock } = await node()
    const made = make(run, clock.nowMs())
    assert.equal(await transport.hear('transactions', batch(made)), 'ignore')
    assert.deepEqual(relay.submit(made), { code })
    assert.equal(mempool.size, 0)
    clock.advance(50)
    assert.deepEqual(transport.published, [])
  })
}

test('nobody pushes out another account’s transaction, whatever fee he offers in its name', async () => {
  const { run, mempool, transport } = await node()
  const sent = run.transfer('alice')
  await transport.hear('transactions', batch(sent))
  await transport.hear('transactions', batch(forged(run.chain.chainId, { fee: 900n })))
  assert.deepEqual(mempool.get(sent.id), sent)
  assert.equal(mempool.fate(sent.id), undefined)
})

/** Signed with an actor's key for alice, whose key need not be that. */
function asAlice(run: ChainRun, by: string, kind: string, payload: unknown, nonce: number): Transaction {
  const alice = actor('alice')
  const { did: signer, secretKey } = actor(by)
  const head = { chainId: run.chain.chainId, kind, sender: alice.did, nonce, fee: 1n }
  const envelope = { ...head, ...(by !== 'alice' && { signer }), payload }
  return assemble(ledger.kinds, envelope, sign(signingBytes(ledger.kinds, envelope), secretKey))
}

function payBob(run: ChainRun, by: string, nonce: number): Transaction {
  return asAlice(run, by, 'wallet.transfer', { to: actor('bob').address, amount: 1n }, nonce)
}

test('what a session key left behind goes with its grant, so that the owner’s next nonces are free', async () => {
  const { run, relay, mempool, transport } = await node()
  const limits = { perTx: 10n, budget: 10n, periodMs: 60_000, notAfter: run.chain.tip.timeMs + 60_000_000 }
  await run.decide([asAlice(run, 'alice', 'identity.grant', { key: actor('dora').did, ...limits }, 1)])
  const [second, third, fourth] = [payBob(run, 'dora', 2), payBob(run, 'dora', 3), payBob(run, 'alice', 4)]
  assert.equal(await transport.hear('transactions', batch(second, third, fourth)), 'accept')
  const revocation = asAlice(run, 'alice', 'identity.revoke', { key: actor('dora').did }, 2)
  await run.decide([revocation])
  mempool.decided([revocation], run.chain.tip.timeMs)
  relay.decided([revocation])
  assert.deepEqual(mempool.fate(third.id), { code: 'signer_is_unknown' })
  assert.equal(mempool.nextNonce(actor('alice').address), 3)
  assert.deepEqual(mempool.waiting(actor('alice').address), [fourth])
})

test('what a key that was rotated away left behind goes with it', async () => {
  const { run, relay, mempool, transport } = await node()
  const { did: newKey, secretKey } = actor('dora')
  const message = rotationMessage(run.chain.chainId, actor('alice').did, newKey, 1)
  const rotation = asAlice(run, 'alice', 'identity.rotate', { newKey, rotation: 1, proof: sign(message, secretKey) }, 1)
  const old = payBob(run, 'alice', 2)
  assert.equal(await transport.hear('transactions', batch(rotation, old)), 'accept')
  await run.decide([rotation])
  mempool.decided([rotation], run.chain.tip.timeMs)
  relay.decided([rotation])
  assert.deepEqual(mempool.fate(old.id), { code: 'signer_is_unknown' })
})

test('what is still good stays when a block is final', async () => {
  const { run, relay, mempool, transport } = await node()
  const [first, second] = [payBob(run, 'alice', 1), payBob(run, 'alice', 2)]
  assert.equal(await transport.hear('transactions', batch(first, second)), 'accept')
  await run.decide([first])
  mempool.decided([first], run.chain.tip.timeMs)
  relay.decided([first])
  assert.deepEqual(mempool.waiting(actor('alice').address), [second])
})

test('a wrong signature, another network’s transaction, or nonsense is held against the sender', async () => {
  const { run, mempool, transport } = await node()
  const good = run.transfer('alice')
  const unsigned = assemble(ledger.kinds, good.envelope, new Uint8Array(64).fill(1))
  const foreign = transfer('ab'.repeat(32) as Hash, actor('alice'))
  for (const payload of [batch(unsigned), batch(foreign), batch(good, unsigned), new Uint8Array(5)]) {
    assert.equal(await transport.hear('transactions', payload), 'reject')
  }
  assert.equal(mempool.size, 0)
})

test('what would only pay for nothing is not submitted: a stale prev, an amount beyond the balance', async () => {
  const { run, relay, mempool } = await node()
  await run.decide([run.transfer('alice')])
  const stale = run.transfer('alice', { prev: 'ab'.repeat(32) as Hash })
  assert.deepEqual(relay.submit(stale), { code: 'stale_prev' })
  assert.deepEqual(relay.submit(run.transfer('alice', { amount: 5_000n })), { code: 'funds_are_short' })
  assert.equal(mempool.size, 0)
  const { head } = run.account('alice')
  assert.equal(relay.submit(run.transfer('alice', { ...(head && { prev: head }) })), undefined)
})

test('the loser of two transactions with one nonce is told by whom', async () => {
  const { run, relay } = await node()
  const winner = run.transfer('alice', { amount: 1n })
  const loser = run.transfer('alice', { amount: 2n })
  await run.decide([winner])
  assert.deepEqual(relay.submit(loser), { code: 'nonce_is_used', by: winner.id })
})
