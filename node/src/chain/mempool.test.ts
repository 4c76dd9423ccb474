import assert from 'node:assert/strict'
import test from 'node:test'
import type { Hash, Transaction } from '@claw-network/protocol'
import { actor } from '../../../test/helpers/actors.ts'
import { LedgerRun, type NetworkOptions, type TransferOptions } from '../../../test/helpers/ledger-run.ts'
import { Mempool, type MempoolOptions, mempoolDefaults, type Refusal } from './mempool.ts'

/** A mempool over a ledger; transfers are unsigned, because signatures were checked before they come here. */
class Pool {
  readonly run: LedgerRun
  readonly mempool: Mempool
  readonly ended: (readonly [Hash, Refusal])[] = []

  constructor(options: Partial<MempoolOptions> = {}, network: NetworkOptions = {}) {
    this.run = new LedgerRun(network)
    this.mempool = new Mempool({ ...mempoolDefaults, ...options }, { view: () => this.run.view })
    this.mempool.onEnd((id, refusal) => this.ended.push([id, refusal]))
  }

  transfer(from: string, nonce: number, options: TransferOptions = {}): Transaction {
    return this.run.transfer(from, { nonce, ...options })
  }

  /** Adds it and expects it to be welcome. */
  add(from: string, nonce: number, options: TransferOptions = {}): Transaction {
    const transaction = this.transfer(from, nonce, options)
    assert.equal(this.mempool.add(transaction), undefined)
    return transaction
  }

  /** Makes these final and tells the mempool. */
  decide(transactions: readonly Transaction[]): void {
    this.run.block(transactions)
    this.mempool.decided(transactions, this.run.timeMs)
  }

  get ids(): readonly Hash[] {
    return this.mempool.candidates(1_000_000).map(transaction => transaction.id)
  }
}

function idsOf(transactions: readonly Transaction[]): readonly Hash[] {
  return transactions.map(transaction => transaction.id)
}

test('a transaction that waits is found by its id and by its exact bytes', () => {
  const pool = new Pool()
  const waiting = pool.add('alice', 1)
  assert.equal(pool.mempool.get(waiting.id), waiting)
  assert.equal(pool.mempool.getExact(waiting.wireHash), waiting)
  assert.equal(pool.mempool.size, 1)
})

test('the same transaction under another signature is known already, and only the first bytes are exact', () => {
  const pool = new Pool()
  const waiting = pool.add('alice', 1)
  const resigned = pool.run.unsigned(waiting.envelope)
  assert.notEqual(resigned.wireHash, waiting.wireHash)
  assert.deepEqual(pool.mempool.add(resigned), { code: 'already_known' })
  assert.equal(pool.mempool.getExact(resigned.wireHash), undefined)
})

// One nonce, two transactions

const offers: readonly (readonly [fee: bigint, rival: bigint, replaces: boolean])[] = [
  [100n, 109n, false],
  [100n, 110n, true],
  [1n, 1n, false],
  [1n, 2n, true],
  [9n, 9n, false],
  [10n, 10n, false],
  [10n, 11n, true],
  [11n, 12n, false],
  [11n, 13n, true],
  [0n, 0n, false],
  [0n, 1n, true],
]

for (const [fee, rival, replaces] of offers) {
  test(`a fee of ${rival} ${replaces ? 'replaces' : 'does not replace'} one of ${fee} at the same nonce`, () => {
    const pool = new Pool()
    const first = pool.add('alice', 1, { fee })
    const second = pool.transfer('alice', 1, { fee: rival, amount: 11n })
    const refusal = pool.mempool.add(second)
    if (replaces) {
      assert.equal(refusal, undefined)
      assert.deepEqual(pool.mempool.fate(first.id), { code: 'replaced', by: second.id })
      assert.deepEqual(pool.ended, [[first.id, { code: 'replaced', by: second.id }]])
      assert.equal(pool.mempool.getExact(first.wireHash), undefined)
      assert.equal(pool.mempool.pending(first.account), rival + 11n)
    } else {
      assert.deepEqual(refusal, { code: 'nonce_is_taken', by: first.id })
      assert.deepEqual(pool.ids, [first.id])
    }
  })
}

