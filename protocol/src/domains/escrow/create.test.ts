import assert from 'node:assert/strict'
import test from 'node:test'
import { actor } from '../../../../test/helpers/actors.ts'
import {
  addressTextOf,
  beneficiary,
  depositor,
  didOf,
  EscrowRun,
  type Fields,
} from '../../../../test/helpers/escrow-run.ts'
import { genesisTimeMs } from '../../../../test/helpers/ledger-run.ts'
import { decodeTransaction } from '../../ledger/envelope.ts'
import type { Json } from '../../lib/codec.ts'

// The bodies of the requests that agents have always sent, apart from did, passphrase and nonce.
const bodies = {
  create: `{ "amount": 500, "releaseRules": [{ "id": "rule-1" }] }`,
  release: `{ "amount": 200, "ruleId": "rule-1" }`,
  fund: `{ "amount": 100 }`,
  refund: `{ "amount": 100, "reason": "contract_cancelled" }`,
}

test('the bodies of the runtime’s agents work as they are, each with the head that the last one left', () => {
  const run = new EscrowRun()
  const created = run.send(depositor, 'create', {
    ...(JSON.parse(bodies.create) as Fields),
    beneficiary: addressTextOf(beneficiary),
  })
  run.block([created])
  const id = `0x${created.id}`
  assert.equal(run.show(id).head, created.id)
  const steps = [
    [depositor, 'release', 'funded 500 = 200 + 0 + 300'],
    [depositor, 'fund', 'funded 600 = 200 + 0 + 400'],
    [beneficiary, 'refund', 'funded 600 = 200 + 100 + 300'],
  ] as const
  for (const [who, action, sums] of steps) {
    const resourcePrev = `0x${run.show(id).head}`
    const body = { ...(JSON.parse(bodies[action]) as Fields), id, resourcePrev }
    const sent = run.send(who, action, body)
    assert.deepEqual(run.block([sent]).outcomes, [{ type: 'applied' }])
    assert.equal(run.show(id).head, sent.id)
    assert.equal(run.sums(id), sums)
    assert.equal(run.act(who, action, body), 'stale_resource')
    assert.equal(run.sums(id), sums)
  }
  run.check()
})

const rule: Json = { id: 'rule-1' }
const manyDids = { kOf: { k: 1, dids: Array.from({ length: 16 }, (_, index) => didOf(`did ${index}`)) } }
const heavy = (rules: number, rest: number): Json => [
  ...Array.from({ length: rules }, (_, index) => ({ id: `heavy ${index}`, when: manyDids })),
  ...Array.from({ length: rest }, (_, index) => ({ id: `light ${index}` })),
]

// From alice, who has 1,000, to bob in the block of time genesis + 1 s.
const creations: readonly (readonly [what: string, fields: Fields, code: string])[] = [
  ['nothing but what is needed', {}, 'applied'],
  ['all but the fee', { amount: 999 }, 'applied'],
  ['all, the fee on top', { amount: 1_000 }, 'funds_are_short'],
  ['for oneself', { beneficiary: didOf(depositor) }, 'beneficiary_is_depositor'],
  ['judged by the depositor', { arbiter: didOf(depositor) }, 'arbiter_is_party'],
  ['judged by the beneficiary', { arbiter: didOf(beneficiary) }, 'arbiter_is_party'],
  ['judged by a third', { arbiter: didOf('arbiter') }, 'applied'],
  ['that releases to the depositor', { releaseRules: [{ id: 'a', to: didOf(depositor) }] }, 'rule_to_is_depositor'],
  [
    'that releases to the arbiter',
    { arbiter: didOf('arbiter'), releaseRules: [{ id: 'a', to: didOf('arbiter') }] },
    'applied',
  ],
  ['with one id twice', { releaseRules: [rule, rule] }, 'rule_ids_repeat'],
  ['with one id in both lists', { refundRules: [{ id: 'own', when: { after: 1 } }] }, 'rule_ids_repeat'],
  ['as large as can be', { releaseRules: heavy(3, 13) }, 'applied'],
  ['too large', { releaseRules: heavy(4, 0) }, 'rules_are_too_large'],
  [
    'too large in both lists together',
    { releaseRules: heavy(3, 12), refundRules: [{ id: 'b', when: { and: [{ after: 1 }] } }] },
    'rules_are_too_large',
  ],
  ['for later without an end', { amount: 0 }, 'expiresAt_is_missing'],
  ['for later with an end', { amount: 0, expiresAt: genesisTimeMs + 1_001 }, 'applied'],
  ['that ends with the block', { expiresAt: genesisTimeMs + 1_000 }, 'expiresAt_is_past'],
  ['that ends right after', { expiresAt: genesisTimeMs + 1_001 }, 'applied'],
  ['for more than there is, which has ended', { amount: 5_000, expiresAt: 0 }, 'expiresAt_is_past'],
]

for (const [what, fields, code] of creations) {
  test(`an escrow ${what}: ${code}`, () => {
    const run = new EscrowRun()
    const body = { beneficiary: didOf(beneficiary), amount: 100, releaseRules: [{ id: 'own' }], ...fields }
    assert.equal(run.act(depositor, 'create', body), code)
    const locked = code === 'applied' ? BigInt(body.amount) : 0n
    assert.deepEqual([run.account(depositor).locked, run.available(depositor)], [locked, 999n - locked])
    if (code !== 'applied') assert.deepEqual([...run.view.range('escrow')], [])
    run.check()
  })
}

