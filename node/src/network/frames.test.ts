import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Frame, FrameError, frameKinds, FrameReader, writeFrame } from './frames.ts'

const frames = fc.array(
  fc.record({
    id: fc.integer({ min: 0, max: 0xffff_ffff }),
    kind: fc.constantFrom(...frameKinds),
    payload: fc.uint8Array({ maxLength: 50 }),
  }),
  { maxLength: 8 },
)

test('a frame is length, id, kind, payload', () => {
  const bytes = writeFrame({ id: 258, kind: 'refused', payload: Buffer.from('ab') })
  assert.equal(Buffer.from(bytes).toString('hex'), '00000007000001020261 62'.replace(' ', ''))
})

test('however the bytes are cut, the same frames come out', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.nat(60), { maxLength: 20 }), (written, cuts) => {
      const bytes = Buffer.concat(written.map(writeFrame))
      const reader = new FrameReader(50)
      const read: Frame[] = []
      let offset = 0
      for (const cut of [...cuts, bytes.length]) {
        read.push(...reader.read(new Uint8Array(bytes.subarray(offset, offset + cut))))
        offset += cut
      }
      assert.deepEqual(read.map(plain), written.map(plain))
    }),
  )
})

test('any bytes are frames or a FrameError', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), chunks => {
      const reader = new FrameReader(20)
      try {
        for (const chunk of chunks) for (const { payload } of reader.read(chunk)) assert.ok(payload.length <= 20)
      } catch (error) {
        assert.ok(error instanceof FrameError)
      }
    }),
    { numRuns: 2_000 },
  )
})

test('a frame that announces too much is refused before the rest of it comes', () => {
  const reader = new FrameReader(1_000)
  const start = writeFrame({ id: 1, kind: 'question', payload: new Uint8Array(1_001) }).subarray(0, 4)
  assert.throws(() => reader.read(start), { problem: 'too_large' })
  assert.equal(new FrameReader(1_001).read(start).length, 0)
})

test('a frame that comes byte by byte is read in a moment', () => {
  const payload = new Uint8Array(200_000)
  const bytes = writeFrame({ id: 1, kind: 'answer', payload })
  const reader = new FrameReader(payload.length)
  let read: readonly Frame[] = []
  for (let index = 0; index < bytes.length; index++) read = reader.read(bytes.subarray(index, index + 1))
  assert.equal(read[0]?.payload.length, payload.length)
})

function plain({ id, kind, payload }: Frame) {
  return { id, kind, payload: [...payload] }
}
