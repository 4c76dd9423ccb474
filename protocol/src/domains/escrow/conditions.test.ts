import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { actor } from '../../../../test/helpers/actors.ts'
import { didOf } from '../../../../test/helpers/escrow-run.ts'
import { digest } from '../../crypto/hash.ts'
import type { Did } from '../../crypto/keys.ts'
import { fromBytes, type Json, toBytes } from '../../lib/codec.ts'
import { missingIn } from './actions.ts'
import {
  type Condition,
  condition,
  conditionDepthMax,
  type Evidence,
  holds,
  signersOf,
  weightOf,
} from './conditions.ts'

const people = ['alice', 'bob', 'carol', 'dave'].map(name => actor(name).did)
const secrets = [0, 1].map(byte => Uint8Array.of(byte))

const leaf: fc.Arbitrary<Condition> = fc.oneof(
  fc.constantFrom(...people).map(value => ({ type: 'sig' as const, value })),
  fc
    .subarray(people, { minLength: 1 })
    .chain(dids => fc.integer({ min: 1, max: dids.length }).map(k => ({ type: 'kOf' as const, value: { k, dids } }))),
  fc.constantFrom(...secrets).map(secret => ({ type: 'preimage' as const, value: digest(secret) })),
  fc.nat(10).map(value => ({ type: 'after' as const, value })),
  fc.nat(10).map(value => ({ type: 'before' as const, value })),
)

function deep(depth: number): fc.Arbitrary<Condition> {
  if (depth === 1) return leaf
  const parts = fc.array(deep(depth - 1), { minLength: 1, maxLength: 4 })
  return fc.oneof(
    leaf,
    parts.map(value => ({ type: 'and' as const, value })),
    parts.map(value => ({ type: 'or' as const, value })),
  )
}

interface Facts {
  readonly consenting: readonly Did[]
  readonly timeMs: number
  readonly preimage: Uint8Array | undefined
}

const facts: fc.Arbitrary<Facts> = fc.record({
  consenting: fc.subarray(people),
  timeMs: fc.nat(11),
  preimage: fc.option(fc.constantFrom(...secrets), { nil: undefined }),
})

function evidenceOf({ consenting, timeMs, preimage }: Facts): Evidence {
  return { consents: did => consenting.includes(did), timeMs, ...(preimage !== undefined && { preimage }) }
}

/** The same question asked the long way: every way to satisfy a condition is a list of demands, all of which are met. */
type Demand = (facts: Facts) => boolean

function waysOf({ type, value }: Condition): readonly (readonly Demand[])[] {
  switch (type) {
    case 'sig':
      return [[({ consenting }) => consenting.includes(value)]]
    case 'kOf':
      return subsetsOf(value.dids)
        .filter(subset => subset.length === value.k)
        .map(subset =>
          subset.map(
            did =>
              ({ consenting }) =>
                consenting.includes(did),
          ),
        )
    case 'preimage':
      return [[({ preimage }) => preimage !== undefined && Buffer.from(digest(preimage)).equals(value)]]
    case 'after':
      return [[({ timeMs }) => !(timeMs < value)]]
    case 'before':
      return [[({ timeMs }) => !(timeMs >= value)]]
    case 'or':
      return value.flatMap(waysOf)
    case 'and':
      return value.map(waysOf).reduce((all, ways) => all.flatMap(one => ways.map(other => [...one, ...other])))
  }
}

function subsetsOf<T>(items: readonly T[]): readonly (readonly T[])[] {
  return items.reduce<T[][]>((subsets, item) => [...subsets, ...subsets.map(subset => [...subset, item])], [[]])
}

test('a condition holds where one of the ways to satisfy it is met', () => {
  let held = 0
  fc.assert(
    fc.property(deep(3), facts, (of, given) => {
      const expected = waysOf(of).some(way => way.every(demand => demand(given)))
      if (expected) held += 1
      assert.equal(holds(of, evidenceOf(given)), expected)
    }),
    { numRuns: 600 },
  )
  assert.ok(held > 50 && held < 550, `${held} of 600 held`)
})

