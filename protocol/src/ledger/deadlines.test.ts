import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { type Hash, hashOf } from '../crypto/hash.ts'
import { utf8 } from '../lib/bytes.ts'
import { cancelDeadline, dueDeadlines, nextDeadline, scheduleDeadline } from './deadlines.ts'
import { Draft, emptyView } from './state.ts'

const idOf = (number: number): Hash => hashOf(utf8(`object ${number}`))
const timesOf = (due: Iterable<{ timeMs: number }>): number[] => [...due].map(({ timeMs }) => timeMs)

test('a deadline has passed at its very millisecond, and not before', () => {
  const draft = new Draft(emptyView)
  scheduleDeadline(draft, { timeMs: 1_000, id: idOf(1), domain: 'escrow' })
  assert.equal(nextDeadline(draft), 1_000)
  assert.deepEqual([...dueDeadlines(draft, 999, 10)], [])
  assert.deepEqual([...dueDeadlines(draft, 1_000, 10)], [{ timeMs: 1_000, id: idOf(1), domain: 'escrow' }])
  assert.deepEqual([...dueDeadlines(draft, 2_000, 10)], [])
  assert.equal(nextDeadline(draft), undefined)
})

test('no more are taken at once than asked for, and the rest stays in order', () => {
  const draft = new Draft(emptyView)
  for (const timeMs of [50, 10, 40, 20, 30]) scheduleDeadline(draft, { timeMs, id: idOf(timeMs), domain: 'escrow' })
  assert.deepEqual(timesOf(dueDeadlines(draft, 100, 2)), [10, 20])
  assert.deepEqual(timesOf(dueDeadlines(draft, 45, 5)), [30, 40])
  assert.deepEqual(timesOf(dueDeadlines(draft, 100, 5)), [50])
})

test('an empty queue leaves no places behind', () => {
  const draft = new Draft(emptyView)
  scheduleDeadline(draft, { timeMs: 5, id: idOf(1), domain: 'escrow' })
  scheduleDeadline(draft, { timeMs: 4, id: idOf(2), domain: 'escrow' })
  cancelDeadline(draft, idOf(2))
  cancelDeadline(draft, idOf(1))
  cancelDeadline(draft, idOf(1))
  const left = draft.changes().filter(([, row]) => row !== undefined)
  assert.deepEqual(left, [['deadlineCount/00', Uint8Array.of(0)]])
})

test('whatever is scheduled and cancelled, the queue gives what a sorted list would', () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant('schedule' as const), timeMs: fc.nat(40) }),
    fc.record({ type: fc.constant('cancel' as const), nth: fc.nat(60) }),
    fc.record({ type: fc.constant('take' as const), timeMs: fc.nat(45), max: fc.nat(4) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), steps => {
      const draft = new Draft(emptyView)
      let list: { timeMs: number; id: Hash }[] = []
      let number = 0
      for (const one of steps) {
        if (one.type === 'schedule') {
          const id = idOf((number += 1))
          scheduleDeadline(draft, { timeMs: one.timeMs, id, domain: 'escrow' })
          list.push({ timeMs: one.timeMs, id })
          list.sort((a, b) => a.timeMs - b.timeMs || (a.id < b.id ? -1 : 1))
        } else if (one.type === 'cancel') {
          const id = list[one.nth]?.id ?? idOf(0)
          cancelDeadline(draft, id)
          list = list.filter(entry => entry.id !== id)
        } else {
          const expected = list.filter(({ timeMs }) => timeMs <= one.timeMs).slice(0, one.max)
          const taken = [...dueDeadlines(draft, one.timeMs, one.max)].map(({ timeMs, id }) => ({ timeMs, id }))
          assert.deepEqual(taken, expected)
          list = list.filter(entry => !expected.some(({ id }) => id === entry.id))
        }
        assert.equal(nextDeadline(draft), list[0]?.timeMs)
      }
    }),
    { numRuns: 300 },
  )
})
