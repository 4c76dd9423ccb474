import assert from 'node:assert/strict'
import test from 'node:test'
import { actor } from '../../../../test/helpers/actors.ts'
import { beneficiary, depositor, didOf, EscrowRun } from '../../../../test/helpers/escrow-run.ts'
import { genesisTimeMs } from '../../../../test/helpers/ledger-run.ts'
import { hash, type Hash, zeroHash } from '../../crypto/hash.ts'
import type { Infer, Json } from '../../lib/codec.ts'
import { listing, show } from './queries.ts'

const dueMs = genesisTimeMs + 500_000
type Shown = Infer<typeof show.output>

/** `bob release rule-1 <= 100: the signature of …`, in the order of the answer. */
function lines({ actions }: Shown, who: string): string[] {
  return actions
    .filter(({ address }) => address === actor(who).address)
    .map(({ kind, ruleId, upTo, isExact, missing }) => {
      const name = kind.replace('escrow.', '')
      const lacks = missing.length === 0 ? '' : `: ${missing.join(' and ')}`
      return `${name}${ruleId === undefined ? '' : ` by ${ruleId}`} ${isExact ? '=' : '<='} ${upTo}${lacks}`
    })
}

test('there is nothing to show of an escrow that nobody created', () => {
  const context = { height: 0, timeMs: 0, pending: () => 0n, begun: () => [] }
  assert.equal(show.read(new EscrowRun().view, { id: zeroHash }, context), undefined)
})

test('an escrow shows its terms with what was left out, its money and how long it has', () => {
  const run = new EscrowRun()
  const id = run.create({ expiresAt: dueMs, arbiter: didOf('arbiter') })
  run.act(depositor, 'release', { id, amount: 30 })
  const { history, actions, ...rest } = run.show(id, dueMs - 5)
  assert.deepEqual(rest, {
    id: hash.fromJson(id),
    state: 'funded',
    depositor: actor(depositor).did,
    beneficiary: actor(beneficiary).address,
    arbiter: actor('arbiter').did,
    releaseRules: [{ id: 'own' }],
    refundRules: [],
    expiresAt: dueMs,
    onExpiry: 'refund',
    deposited: 100n,
    released: 30n,
    refunded: 0n,
    held: 70n,
    head: run.account(depositor).head,
    timeMs: dueMs - 5,
    endsInMs: 5,
  })
  assert.equal(history.length, 2)
  assert.ok(actions.length > 0)
  assert.equal(run.show(id, dueMs).endsInMs, 0)
  assert.deepEqual(run.show(id, dueMs).actions, [])
})

test('what each party can do is said, and what is missing for the rest', () => {
  const run = new EscrowRun()
  const voters = ['arbiter', 'signer', 'payee']
  const id = run.create({
    arbiter: didOf('arbiter'),
    releaseRules: [
      { id: 'own', cap: 60 },
      { id: 'vote', to: didOf('payee'), when: { kOf: { k: 2, dids: voters.map(didOf) } } },
    ],
    refundRules: [
      { id: 'late', when: { and: [{ after: dueMs }, { sig: didOf(depositor) }] } },
      { id: 'either', when: { or: [{ preimage: `0x${'ab'.repeat(32)}` }, { before: genesisTimeMs }] } },
    ],
  })
  const of = (who: string): string[] => lines(run.show(id), who)
  const both = `one of: the preimage of 0x${'ab'.repeat(32)}; before 2025-10-09T08:53:20Z, which has passed`
  const sig = `the signature of ${didOf(depositor)}`
  const late = 'after 2025-10-09T09:01:40Z'
  assert.deepEqual(of(depositor), [
    'fund <= 899',
    'release <= 100',
    'release by own <= 60',
    'release by vote <= 100: 2 more of 2 signatures',
    `refund by late <= 100: ${late}`,
    `refund by either <= 100: ${both}`,
  ])
  assert.deepEqual(of(beneficiary), [
    'refund <= 100',
    `release by own <= 60: ${sig}`,
    'release by vote <= 100: 2 more of 2 signatures',
    `refund by late <= 100: ${late} and ${sig}`,
    `refund by either <= 100: ${both}`,
  ])
  assert.deepEqual(of('arbiter'), [
    'release <= 100',
    'refund <= 100',
    `release by own <= 60: ${sig}`,
    'release by vote <= 100: 1 more of 2 signatures',
    'approve by vote <= 100',
    `refund by late <= 100: ${late} and ${sig}`,
    `refund by either <= 100: ${both}`,
  ])
  assert.deepEqual(of('payee'), ['release by vote <= 100: 1 more of 2 signatures', 'approve by vote <= 100'])
  assert.deepEqual(of('stranger'), [])

  run.act('signer', 'approve', { id, amount: 40, ruleId: 'vote' })
  assert.deepEqual(of('payee'), ['release by vote = 40', 'approve by vote <= 100'])
  assert.deepEqual(of('signer'), ['release by vote = 40: 1 more of 2 signatures', 'approve by vote <= 100'])
})

