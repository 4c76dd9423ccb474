/**
 * What happens by itself once a block's time has come: a queue in the state, ordered by time, then id (L29). A state gives
 * rows but cannot be walked, so the queue is a binary heap whose places are rows; each id remembers its place.
 */
import { type Hash, hash } from '../crypto/hash.ts'
import { assert, present } from '../lib/assert.ts'
import { type Infer, struct, text, timestamp, uint } from '../lib/codec.ts'
import { type Draft, table, type View } from './state.ts'

const deadline = struct({ timeMs: timestamp, id: hash, domain: text(64, 1) })
export type Deadline = Infer<typeof deadline>

/** Place 1 is the next to pass; the children of place n are 2n and 2n + 1. */
const heap = table('deadlines', uint(), deadline)
const places = table('deadlinePlaces', hash, uint())
const count = table('deadlineCount', uint(0), uint())

/** The domain hears of it in the first block whose time is not before `timeMs`. An id has one deadline at most. */
export function scheduleDeadline(draft: Draft, entry: Deadline): void {
  assert(places.get(draft, entry.id) === undefined, 'an id has one deadline')

  const last = countOf(draft) + 1
  count.set(draft, 0, last)
  rise(draft, last, entry)
}

/** Does nothing where the id has no deadline. */
export function cancelDeadline(draft: Draft, id: Hash): void {
  const place = places.get(draft, id)
  if (place === undefined) return

  const last = countOf(draft)
  const moved = at(draft, last)
  heap.delete(draft, last)
  places.delete(draft, id)
  count.set(draft, 0, last - 1)
  if (place === last) return
  const parent = place >> 1
  if (parent >= 1 && isBefore(moved, at(draft, parent))) rise(draft, place, moved)
  else sink(draft, place, moved)
}

/** Takes those that have passed, in order, at most `max`. */
export function* dueDeadlines(draft: Draft, timeMs: number, max: number): Iterable<Deadline> {
  for (let taken = 0; taken < max; taken += 1) {
    const next = heap.get(draft, 1)
    if (next === undefined || next.timeMs > timeMs) return
    cancelDeadline(draft, next.id)
    yield next
  }
}

/** The time of the next one to pass, in milliseconds. */
export function nextDeadline(view: View): number | undefined {
  return heap.get(view, 1)?.timeMs
}

function rise(draft: Draft, from: number, entry: Deadline): void {
  let place = from
  for (let parent = place >> 1; parent >= 1; parent = place >> 1) {
    const above = at(draft, parent)
    if (!isBefore(entry, above)) break
    put(draft, place, above)
    place = parent
  }
  put(draft, place, entry)
}

function sink(draft: Draft, from: number, entry: Deadline): void {
  const last = countOf(draft)
  let place = from
  for (let child = 2 * place; child <= last; child = 2 * place) {
    if (child < last && isBefore(at(draft, child + 1), at(draft, child))) child += 1
    const below = at(draft, child)
    if (!isBefore(below, entry)) break
    put(draft, place, below)
    place = child
  }
  put(draft, place, entry)
}

function put(draft: Draft, place: number, entry: Deadline): void {
  heap.set(draft, place, entry)
  places.set(draft, entry.id, place)
}

function at(view: View, place: number): Deadline {
  return present(heap.get(view, place), 'the heap has no gaps')
}

function countOf(view: View): number {
  return count.get(view, 0) ?? 0
}

function isBefore(a: Deadline, b: Deadline): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.id < b.id)
}
