/** Every state x action x actor x time, with what is expected written down by hand. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { beneficiary, depositor, didOf, EscrowRun, type Fields } from '../../../../test/helpers/escrow-run.ts'
import { genesisTimeMs } from '../../../../test/helpers/ledger-run.ts'

const endMs = genesisTimeMs + 1_000_000

/** alice may release by `own`, everybody to the payee by `late`; the signer may take back by `back`. */
const terms: Fields = {
  releaseRules: [{ id: 'own' }, { id: 'late', to: didOf('payee'), when: { after: genesisTimeMs } }],
  refundRules: [{ id: 'back', when: { sig: didOf('signer') } }],
  arbiter: didOf('arbiter'),
  expiresAt: endMs,
}

const states: {
  readonly [state: string]: { readonly amount: number; readonly after: readonly [string, string, Fields][] }
} = {
  open: { amount: 0, after: [] },
  funded: { amount: 100, after: [] },
  'partly released': { amount: 100, after: [[depositor, 'release', { amount: 30 }]] },
  'partly refunded': { amount: 100, after: [[beneficiary, 'refund', { amount: 30 }]] },
  released: { amount: 100, after: [[depositor, 'release', {}]] },
  refunded: { amount: 100, after: [[beneficiary, 'refund', {}]] },
  split: {
    amount: 100,
    after: [
      [beneficiary, 'refund', { amount: 30 }],
      [depositor, 'release', {}],
    ],
  },
}

const actions: { readonly [action: string]: readonly [action: string, body: Fields] } = {
  fund: ['fund', { amount: 10 }],
  release: ['release', { amount: 10 }],
  'release by own': ['release', { amount: 10, ruleId: 'own' }],
  'release by late': ['release', { amount: 10, ruleId: 'late' }],
  'release by back': ['release', { amount: 10, ruleId: 'back' }],
  refund: ['refund', { amount: 10 }],
  'refund by back': ['refund', { amount: 10, ruleId: 'back' }],
  'refund by own': ['refund', { amount: 10, ruleId: 'own' }],
  'approve own': ['approve', { amount: 10, ruleId: 'own' }],
  'approve back': ['approve', { amount: 10, ruleId: 'back' }],
}

const legend: { readonly [letter: string]: string } = {
  '+': 'applied',
  d: 'sender_is_not_depositor',
  p: 'sender_is_no_party',
  r: 'ruleId_is_missing',
  i: 'ruleId_names_nothing',
  y: 'ruleId_does_not_name_you',
  h: 'rule_does_not_hold',
  n: 'no_refund_rule_holds',
  e: 'escrow_is_empty',
  c: 'escrow_is_closed',
}

const actors = [depositor, beneficiary, 'arbiter', 'payee', 'signer', 'stranger']

// Depositor, beneficiary, arbiter, payee, signer, stranger.
const held: { readonly [action: string]: string } = {
  fund: '+ddddd',
  release: '+r+rrp',
  'release by own': '+hhhhp',
  'release by late': '+++++p',
  'release by back': 'iiiiip',
  refund: 'n++n+p',
  'refund by back': 'hhhh+p',
  'refund by own': 'iiiiip',
  'approve own': '+yyyyy',
  'approve back': 'yyyy+y',
}
const empty: { readonly [action: string]: string } = {
  fund: '+ddddd',
  release: 'eeeeep',
  'release by own': 'eeeeep',
  'release by late': 'eeeeep',
  'release by back': 'eeeeep',
  refund: 'eeeeep',
  'refund by back': 'eeeeep',
  'refund by own': 'eeeeep',
  'approve own': '+yyyyy',
  'approve back': 'yyyy+y',
}
const closed = Object.fromEntries(Object.keys(actions).map(action => [action, 'cccccc']))

const expected: { readonly [state: string]: { readonly [action: string]: string } } = {
  open: empty,
  funded: held,
  'partly released': held,
  'partly refunded': held,
  released: closed,
  refunded: closed,
  split: closed,
}

/** Who has how much more after an applied action, in the order of the actors; the sender's fee is left out. */
const gains: { readonly [action: string]: readonly number[] } = {
  fund: [-10, 0, 0, 0, 0, 0],
  release: [0, 10, 0, 0, 0, 0],
  'release by own': [0, 10, 0, 0, 0, 0],
  'release by late': [0, 0, 0, 10, 0, 0],
  refund: [10, 0, 0, 0, 0, 0],
  'refund by back': [10, 0, 0, 0, 0, 0],
  'approve own': [0, 0, 0, 0, 0, 0],
  'approve back': [0, 0, 0, 0, 0, 0],
}

function inState(state: string): { readonly run: EscrowRun; readonly id: string } {
  const run = new EscrowRun()
  const { amount, after } = states[state] ?? assert.fail(`${state} is a state`)
  const id = run.create({ ...terms, amount })
  for (const [who, action, body] of after) assert.equal(run.act(who, action, { id, ...body }), 'applied')
  return { run, id }
}

