import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { type Item, readCbor, writeCbor } from '../../../test/helpers/cbor.ts'
import { damagedCopy } from '../../../test/helpers/damage.ts'
import { AssertionError } from './assert.ts'
import { bytesEqual, toHex, utf8 } from './bytes.ts'
import {
  amount,
  boolean,
  bytes,
  checked,
  type Codec,
  DecodeError,
  describe,
  enumeration,
  fromBytes,
  hexId,
  list,
  optional,
  recursive,
  struct,
  text,
  timestamp,
  toBytes,
  tokenSum,
  uint,
  union,
} from './codec.ts'
import { Prng } from './prng.ts'

const tokensMax = 9_007_199_254_740_991n

/** A declaration with a value of it, and the CBOR that anybody would expect for the two. */
interface Sample {
  readonly codec: Codec<unknown>
  readonly value: unknown
  readonly item: Item
}

function sample<T>(codec: Codec<T>, value: T, item: Item): Sample {
  return { codec: codec as Codec<unknown>, value, item }
}

const uintItem = (value: number | bigint): Item => ({ type: 'uint', value: BigInt(value) })
const arrayItem = (value: readonly Item[]): Item => ({ type: 'array', value })
const nullItem: Item = { type: 'simple', value: null }

const { anySample } = fc.letrec<{ anySample: Sample }>(tie => ({
  anySample: fc.oneof(
    { depthSize: 'small', maxDepth: 4 },
    fc.boolean().map(value => sample(boolean, value, { type: 'simple', value })),
    fc.maxSafeNat().map(value => sample(uint(), value, uintItem(value))),
    fc.maxSafeNat().map(value => sample(timestamp, value, uintItem(value))),
    fc.bigInt(0n, tokensMax).map(value => sample(tokenSum, value, uintItem(value))),
    fc.bigInt(1n, tokensMax).map(value => sample(amount, value, uintItem(value))),
    fc
      .string({ unit: 'binary', maxLength: 60 })
      .filter(value => !value.startsWith('\ufeff'))
      .map(value => sample(text(240), value, { type: 'text', value: utf8(value) })),
    fc.uint8Array({ maxLength: 40 }).map(value => sample(bytes(40), value, { type: 'bytes', value })),
    fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .map(value => sample(hexId(32), toHex(value), { type: 'bytes', value })),
    fc.nat({ max: 2 }).map(index => {
      const names = ['open', 'funded', 'released'] as const
      return sample(enumeration(...names), names[index] as 'open', uintItem(index))
    }),
    fc.array(tie('anySample'), { maxLength: 4 }).map(structSample),
    fc.tuple(fc.array(tie('anySample'), { minLength: 1, maxLength: 3 }), fc.nat()).map(unionSample),
    fc.tuple(tie('anySample'), fc.nat({ max: 4 })).map(([inner, count]) =>
      sample(
        list(inner.codec, 4),
        Array.from({ length: count }, () => inner.value),
        arrayItem(Array.from({ length: count }, () => inner.item)),
      ),
    ),
  ),
}))

/** Every second field is optional, and every second of those absent. */
function structSample(inner: readonly Sample[]): Sample {
  const fields: Record<string, Codec<unknown>> = {}
  const value: Record<string, unknown> = {}
  const items = inner.map((field, index): Item => {
    fields[`field${index}`] = index % 2 === 1 ? optional(field.codec) : field.codec
    if (index % 4 === 3) return nullItem
    value[`field${index}`] = field.value
    return field.item
  })
  return { codec: struct(fields) as Codec<unknown>, value, item: arrayItem(items) }
}

function unionSample([inner, pick]: readonly [readonly Sample[], number]): Sample {
  const index = pick % inner.length
  const chosen = inner[index] as Sample
  return {
    codec: union(Object.fromEntries(inner.map((variant, at) => [`tag${at}`, variant.codec]))) as Codec<unknown>,
    value: { type: `tag${index}`, value: chosen.value },
    item: arrayItem([uintItem(index), chosen.item]),
  }
}

test('every value comes back from its bytes and from its JSON', () => {
  fc.assert(
    fc.property(anySample, ({ codec, value }) => {
      assert.deepEqual(fromBytes(codec, toBytes(codec, value)), value)
      assert.deepEqual(codec.fromJson(JSON.parse(JSON.stringify(codec.toJson(value)))), value)
    }),
    { numRuns: 2_000 },
  )
})

