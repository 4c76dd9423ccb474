/** Simulated time: one queue of events for the whole network, and the clock of each node. */
import type { Clock } from '@claw-network/node/ports'

interface Event {
  readonly atMs: number
  /** Events of the same millisecond happen in the order in which they were planned. */
  readonly sequence: number
  task: (() => void) | undefined
}

/** What will happen, in order. Simulated milliseconds start at 0. */
export class Timeline {
  readonly #heap: Event[] = []
  #nowMs = 0
  #sequence = 0

  get nowMs(): number {
    return this.#nowMs
  }

  /** Plans `task`; the answer cancels it. */
  after(delayMs: number, task: () => void): () => void {
    const event: Event = { atMs: this.#nowMs + Math.max(0, delayMs), sequence: this.#sequence++, task }
    this.#push(event)
    return () => {
      event.task = undefined
    }
  }

  /** Goes to the next event that is not cancelled and not after `untilMs`; false where there is none. */
  step(untilMs: number): boolean {
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= untilMs; next = this.#heap[0]) {
      this.#pop()
      if (next.task === undefined) continue
      this.#nowMs = next.atMs
      next.task()
      return true
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs)
    return false
  }

  #push(event: Event): void {
    const heap = this.#heap
    let place = heap.length
    while (place > 0) {
      const parent = (place - 1) >> 1
      const above = heap[parent] as Event
      if (isBefore(above, event)) break
      heap[place] = above
      place = parent
    }
    heap[place] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as Event
    if (heap.length === 0) return
    let place = 0
    for (;;) {
      let child = 2 * place + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child += 1
      if (isBefore(last, heap[child] as Event)) break
      heap[place] = heap[child] as Event
      place = child
    }
    heap[place] = last
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs === b.atMs ? a.sequence < b.sequence : a.atMs < b.atMs
}

/** The clock of one node: wrong by `skewMs`, which may jump. */
export class SimClock implements Clock {
  skewMs: number
  readonly #startMs: number
  readonly #timeline: Timeline

  constructor(options: { readonly startMs: number; readonly skewMs: number }, timeline: Timeline) {
    this.#startMs = options.startMs
    this.skewMs = options.skewMs
    this.#timeline = timeline
  }

  nowMs(): number {
    return this.#startMs + this.#timeline.nowMs + this.skewMs
  }

  after(delayMs: number, task: () => void): () => void {
    return this.#timeline.after(delayMs, task)
  }
}
