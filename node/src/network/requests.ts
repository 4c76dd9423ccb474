/** Questions and answers on long-lived streams, one stream per peer and name. docs/spec/network.md, N30 to N36. */
import type { Clock, Log, PeerId } from '../ports.ts'
import { RequestError } from '../ports.ts'
import type { Frame } from './frames.ts'
import { FrameError, FrameReader, writeFrame } from './frames.ts'
import type { StreamName } from './limits.ts'
import { answersAtOnceMax, lateAnswersMax, requestLimits, unsentAnswerBytesMax } from './limits.ts'
import { TokenBucket } from './token-bucket.ts'

/** One open stream to a peer. Handlers are set once, right after it opened. */
export interface Channel {
  readonly peer: PeerId
  /** Bytes handed to `send` that have not left yet. */
  readonly unsentBytes: number
  /** Throws when the stream is closed. */
  send(bytes: Uint8Array): void
  onBytes(handler: (bytes: Uint8Array) => void): void
  onClosed(handler: () => void): void
  /** Ends the stream at once, both ways. */
  abort(reason: string): void
}

export interface RequestsDependencies {
  readonly clock: Clock
  readonly log: Log
  /** Rejects when there is no connection to the peer or it does not know the name. */
  openChannel(peer: PeerId, name: StreamName): Promise<Channel>
  penalize(peer: PeerId, reason: string): void
}

export type Answerer = (question: Uint8Array, from: PeerId) => Promise<Uint8Array> | Uint8Array

interface Pending {
  resolve(answer: Uint8Array): void
  reject(error: RequestError): void
}

/** The asking end of one stream. */
interface Line {
  readonly channel: Channel
  readonly pending: Map<number, Pending>
  /** Ids whose deadline passed; their answers may still come and are dropped. */
  readonly late: Set<number>
  nextId: number
}

export class Requests {
  readonly #dependencies: RequestsDependencies
  readonly #lines = new Map<string, Promise<Line>>()
  readonly #answerers = new Map<StreamName, Answerer>()
  readonly #buckets = new Map<string, TokenBucket>()
  readonly #served = new Set<Channel>()

  constructor(dependencies: RequestsDependencies) {
    this.#dependencies = dependencies
  }

  onRequest(name: StreamName, answerer: Answerer): void {
    this.#answerers.set(name, answerer)
  }