test('a reader written by somebody else finds in the bytes what the declaration says', () => {
  fc.assert(
    fc.property(anySample, ({ codec, value, item }) => {
      assert.deepEqual(readCbor(toBytes(codec, value)), item)
    }),
    { numRuns: 2_000 },
  )
})

test('of 100,000 damaged encodings each is refused by DecodeError, or is what its value encodes to', () => {
  const prng = new Prng(1_804)
  const originals = fc
    .sample(anySample, { numRuns: 300, seed: 1_804 })
    .map(({ codec, value }) => ({ codec, encoded: toBytes(codec, value) }))
    .filter(({ encoded }) => encoded.length < 200)
  let accepted = 0
  for (let run = 0; run < 100_000; run++) {
    const { codec, encoded } = prng.pick(originals)
    const hostile = damagedCopy(prng, encoded)
    const value = readOrRefuse(codec, hostile)
    if (value === refusal) continue
    accepted += 1
    assert.ok(bytesEqual(toBytes(codec, value), hostile), toHex(hostile))
  }
  assert.ok(accepted > 1_000, `only ${accepted} were accepted: the damage is too great to show anything`)
})

test('cut short anywhere, or followed by anything, bytes are refused', () => {
  fc.assert(
    fc.property(anySample, fc.uint8Array({ minLength: 1, maxLength: 3 }), ({ codec, value }, more) => {
      const whole = toBytes(codec, value)
      for (let length = 0; length < Math.min(whole.length, 200); length++) {
        assert.equal(readOrRefuse(codec, whole.subarray(0, length)), refusal)
      }
      assert.equal(readOrRefuse(codec, new Uint8Array([...whole, ...more])), refusal)
    }),
  )
})

const anyJson = fc.jsonValue({ maxDepth: 4 })

test('any JSON is refused by DecodeError, or is what its value turns into again', () => {
  fc.assert(
    fc.property(anySample, anyJson, ({ codec }, json) => {
      let value: unknown
      try {
        value = codec.fromJson(json)
      } catch (error) {
        assert.ok(error instanceof DecodeError, String(error))
        return
      }
      assert.deepEqual(codec.fromJson(codec.toJson(value)), value)
    }),
    { numRuns: 5_000 },
  )
})

const refusal = Symbol('refused')

function readOrRefuse(codec: Codec<unknown>, hostile: Uint8Array): unknown {
  try {
    return fromBytes(codec, hostile)
  } catch (error) {
    assert.ok(error instanceof DecodeError, String(error))
    return refusal
  }
}

// What each declaration refuses, and the words for it. The words reach users, so they are part of the claim.

const order = struct({ id: uint(), to: text(8, 1), memo: optional(text(4)), tags: list(enumeration('a', 'b'), 2) })
const choice = union({ after: timestamp, both: list(struct({ id: uint(9) }), 2) })

const even = checked(uint(), (value: number) => (value % 2 === 0 ? undefined : 'must be even'))

type Tree = readonly Tree[]
const tree = recursive<Tree>(3, inner => list(inner, 2))