const unfit: readonly (readonly [what: string, fields: Fields, message: RegExp])[] = [
  ['no release rule', { releaseRules: [] }, /releaseRules: must have at least 1 items/],
  ['seventeen rules', { releaseRules: heavy(0, 17) }, /releaseRules: must have at most 16 items/],
  ['a rule without id', { releaseRules: [{}] }, /releaseRules\[0\].id: is missing/],
  [
    'an id that is too long',
    { releaseRules: [{ id: 'x'.repeat(65) }] },
    /releaseRules\[0\].id: must have 1 to 64 bytes/,
  ],
  ['a cap of 0', { releaseRules: [{ id: 'a', cap: 0 }] }, /cap: must be an integer number of Tokens, from 1/],
  [
    'a refund to somebody',
    { refundRules: [{ id: 'a', to: didOf('payee'), when: { after: 1 } }] },
    /pays the depositor always/,
  ],
  ['a refund without condition', { refundRules: [{ id: 'a' }] }, /refundRules\[0\]: needs a condition in when/],
  [
    'a condition that does not exist',
    { releaseRules: [{ id: 'a', when: { never: 1 } }] },
    /releaseRules\[0\].when: must be one of sig, kOf/,
  ],
  ['another end', { onExpiry: 'burn' }, /onExpiry: must be one of refund, release/],
]

for (const [what, fields, message] of unfit) {
  test(`an escrow has a form that excludes ${what}`, () => {
    const body = { beneficiary: didOf(beneficiary), amount: 100, releaseRules: [rule], ...fields }
    assert.throws(() => new EscrowRun().send(depositor, 'create', body), { name: 'DecodeError', message })
  })
}

test('an open escrow is funded by its first deposit, and takes more', () => {
  const run = new EscrowRun()
  const id = run.create({ amount: 0, expiresAt: genesisTimeMs + 1_000_000 })
  assert.equal(run.sums(id), 'open 0 = 0 + 0 + 0')
  assert.equal(run.act(depositor, 'fund', { id, amount: 1_000 }), 'funds_are_short')
  assert.equal(run.act(depositor, 'fund', { id, amount: 7 }), 'applied')
  assert.equal(run.act(depositor, 'fund', { id, amount: 5 }), 'applied')
  assert.equal(run.sums(id), 'funded 12 = 0 + 0 + 12')
  assert.equal(run.account(depositor).locked, 12n)
})

test('deposits stay below 2^53, however often the same Tokens come in', () => {
  const most = 2n ** 53n - 1n - 1_000n
  const run = new EscrowRun({ balances: { alice: most, bob: 500n }, params: { subsidy: 0n }, stakes: { val: 100n } })
  const amount = Number(most / 2n)
  const id = run.create({ amount })
  assert.equal(run.act(beneficiary, 'refund', { id, amount: amount - 1 }), 'applied')
  assert.equal(run.act(depositor, 'fund', { id, amount }), 'applied')
  assert.equal(run.act(beneficiary, 'refund', { id, amount: amount - 1 }), 'applied')
  assert.equal(run.act(depositor, 'fund', { id, amount }), 'deposits_are_too_large')
  assert.equal(run.act(depositor, 'fund', { id, amount: 100 }), 'applied')
  run.check()
})

test('nothing can be done with an escrow that nobody created', () => {
  const run = new EscrowRun()
  const id = `0x${'00'.repeat(32)}`
  for (const [action, body] of [
    ['fund', { amount: 1 }],
    ['release', {}],
    ['refund', {}],
    ['approve', { amount: 1, ruleId: 'own' }],
  ] as const) {
    assert.equal(run.act(depositor, action, { id, ...body }), 'escrow_is_unknown')
  }
})

test('what is locked cannot be spent, and budgets see who may come to have it', () => {
  const run = new EscrowRun()
  const sent = run.send(depositor, 'create', {
    beneficiary: didOf(beneficiary),
    amount: 600,
    releaseRules: [{ id: 'own' }, { id: 'other', to: didOf('payee') }],
  })
  const at = { height: 1, timeMs: run.timeMs, params: run.genesis.params }
  assert.deepEqual(run.ledger.dryRun(run.view, sent, at).outlays, [
    {
      type: 'locked',
      account: actor(depositor).address,
      amount: 600n,
      payees: [actor(beneficiary).address, actor('payee').address],
      object: sent.id,
    },
  ])
  run.block([sent])
  const { outcomes } = run.try([run.transfer(depositor, { amount: 400n })])
  assert.deepEqual(outcomes, [{ type: 'rejected', code: 'funds_are_short' }])
  const released = run.send(depositor, 'release', { id: `0x${sent.id}`, amount: 5, ruleId: 'other' })
  assert.deepEqual(run.ledger.dryRun(run.view, released, at).outlays, [
    {
      type: 'given',
      account: actor(depositor).address,
      amount: 5n,
      payees: [actor('payee').address],
      object: sent.id,
    },
  ])
})

test('the deepest and widest condition fits what a transaction may nest, in bytes', () => {
  const run = new EscrowRun()
  const when = { and: [{ or: [{ and: [manyDids] }] }] }
  const sent = run.send(depositor, 'create', {
    beneficiary: didOf(beneficiary),
    amount: 5,
    releaseRules: [{ id: 'deep', when }],
  })
  const { id, envelope } = decodeTransaction(run.ledger.kinds, run.chainId, sent.bytes)
  assert.equal(id, sent.id)
  assert.deepEqual(envelope.payload, sent.envelope.payload)
})
