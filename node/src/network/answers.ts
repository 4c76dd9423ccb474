/** Answering what peers ask, within limits. docs/spec/network.md, N30 to N36. */
import { present } from '@claw-network/protocol'
import type { Clock, Log, PeerId } from '../ports.ts'
import { type Channel, readFrames } from './channel.ts'
import { type Frame, FrameError, FrameReader, writeFrame } from './frames.ts'
import {
  answerBytesInAllMax,
  answerBytesPerStreamMax,
  questionsWaitingMax,
  requestLimits,
  type StreamName,
  takeAnswersWithinMs,
} from './limits.ts'
import { TokenBucket } from './token-bucket.ts'

export type Answerer = (question: Uint8Array, from: PeerId) => Promise<Uint8Array> | Uint8Array

export interface AnswersDependencies {
  readonly clock: Clock
  readonly log: Log
  penalize(peer: PeerId, reason: string): void
}

/** The answering end of one stream. */
interface Served {
  readonly channel: Channel
  readonly name: StreamName
  readonly waiting: Frame[]
  answering: number
  sentBytes: number
  cancelWatch: (() => void) | undefined
}

export class Answers {
  readonly #dependencies: AnswersDependencies
  readonly #answerers = new Map<StreamName, Answerer>()
  readonly #buckets = new Map<string, TokenBucket>()
  readonly #served = new Set<Served>()

  constructor(dependencies: AnswersDependencies) {
    this.#dependencies = dependencies
  }

  onRequest(name: StreamName, answerer: Answerer): void {
    this.#answerers.set(name, answerer)
  }

  /** Answers the questions that arrive on a stream which a peer opened. */
  serve(channel: Channel, name: StreamName): void {
    if (!channel.isOpen) return
    const served: Served = { channel, name, waiting: [], answering: 0, sentBytes: 0, cancelWatch: undefined }
    this.#served.add(served)
    channel.onDrained(() => this.#work(served))
    channel.onClosed(() => {
      this.#served.delete(served)
      served.waiting.length = 0
      served.cancelWatch?.()
    })
    readFrames(
      channel,
      new FrameReader(requestLimits[name].questionBytesMax),
      frame => {
        if (frame.kind !== 'question') throw new FrameError('malformed', 'an answer where a question belongs')
        this.#take(served, frame)
      },
      ({ message }) => {
        this.#dependencies.penalize(channel.peer, message)
        channel.abort(message)
      },
    )
  }

  /** Forgets what is kept about a peer that disconnected. */
  forget(peer: PeerId): void {
    for (const name of this.#answerers.keys()) this.#buckets.delete(`${peer} ${name}`)
  }

  #take(served: Served, question: Frame): void {
    const { name, channel, waiting } = served
    if (
      !this.#answerers.has(name) ||
      waiting.length >= questionsWaitingMax ||
      !this.#bucket(channel.peer, name).take(this.#dependencies.clock.nowMs())
    ) {
      return this.#refuse(served, question)
    }

    waiting.push(question)
    this.#work(served)
  }

  /** N34. Begins waiting questions while there is memory for the largest answers to them. */
  #work(served: Served): void {
    while (reservedBytes(served) + requestLimits[served.name].answerBytesMax <= answerBytesPerStreamMax) {
      const question = served.waiting.shift()
      if (question === undefined) return
      let everywhere = 0
      for (const other of this.#served) everywhere += reservedBytes(other)
      if (everywhere > answerBytesInAllMax) this.#refuse(served, question)
      else void this.#answer(served, question)
    }
  }

  async #answer(served: Served, question: Frame): Promise<void> {
    const { name, channel } = served
    served.answering++
    try {
      const answerer = present(this.#answerers.get(name), 'answerers stay')
      const answer = await answerer(question.payload, channel.peer)
      if (answer.length <= requestLimits[name].answerBytesMax) {
        this.#send(served, { id: question.id, kind: 'answer', payload: answer })
      } else {
        this.#dependencies.log.error('an answer of ours is too large to send', { name, bytes: answer.length })
        this.#send(served, { id: question.id, kind: 'too_large', payload: none })
      }
    } catch (error) {
      // What went wrong is our affair; the peer learns only that there is no answer.
      this.#dependencies.log.debug('a request was refused', { name, peer: channel.peer, error: String(error) })
      this.#refuse(served, question)
    } finally {
      served.answering--
      this.#work(served)
    }
  }

  #refuse(served: Served, { id }: Frame): void {
    this.#send(served, { id, kind: 'refused', payload: none })
  }

  #send(served: Served, frame: Frame): void {
    // The asker may have left while we worked; nobody is there to tell.
    if (!served.channel.isOpen) return
    const bytes = writeFrame(frame)
    served.sentBytes += bytes.length
    served.channel.send(bytes)
    this.#watch(served)
  }

  /** N34. A peer that asks and does not take its answers holds our memory: its stream ends. */
  #watch(served: Served): void {
    const { channel } = served
    if (served.cancelWatch !== undefined || channel.unsentBytes === 0) return
    const taken = served.sentBytes - channel.unsentBytes
    served.cancelWatch = this.#dependencies.clock.after(takeAnswersWithinMs, () => {
      served.cancelWatch = undefined
      if (channel.unsentBytes > 0 && served.sentBytes - channel.unsentBytes === taken) {
        this.#dependencies.penalize(channel.peer, 'asks and does not take the answers')
        channel.abort('the peer does not take its answers')
      } else this.#watch(served)
    })
  }

  #bucket(peer: PeerId, name: StreamName): TokenBucket {
    const key = `${peer} ${name}`
    let bucket = this.#buckets.get(key)
    if (bucket === undefined) {
      bucket = new TokenBucket(requestLimits[name], this.#dependencies.clock.nowMs())
      this.#buckets.set(key, bucket)
    }
    return bucket
  }
}

const none = new Uint8Array(0)

/** Bytes that wait for the peer, and those that answers in the making may come to. */
function reservedBytes({ channel, name, answering }: Served): number {
  return channel.unsentBytes + answering * requestLimits[name].answerBytesMax
}
