import assert from 'node:assert/strict'
import test from 'node:test'
import { type Actor, actor } from '../../../test/helpers/actors.ts'
import { dump, genesisTimeMs, LedgerRun, type TransferOptions, transfer } from '../../../test/helpers/ledger-run.ts'
import { accountsDomain, pay } from '../domains/accounts/index.ts'
import { accounts } from '../domains/accounts/rows.ts'
import { keyOf } from '../domains/identity/index.ts'
import { grants } from '../domains/identity/rows.ts'
import { type Hash, zeroHash } from '../crypto/hash.ts'
import { boolean, struct } from '../lib/codec.ts'
import { Prng } from '../lib/prng.ts'
import { type Domain, transaction, type WorkloadDraw, type WorkloadOrder } from './domain.ts'
import type { Transaction } from './envelope.ts'
import { Ledger } from './ledger.ts'
import type { StateKey, View } from './state.ts'

/** Time of the first block of a run. */
const firstBlockMs = genesisTimeMs + 1_000

function rowOf(name: string): string {
  return accounts.key(actor(name).address)
}

/** The whole state after a block of these on the run as it stands. */
function stateAfter(run: LedgerRun, transactions: readonly Transaction[]): Record<string, string> {
  return { ...dump(run.rows), ...dump(run.try(transactions).draft.changes()) }
}

// Refused: what must not stand in a block

const refusals: readonly (readonly [claim: string, code: string, options: TransferOptions])[] = [
  ['a nonce that was used is refused', 'nonce_is_used', { nonce: 1 }],
  ['a nonce of another transaction of the same block is refused', 'nonce_is_used', { nonce: 2 }],
  ['a nonce after a gap is refused', 'nonce_is_ahead', { nonce: 4 }],
  ['the last nonce there is is refused like any other ahead', 'nonce_is_ahead', { nonce: Number.MAX_SAFE_INTEGER }],
  ['a fee below the minimum is refused', 'fee_is_too_low', { nonce: 3, fee: 1n }],
  ['no fee is refused', 'fee_is_too_low', { nonce: 3, fee: 0n }],
  ['a fee beyond the balance is refused', 'fee_is_not_covered', { nonce: 3, fee: 959n }],
  ['the largest fee there is is refused', 'fee_is_not_covered', { nonce: 3, fee: 2n ** 53n - 1n }],
  [
    'a transaction one millisecond too old is refused',
    'transaction_expired',
    { nonce: 3, validUntil: firstBlockMs + 999 },
  ],
  ['a key that the sender never named is refused', 'signer_is_unknown', { nonce: 3, signer: actor('bob').did }],
]

for (const [claim, code, options] of refusals) {
  test(`${claim}, and leaves no trace`, () => {
    const run = new LedgerRun({ params: { feeMin: 2n } })
    run.block([run.transfer('alice', { fee: 20n })])
    const before = run.transfer('alice', { fee: 2n })
    const refused = transfer(run.chainId, actor('alice'), { fee: 2n, ...options })

    const { outcomes, receipts } = run.try([before, refused])
    assert.deepEqual(outcomes, [{ type: 'applied' }, { type: 'refused', code }])
    assert.deepEqual(
      receipts.map(receipt => receipt.transaction.id),
      [before.id],
    )
    assert.deepEqual(stateAfter(run, [before, refused]), stateAfter(run, [before]))
  })
}

test('the boundaries are on the allowed side: all of the balance as fee, validUntil at the block’s time, own signer', () => {
  const run = new LedgerRun()
  const all = run.transfer('alice', { fee: 990n, amount: 10n })
  const inTime = run.transfer('bob', { to: actor('alice'), validUntil: firstBlockMs })
  const own = run.transfer('carol', { signer: actor('carol').did })
  assert.deepEqual(run.block([all, inTime, own]).outcomes, Array(3).fill({ type: 'applied' }))
  assert.equal(run.account('alice').available, 10n)
})

test('a fee of the whole balance is taken, though nothing is left to pay with', () => {
  const run = new LedgerRun()
  const { outcomes } = run.block([run.transfer('alice', { fee: 1_000n, amount: 1n })])
  assert.deepEqual(outcomes, [{ type: 'rejected', code: 'funds_are_short' }])
  assert.equal(run.account('alice').available, 0n)
})

