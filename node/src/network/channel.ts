import type { PeerId } from '../ports.ts'
import { type Frame, FrameError, type FrameReader } from './frames.ts'

/** One open stream to a peer. Handlers are set once, right after it opened. */
export interface Channel {
  readonly peer: PeerId
  readonly isOpen: boolean
  /** Bytes handed to `send` that the peer has not taken yet. */
  readonly unsentBytes: number
  /** Throws when the stream is closed. */
  send(bytes: Uint8Array): void
  onBytes(handler: (bytes: Uint8Array) => void): void
  /** Nothing is unsent any more. */
  onDrained(handler: () => void): void
  onClosed(handler: () => void): void
  /** Ends the stream at once, both ways. */
  abort(reason: string): void
}

/** Calls `handle` for every frame that arrives. `onBroken` gets the FrameError of the reader or of `handle`, once. */
export function readFrames(
  channel: Channel,
  reader: FrameReader,
  handle: (frame: Frame) => void,
  onBroken: (error: FrameError) => void,
): void {
  let isBroken = false
  channel.onBytes(bytes => {
    if (isBroken) return
    try {
      for (const frame of reader.read(bytes)) handle(frame)
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      isBroken = true
      onBroken(error)
    }
  })
}
