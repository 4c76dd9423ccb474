import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { DecodeError } from './codec.ts'
import { formatDateTime, parseDateTime } from './date-time.ts'

const lastMs = 253_402_300_799_999

test('a date and time is the same moment as the platform reads in it', () => {
  const times = fc.integer({ min: 0, max: lastMs })
  fc.assert(
    fc.property(times, timeMs => {
      const text = platformText(timeMs)
      assert.equal(parseDateTime(text), timeMs)
      assert.equal(formatDateTime(timeMs), text.replace(/\.\d+/, ''))
      assert.equal(parseDateTime(formatDateTime(timeMs)), timeMs - (timeMs % 1000))
    }),
    { numRuns: 1_000, examples: [[0], [lastMs], [951_782_400_000], [4_107_542_399_999], [4_107_542_400_000]] },
  )
})

test('every day of four centuries is the day after the last', () => {
  for (let day = 0; day < 146_097; day++) {
    const text = platformText(day * 86_400_000).replace('.000', '')
    assert.equal(parseDateTime(text), day * 86_400_000)
    assert.equal(formatDateTime(day * 86_400_000), text)
  }
})

test('decimals are milliseconds', () => {
  const second = parseDateTime('2026-11-22T09:30:00Z')
  assert.equal(parseDateTime('2026-11-22T09:30:00.5Z'), second + 500)
  assert.equal(parseDateTime('2026-11-22T09:30:00.05Z'), second + 50)
  assert.equal(parseDateTime('2026-11-22T09:30:00.005Z'), second + 5)
})

const refused = [
  '',
  '2026-11-22',
  '2026-11-22T09:30Z',
  '2026-11-22T09:30:00',
  '2026-11-22T09:30:00z',
  '2026-11-22t09:30:00Z',
  '2026-11-22 09:30:00Z',
  '2026-11-22T09:30:00+00:00',
  '2026-11-22T09:30:00.Z',
  '2026-11-22T09:30:00.0001Z',
  ' 2026-11-22T09:30:00Z',
  '2026-11-22T09:30:00Z\n',
  '2026-1-22T09:30:00Z',
  '12026-11-22T09:30:00Z',
  '-2026-11-22T09:30:00Z',
  '２026-11-22T09:30:00Z',
  '1969-12-31T23:59:59Z',
  '2026-00-22T09:30:00Z',
  '2026-13-22T09:30:00Z',
  '2026-11-00T09:30:00Z',
  '2026-11-31T09:30:00Z',
  '2026-02-29T09:30:00Z',
  '2100-02-29T09:30:00Z',
  '2026-11-22T24:00:00Z',
  '2026-11-22T09:60:00Z',
  '2026-12-31T23:59:60Z',
]

test('what is no day of the calendar, or written in another way, is refused', () => {
  for (const text of refused) assert.throws(() => parseDateTime(text), DecodeError, text)
  assert.equal(parseDateTime('2000-02-29T00:00:00Z'), 951_782_400_000)
  assert.equal(parseDateTime('2028-02-29T00:00:00Z'), 1_835_395_200_000)
})

function platformText(timeMs: number): string {
  // oxlint-disable-next-line no-restricted-globals -- another calendar than our own, to compare with
  return new Date(timeMs).toISOString()
}