test('what was replaced may come back for a higher fee, and has no fate then', () => {
  const pool = new Pool()
  const first = pool.add('alice', 1, { fee: 10n })
  const second = pool.add('alice', 1, { fee: 20n, amount: 11n })
  assert.deepEqual(pool.mempool.add(first), { code: 'nonce_is_taken', by: second.id })
  pool.mempool.drop(second.id, { code: 'transaction_expired' })
  assert.equal(pool.mempool.add(first), undefined)
  assert.equal(pool.mempool.fate(first.id), undefined)
})

// Nonces

test('a used nonce is refused, naming the winner where the account still knows it', () => {
  const pool = new Pool()
  const winners = [pool.transfer('alice', 1), pool.transfer('alice', 2)]
  pool.run.block(winners)
  const loser = { amount: 11n }
  assert.deepEqual(pool.mempool.add(pool.transfer('alice', 2, loser)), { code: 'nonce_is_used', by: winners[1]?.id })
  assert.deepEqual(pool.mempool.add(pool.transfer('alice', 1, loser)), { code: 'nonce_is_used' })
})

test('behind a gap transactions wait, and come when it is filled', () => {
  const pool = new Pool()
  const third = pool.add('alice', 3)
  const second = pool.add('alice', 2)
  assert.deepEqual(pool.ids, [])
  assert.equal(pool.mempool.nextNonce(actor('alice').address), 1)
  const first = pool.add('alice', 1)
  assert.deepEqual(pool.ids, idsOf([first, second, third]))
  assert.equal(pool.mempool.nextNonce(actor('alice').address), 4)
})

test('an account has as many places as the limit says, counted from its last final nonce', () => {
  const pool = new Pool({ perAccountMax: 3 })
  pool.add('alice', 3)
  assert.deepEqual(pool.mempool.add(pool.transfer('alice', 4)), { code: 'nonce_is_too_far' })
  pool.decide([pool.transfer('alice', 1)])
  assert.equal(pool.mempool.add(pool.transfer('alice', 4)), undefined)
})

// Funds

test('what waits may spend what the account has and no Token more, fees included', () => {
  const pool = new Pool()
  pool.add('alice', 1, { amount: 500n, fee: 1n })
  assert.deepEqual(pool.mempool.add(pool.transfer('alice', 2, { amount: 499n })), { code: 'funds_are_short' })
  pool.add('alice', 2, { amount: 498n, fee: 1n })
  assert.equal(pool.mempool.pending(actor('alice').address), 1_000n)
  assert.equal(pool.mempool.pending(actor('bob').address), 0n)
})

test('a replacement is counted instead of what it replaces, not on top', () => {
  const pool = new Pool()
  pool.add('alice', 1, { amount: 990n, fee: 1n })
  pool.add('alice', 1, { amount: 990n, fee: 10n })
  assert.deepEqual(pool.mempool.add(pool.transfer('alice', 1, { amount: 985n, fee: 20n })), { code: 'funds_are_short' })
  assert.equal(pool.mempool.pending(actor('alice').address), 1_000n)
})

test('what is to come later takes no place from what comes first: later ones leave where both are too much', () => {
  const pool = new Pool()
  const [second, third] = [pool.add('alice', 2, { amount: 500n }), pool.add('alice', 3, { amount: 480n })]
  const first = pool.add('alice', 1, { amount: 300n })
  assert.deepEqual(pool.ended, [[third.id, { code: 'funds_are_short' }]])
  assert.deepEqual(pool.ids, [first.id, second.id])
  assert.equal(pool.mempool.pending(actor('alice').address), 802n)
})

