import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { DecodeError, fromBytes, type Json, toBytes } from './codec.ts'
import { jsonObject } from './json-object.ts'

const codec = jsonObject(200)

/** Bytes of a text that nobody has looked at. */
function bytesOf(text: string): Uint8Array {
  const plain = { ...codec, toCbor: (value: unknown) => value }
  return toBytes(plain, text as never)
}

test('a document is its canonical text in bytes and itself in JSON', () => {
  const value = codec.fromJson({ b: [1, -2, null], a: { é: 'x', A: true } })
  const text = '{"a":{"A":true,"é":"x"},"b":[1,-2,null]}'
  assert.deepEqual(toBytes(codec, value), bytesOf(text))
  assert.deepEqual(codec.toJson(fromBytes(codec, bytesOf(text))), value)
})

test('what is read from JSON is a copy, with one zero only', () => {
  const given = { a: [1], zero: -0 }
  const read = codec.fromJson(given)
  given.a.push(2)
  assert.deepEqual(read, { a: [1], zero: 0 })
})

const refusedTexts: readonly (readonly [text: string, problem: RegExp])[] = [
  ['', /must be JSON/],
  ['{', /must be JSON/],
  ["{'a':1}", /must be JSON/],
  ['{"a":1}{}', /must be JSON/],
  ['null', /must be an object/],
  ['[]', /must be an object/],
  ['"a"', /must be an object/],
  ['{"a":1} ', /not canonical/],
  ['{"a": 1}', /not canonical/],
  ['{"b":1,"a":2}', /not canonical/],
  ['{"a":1,"a":1}', /not canonical/],
  ['{"a":1,"a":2}', /not canonical/],
  [String.raw`{"\u0061":1}`, /not canonical/],
  [String.raw`{"a":"\/"}`, /not canonical/],
  [String.raw`{"a":"\u001F"}`, /not canonical/],
  ['{"a":1.0}', /not canonical/],
  ['{"a":1e2}', /not canonical/],
  ['{"a":-0}', /not canonical/],
  ['{"a":0.5}', /a: must be an integer/],
  ['{"a":[9007199254740992]}', /a\[0\]: must be an integer/],
  ['{"a":-9007199254740992}', /a: must be an integer/],
  [String.raw`{"a":"\ud800"}`, /a: must be well-formed/],
  [`{"a":${'['.repeat(16)}${']'.repeat(16)}}`, /nesting is deeper than 16/],
  [`{"a":"${'x'.repeat(193)}"}`, /at most 200 bytes as canonical JSON, has 201/],
  [`{"a":"${'é'.repeat(97)}"}`, /at most 200 bytes as canonical JSON, has 202/],
]

for (const [text, problem] of refusedTexts) {
  test(`bytes of ${text.slice(0, 30)} are refused: ${problem.source}`, () => {
    assert.throws(() => fromBytes(codec, bytesOf(text)), new RegExp(`DecodeError.*${problem.source}`))
  })
}

test('the limits themselves are allowed', () => {
  for (const text of [
    `{"a":${'['.repeat(15)}${']'.repeat(15)}}`,
    `{"a":"${'x'.repeat(192)}"}`,
    `{"a":"${'é'.repeat(96)}"}`,
    '{"a":9007199254740991,"b":-9007199254740991}',
    '{}',
  ]) {
    assert.deepEqual(fromBytes(codec, bytesOf(text)), JSON.parse(text))
  }
})

test('JSON from anywhere is a document or a DecodeError', () => {
  fc.assert(
    fc.property(fc.jsonValue(), json => {
      let value
      try {
        value = codec.fromJson(json)
      } catch (error) {
        assert.ok(error instanceof DecodeError)
        return
      }
      assert.deepEqual(fromBytes(codec, toBytes(codec, value)), value)
      assert.deepEqual(codec.fromJson(codec.toJson(value) as Json), value)
    }),
    { numRuns: 500 },
  )
})

test('nesting without end is refused before it exhausts the stack', () => {
  const wide = jsonObject(1_000_000)
  const text = `{"a":${'['.repeat(400_000)}${']'.repeat(400_000)}}`
  assert.throws(() => wide.fromCbor(text), /nesting is deeper than 16/)
})