const refusedJson: readonly (readonly [codec: Codec<never>, json: unknown, field: string, problem: RegExp])[] = (
  [
    [boolean, 0, '', /true or false/],
    [uint(), -1, '', /integer from 0/],
    [uint(), 1.5, '', /integer from 0/],
    [uint(), 2 ** 53, '', /integer from 0/],
    [uint(), '1', '', /integer from 0/],
    [uint(), null, '', /integer from 0/],
    [uint(), Number.NaN, '', /integer from 0/],
    [uint(9, 3), 2, '', /from 3 to 9/],
    [uint(9, 3), 10, '', /from 3 to 9/],
    [even, 3, '', /^must be even$/],
    [list(even, 2), [2, 3], '[1]', /must be even/],
    [list(uint(), 3, 2), [1], '', /at least 2 items, has 1/],
    [tree, [[[[]]]], '[0][0][0]', /nested more than 3 deep/],
    [tree, [[], [[], [[]]]], '[1][1][0]', /nested more than 3 deep/],
    [amount, 0, '', /integer number of Tokens, from 1/],
    [amount, 1n, '', /integer number of Tokens/],
    [tokenSum, -1, '', /integer number of Tokens, from 0/],
    [tokenSum, 2 ** 53, '', /from 0 to 9007199254740991/],
    [text(3), 'abcd', '', /0 to 3 bytes, has 4/],
    [text(3), 'éé', '', /0 to 3 bytes, has 4/],
    [text(3, 1), '', '', /1 to 3 bytes, has 0/],
    [text(9), '\ud800', '', /well-formed Unicode/],
    [text(9), '\ufeffa', '', /byte order mark/],
    [text(9), 7, '', /must be a text/],
    [bytes(2, 2), '0x0', '', /lowercase hex/],
    [bytes(2, 2), '0xABCD', '', /lowercase hex/],
    [bytes(2, 2), 'abcd', '', /lowercase hex/],
    [bytes(2, 2), '0xab', '', /must be 2 bytes/],
    [bytes(2, 1), '0xababab', '', /must be 1 to 2 bytes/],
    [enumeration('a', 'b'), 'c', '', /must be one of a, b/],
    [enumeration('a', 'b'), 0, '', /must be one of a, b/],
    [order, [], '', /must be an object/],
    [order, null, '', /must be an object/],
    [order, 'x', '', /must be an object/],
    [order, {}, 'id', /is missing/],
    [order, { id: 1, tags: [] }, 'to', /is missing/],
    [order, { id: 1, to: undefined, tags: [] }, 'to', /is missing/],
    [order, { id: 1, to: 'x', tags: [], extra: 1 }, 'extra', /not a known field; known are id, to, memo, tags/],
    [order, JSON.parse('{"__proto__": 1, "id": 1, "to": "x", "tags": []}'), '__proto__', /not a known field/],
    [order, { id: 1, to: 'x', tags: [], memo: null }, 'memo', /must be a text/],
    [order, { id: 1, to: 'x', tags: ['a', 'c'] }, 'tags[1]', /one of a, b/],
    [order, { id: 1, to: 'x', tags: ['a', 'a', 'a'] }, 'tags', /at most 2 items, has 3/],
    [order, { id: 1, to: 'x', tags: { length: 0 } }, 'tags', /must be a list/],
    [choice, { after: 1, both: [] }, '', /one of after, both/],
    [choice, {}, '', /one of after, both/],
    [choice, { toString: 1 }, '', /one of after, both/],
    [choice, ['after', 1], '', /one of after, both/],
    [choice, { both: [{ id: 1 }, { id: 10 }] }, 'both[1].id', /from 0 to 9/],
    [struct({}), { a: 1 }, 'a', /known are none/],
  ] as const
).map(row => row as never)

for (const [codec, json, field, problem] of refusedJson) {
  test(`${describeJson(json)} is refused${field === '' ? '' : ` at ${field}`}: ${problem.source}`, () => {
    assert.throws(
      () => codec.fromJson(json),
      error => error instanceof DecodeError && error.field === field && problem.test(error.problem),
    )
  })
}

function describeJson(json: unknown): string {
  return typeof json === 'bigint' ? `${json}n` : typeof json === 'number' ? String(json) : (JSON.stringify(json) ?? '')
}

const refusedItems: readonly (readonly [what: string, codec: Codec<never>, item: Item])[] = (
  [
    ['a number for a boolean', boolean, uintItem(1)],
    ['null where nothing is optional', struct({ id: uint() }), arrayItem([nullItem])],
    ['a field too few', order, arrayItem([uintItem(1)])],
    ['a field too many', struct({}), arrayItem([uintItem(1)])],
    ['a number for a struct', order, uintItem(1)],
    ['a name beyond an enumeration', enumeration('a', 'b'), uintItem(2)],
    ['a form beyond a union', choice, arrayItem([uintItem(2), uintItem(0)])],
    ['a union of three', choice, arrayItem([uintItem(0), uintItem(0), uintItem(0)])],
    ['zero Tokens that move', amount, uintItem(0)],
    ['text for bytes', bytes(4), { type: 'text', value: utf8('ab') }],
    ['bytes for text', text(4), { type: 'bytes', value: utf8('ab') }],
    ['text that is not UTF-8', text(4), { type: 'text', value: Uint8Array.of(0xc3) }],
    ['an overlong form of UTF-8', text(4), { type: 'text', value: Uint8Array.of(0xc1, 0x81) }],
    ['a surrogate in UTF-8', text(4), { type: 'text', value: Uint8Array.of(0xed, 0xa0, 0x80) }],
    ['a byte order mark', text(8), { type: 'text', value: utf8('\ufeffa') }],
    ['a byte order mark before much text', text(99), { type: 'text', value: utf8(`\ufeff${'a'.repeat(60)}`) }],
    ['31 bytes for a hash', hexId(32), { type: 'bytes', value: new Uint8Array(31) }],
    ['what a check finds wrong', even, uintItem(3)],
    ['fewer items than a list needs', list(uint(), 3, 2), arrayItem([uintItem(1)])],
    ['more nesting than is declared', tree, arrayItem([arrayItem([arrayItem([arrayItem([])])])])],
    ['more items than a list has', list(uint(), 1), arrayItem([uintItem(1), uintItem(1)])],
  ] as const
).map(row => row as never)