test('nobody holds up an account with what its later nonces claim to spend', () => {
  const pool = new Pool({ perAccountMax: 3 })
  const claims = [2, 3].map(nonce => pool.add('alice', nonce, { amount: 499n, fee: 1n }))
  const first = pool.add('alice', 1, { amount: 1n, fee: 999n })
  assert.deepEqual(new Set(idsOf(claims)), new Set(pool.ended.map(([id]) => id)))
  assert.deepEqual(pool.ids, [first.id])
})

test('a replacement is counted with what comes before it, and what comes after it gives way', () => {
  const pool = new Pool()
  const first = pool.add('alice', 1, { amount: 400n })
  pool.add('alice', 2, { amount: 100n })
  const third = pool.add('alice', 3, { amount: 490n })
  const tooMuch = pool.transfer('alice', 2, { amount: 590n, fee: 10n })
  assert.deepEqual(pool.mempool.add(tooMuch), { code: 'funds_are_short' })
  const second = pool.add('alice', 2, { amount: 580n, fee: 10n })
  assert.deepEqual(pool.ended.at(-1), [third.id, { code: 'funds_are_short' }])
  assert.deepEqual(pool.ids, [first.id, second.id])
})

test('what leaves is not pending any more', () => {
  const pool = new Pool()
  const [first, second] = [pool.add('alice', 1), pool.add('alice', 2)]
  pool.mempool.drop(second.id, { code: 'signer_is_unknown' })
  assert.equal(pool.mempool.pending(actor('alice').address), 11n)
  pool.decide([first])
  assert.equal(pool.mempool.pending(actor('alice').address), 0n)
})

// What a block would take

test('candidates come by fee per byte, and those of an account by nonce', () => {
  const pool = new Pool()
  const low = pool.add('alice', 1, { fee: 1n })
  const after = pool.add('alice', 2, { fee: 100n })
  const middle = pool.add('bob', 1, { fee: 2n })
  const high = pool.add('carol', 1, { fee: 3n })
  assert.deepEqual(pool.ids, idsOf([high, middle, low, after]))
})

test('of equal fees the first to come is the first to go', () => {
  const pool = new Pool()
  const arrived = ['carol', 'alice', 'bob'].map(name => pool.add(name, 1, { to: actor('carol') }))
  assert.deepEqual(pool.ids, idsOf(arrived))
})

test('candidates stay within the bytes of a block', () => {
  const pool = new Pool()
  const arrived = ['carol', 'alice', 'bob'].map(name => pool.add(name, 1, { to: actor('carol') }))
  const size = arrived[0]?.bytes.length ?? 0
  for (const [bytes, count] of [
    [0, 0],
    [size - 1, 0],
    [size, 1],
    [2 * size - 1, 1],
    [3 * size, 3],
  ] as const) {
    assert.equal(pool.mempool.candidates(bytes).length, count, `${bytes} bytes`)
  }
})

test('a ledger applies all candidates in their order', () => {
  const pool = new Pool()
  for (const [name, nonce, fee] of [
    ['alice', 2, 9n],
    ['bob', 1, 3n],
    ['alice', 1, 1n],
    ['bob', 2, 4n],
    ['carol', 3, 7n],
    ['alice', 3, 2n],
  ] as const) {
    pool.add(name, nonce, { fee })
  }
  const candidates = pool.mempool.candidates(1_000_000)
  assert.equal(candidates.length, 5, 'all but the one behind a gap')
  assert.deepEqual(pool.run.try(candidates).outcomes, Array(5).fill({ type: 'applied' }))
})

// What blocks decide

test('what came into a block leaves without a fate', () => {
  const pool = new Pool()
  const final = pool.add('alice', 1)
  pool.decide([final])
  assert.equal(pool.mempool.size, 0)
  assert.equal(pool.mempool.fate(final.id), undefined)
  assert.deepEqual(pool.ended, [])
})

