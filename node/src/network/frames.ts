/**
 * A frame on a stream: length (u32), id (u32), kind (u8), payload; big endian, the length counts id, kind and payload.
 * The length is checked before a byte of the rest is kept. docs/spec/network.md, N30.
 */

export const frameKinds = ['question', 'answer', 'refused', 'too_large'] as const
export type FrameKind = (typeof frameKinds)[number]

export interface Frame {
  readonly id: number
  readonly kind: FrameKind
  readonly payload: Uint8Array
}

/** The peer's bytes are not frames, or one is longer than allowed. The stream is of no more use. */
export class FrameError extends Error {
  override readonly name = 'FrameError'
  readonly problem: 'malformed' | 'too_large'

  constructor(problem: FrameError['problem'], detail: string) {
    super(detail)
    this.problem = problem
  }
}

const lengthBytes = 4
const headBytes = 5

export function writeFrame({ id, kind, payload }: Frame): Uint8Array {
  const frame = new Uint8Array(lengthBytes + headBytes + payload.length)
  const view = new DataView(frame.buffer)
  view.setUint32(0, headBytes + payload.length)
  view.setUint32(lengthBytes, id)
  view.setUint8(lengthBytes + 4, frameKinds.indexOf(kind))
  frame.set(payload, lengthBytes + headBytes)
  return frame
}

/** Cuts what arrives on a stream into frames. Holds at most one unfinished frame, in memory that grows as it arrives. */
export class FrameReader {
  readonly #payloadBytesMax: number
  #buffer: Uint8Array = new Uint8Array(0)
  #held = 0

  constructor(payloadBytesMax: number) {
    this.#payloadBytesMax = payloadBytesMax
  }

  /** The frames that `bytes` complete. Throws FrameError, after which the reader must not be used. */
  read(bytes: Uint8Array): readonly Frame[] {
    const wasHolding = this.#held > 0
    if (wasHolding) this.#hold(bytes)
    const data = wasHolding ? this.#buffer.subarray(0, this.#held) : bytes

    const frames: Frame[] = []
    let offset = 0
    for (;;) {
      const length = this.#announcedLength(data, offset)
      if (length === undefined || data.length - offset - lengthBytes < length) break
      offset += lengthBytes
      frames.push(parse(data.subarray(offset, offset + length)))
      offset += length
    }

    if (!wasHolding) this.#hold(data.subarray(offset))
    // The frames just cut are views of the old buffer, so it is left to them.
    else if (offset > 0) {
      this.#buffer = data.slice(offset)
      this.#held = this.#buffer.length
    }
    return frames
  }

  #announcedLength(data: Uint8Array, offset: number): number | undefined {
    if (data.length - offset < lengthBytes) return undefined
    const length = readUint32(data, offset)
    if (length < headBytes) throw new FrameError('malformed', `a frame of ${length} bytes has no room for its head`)
    const payloadBytes = length - headBytes
    if (payloadBytes > this.#payloadBytesMax) {
      throw new FrameError('too_large', `a frame of ${payloadBytes} bytes, allowed are ${this.#payloadBytesMax}`)
    }
    return length
  }

  /** Doubling keeps the cost linear when a peer sends a byte at a time. */
  #hold(bytes: Uint8Array): void {
    const needed = this.#held + bytes.length
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2))
      grown.set(this.#buffer.subarray(0, this.#held))
      this.#buffer = grown
    }
    this.#buffer.set(bytes, this.#held)
    this.#held = needed
  }
}

function parse(bytes: Uint8Array): Frame {
  const kind = frameKinds[bytes[4] as number]
  if (kind === undefined) throw new FrameError('malformed', 'a frame of an unknown kind')
  return { id: readUint32(bytes, 0), kind, payload: bytes.subarray(headBytes) }
}

function readUint32(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset + offset, 4).getUint32(0)
}
