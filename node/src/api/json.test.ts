import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DecodeError, type Json } from '@claw-network/protocol'
import fc from 'fast-check'
import { parseJson } from './json.ts'

const parse = (text: string): Json => parseJson(new TextEncoder().encode(text))

function refusal(body: string | Uint8Array): DecodeError {
  try {
    parseJson(typeof body === 'string' ? new TextEncoder().encode(body) : body)
  } catch (error) {
    assert.ok(error instanceof DecodeError, String(error))
    return error
  }
  throw new Error(`${String(body)} was accepted`)
}

test('what JSON.stringify writes of integers, texts, lists and objects is read back the same', () => {
  const value = fc.letrec(tie => ({
    value: fc.oneof(
      { maxDepth: 5 },
      fc.maxSafeInteger(),
      fc.string({ unit: 'binary' }),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value')),
      fc.dictionary(fc.string(), tie('value')),
    ),
  })).value
  fc.assert(
    fc.property(value, fc.nat(2), (json, indent) => {
      const text = JSON.stringify(json, undefined, indent)
      if (text.includes('-0')) return
      assert.equal(JSON.stringify(parse(text)), JSON.stringify(JSON.parse(text)))
    }),
  )
})

test('what is accepted, JSON.parse accepts with the same meaning', () => {
  const fragment = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '"a"',
    '"b"',
    '\\',
    '1',
    '-',
    '0',
    '.',
    'e',
    'null',
    'true',
    ' ',
    '\n',
  )
  fc.assert(
    fc.property(fc.array(fragment, { maxLength: 12 }), fragments => {
      const text = fragments.join('')
      let accepted: Json
      try {
        accepted = parse(text)
      } catch (error) {
        assert.ok(error instanceof DecodeError)
        return
      }
      assert.equal(JSON.stringify(accepted), JSON.stringify(JSON.parse(text)))
    }),
    { numRuns: 5_000 },
  )
})

test('a number is an integer in plain digits', () => {
  assert.deepEqual(
    parse('[0, 7, -7, 9007199254740991, -9007199254740991]'),
    [0, 7, -7, 9007199254740991, -9007199254740991],
  )
  for (const numeral of [
    '1e3',
    '1E3',
    '1.0',
    '1.5',
    '-0',
    '01',
    '1.',
    '9007199254740992',
    '-9007199254740992',
    '1e400',
    '1-1',
  ]) {
    const error = refusal(`{"amount": ${numeral}}`)
    assert.equal(error.field, 'amount', numeral)
    assert.match(error.problem, /integer/, numeral)
  }
})

test('a name may stand in an object once', () => {
  assert.equal(refusal('{"a": {"b": 1, "b": 1}}').message, 'a.b: stands in the object twice')
  assert.equal(refusal(String.raw`{"b": 1, "\u0062": 2}`).field, 'b')
})

test('the name __proto__ is a field like any other', () => {
  const parsed = parse('{"__proto__": {"polluted": true}}') as { [name: string]: Json }
  assert.deepEqual(Object.keys(parsed), ['__proto__'])
  assert.equal(({} as { polluted?: true }).polluted, undefined)
})

test('an error names the place of what is wrong', () => {
  assert.equal(refusal('{"rules": [{"id": 1}, {"id": 1.5}]}').field, 'rules[1].id')
  assert.match(refusal('{"a": }').problem, /character 7 .* expected a value/)
  assert.match(refusal('').problem, /the body ends, expected a value/)
  assert.match(refusal('{} x').problem, /expected the end/)
})

test('bodies that are not JSON are refused', () => {
  const bodies = [
    '{',
    '[1,]',
    '{"a":1,}',
    "{'a':1}",
    '{a:1}',
    'undefined',
    'NaN',
    '+1',
    '"\n"',
    String.raw`"\x"`,
    '"a',
    '\uFEFF{}',
    '{"a" 1}',
    '/**/{}',
  ]
  for (const body of bodies) refusal(body)
})

test('bytes that are not UTF-8 are refused', () => {
  for (const bytes of [
    [0x22, 0xff, 0x22],
    [0x22, 0xc0, 0x80, 0x22],
    [0x22, 0xed, 0xa0, 0x80, 0x22],
    [0x22, 0xe2, 0x82],
  ]) {
    assert.match(refusal(Uint8Array.from(bytes)).problem, /UTF-8/)
  }
})

test('a text of a mebibyte, all escapes, is read', () => {
  const text = String.raw`"\u0041${'\\n'.repeat(500_000)}"`
  assert.equal(parse(text), `A${'\n'.repeat(500_000)}`)
  assert.match(refusal(text.slice(0, -1)).problem, /closing quote/)
})

test('nesting is limited before it costs the stack', () => {
  assert.ok(parse('['.repeat(32) + ']'.repeat(32)))
  assert.match(refusal('['.repeat(33) + ']'.repeat(33)).problem, /deeper than 32/)
  assert.match(refusal('['.repeat(500_000)).problem, /deeper than 32/)
  assert.match(refusal('{"a":'.repeat(100_000)).problem, /deeper than 32/)
})