test('of two with the same nonce the first in block order wins and the other is refused', () => {
  const run = new LedgerRun()
  const two = [run.transfer('alice', { amount: 1n }), run.transfer('alice', { amount: 2n })] as const
  assert.deepEqual(run.try(two).outcomes[1], { type: 'refused', code: 'nonce_is_used' })
  assert.deepEqual(run.try(two.toReversed()).outcomes[1], { type: 'refused', code: 'nonce_is_used' })
})

// Rejected: what stands in a block, pays its fee and does nothing else

const rejections: readonly (readonly [claim: string, code: string, options: TransferOptions])[] = [
  ['a payment beyond the balance is rejected', 'funds_are_short', { amount: 1_001n }],
  ['a payment that only the fee makes too much is rejected', 'funds_are_short', { amount: 996n, fee: 5n }],
  ['a prev before the first transaction is rejected', 'stale_prev', { prev: zeroHash }],
  ['a prev that never was is rejected', 'stale_prev', { prev: 'ab'.repeat(32) as Hash }],
  ['a stale prev comes before a short balance', 'stale_prev', { prev: zeroHash, amount: 5_000n }],
]

for (const [claim, code, options] of rejections) {
  test(`${claim}, pays its fee and changes nothing else`, () => {
    // Without fees to share at the end of the block, all that remains is what the transaction wrote.
    const run = new LedgerRun()
    const { fee = 1n } = options
    const rejected = run.transfer('alice', options)
    const { outcomes, receipts } = run.try([rejected])
    assert.deepEqual(outcomes, [{ type: 'rejected', code }])
    assert.deepEqual(receipts[0]?.result, { rejected: code })
    assert.deepEqual(receipts[0]?.movements, [{ from: actor('alice').address, amount: fee }])

    const empty = stateAfter(run, [])
    const after = stateAfter(run, [rejected])
    assert.deepEqual(changedKeys(empty, after), [rowOf('alice'), rowOf('val')].sort())
    run.block([rejected])
    assert.deepEqual(run.account('alice'), { available: 1_000n - fee, locked: 0n, nonce: 1, head: rejected.id })
    assert.deepEqual(run.account('val'), { available: fee, locked: 100n, nonce: 0 })
  })
}

test('prev is compared with the sender’s last transaction, final or earlier in the block', () => {
  const run = new LedgerRun()
  const first = run.transfer('alice')
  run.block([first])
  const second = run.transfer('alice', { prev: first.id })
  const third = run.transfer('alice', { nonce: 3, prev: second.id })
  const stale = run.transfer('alice', { nonce: 4, prev: second.id })
  assert.deepEqual(run.block([second, third, stale]).outcomes, [
    { type: 'applied' },
    { type: 'applied' },
    { type: 'rejected', code: 'stale_prev' },
  ])
  assert.equal(run.account('alice').head, stale.id)
})

test('a rejected transaction uses its nonce up', () => {
  const run = new LedgerRun()
  run.block([run.transfer('alice', { amount: 5_000n })])
  assert.deepEqual(run.try([transfer(run.chainId, actor('alice'), { nonce: 1 })]).outcomes[0], {
    type: 'refused',
    code: 'nonce_is_used',
  })
  assert.deepEqual(run.try([run.transfer('alice', { nonce: 2 })]).outcomes[0], { type: 'applied' })
})

// What is asked before anything is in a block

test('admission and dryRun say what apply would, and write nothing', () => {
  const run = new LedgerRun()
  const at = { height: 1, timeMs: firstBlockMs, params: run.genesis.params }
  const before = dump(run.rows)
  assert.equal(run.ledger.admission(run.view, run.transfer('alice'), at), undefined)
  assert.deepEqual(run.ledger.admission(run.view, run.transfer('alice', { nonce: 3 }), at), {
    refused: 'nonce_is_ahead',
  })
  assert.deepEqual(run.ledger.admission(run.view, run.transfer('alice', { prev: zeroHash }), at), {
    rejected: 'stale_prev',
  })
  const paid = { type: 'paid', account: actor('alice').address, amount: 10n, payees: [actor('bob').address] }
  assert.deepEqual(run.ledger.dryRun(run.view, run.transfer('alice'), at), { outlays: [paid] })
  const tooMuch = run.transfer('alice', { amount: 1_001n })
  assert.deepEqual(run.ledger.dryRun(run.view, tooMuch, at), { rejected: 'funds_are_short', outlays: [] })
  assert.deepEqual(dump(run.rows), before)
})

