import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { boolean, type Codec, list, optional, struct, text, timestamp, uint } from '@claw-network/protocol'
import { messagesIn } from './messages.ts'
import { jsonOf, placeholderOf } from './values.ts'

const messages = messagesIn('en')
const directory = mkdtempSync(join(tmpdir(), 'clawnet-values-'))
after(() => rmSync(directory, { recursive: true }))

function read(given: string, { schema }: Codec<unknown>, name = 'field'): unknown {
  return jsonOf(given, schema, name, messages)
}

function file(content: string): string {
  const path = join(directory, 'value')
  writeFileSync(path, content)
  return `@${path}`
}

test('a time is a date, a date and time with its zone, or milliseconds', () => {
  for (const [given, timeMs] of [
    ['2030-01-01', 1_893_456_000_000],
    ['2030-01-01T00:00Z', 1_893_456_000_000],
    ['2030-01-01T08:00:00+08:00', 1_893_456_000_000],
    ['2029-12-31T23:00:00.500-01:00', 1_893_456_000_500],
    ['1893456000000', 1_893_456_000_000],
    ['2028-02-29', 1_835_395_200_000],
  ] as const) {
    assert.equal(read(given, optional(timestamp)), timeMs, given)
  }
})

test('a span stands for the time so far from now', () => {
  for (const [given, ms] of [
    ['90s', 90_000],
    ['15m', 900_000],
    ['2h', 7_200_000],
    ['30d', 2_592_000_000],
    ['4w', 2_419_200_000],
  ] as const) {
    const before = Date.now()
    const timeMs = read(given, timestamp) as number
    assert.ok(timeMs >= before + ms && timeMs <= Date.now() + ms, given)
  }
})

test('what is no time is refused, a date without its zone too', () => {
  for (const given of [
    '',
    'soon',
    '2030-1-1',
    '2030-02-30',
    '2030-13-01',
    '2030-01-01T09:30',
    '-1d',
    '1.5h',
    '1y',
    '9'.repeat(12) + 'w',
  ]) {
    assert.throws(
      () => read(given, timestamp, 'notAfter'),
      /^CliError: notAfter: must be a time like 2027-01-31/,
      given,
    )
  }
})

test('a length of time has a unit, or is in milliseconds', () => {
  assert.equal(read('1d', uint(), 'periodMs'), 86_400_000)
  assert.equal(read('1500', uint(), 'periodMs'), 1500)
  assert.throws(() => read('daily', uint(), 'periodMs'), /periodMs: must be a span like 30s/)
  // Other numbers have no units: the codec says what they must be.
  assert.equal(read('1d', uint(), 'amount'), '1d')
})

test('a list has commas, is JSON, or comes from a file with one to a line', () => {
  const payees = optional(list(text(64), 4))
  assert.deepEqual(read('claw1a, claw1b', payees), ['claw1a', 'claw1b'])
  assert.deepEqual(read('["a,b"]', payees), ['a,b'])
  assert.deepEqual(read('', payees), [])
  assert.deepEqual(read(file('claw1a\nclaw1b\n'), payees), ['claw1a', 'claw1b'])
  assert.deepEqual(read(file('["claw1a"]\n'), payees), ['claw1a'])
  assert.deepEqual(read('1,2', list(uint(), 4)), [1, 2])
})

test('an object is JSON or comes from a file', () => {
  const rule = list(struct({ type: text(9) }), 2)
  assert.deepEqual(read('[{"type":"a"}]', rule), [{ type: 'a' }])
  assert.deepEqual(read(file('{"type":"a"}'), struct({ type: text(9) })), { type: 'a' })
  assert.throws(() => read('type=a', rule, 'rules'), /^CliError: rules: must be JSON, or @FILE to read it from a file/)
  assert.throws(() => read('[1,', list(text(1), 1), 'kinds'), /kinds: must be JSON/)
  assert.throws(() => read(file('{'), rule, 'rules'), /rules: must be JSON/)
  assert.throws(() => read(`@${directory}/none`, rule, 'rules'), /^CliError: rules: cannot read .*none: ENOENT/)
})

test('a text is taken as it is, at signs and brackets included', () => {
  for (const given of ['@home', '[1]', '30d', '']) assert.equal(read(given, text(9)), given)
})

test('the help says what may stand for a value', () => {
  const shown = (codec: Codec<unknown>, name = 'field'): string => placeholderOf(codec.schema, name)
  assert.deepEqual(
    [
      shown(text(9)),
      shown(uint()),
      shown(timestamp),
      shown(uint(), 'periodMs'),
      shown(boolean),
      shown(list(text(9), 1)),
      shown(list(struct({}), 1)),
    ],
    ['TEXT', 'N', 'TIME', 'SPAN', 'true|false', 'LIST', 'JSON'],
  )
})
