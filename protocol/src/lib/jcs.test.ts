import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { DecodeError } from './codec.ts'
import { canonicalJson } from './jcs.ts'

test('the sample of RFC 8785, section 3.2.2, comes out as it says', () => {
  const sample = String.raw`{
    "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
    "literals": [null, true, false]
  }`
  const canonical = String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`
  assert.equal(canonicalJson(JSON.parse(sample)), canonical)
  assert.equal(
    Buffer.from(canonical, 'utf8').toString('hex'),
    '7b226c69746572616c73223a5b6e756c6c2c747275652c66616c73655d2c226e756d62657273223a5b3333333333333333332e333333333333332c31652b33302c342e352c302e3030322c31652d32375d2c22737472696e67223a22e282ac245c75303030665c6e4127425c225c5c5c5c5c222f227d',
  )
})

test('names are ordered by UTF-16 code units, as in RFC 8785, section 3.2.3', () => {
  const sample = {
    '\u20ac': 'Euro Sign',
    '\r': 'Carriage Return',
    '\ufb33': 'Hebrew Letter Dalet With Dagesh',
    1: 'One',
    '\ud83d\ude00': 'Emoji: Grinning Face',
    '\u0080': 'Control',
    '\u00f6': 'Latin Small Letter O With Diaeresis',
  }
  const values = [...canonicalJson(sample).matchAll(/:"([^"]+)"/g)].map(([, value]) => value)
  assert.deepEqual(values, [
    'Carriage Return',
    'One',
    'Control',
    'Latin Small Letter O With Diaeresis',
    'Euro Sign',
    'Emoji: Grinning Face',
    'Hebrew Letter Dalet With Dagesh',
  ])
})

// RFC 8785, appendix B: the bits of an IEEE 754 double, and its text; undefined where it has none.
const numbers: readonly (readonly [bits: string, text: string | undefined])[] = [
  ['0000000000000000', '0'],
  ['8000000000000000', '0'],
  ['0000000000000001', '5e-324'],
  ['8000000000000001', '-5e-324'],
  ['7fefffffffffffff', '1.7976931348623157e+308'],
  ['ffefffffffffffff', '-1.7976931348623157e+308'],
  ['4340000000000000', '9007199254740992'],
  ['c340000000000000', '-9007199254740992'],
  ['4430000000000000', '295147905179352830000'],
  ['7fffffffffffffff', undefined],
  ['7ff0000000000000', undefined],
  ['44b52d02c7e14af5', '9.999999999999997e+22'],
  ['44b52d02c7e14af6', '1e+23'],
  ['44b52d02c7e14af7', '1.0000000000000001e+23'],
  ['444b1ae4d6e2ef4e', '999999999999999700000'],
  ['444b1ae4d6e2ef4f', '999999999999999900000'],
  ['444b1ae4d6e2ef50', '1e+21'],
  ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
  ['3eb0c6f7a0b5ed8d', '0.000001'],
  ['41b3de4355555553', '333333333.3333332'],
  ['41b3de4355555554', '333333333.33333325'],
  ['41b3de4355555555', '333333333.3333333'],
  ['41b3de4355555556', '333333333.3333334'],
  ['41b3de4355555557', '333333333.33333343'],
  ['becbf647612f3696', '-0.0000033333333333333333'],
  ['43143ff3c1cb0959', '1424953923781206.2'],
]

test('numbers are written as in RFC 8785, appendix B', () => {
  for (const [bits, text] of numbers) {
    const number = Buffer.from(bits, 'hex').readDoubleBE()
    if (text === undefined) assert.throws(() => canonicalJson(number), /must be a finite number/)
    else assert.equal(canonicalJson(number), text)
  }
})

test('what JSON has no form for is an error that names its place', () => {
  const refused: readonly (readonly [value: unknown, field: string])[] = [
    [{ a: ['\ud800'] }, 'a[0]'],
    [{ a: { 'x\udc00': 1 } }, 'a'],
    [{ a: { b: Number.POSITIVE_INFINITY } }, 'a.b'],
    [{ a: undefined }, 'a'],
    [[1n], '[0]'],
    [[undefined], '[0]'],
  ]
  for (const [value, field] of refused) {
    assert.throws(
      () => canonicalJson(value),
      (error: unknown) => error instanceof DecodeError && error.field === field,
    )
  }
})

test('the text is read back as the same value, and written again as the same text', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), value => {
      const text = canonicalJson(value)
      assert.equal(text, canonicalJson(JSON.parse(JSON.stringify(value, null, 2))))
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('names that mean something to the language are names like others', () => {
  const text = '{"__proto__":{"a":1},"constructor":2,"toString":3}'
  assert.equal(canonicalJson(JSON.parse(text)), text)
})