test('every code that can come out of a ledger has a sentence', () => {
  const { codes } = new LedgerRun().ledger
  for (const [, code] of [...refusals, ...rejections]) assert.match(codes.get(code) ?? '', /\.$/, code)
})

test('two kinds of one name are a mistake of ours', () => {
  assert.throws(() => new Ledger([accountsDomain, accountsDomain]), /every transaction kind has its own name/)
})

// Determinism

test('the same blocks give the same roots, results and movements on every ledger', () => {
  const [one, two] = [new LedgerRun(busyNetwork), new LedgerRun(busyNetwork)]
  for (const transactions of randomBlocks(one, 7, 12)) {
    const executed = [one.block(transactions), two.block(transactions)] as const
    assert.equal(one.root, two.root, `at height ${one.height}`)
    assert.deepEqual(executed[0].outcomes, executed[1].outcomes)
    assert.deepEqual(executed[0].draft.movements, executed[1].draft.movements)
    assert.deepEqual(dump(one.rows), dump(two.rows))
  }
})

test('executing a block leaves the state below it alone, so that it can be done twice', () => {
  const run = new LedgerRun(busyNetwork)
  const [transactions = []] = randomBlocks(run, 8, 1)
  const before = dump(run.rows)
  const [once, again] = [run.try(transactions), run.try(transactions)]
  assert.deepEqual(dump(run.rows), before)
  assert.deepEqual(dump(once.draft.changes()), dump(again.draft.changes()))
})

test('the order of the sender’s rows in the genesis file does not change the state it makes', () => {
  const forwards = new LedgerRun({ balances: { alice: 5n, bob: 6n, carol: 7n } })
  const backwards = new LedgerRun({ balances: { carol: 7n, bob: 6n, alice: 5n } })
  assert.equal(forwards.root, backwards.root)
  assert.notEqual(forwards.chainId, backwards.chainId)
})

// Laws over random workloads

test('after every block of a random workload, holdings and burned are what was issued', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const run = new LedgerRun({ ...busyNetwork, params: { subsidy: 1_000n, subsidyHalvingBlocks: 3, feeMin: 1n } })
    const seen = new Set<string>()
    for (const transactions of randomBlocks(run, seed, 12)) {
      for (const outcome of run.block(transactions).outcomes) seen.add('code' in outcome ? outcome.code : outcome.type)
      assert.equal(run.ledger.holdings(run.view) + run.supply.burned, run.supply.issued, `seed ${seed}`)
      for (const row of accounts.rows(run.view)) assert.ok(row.available >= 0n && row.locked >= 0n)
    }
    for (const outcome of ['applied', 'funds_are_short', 'nonce_is_used', 'stale_prev']) {
      assert.ok(seen.has(outcome), `seed ${seed} never had ${outcome}`)
    }
  }
})

test('whatever the workload, a transaction that is not applied leaves only its fee, nonce and head', () => {
  const run = new LedgerRun(busyNetwork)
  let checked = 0
  for (const transactions of randomBlocks(run, 99, 20)) {
    const execution = run.ledger.begin(run.view, {
      height: run.height + 1,
      timeMs: run.timeMs + 1_000,
      proposer: proposer,
    })
    for (const one of transactions) {
      const before = dump(execution.draft.changes())
      const account = accounts.get(execution.draft, one.account)
      const outcome = execution.apply(one)
      if (outcome.type === 'applied') continue
      checked += 1
      const expected = {
        ...account,
        available: (account?.available ?? 0n) - one.envelope.fee,
        nonce: one.envelope.nonce,
        head: one.id,
      }
      const after = dump(execution.draft.changes())
      if (outcome.type === 'rejected') assert.deepEqual(accounts.get(execution.draft, one.account), expected)
      const paid = [accounts.key(one.account), ...sessionRows(execution.draft, one)]
      assert.deepEqual(changedKeys(before, after), outcome.type === 'refused' ? [] : paid)
    }
    run.block(transactions)
  }
  assert.ok(checked > 50, `only ${checked} were refused or rejected`)
})