for (const [what, codec, item] of refusedItems) {
  test(`in bytes, ${what} is refused`, () => {
    assert.throws(() => fromBytes(codec, writeCbor(item)), DecodeError)
  })
}

test('an error inside a structure names the place from the outside in', () => {
  const outer = struct({ orders: list(order, 3) })
  assert.throws(
    () =>
      outer.fromJson({
        orders: [
          { id: 1, to: 'x', tags: [] },
          { id: 1, to: 'x', tags: ['z'] },
        ],
      }),
    { name: 'DecodeError', message: 'orders[1].tags[0]: must be one of a, b' },
  )
})

test('a BOM inside a text stays where it is', () => {
  const inside = 'a\ufeffb'
  assert.equal(fromBytes(text(16), toBytes(text(16), inside)), inside)
})

test('the order of JSON fields does not matter, that of declared ones makes the bytes', () => {
  const declared = struct({ a: uint(), b: uint() })
  assert.deepEqual(declared.fromJson({ b: 2, a: 1 }), { a: 1, b: 2 })
  assert.equal(toHex(toBytes(declared, declared.fromJson({ b: 2, a: 1 }))), '820102')
})

test('Tokens that no ledger could hold are never written', () => {
  for (const wrong of [-1n, tokensMax + 1n]) assert.throws(() => toBytes(tokenSum, wrong), AssertionError)
  assert.throws(() => toBytes(amount, 0n), AssertionError)
})

test('a description changes the schema and nothing else', () => {
  const described = describe(uint(5), 'how many')
  assert.deepEqual(described.schema, { type: 'integer', minimum: 0, maximum: 5, description: 'how many' })
  assert.equal(toHex(toBytes(described, 5)), toHex(toBytes(uint(5), 5)))
})

test('the JSON Schema says which fields there are, must be and may be', () => {
  assert.deepEqual(struct({ id: uint(9), memo: optional(text(4)) }).schema, {
    type: 'object',
    properties: {
      id: { type: 'integer', minimum: 0, maximum: 9 },
      memo: { type: 'string', minLength: 0, maxLength: 4 },
    },
    required: ['id'],
    additionalProperties: false,
  })
})

test('a type that contains itself comes back from bytes and JSON as deep as it may be', () => {
  for (const value of [
    [],
    [[]],
    [[[], []], []],
    [
      [[], []],
      [[], []],
    ],
  ] satisfies Tree[]) {
    assert.deepEqual(fromBytes(tree, toBytes(tree, value)), value)
    assert.deepEqual(tree.fromJson(tree.toJson(value)), value)
  }
  assert.throws(() => toBytes(tree, [[[[]]]]), DecodeError)
})

test('the schema of a type that contains itself ends after its outermost level', () => {
  const inner = { description: 'The same again, at most 3 deep in all' }
  assert.deepEqual(tree.schema, { type: 'array', items: inner, maxItems: 2 })
  assert.deepEqual(list(uint(9), 3, 2).schema, { type: 'array', items: uint(9).schema, maxItems: 3, minItems: 2 })
})

test('a check leaves what it accepts as it is, and the schema', () => {
  assert.deepEqual(even.schema, uint().schema)
  assert.equal(toHex(toBytes(even, 4)), toHex(toBytes(uint(), 4)))
  assert.equal(fromBytes(even, toBytes(even, 4)), 4)
})
