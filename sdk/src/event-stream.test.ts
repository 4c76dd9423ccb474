import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseEvents, type StreamedEvent } from './event-stream.ts'

async function parse(...chunks: (string | Uint8Array)[]): Promise<StreamedEvent[]> {
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks)
        controller.enqueue(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk)
      controller.close()
    },
  })
  const events: StreamedEvent[] = []
  for await (const event of parseEvents(stream)) events.push(event)
  return events
}

test('an event has the id, name and data of its lines', async () => {
  assert.deepEqual(await parse('id: 4.0\nevent: block\ndata: {"height":4}\n\n'), [
    { id: '4.0', name: 'block', data: '{"height":4}' },
  ])
})

test('several data lines are one text, and a missing name is message', async () => {
  assert.deepEqual(await parse('data: a\ndata:b\n\n'), [{ id: '', name: 'message', data: 'a\nb' }])
})

test('the id stays until another one comes, and comes without data too', async () => {
  const events = await parse('id: 1.0\ndata: a\n\ndata: b\n\n: beat\nid: 2.3\n\ndata: c\n\n')
  assert.deepEqual(
    events.map(({ id, data }) => [id, data]),
    [
      ['1.0', 'a'],
      ['1.0', 'b'],
      ['2.3', undefined],
      ['2.3', 'c'],
    ],
  )
})

test('what the end of the stream cuts off is no event', async () => {
  assert.deepEqual(await parse('data: a\n\ndata: b\n'), [{ id: '', name: 'message', data: 'a' }])
})

test('an id with a NUL is ignored', async () => {
  const [event] = await parse('id: 1.0\nid: 2\0\ndata: a\n\n')
  assert.equal(event?.id, '1.0')
})

test('the same events come out however the bytes are cut and whatever ends the lines', async () => {
  const arbitrary = fc.record({
    texts: fc.array(
      fc.string({ unit: 'grapheme' }).map(text => text.replace(/[\r\n\0]/g, ' ')),
      { minLength: 1 },
    ),
    lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
    cuts: fc.array(fc.nat(400)),
  })
  await fc.assert(
    fc.asyncProperty(arbitrary, async ({ texts, lineEnd, cuts }) => {
      const stream = texts.map((text, index) => `id: ${index}${lineEnd}data: ${text}${lineEnd}${lineEnd}`).join('')
      // A CR at the very end waits for a LF that never comes, so the last event needs a byte behind it.
      const bytes = new TextEncoder().encode(`${stream}:`)
      const places = [0, ...cuts.map(cut => cut % bytes.length).toSorted((a, b) => a - b), bytes.length]
      const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end))
      const events = await parse(...chunks)
      assert.deepEqual(
        events.map(({ data }) => data),
        texts,
      )
    }),
    { numRuns: 200 },
  )
})
