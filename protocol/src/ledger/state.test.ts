import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { struct, text, tokenSum, uint } from '../lib/codec.ts'
import { Draft, emptyView, type RangeView, type StateKey, statePath, table } from './state.ts'

const notes = table('notes', uint(), text(20))
const sums = table('sums', uint(), struct({ sum: tokenSum }))
const notes2 = table('notes2', uint(), text(20))

function viewOf(draft: Draft): RangeView {
  const rows = new Map(draft.changes().flatMap(([key, row]) => (row === undefined ? [] : [[key, row] as const])))
  return {
    get: key => rows.get(key),
    range: prefix => [...rows].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1)),
  }
}

type Step = readonly [key: number, row: string | undefined]
const steps = fc.array(fc.tuple(fc.nat({ max: 300 }), fc.option(fc.string({ maxLength: 5 }), { nil: undefined })), {
  maxLength: 40,
})

function write(draft: Draft, [key, row]: Step): void {
  if (row === undefined) notes.delete(draft, key)
  else notes.set(draft, key, row)
}

test('a draft over a draft over a view reads like one map that took all their writes', () => {
  fc.assert(
    fc.property(steps, steps, steps, (base, below, above) => {
      const model = new Map<number, string>()
      for (const [key, row] of [...base, ...below, ...above]) {
        if (row === undefined) model.delete(key)
        else model.set(key, row)
      }
      const seeded = new Draft(emptyView)
      for (const step of base) write(seeded, step)
      const lower = new Draft(viewOf(seeded))
      for (const step of below) write(lower, step)
      const upper = new Draft(lower)
      for (const step of above) write(upper, step)

      for (const [key] of [...base, ...below, ...above]) assert.equal(notes.get(upper, key), model.get(key))
      const inOrder = [...model].sort(([a], [b]) => a - b).map(([, row]) => row)
      assert.deepEqual([...notes.rows(upper)], inOrder)
    }),
  )
})

test('a draft that takes another’s writes reads as that one did, and keeps its own, also those that were only read above', () => {
  fc.assert(
    fc.property(steps, steps, steps, (base, own, taken) => {
      const seeded = new Draft(emptyView)
      for (const step of base) write(seeded, step)
      const draft = new Draft(viewOf(seeded))
      for (const step of own) write(draft, step)
      const above = new Draft(draft)
      for (const [key] of own) notes.get(above, key)
      for (const step of taken) write(above, step)
      const expected = [...notes.rows(above)]

      draft.take(above)
      assert.deepEqual([...notes.rows(draft)], expected)
      const written = [...own, ...taken].map(([key]) => notes.key(key))
      assert.deepEqual(
        draft.changes().map(([key]) => key),
        [...new Set(written)].sort(),
      )
    }),
  )
})

test('changes are what was written, once per key, in the order of the keys, and nothing that was only read', () => {
  fc.assert(
    fc.property(steps, fc.array(fc.nat({ max: 300 })), (written, read) => {
      const draft = new Draft(emptyView)
      for (const key of read) notes.get(draft, key)
      for (const step of written) write(draft, step)
      const keys = draft.changes().map(([key]) => key)
      assert.deepEqual(keys, [...new Set(written.map(([key]) => notes.key(key)))].sort())
      for (const [key, row] of draft.changes()) assert.deepEqual(row, draft.get(key))
    }),
  )
})

test('a row is the same whether it was read from bytes or from a draft', () => {
  const draft = new Draft(emptyView)
  sums.set(draft, 5, { sum: 7n })
  assert.deepEqual(sums.get(draft, 5), { sum: 7n })
  assert.deepEqual(sums.get(viewOf(draft), 5), { sum: 7n })
  assert.equal(sums.get(viewOf(draft), 6), undefined)
})

test('writing to a draft leaves what is below it alone', () => {
  const below = new Draft(emptyView)
  notes.set(below, 1, 'old')
  const above = new Draft(below)
  notes.set(above, 1, 'new')
  notes.delete(above, 1)
  assert.equal(notes.get(below, 1), 'old')
  assert.equal(notes.get(above, 1), undefined)
})

test('tables do not see each other’s rows, not even where one name begins with the other', () => {
  const draft = new Draft(emptyView)
  notes.set(draft, 1, 'mine')
  notes2.set(draft, 1, 'yours')
  assert.deepEqual([...notes.rows(draft)], ['mine'])
  assert.deepEqual([...notes2.rows(draft)], ['yours'])
})

test('keys are the table and the canonical bytes of the key, in the order of the numbers', () => {
  assert.equal(notes.key(300), 'notes/19012c')
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (a, b) => {
      const [first, second] = [notes.key(a), notes.key(b)]
      assert.equal(Math.sign(a - b), first === second ? 0 : first < second ? -1 : 1)
    }),
  )
})

test('the place of a row in the tree is SHA-256 of its key', () => {
  assert.equal(statePath('abc' as StateKey), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})
