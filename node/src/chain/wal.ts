/**
 * The write-ahead log of one height: every input of the consensus core, in order, before the core sees it
 * (docs/spec/consensus.md, C40 to C44).
 */
import { concat } from '@claw-network/protocol'
import type { Disk } from '../ports.ts'

/** `input`: canonical bytes of a core input. `block`: a block whose validity an input speaks of. */
export type FrameType = 'input' | 'block'

export interface Frame {
  readonly type: FrameType
  readonly payload: Uint8Array
}

export class WalError extends Error {
  override readonly name = 'WalError'
}

const frameTypes: readonly FrameType[] = ['input', 'block']
/** length (4) | crc32c of type and payload (4) | type (1) */
const headBytes = 9
/** The largest block and then some: a longer length is damage, not data. */
const payloadBytesMax = 16 * 1024 * 1024

export class Wal {
  readonly #disk: Disk
  readonly #file: string
  #length = 0
  #dirty = false

  constructor(disk: Disk, height: number) {
    this.#disk = disk
    this.#file = fileOf(height)
  }

  get length(): number {
    return this.#length
  }

  /**
   * What an earlier run logged for this height; a torn tail is cut. Throws WalError where it tears within the first
   * `neededBytes`: a signature rests on them (C43).
   */
  frames(neededBytes: number): readonly Frame[] {
    const bytes = this.#disk.read(this.#file) ?? new Uint8Array(0)
    const { frames, length } = readFrames(bytes)
    if (length < neededBytes) {
      throw new WalError(
        `${this.#file} is ${bytes.length === 0 ? 'missing' : `damaged at byte ${length}`}: ` +
          'this node has voted at this height and must not vote without it. Restore the file, or make a new consensus key',
      )
    }
    if (length < bytes.length) this.#disk.truncate(this.#file, length)
    this.#length = length
    return frames
  }

  append(type: FrameType, payload: Uint8Array): void {
    const frame = encodeFrame(type, payload)
    this.#disk.append(this.#file, frame)
    this.#length += frame.length
    this.#dirty = true
  }

  /** Must return before an own signature leaves the node. */
  sync(): void {
    if (!this.#dirty) return
    this.#disk.sync(this.#file)
    this.#dirty = false
  }

  /** The height is decided: its log is of no more use. */
  remove(): void {
    this.#disk.remove(this.#file)
  }
}

function fileOf(height: number): string {
  return `wal-${height}`
}

function encodeFrame(type: FrameType, payload: Uint8Array): Uint8Array {
  const head = new Uint8Array(headBytes)
  const view = new DataView(head.buffer)
  head[8] = frameTypes.indexOf(type)
  view.setUint32(0, payload.length)
  view.setUint32(4, crc32c(payload, crc32c(head.subarray(8))))
  return concat(head, payload)
}

/** Frames up to the first that is not whole. */
function readFrames(bytes: Uint8Array): { frames: Frame[]; length: number } {
  const frames: Frame[] = []
  let length = 0
  for (let frame = frameAt(bytes, 0); frame !== undefined; frame = frameAt(bytes, length)) {
    frames.push(frame)
    length += headBytes + frame.payload.length
  }
  return { frames, length }
}

function frameAt(bytes: Uint8Array, position: number): Frame | undefined {
  if (bytes.length - position < headBytes) return
  const view = new DataView(bytes.buffer, bytes.byteOffset + position)
  const length = view.getUint32(0)
  const type = frameTypes[bytes[position + 8] as number]
  if (type === undefined || length > payloadBytesMax || length > bytes.length - position - headBytes) return
  const covered = bytes.subarray(position + 8, position + headBytes + length)
  if (crc32c(covered) !== view.getUint32(4)) return
  return { type, payload: covered.slice(1) }
}

const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let crc = index
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

/** CRC-32C (Castagnoli); `before` continues an earlier sum. */
export function crc32c(bytes: Uint8Array, before = 0): number {
  let crc = ~before
  for (const byte of bytes) crc = (crcTable[(crc ^ byte) & 255] as number) ^ (crc >>> 8)
  return ~crc >>> 0
}
