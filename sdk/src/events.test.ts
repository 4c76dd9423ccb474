import assert from 'node:assert/strict'
import { test } from 'node:test'
import { events } from './events.ts'
import { type Fetch, Http } from './http.ts'
import { ConnectionError, ProblemError } from './problem.ts'

type Answer = { events: string; thenHangs?: true } | { status: number; code: string; retryable?: true } | 'lost'

function serving(...answers: Answer[]): { http: Http; seen: { url: string; since: string | undefined }[] } {
  const seen: { url: string; since: string | undefined }[] = []
  const fetch: Fetch = async (url, { headers, signal }) => {
    seen.push({ url, since: headers['last-event-id'] })
    const answer = answers.shift() ?? 'lost'
    if (answer === 'lost') throw new TypeError('fetch failed')
    if ('status' in answer) {
      const problem = { code: answer.code, detail: 'no', retryable: answer.retryable ?? false }
      return { status: answer.status, body: null, text: async () => JSON.stringify(problem) }
    }
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(answer.events))
        if (answer.thenHangs) signal.addEventListener('abort', () => controller.error(signal.reason))
        else controller.close()
      },
    })
    return { status: 200, body, text: async () => '' }
  }
  return { http: new Http({ url: 'http://node', attempts: 1 }, { fetch }), seen }
}

const block = (height: number): string => `id: ${height}.0\nevent: block\ndata: {"height":${height}}\n\n`

test('a lost stream goes on after the last event it gave', async () => {
  const { http, seen } = serving(
    { events: `id: 0.0\nevent: hello\ndata: {}\n\n${block(1)}${block(2)}` },
    'lost',
    { status: 503, code: 'node_is_syncing', retryable: true },
    { events: block(3), thenHangs: true },
  )
  const heights: unknown[] = []
  for await (const event of events(http, {})) {
    heights.push(event.type === 'block' && event.data.height)
    if (heights.length === 3) break
  }
  assert.deepEqual(heights, [1, 2, 3])
  assert.deepEqual(
    seen.map(({ since }) => since),
    [undefined, '2.0', '2.0', '2.0'],
  )
})

test('a stream that only beats still moves its place on', async () => {
  const { http, seen } = serving({ events: ': beat\nid: 7.2\n\n' }, { events: block(8), thenHangs: true })
  for await (const _event of events(http, {})) break
  assert.equal(seen[1]?.since, '7.2')
})

test('the filter is part of the address, since the first header', async () => {
  const { http, seen } = serving({ events: block(1), thenHangs: true })
  for await (const _event of events(http, { did: 'did:claw:x', kind: 'wallet.transfer', since: '5.1' })) break
  assert.deepEqual(seen, [{ url: 'http://node/api/events?did=did%3Aclaw%3Ax&kind=wallet.transfer', since: '5.1' }])
})

test('a node that is not there fails the first connection', async () => {
  const { http } = serving('lost')
  await assert.rejects(events(http, {}).next(), ConnectionError)
})

test('a request that the node refuses ends the iteration', async () => {
  const { http } = serving({ events: block(1) }, { status: 401, code: 'credential_is_missing' })
  const iteration = events(http, {})
  await iteration.next()
  await assert.rejects(iteration.next(), ProblemError)
})

test('the signal ends the iteration without an error, also while it waits', async () => {
  const { http } = serving({ events: block(1), thenHangs: true })
  const stop = new AbortController()
  const iteration = events(http, { signal: stop.signal })
  await iteration.next()
  const last = iteration.next()
  stop.abort()
  assert.deepEqual(await last, { done: true, value: undefined })
})