  /** Rejects with RequestError. */
  async ask(peer: PeerId, name: StreamName, question: Uint8Array): Promise<Uint8Array> {
    const { deadlineMs, questionBytesMax } = requestLimits[name]
    if (question.length > questionBytesMax)
      throw new RequestError('too_large', `a ${name} question of ${question.length} bytes`)

    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    let abandon = (): void => {}
    const cancelDeadline = this.#dependencies.clock.after(deadlineMs, () => {
      abandon()
      reject(new RequestError('timeout', `no answer to ${name} within ${deadlineMs} ms`))
    })

    try {
      const line = await Promise.race([this.#line(peer, name), promise as Promise<never>])
      const id = line.nextId
      line.nextId = (line.nextId + 1) >>> 0
      line.pending.set(id, { resolve, reject })
      abandon = () => this.#abandon(line, id)
      line.channel.send(writeFrame({ id, kind: 'question', payload: question }))
      return await promise
    } catch (error) {
      // Whatever goes wrong before the answer (no connection, no such protocol, stream closed) means the peer is gone.
      throw error instanceof RequestError ? error : new RequestError('gone', `${name}: ${String(error)}`)
    } finally {
      cancelDeadline()
    }
  }

  /** Answers the questions that arrive on a stream which a peer opened. */
  serve(channel: Channel, name: StreamName): void {
    const { questionBytesMax } = requestLimits[name]
    const reader = new FrameReader(questionBytesMax)
    const state = { answering: 0 }
    this.#served.add(channel)
    channel.onClosed(() => this.#served.delete(channel))
    channel.onBytes(bytes => {
      this.#readFrames(channel, reader, bytes, frame => {
        if (frame.kind !== 'question') throw new FrameError('malformed', 'an answer where a question belongs')
        void this.#answer(channel, name, frame, state)
      })
    })
  }

  /** Forgets what is kept about a peer that disconnected. */
  forget(peer: PeerId): void {
    for (const name of this.#answerers.keys()) this.#buckets.delete(keyOf(peer, name))
  }

  async #answer(
    channel: Channel,
    name: StreamName,
    { id, payload }: Frame,
    state: { answering: number },
  ): Promise<void> {
    const refuse = (): void => reply(channel, { id, kind: 'refused', payload: new Uint8Array(0) })
    const answerer = this.#answerers.get(name)
    if (
      answerer === undefined ||
      !this.#bucket(channel.peer, name).take(this.#dependencies.clock.nowMs()) ||
      state.answering >= answersAtOnceMax ||
      this.#unsentAnswerBytes() > unsentAnswerBytesMax
    ) {
      return refuse()
    }

    state.answering++
    try {
      const answer = await answerer(payload, channel.peer)
      if (answer.length > requestLimits[name].answerBytesMax) {
        this.#dependencies.log.error('an answer of ours is too large to send', { name, bytes: answer.length })
        return reply(channel, { id, kind: 'too_large', payload: new Uint8Array(0) })
      }
      reply(channel, { id, kind: 'answer', payload: answer })
    } catch (error) {
      // What went wrong is our affair; the peer learns only that there is no answer.
      this.#dependencies.log.debug('a request was refused', { name, peer: channel.peer, error: String(error) })
      refuse()
    } finally {
      state.answering--
    }
  }

  #line(peer: PeerId, name: StreamName): Promise<Line> {
    const key = keyOf(peer, name)
    const known = this.#lines.get(key)
    if (known !== undefined) return known

    const opening = this.#dependencies.openChannel(peer, name).then(channel => this.#openLine(channel, name, key))
    this.#lines.set(key, opening)
    opening.catch(() => {
      if (this.#lines.get(key) === opening) this.#lines.delete(key)
    })
    return opening
  }

  #openLine(channel: Channel, name: StreamName, key: string): Line {
    const line: Line = { channel, pending: new Map(), late: new Set(), nextId: 0 }
    const reader = new FrameReader(requestLimits[name].answerBytesMax)
    channel.onClosed(() => {
      this.#lines.delete(key)
      for (const question of line.pending.values())
        question.reject(new RequestError('gone', `the ${name} stream closed`))
      line.pending.clear()
    })
    channel.onBytes(bytes => this.#readFrames(channel, reader, bytes, frame => settle(line, frame)))
    return line
  }

  /** N35. Bytes that are no frames end the stream and count against the peer. */
  #readFrames(channel: Channel, reader: FrameReader, bytes: Uint8Array, handle: (frame: Frame) => void): void {
    try {
      for (const frame of reader.read(bytes)) handle(frame)
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.#dependencies.penalize(channel.peer, error.message)
      channel.abort(error.message)
    }
  }

  #abandon(line: Line, id: number): void {
    if (!line.pending.delete(id)) return
    line.late.add(id)
    if (line.late.size > lateAnswersMax) line.channel.abort('too many answers are late')
  }

  #bucket(peer: PeerId, name: StreamName): TokenBucket {
    const key = keyOf(peer, name)
    let bucket = this.#buckets.get(key)
    if (bucket === undefined) {
      bucket = new TokenBucket(requestLimits[name], this.#dependencies.clock.nowMs())
      this.#buckets.set(key, bucket)
    }
    return bucket
  }

  #unsentAnswerBytes(): number {
    let bytes = 0
    for (const channel of this.#served) bytes += channel.unsentBytes
    return bytes
  }
}

function settle(line: Line, { id, kind, payload }: Frame): void {
  if (kind === 'question') throw new FrameError('malformed', 'a question where an answer belongs')
  const pending = line.pending.get(id)
  if (pending === undefined) {
    if (!line.late.delete(id)) throw new FrameError('malformed', 'an answer to no question')
    return
  }

  line.pending.delete(id)
  if (kind === 'answer') pending.resolve(payload)
  else pending.reject(new RequestError(kind, `the peer answered ${kind}`))
}

function reply(channel: Channel, frame: Frame): void {
  try {
    channel.send(writeFrame(frame))
  } catch {
    // The asker went away while we worked; nobody is left to tell.
  }
}

function keyOf(peer: PeerId, name: StreamName): string {
  return `${peer} ${name}`
}
