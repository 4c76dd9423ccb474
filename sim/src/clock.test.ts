import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Prng } from '@claw-network/protocol'
import { SimClock, Timeline } from './clock.ts'

test('events happen in the order of their times, those of one time in the order of their planning', () => {
  const prng = new Prng(1)
  const timeline = new Timeline()
  const planned = Array.from({ length: 500 }, (_, number) => ({ atMs: prng.below(50), number }))
  const happened: { atMs: number; number: number }[] = []
  for (const event of planned) timeline.after(event.atMs, () => happened.push({ ...event, atMs: timeline.nowMs }))
  while (timeline.step(1_000));
  assert.deepEqual(
    happened,
    planned.toSorted((a, b) => a.atMs - b.atMs || a.number - b.number),
  )
})

test('a cancelled event does not happen, and time does not stop for it', () => {
  const timeline = new Timeline()
  const happened: string[] = []
  timeline.after(5, () => happened.push('cancelled'))()
  timeline.after(7, () => happened.push('kept'))
  assert.equal(timeline.step(10), true)
  assert.equal(timeline.nowMs, 7)
  assert.equal(timeline.step(10), false)
  assert.equal(timeline.nowMs, 10)
  assert.deepEqual(happened, ['kept'])
})

test('nothing after the given time happens', () => {
  const timeline = new Timeline()
  timeline.after(11, () => assert.fail('too early'))
  assert.equal(timeline.step(10), false)
})

test('a wrong clock is wrong by its skew, and its timers are not', () => {
  const timeline = new Timeline()
  const clock = new SimClock({ startMs: 1_000, skewMs: 30 }, timeline)
  let rangAt = 0
  clock.after(20, () => {
    rangAt = clock.nowMs()
  })
  clock.skewMs = -5
  timeline.step(100)
  assert.equal(rangAt, 1_015)
})