test('what is said to be possible is possible, and what lacks something is not', () => {
  const run = new EscrowRun()
  const id = run.create({
    arbiter: didOf('arbiter'),
    releaseRules: [
      { id: 'own', cap: 60 },
      { id: 'vote', to: didOf('payee'), when: { kOf: { k: 2, dids: ['arbiter', 'signer', beneficiary].map(didOf) } } },
    ],
    refundRules: [{ id: 'late', when: { or: [{ after: dueMs }, { sig: didOf('signer') }] } }],
  })
  run.act('signer', 'approve', { id, amount: 40, ruleId: 'vote' })
  const names = new Map([depositor, beneficiary, 'arbiter', 'payee', 'signer'].map(name => [actor(name).address, name]))
  let done = 0
  for (const timeMs of [run.timeMs, dueMs]) {
    for (const { address, kind, ruleId, upTo, missing } of run.show(id, timeMs).actions) {
      const who = names.get(address) ?? assert.fail('a party is an actor')
      const amount = Number(kind === 'escrow.fund' ? upTo - 1n : upTo)
      const body = { id, amount, ...(ruleId !== undefined && { ruleId }) }
      const code = run.unswept(who, kind.replace('escrow.', ''), body, timeMs)
      assert.equal(code === 'applied', missing.length === 0, `${who} ${kind} ${ruleId} at ${timeMs}: ${code}`)
      done += code === 'applied' ? 1 : 0
    }
  }
  assert.ok(done > 15, `${done} were possible`)
})

test('the history says what happened, newest first, with who was paid and by which rule', () => {
  const run = new EscrowRun()
  const id = run.create({ expiresAt: dueMs, onExpiry: 'release' })
  run.act(depositor, 'approve', { id, amount: 20, ruleId: 'own' })
  run.act(beneficiary, 'release', { id, amount: 20, ruleId: 'own' })
  run.act(beneficiary, 'refund', { id, amount: 30, reason: 'half done' })
  run.timeMs = dueMs - 1_000
  run.block()
  const { history } = run.show(id)
  assert.deepEqual(
    history.map(({ kind, by, amount, to, ruleId, timeMs }) => [kind, by, amount, to, ruleId, timeMs - genesisTimeMs]),
    [
      ['expiry', undefined, 50n, actor(beneficiary).address, undefined, 500_000],
      ['refund', actor(beneficiary).did, 30n, actor(depositor).address, undefined, 4_000],
      ['release', actor(beneficiary).did, 20n, actor(beneficiary).address, 'own', 3_000],
      ['approve', actor(depositor).did, 20n, undefined, 'own', 2_000],
      ['create', actor(depositor).did, 100n, undefined, undefined, 1_000],
    ],
  )
  assert.deepEqual(
    history.map(({ id: by, height }) => [by === undefined, height]),
    [
      [true, 5],
      [false, 4],
      [false, 3],
      [false, 2],
      [false, 1],
    ],
  )
})

test('of many events the latest hundred are shown', () => {
  const run = new EscrowRun()
  const id = run.create({})
  const approvals = Array.from({ length: 100 }, (_, index) =>
    run.send(depositor, 'approve', { id, amount: index + 1, ruleId: 'own' }, index),
  )
  run.block(approvals)
  assert.deepEqual(
    run.show(id).history.map(({ amount }) => Number(amount)),
    Array.from({ length: 100 }, (_, index) => 100 - index),
  )
})

test('the answer to the largest escrow that there can be keeps its own form', () => {
  const run = new EscrowRun({ balances: { alice: 10_000n, bob: 1_000n } })
  const names = Array.from({ length: 16 }, (_, index) => `voter ${index}`)
  const kOf: Json = { kOf: { k: 16, dids: names.map(didOf) } }
  const wide = (index: number): Json => ({
    and: [{ or: [{ and: [kOf, { after: dueMs }] }, { before: 1 }] }, { after: index }],
  })
  const id = run.create({
    arbiter: didOf('arbiter'),
    releaseRules: [{ id: 'release', to: didOf('payee'), when: wide(0) }],
    refundRules: [
      { id: 'refund', when: wide(1) },
      { id: 'refund by all', when: kOf },
    ],
  })
  const shown = run.show(id)
  assert.deepEqual(show.output.fromJson(JSON.parse(JSON.stringify(show.output.toJson(shown)))), shown)
})

test('a list names the part that the account has in each escrow, and what is left in it', () => {
  const run = new EscrowRun()
  const id = run.create({ arbiter: didOf('arbiter'), releaseRules: [{ id: 'own', to: didOf('payee') }] })
  run.act(depositor, 'release', { id, amount: 30 })
  const begun = (): Hash[] => [hash.fromJson(id)]
  const context = { height: run.height, timeMs: run.timeMs, pending: () => 0n, begun }
  for (const [who, role] of [
    [depositor, 'depositor'],
    [beneficiary, 'beneficiary'],
    ['arbiter', 'arbiter'],
    ['payee', 'payee'],
  ] as const) {
    const { escrows: [found] = [] } = listing.read(run.view, { address: actor(who).address }, context) ?? {}
    assert.deepEqual([found?.role, found?.state, found?.held], [role, 'funded', 70n], who)
  }
  assert.equal(listing.read(run.view, {}, context), undefined)
})