for (const [state, cells] of Object.entries(expected)) {
  for (const [name, [action, body]] of Object.entries(actions)) {
    test(`${name} while ${state}: ${cells[name]} a moment before the end, nothing from then on`, () => {
      actors.forEach((who, index) => {
        const { run, id } = inState(state)
        const before = actors.map(each => run.available(each))
        const locked = run.account(depositor).locked
        const atEnd = [endMs, endMs + 1].map(timeMs => run.unswept(who, action, { id, ...body }, timeMs))
        assert.deepEqual(atEnd, ['escrow_is_expired', 'escrow_is_expired'])

        const code = run.act(who, action, { id, ...body }, endMs - 1)
        assert.equal(code, legend[cells[name]?.[index] ?? ''], `${who}: ${name} while ${state}`)
        const changes = actors.map(
          (each, at) => Number(run.available(each) - (before[at] ?? 0n)) + (each === who ? 1 : 0),
        )
        const gain = code === 'applied' ? gains[name] : actors.map(() => 0)
        assert.deepEqual(changes, gain, `${who}: ${name} while ${state}`)
        const given = code === 'applied' && name !== 'fund' && action !== 'approve' ? -10n : 0n
        assert.equal(run.account(depositor).locked - locked, code === 'applied' && name === 'fund' ? 10n : given)
        run.check()

        // The sweep has come: the answer is the same as before it.
        for (const timeMs of [endMs, endMs + 1]) {
          assert.equal(run.act(who, action, { id, ...body }, timeMs), 'escrow_is_expired')
        }
        run.check()
      })
    })
  }
}

const ends: readonly (readonly [onExpiry: string, amount: number, paid: number, sums: string])[] = [
  ['refund', 0, 0, 'refunded 0 = 0 + 0 + 0'],
  ['release', 0, 0, 'refunded 0 = 0 + 0 + 0'],
  ['refund', 100, 0, 'refunded 100 = 0 + 100 + 0'],
  ['release', 100, 0, 'released 100 = 100 + 0 + 0'],
  ['refund', 100, 30, 'split 100 = 30 + 70 + 0'],
  ['release', 100, 30, 'released 100 = 100 + 0 + 0'],
]

for (const [onExpiry, amount, paid, sums] of ends) {
  test(`${amount} Tokens of which ${paid} were released end with ${onExpiry} at expiresAt, not before`, () => {
    for (const late of [0, 1]) {
      const run = new EscrowRun()
      const id = run.create({ amount, expiresAt: endMs, onExpiry })
      if (paid > 0) run.act(depositor, 'release', { id, amount: paid })
      const [alice, bob] = [run.available(depositor), run.available(beneficiary)]
      run.timeMs = endMs - 1_001
      run.block()
      assert.equal(run.show(id).state, amount === 0 ? 'open' : 'funded')
      run.timeMs = endMs - 1_000 + late
      run.block()
      assert.equal(run.sums(id), sums)
      const rest = BigInt(amount - paid)
      assert.equal(run.available(depositor), alice + (onExpiry === 'refund' ? rest : 0n))
      assert.equal(run.available(beneficiary), bob + (onExpiry === 'release' ? rest : 0n))
      assert.equal(run.account(depositor).locked, 0n)
      run.check()
    }
  })
}

test('an escrow that closed earlier has no deadline any more, and is not touched at its time', () => {
  const run = new EscrowRun()
  const id = run.create({ expiresAt: endMs })
  run.act(depositor, 'release', { id })
  const rows = JSON.stringify([...run.view.range('escrow')].map(([key, row]) => [key, [...row]]))
  run.timeMs = endMs
  run.block()
  assert.equal(JSON.stringify([...run.view.range('escrow')].map(([key, row]) => [key, [...row]])), rows)
  assert.deepEqual([...run.view.range('deadlines/')], [])
})

test('more ends at once than a block handles are spread over blocks, and all are over for everybody at once', () => {
  const run = new EscrowRun({ balances: { alice: 10_000n, bob: 1_000n } })
  const created = Array.from({ length: 600 }, (_, index) =>
    run.send(
      depositor,
      'create',
      {
        beneficiary: didOf(beneficiary),
        amount: 1,
        releaseRules: [{ id: 'own' }],
        expiresAt: endMs,
        onExpiry: 'release',
      },
      index,
    ),
  )
  assert.ok(run.block(created).outcomes.every(({ type }) => type === 'applied'))
  const ids = created.map(({ id }) => `0x${id}`)
  const open = (): string[] => ids.filter(id => run.show(id).state === 'funded')

  const lefts = [600, 344, 88, 0, 0].map((left, block) => {
    assert.equal(open().length, left)
    const last = open().at(-1) ?? ids.at(-1) ?? assert.fail('there are escrows')
    assert.equal(run.act(depositor, 'release', { id: last }, endMs + block), 'escrow_is_expired')
    run.check()
    return left
  })
  assert.equal(lefts.length, 5)
  assert.equal(run.account(depositor).locked, 0n)
  assert.ok(ids.every(id => run.sums(id) === 'released 1 = 1 + 0 + 0'))
})