test('what a transaction wrote before it was rejected is undone', () => {
  const careless = {
    ...accountsDomain,
    transactions: [
      transaction({
        kind: 'careless.pay',
        doc: '',
        path: '/api/careless',
        command: 'careless',
        example: 'careless',
        body: struct({ isLate: boolean }),
        rejections: { too_late: 'Too late.' },
        spends: () => 1n,
        apply(draft, { isLate }, { account }) {
          pay(draft, account, actor('bob').address, 1n)
          return isLate ? 'too_late' : undefined
        },
      }),
    ],
  } satisfies Domain
  const run = new LedgerRun({}, new Ledger([careless]))
  const sent = (nonce: number, isLate: boolean) =>
    run.unsigned({
      chainId: run.chainId,
      kind: 'careless.pay',
      sender: actor('alice').did,
      nonce,
      fee: 1n,
      payload: { isLate },
    })
  const { receipts } = run.block([sent(1, true), sent(2, false), sent(3, true)])
  assert.deepEqual(
    receipts.map(({ movements }) => movements.length),
    [1, 2, 1],
  )
  assert.equal(run.account('bob').available, 1_001n)
  assert.equal(run.account('alice').available, 1_000n - 3n - 1n)
})

const busyNetwork = {
  balances: { alice: 3_000n, bob: 200n, carol: 40n, dave: 0n },
  stakes: { val: 100n, vera: 70n, vito: 30n },
}
const people = ['alice', 'bob', 'carol', 'dave', 'val'].map(actor)
const proposer = actor('val').consensusKey

/**
 * What the domains' own workloads send, with some wrong nonces, high fees and stale prevs among it; each block is drawn
 * on the state that the one before it led to.
 */
function* randomBlocks(run: LedgerRun, seed: number, count: number): Iterable<Transaction[]> {
  const prng = new Prng(seed)
  const domains = run.ledger.domains.filter(domain => domain.workload !== undefined)
  for (let block = 0; block < count; block += 1) {
    const nonces = new Map(people.map(person => [person, run.account(person.name).nonce]))
    yield Array.from({ length: prng.between(0, 25) }, () => {
      const sender = prng.pick(people)
      const made = drawnOrder(domains, drawOf(run, sender, prng), prng)
      const nonce = (nonces.get(sender) ?? 0) + 1
      const isWrong = prng.chance(100)
      if (!isWrong) nonces.set(sender, nonce)
      return run.unsigned({
        chainId: run.chainId,
        signer: keyOf(run.view, sender.did),
        ...made,
        sender: sender.did,
        nonce: isWrong ? prng.between(1, nonce + 2) : nonce,
        fee: BigInt(prng.chance(20) ? prng.between(0, 100) : prng.between(1, 4)),
        ...(prng.chance(80) && { prev: 'cd'.repeat(32) as Hash }),
      })
    })
  }
}

/** Not every domain always has something to offer; some has. */
function drawnOrder(domains: readonly Domain[], draw: WorkloadDraw, prng: Prng): WorkloadOrder {
  for (let attempt = 0; attempt < 1_000; attempt += 1) {
    const order = prng.pick(domains).workload?.(draw)
    if (order !== undefined) return order
  }
  return assert.fail('some domain has something to offer')
}

function drawOf(run: LedgerRun, sender: Actor, prng: Prng): WorkloadDraw {
  return {
    sender: sender.did,
    identities: people.map(({ did }) => did),
    accounts: people.map(({ address }) => address),
    chainId: run.chainId,
    nowMs: run.timeMs,
    view: run.view,
    below: bound => prng.below(bound),
    // The ledger does not look at signatures.
    sign: () => new Uint8Array(64),
  }
}

/** Where the fee of a session key counts. */
function sessionRows(view: View, { envelope: { sender: did, signer: key } }: Transaction): readonly StateKey[] {
  const isSession = key !== undefined && grants.get(view, { did, key }) !== undefined
  return isSession ? [grants.key({ did, key })] : []
}

function changedKeys(before: Record<string, string>, after: Record<string, string>): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(key => before[key] !== after[key]).sort()
}
