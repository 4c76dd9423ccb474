import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { depthOf, type Item, readCbor, writeCbor } from '../../../test/helpers/cbor.ts'
import { damagedCopy } from '../../../test/helpers/damage.ts'
import { fromHex, toHex, utf8 } from './bytes.ts'
import { checkCanonical } from './canonical.ts'
import { DecodeError } from './codec.ts'
import { Prng } from './prng.ts'

const depthMax = 16

/** Undefined where the bytes are accepted, else what is wrong. Anything but a DecodeError fails the test. */
function problemOf(bytes: Uint8Array): string | undefined {
  try {
    checkCanonical(bytes)
    return undefined
  } catch (error) {
    if (error instanceof DecodeError) return error.problem
    throw error
  }
}

function nested(depth: number): Uint8Array {
  return new Uint8Array(depth + 1).fill(0x81, 0, depth)
}

test('one item in its shortest form is accepted', () => {
  for (const hex of [
    ['00', '17', '1818', '18ff', '190100', '19ffff', '1a00010000', '1affffffff', '1b0000000100000000'],
    ['1b001fffffffffffff', '40', '4100', '581818'.padEnd(4 + 48, '0'), '60', '6161', '80', '8100', '820102'],
    ['f4', 'f5', 'f6', '8281f68100'],
  ].flat()) {
    assert.equal(problemOf(fromHex(hex)), undefined, hex)
  }
})

const refused: readonly (readonly [what: string, hex: string, problem: RegExp])[] = [
  ['nothing at all', '', /end too early/],
  ['a head without its argument', '18', /end too early/],
  ['a head with half of its argument', '1b000000', /end too early/],
  ['a byte string that runs over the end', '430102', /end too early/],
  ['an array that runs over the end', '8201', /end too early/],
  ['an array longer than the bytes that are left', '9b001fffffffffffff', /end too early/],
  ['a byte string longer than memory', '5bffffffffffffffff', /end too early/],
  ['a second item', '0000', /follow after the end/],
  ['an item after an array', '810000', /follow after the end/],
  ['5 in two bytes', '1805', /shortest/],
  ['23 in two bytes', '1817', /shortest/],
  ['255 in three bytes', '1900ff', /shortest/],
  ['65535 in five bytes', '1a0000ffff', /shortest/],
  ['2^32 - 1 in nine bytes', '1b00000000ffffffff', /shortest/],
  ['a length in two bytes that fits one', '580100', /shortest/],
  ['an array length in two bytes that fits one', '980100', /shortest/],
  ['2^53', '1b0020000000000000', /2\^53 or more/],
  ['2^64 - 1', '1bffffffffffffffff', /2\^53 or more/],
  ['a negative integer', '20', /negative integers/],
  ['a negative integer with an argument', '3863', /negative integers/],
  ['an empty map', 'a0', /maps and tags/],
  ['a map', 'a10102', /maps and tags/],
  ['a tag', 'c100', /maps and tags/],
  ['a bignum', 'c2420100', /maps and tags/],
  ['indefinite bytes', '5f4100ff', /indefinite/],
  ['indefinite text', '7f6161ff', /indefinite/],
  ['an indefinite array', '9f00ff', /indefinite/],
  ['a break', 'ff', /floats, undefined and other simple values/],
  ['undefined', 'f7', /floats, undefined and other simple values/],
  ['a half float', 'f93c00', /floats, undefined and other simple values/],
  ['a single float', 'fa3f800000', /floats, undefined and other simple values/],
  ['a double', 'fb3ff0000000000000', /floats, undefined and other simple values/],
  ['a simple value', 'e0', /floats, undefined and other simple values/],
  ['a simple value in two bytes', 'f820', /floats, undefined and other simple values/],
  ['a reserved length', '1c', /indefinite/],
  ['a reserved length of an array', '9e', /indefinite/],
]

for (const [what, hex, problem] of refused) {
  test(`${what} is refused`, () => {
    assert.match(problemOf(fromHex(hex)) ?? 'accepted', problem)
  })
}

test(`arrays nest ${depthMax} deep and no deeper, however deep the bytes pretend to go`, () => {
  assert.equal(problemOf(nested(depthMax)), undefined)
  assert.match(problemOf(nested(depthMax + 1)) ?? 'accepted', /nesting is deeper than 16/)
  assert.match(problemOf(nested(depthMax).with(depthMax, 0x80)) ?? 'accepted', /nesting is deeper than 16/)
  assert.match(problemOf(nested(5_000_000)) ?? 'accepted', /nesting is deeper than 16/)
})

test('a million empty arrays in a row are one item and no recursion', () => {
  const bytes = new Uint8Array(5 + 1_000_000).fill(0x80)
  bytes.set([0x9a, 0x00, 0x0f, 0x42, 0x40])
  assert.equal(problemOf(bytes), undefined)
})

const { item } = fc.letrec<{ item: Item }>(tie => ({
  item: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.bigInt(0n, 2n ** 53n - 1n).map((value): Item => ({ type: 'uint', value })),
    fc.uint8Array({ maxLength: 300 }).map((value): Item => ({ type: 'bytes', value })),
    fc.string({ unit: 'binary', maxLength: 40 }).map((text): Item => ({ type: 'text', value: utf8(text) })),
    fc.constantFrom(true, false, null).map((value): Item => ({ type: 'simple', value })),
    fc.array(tie('item'), { maxLength: 5 }).map((value): Item => ({ type: 'array', value })),
  ),
}))

test('whatever another writer encodes deterministically is accepted', () => {
  fc.assert(
    fc.property(item, value => {
      fc.pre(depthOf(value) <= depthMax)
      assert.equal(problemOf(writeCbor(value)), undefined)
    }),
    { numRuns: 2_000 },
  )
})

test('of 100,000 damaged encodings, exactly those another reader gives back unchanged are accepted', () => {
  const prng = new Prng(9_527)
  const seeds = fc.sample(item, { numRuns: 200, seed: 9_527 }).map(writeCbor)
  const seen = { accepted: 0, refused: 0 }
  for (let run = 0; run < 100_000; run++) {
    const bytes = damagedCopy(prng, prng.pick(seeds))
    const accepted = problemOf(bytes) === undefined
    assert.equal(accepted, isDeterministic(bytes), toHex(bytes))
    seen[accepted ? 'accepted' : 'refused'] += 1
  }
  assert.ok(seen.accepted > 10_000 && seen.refused > 10_000, JSON.stringify(seen))
})

/** By the other reader and writer. */
function isDeterministic(bytes: Uint8Array): boolean {
  let read: Item
  try {
    read = readCbor(bytes)
  } catch {
    return false // the other reader's way of saying no
  }
  return toHex(writeCbor(read)) === toHex(bytes) && isOfOurTypes(read) && depthOf(read) <= depthMax
}

function isOfOurTypes(read: Item): boolean {
  if (read.type === 'array') return read.value.every(isOfOurTypes)
  return read.type === 'uint' ? read.value < 2n ** 53n : read.type !== 'negative'
}
