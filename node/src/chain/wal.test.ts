import assert from 'node:assert/strict'
import test from 'node:test'
import { Prng, utf8 } from '@claw-network/protocol'
import { MemoryDisk } from '../../../test/helpers/memory-disk.ts'
import { crc32c, type Frame, Wal, WalError } from './wal.ts'

const file = 'wal-7'
const frames: readonly Frame[] = [
  { type: 'input', payload: utf8('one') },
  { type: 'block', payload: new Prng(1).bytes(300) },
  { type: 'input', payload: Uint8Array.of(0) },
  { type: 'input', payload: new Prng(2).bytes(70) },
]

function logged(some: readonly Frame[] = frames): MemoryDisk {
  const disk = new MemoryDisk()
  const wal = new Wal(disk, 7)
  for (const { type, payload } of some) wal.append(type, payload)
  return disk
}

function contentOf(disk: MemoryDisk): Uint8Array {
  return disk.files.get(file) ?? assert.fail('there is a log')
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const damaged = bytes.slice()
  damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8))
  return damaged
}

/** Where each frame ends. */
const ends = frames.map((_, index) => contentOf(logged(frames.slice(0, index + 1))).length)

test('crc32c gives the check value of the Castagnoli polynomial, also in parts', () => {
  const digits = utf8('123456789')
  assert.equal(crc32c(digits), 0xe3069283)
  assert.equal(crc32c(digits.subarray(4), crc32c(digits.subarray(0, 4))), 0xe3069283)
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa)
})

test('what was appended is read back, by the same height alone', () => {
  const disk = logged()
  assert.deepEqual(new Wal(disk, 7).frames(0), frames)
  assert.deepEqual(new Wal(disk, 8).frames(0), [])
})

test('only what was not synced is synced', () => {
  const disk = new MemoryDisk()
  const wal = new Wal(disk, 7)
  wal.sync()
  wal.append('input', utf8('x'))
  wal.sync()
  wal.sync()
  assert.deepEqual(disk.synced, [file])
})

test('a log torn at any byte gives the frames that are whole, and goes on from there', () => {
  const whole = contentOf(logged())
  for (let length = 0; length < whole.length; length++) {
    const disk = MemoryDisk.with({ [file]: whole.subarray(0, length) })
    const expected = frames.filter((_, index) => (ends[index] ?? 0) <= length)
    const wal = new Wal(disk, 7)
    assert.deepEqual(wal.frames(0), expected, `torn at ${length}`)

    const next: Frame = { type: 'input', payload: utf8('next') }
    wal.append(next.type, next.payload)
    assert.deepEqual(new Wal(disk, 7).frames(0), [...expected, next], `after a tear at ${length}`)
  }
})

test('a tail of zeros, where the file grew before its data came, is cut like any other', () => {
  for (const count of [1, 8, 9, 10, 100, 5_000]) {
    const disk = logged()
    disk.append(file, new Uint8Array(count))
    assert.deepEqual(new Wal(disk, 7).frames(0), frames)
    assert.equal(contentOf(disk).length, ends.at(-1))
  }
})

test('a tail of garbage is cut', () => {
  const prng = new Prng(3)
  for (let run = 0; run < 200; run++) {
    const disk = logged()
    disk.append(file, prng.bytes(1 + prng.below(200)))
    assert.deepEqual(new Wal(disk, 7).frames(0), frames)
  }
})

test('a bit flipped anywhere in what a signature rests on is fatal, and the file stays for whoever looks at it', () => {
  const whole = contentOf(logged())
  const needed = ends.at(-2) ?? 0
  for (let at = 0; at < needed; at++) {
    const damaged = flipped(whole, at)
    const disk = MemoryDisk.with({ [file]: damaged })
    assert.throws(
      () => new Wal(disk, 7).frames(needed),
      error => error instanceof WalError && /wal-7 is damaged at byte \d+: .* must not vote/.test(error.message),
      `flipped at ${at}`,
    )
    assert.deepEqual(disk.files.get(file), damaged)
  }
})

test('a log that is missing or too short for a signature is fatal', () => {
  assert.throws(() => new Wal(new MemoryDisk(), 7).frames(1), /wal-7 is missing/)
  const short = MemoryDisk.with({ [file]: contentOf(logged(frames.slice(0, 2))) })
  assert.throws(() => new Wal(short, 7).frames((ends[1] ?? 0) + 1), /wal-7 is damaged/)
  assert.deepEqual(new Wal(short, 7).frames(ends[1] ?? 0), frames.slice(0, 2))
})

test('whatever is damaged after what signatures rest on is cut from there, also where sound frames follow', () => {
  const whole = contentOf(logged())
  const needed = ends[0] ?? 0
  for (let at = needed; at < whole.length; at++) {
    const disk = MemoryDisk.with({ [file]: flipped(whole, at) })
    const before = ends.filter(end => end <= at).length
    assert.deepEqual(new Wal(disk, 7).frames(needed), frames.slice(0, before), `flipped at ${at}`)
    assert.equal(contentOf(disk).length, ends[before - 1])
  }
})

test('the length of a log is that of its file, also after a cut', () => {
  const disk = logged()
  disk.append(file, new Uint8Array(5))
  const wal = new Wal(disk, 7)
  wal.frames(0)
  assert.equal(wal.length, contentOf(disk).length)
  wal.append('input', utf8('next'))
  assert.equal(wal.length, contentOf(disk).length)
})

test('a length beyond any block is damage, not a reason to allocate', () => {
  const disk = MemoryDisk.with({ [file]: Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0) })
  assert.deepEqual(new Wal(disk, 7).frames(0), [])
})

test('a removed log is gone', () => {
  const disk = logged()
  new Wal(disk, 7).remove()
  assert.equal(disk.files.size, 0)
})
