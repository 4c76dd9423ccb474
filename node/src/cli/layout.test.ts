import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ledger, present, type JsonSchema } from '@claw-network/protocol'
import { layout } from './layout.ts'
import { Output } from './output.ts'

const silent = { write: () => {} }
const terminal = (columns?: number): Output =>
  new Output(
    { isJson: false, isQuiet: false, hasColor: false },
    { data: { ...silent, isTTY: true, ...(columns !== undefined && { columns }) }, talk: silent },
  )
const program = new Output({ isJson: false, isQuiet: false, hasColor: false }, { data: silent, talk: silent })

const time = { type: 'integer', format: 'unix-ms' }
const schema: JsonSchema = {
  type: 'object',
  properties: {
    endsAt: time,
    limits: { type: 'object', properties: { until: time } },
    grants: { type: 'array', items: { type: 'object', properties: { notAfter: time } } },
  },
}
const answer = {
  id: '0xab',
  endsAt: 1_893_456_000_000,
  left: undefined,
  payees: ['claw1a', 'claw1b'],
  kinds: [],
  limits: { perTx: 5, until: 0 },
  grants: [
    { key: '0x01', notAfter: 1_893_456_000_000, status: 'live' },
    { key: '0x02', notAfter: 1_893_456_000_000, total: 7, status: 'over' },
  ],
}

test('on a terminal nested fields, dates and lists are read without JSON, and lists of objects are tables', () => {
  assert.equal(
    layout(answer, schema, terminal(80)),
    `
id            0xab
endsAt        2030-01-01T00:00:00.000Z
payees        claw1a, claw1b
kinds         -
limits.perTx  5
limits.until  1970-01-01T00:00:00.000Z

grants (2)
key   notAfter                  status  total
0x01  2030-01-01T00:00:00.000Z  live
0x02  2030-01-01T00:00:00.000Z  over    7`.trimStart(),
  )
})

test('a table that is wider than the terminal becomes one block per object', () => {
  assert.equal(
    layout({ grants: answer.grants }, schema, terminal(40)),
    `
grants (2)

key       0x01
notAfter  2030-01-01T00:00:00.000Z
status    live

key       0x02
notAfter  2030-01-01T00:00:00.000Z
total     7
status    over`.trimStart(),
  )
})

test('a length of time has its two largest units', () => {
  for (const [ms, text] of [
    [86_400_000, '1d'],
    [2_591_999_364, '29d 23h'],
    [86_400_000 + 60_000, '1d'],
    [90_000, '1m 30s'],
    [59_999, '59s'],
    [0, '0ms'],
    [999, '999ms'],
  ] as const) {
    assert.equal(layout({ endsInMs: ms }, {}, terminal()), `endsInMs  ${text}`)
  }
  assert.equal(layout({ endsInMs: 90_000 }, {}, program), 'endsInMs\t90000')
})

test('programs get one line per field, structures as JSON', () => {
  const lines = layout(answer, schema, program).split('\n')
  assert.deepEqual(
    lines.map(line => line.split('\t')[0]),
    ['id', 'endsAt', 'payees', 'kinds', 'limits', 'grants'],
  )
  assert.deepEqual(JSON.parse(lines[5]?.split('\t')[1] ?? ''), answer.grants)
})

test('names and texts of others cannot steer the terminal', () => {
  const evil = '\u001b[2J\u202e'
  for (const output of [terminal(), terminal(3), program]) {
    const shown = layout({ [evil]: evil, nested: { [evil]: evil }, list: [{ [evil]: evil }] }, {}, output)
    assert.doesNotMatch(shown.replaceAll(/[\t\n]/g, ' '), /\p{Cc}|\u202e/u)
  }
})

test('times of every query are marked as times, so that they show as dates', () => {
  const grants = present(
    ledger.domains.flatMap(({ queries }) => queries).find(({ command }) => command.startsWith('identity grants')),
    'the query is there',
  )
  const shown = layout({ grants: [{ key: '0x01', notAfter: 0 }] }, grants.output.schema, terminal())
  assert.match(shown, /1970-01-01T00:00:00\.000Z/)
})
