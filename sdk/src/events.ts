/** The node's events as an async iterator that survives a lost connection and a restart of the node. */
import type { Movement, TransactionAnswer } from './answers.ts'
import { parseEvents } from './event-stream.ts'
import { type Http, pause, queryText } from './http.ts'
import { ProblemError } from './problem.ts'

export interface EventFilter {
  /** Only what concerns this identity. */
  readonly did?: string
  /** Only what concerns this account. */
  readonly address?: string
  /** Only transactions of this kind, such as `wallet.transfer`. */
  readonly kind?: string
  /** The id of the last event already seen; without it the stream begins now. */
  readonly since?: string
  /** Ends the iteration. */
  readonly signal?: AbortSignal
}

/** An id is the event's place on the chain, `<height>.<index>`: the same on every node. */
export type NodeEvent = { readonly id: string } & (
  | { readonly type: 'transaction'; readonly data: TransactionAnswer & { readonly movements: readonly Movement[] } }
  | {
      readonly type: 'block'
      readonly data: {
        readonly height: number
        readonly blockHash: string
        readonly timeMs: number
        readonly transactions: number
      }
    }
  /** Events in between are not on the node any more: read the state again and go on from here. */
  | { readonly type: 'reset'; readonly data: { readonly reason: string; readonly height: number } }
)

const resumeDelayMs = 250
const resumeDelayMsMax = 5_000

/**
 * Every event once and in order. The first connection fails with an error; after it the stream resumes by itself, for as
 * long as the iteration goes on.
 */
export async function* events(http: Http, filter: EventFilter): AsyncGenerator<NodeEvent> {
  const stop = new AbortController()
  const signal = filter.signal === undefined ? stop.signal : AbortSignal.any([filter.signal, stop.signal])
  const { did, address, kind } = filter
  const path = `/api/events${queryText({ did, address, kind })}`
  let last = filter.since
  let failures = 0
  let hasConnected = false
  try {
    while (!signal.aborted) {
      try {
        const headers = { accept: 'text/event-stream', ...(last === undefined ? {} : { 'last-event-id': last }) }
        const stream = await http.stream(path, headers, signal)
        hasConnected = true
        failures = 0
        for await (const { id, name, data } of parseEvents(stream)) {
          if (id !== '') last = id
          if (data !== undefined && name !== 'hello')
            yield { id, type: name, data: JSON.parse(data) as unknown } as NodeEvent
        }
      } catch (error) {
        if (signal.aborted) return
        if (!hasConnected || (error instanceof ProblemError && !error.retryable)) throw error
      }
      await pause(Math.min(resumeDelayMs * 2 ** failures++, resumeDelayMsMax), signal)
    }
  } finally {
    stop.abort()
  }
}