test('of two transactions with one nonce the one that was decided elsewhere wins, and the fate of the other names it', () => {
  const pool = new Pool()
  const here = pool.add('alice', 1)
  const next = pool.add('alice', 2)
  const elsewhere = pool.transfer('alice', 1, { amount: 77n })
  pool.decide([elsewhere])
  assert.deepEqual(pool.mempool.fate(here.id), { code: 'nonce_is_used', by: elsewhere.id })
  assert.deepEqual(pool.ended, [[here.id, { code: 'nonce_is_used', by: elsewhere.id }]])
  assert.deepEqual(pool.ids, [next.id])
})

test('the same transaction decided under another signature is decided', () => {
  const pool = new Pool()
  const here = pool.add('alice', 1)
  pool.decide([pool.run.unsigned(here.envelope)])
  assert.equal(pool.mempool.size, 0)
  assert.equal(pool.mempool.getExact(here.wireHash), undefined)
  assert.deepEqual(pool.ended, [])
})

test('what expires leaves with the first block after its time', () => {
  const pool = new Pool()
  const { timeMs } = pool.run
  const until = [timeMs + 999, timeMs + 1_000, timeMs + 1_001]
  const [early = assert.fail(), inTime = assert.fail()] = until.map((validUntil, index) =>
    pool.add(['alice', 'bob', 'carol'][index] ?? '', 1, { validUntil, to: actor('carol') }),
  )
  pool.decide([])
  assert.deepEqual(pool.mempool.fate(early.id), { code: 'transaction_expired' })
  assert.equal(pool.mempool.get(inTime.id), inTime)
  assert.equal(pool.mempool.size, 2)
})

// A full queue

const rich: NetworkOptions = {
  balances: Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`payer ${index}`, 1_000n])),
}

/** Ten places, taken by accounts whose fees rise from 10 to 19. */
function fullPool(): Pool {
  const pool = new Pool({ transactionsMax: 10 }, rich)
  for (let index = 0; index < 10; index++) pool.add(`payer ${index}`, 1, { fee: BigInt(10 + index) })
  return pool
}

test('a full queue takes no one who offers less or as much as the cheapest', () => {
  const pool = fullPool()
  for (const fee of [9n, 10n]) {
    assert.deepEqual(pool.mempool.add(pool.transfer('payer 10', 1, { fee })), { code: 'mempool_is_full' })
  }
  assert.deepEqual(pool.ended, [])
})

test('who offers more takes the place of the cheapest, whose fate says so', () => {
  const pool = fullPool()
  const newcomer = pool.add('payer 10', 1, { fee: 11n })
  assert.equal(pool.mempool.size, 10)
  assert.ok(pool.ids.includes(newcomer.id))
  assert.deepEqual(
    pool.ended.map(([, refusal]) => refusal),
    [{ code: 'evicted' }],
  )
})

test('in a full queue a transaction can still be replaced', () => {
  const pool = fullPool()
  pool.add('payer 0', 1, { fee: 50n })
  assert.equal(pool.mempool.size, 10)
})

test('an account does not push out its own: what comes after depends on what came before', () => {
  const pool = new Pool({ transactionsMax: 2 }, rich)
  const mine = [pool.add('payer 0', 1, { fee: 1n }), pool.add('payer 0', 2, { fee: 1n })]
  assert.deepEqual(pool.mempool.add(pool.transfer('payer 0', 3, { fee: 90n })), { code: 'mempool_is_full' })
  assert.deepEqual(pool.ids, idsOf(mine))
})

test('only the last nonce of an account is evicted, so that no gap comes about', () => {
  const pool = new Pool({ transactionsMax: 3 }, rich)
  const first = pool.add('payer 0', 1, { fee: 5n })
  const last = pool.add('payer 0', 2, { fee: 40n })
  const other = pool.add('payer 1', 1, { fee: 50n })
  const newcomer = pool.add('payer 2', 1, { fee: 60n })
  assert.deepEqual(pool.mempool.fate(last.id), { code: 'evicted' })
  assert.deepEqual(pool.ids, idsOf([newcomer, other, first]))
})