test('something is missing exactly where a condition does not hold', () => {
  fc.assert(
    fc.property(deep(conditionDepthMax), facts, (of, given) => {
      assert.equal(missingIn(of, evidenceOf(given)).length === 0, holds(of, evidenceOf(given)))
    }),
  )
})

test('more consents never make a condition fail', () => {
  fc.assert(
    fc.property(deep(conditionDepthMax), facts, fc.constantFrom(...people), (of, given, more) => {
      const wider = { ...given, consenting: [...given.consenting, more] }
      assert.ok(!holds(of, evidenceOf(given)) || holds(of, evidenceOf(wider)))
    }),
  )
})

test('only those whom a condition names can change whether it holds', () => {
  fc.assert(
    fc.property(deep(conditionDepthMax), facts, (of, given) => {
      const named = { ...given, consenting: given.consenting.filter(did => signersOf(of).includes(did)) }
      assert.equal(holds(of, evidenceOf(named)), holds(of, evidenceOf(given)))
    }),
  )
})

test('conditions survive bytes and JSON', () => {
  fc.assert(
    fc.property(deep(conditionDepthMax), of => {
      assert.deepEqual(fromBytes(condition, toBytes(condition, of)), of)
      assert.deepEqual(condition.fromJson(JSON.parse(JSON.stringify(condition.toJson(of)))), of)
    }),
  )
})

test('the weight counts each condition and each DID of kOf', () => {
  const weights: readonly (readonly [Json, number])[] = [
    [{ sig: didOf('alice') }, 1],
    [{ kOf: { k: 1, dids: [didOf('alice'), didOf('bob')] } }, 3],
    [{ and: [{ after: 1 }, { or: [{ before: 2 }, { sig: didOf('bob') }] }] }, 5],
  ]
  for (const [json, weight] of weights) assert.equal(weightOf(condition.fromJson(json)), weight)
})

test('time is exact: after from t on, before until t', () => {
  const at = (timeMs: number): Evidence => ({ timeMs, consents: () => false })
  for (const [timeMs, after] of [
    [99, false],
    [100, true],
    [101, true],
  ] as const) {
    assert.equal(holds({ type: 'after', value: 100 }, at(timeMs)), after)
    assert.equal(holds({ type: 'before', value: 100 }, at(timeMs)), !after)
  }
})

const dids = (count: number): string[] => Array.from({ length: count }, (_, index) => didOf(`did ${index}`))
const nested = (depth: number): Json => (depth === 1 ? { after: 1 } : { and: [nested(depth - 1)] })

const unfit: readonly (readonly [what: string, json: Json, message: RegExp])[] = [
  ['nested five deep', nested(5), /nested more than 4 deep/],
  ['and of nothing', { and: [] }, /at least 1 items/],
  ['or of nine', { or: Array.from({ length: 9 }, () => ({ after: 1 })) }, /at most 8 items/],
  ['k above n', { kOf: { k: 3, dids: dids(2) } }, /k is at most the number of dids, 2/],
  ['k of 0', { kOf: { k: 0, dids: dids(2) } }, /from 1 to 16/],
  ['of nobody', { kOf: { k: 1, dids: [] } }, /at least 1 items/],
  ['of seventeen', { kOf: { k: 1, dids: dids(17) } }, /at most 16 items/],
  ['somebody twice', { kOf: { k: 2, dids: [...dids(1), ...dids(1)] } }, /names somebody twice/],
  ['a short hash', { preimage: '0x12' }, /must be 32 bytes/],
  ['two at once', { after: 1, before: 2 }, /must be one of/],
  ['what is not there yet', { accepted: '0x12' }, /must be one of/],
]

for (const [what, json, message] of unfit) {
  test(`a condition may not be ${what}`, () => {
    assert.throws(() => condition.fromJson(json), { name: 'DecodeError', message })
  })
}

test('the widest conditions are allowed', () => {
  for (const json of [nested(4), { kOf: { k: 16, dids: dids(16) } }, { or: Array(8).fill({ before: 2 }) }] as Json[]) {
    assert.deepEqual(condition.toJson(condition.fromJson(json)), json)
  }
})
