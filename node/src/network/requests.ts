/** Asking: many questions at a time on one long-lived stream per peer and name. docs/spec/network.md, N30 to N36. */
import type { Clock, PeerId } from '../ports.ts'
import { RequestError } from '../ports.ts'
import { type Channel, readFrames } from './channel.ts'
import { type Frame, FrameError, FrameReader, writeFrame } from './frames.ts'
import { lateAnswersMax, questionsAtOnceMax, requestLimits, type StreamName } from './limits.ts'

export interface RequestsDependencies {
  readonly clock: Clock
  /** Rejects when there is no connection to the peer or it does not know the name. */
  openChannel(peer: PeerId, name: StreamName): Promise<Channel>
  penalize(peer: PeerId, reason: string): void
}

interface Question {
  readonly payload: Uint8Array
  resolve(answer: Uint8Array): void
  reject(error: RequestError): void
}

export class Requests {
  readonly #dependencies: RequestsDependencies
  readonly #lines = new Map<string, Promise<Line>>()

  constructor(dependencies: RequestsDependencies) {
    this.#dependencies = dependencies
  }

  /** Rejects with RequestError. */
  async ask(peer: PeerId, name: StreamName, payload: Uint8Array): Promise<Uint8Array> {
    const { deadlineMs, questionBytesMax } = requestLimits[name]
    if (payload.length > questionBytesMax) {
      throw new RequestError('too_large', `a ${name} question of ${payload.length} bytes`)
    }

    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const question: Question = { payload, resolve, reject }
    let line: Line | undefined
    const cancelDeadline = this.#dependencies.clock.after(deadlineMs, () => {
      line?.giveUp(question)
      reject(new RequestError('timeout', `no answer to ${name} within ${deadlineMs} ms`))
    })
    try {
      line = await Promise.race([this.#line(peer, name), promise as Promise<never>])
      line.ask(question)
      return await promise
    } catch (error) {
      // What fails before the answer (no connection, no such protocol, a closed stream) means that the peer is gone.
      throw error instanceof RequestError ? error : new RequestError('gone', `${name}: ${String(error)}`)
    } finally {
      cancelDeadline()
    }
  }

  #line(peer: PeerId, name: StreamName): Promise<Line> {
    const key = `${peer} ${name}`
    const known = this.#lines.get(key)
    if (known !== undefined) return known

    const forget = (): void => {
      this.#lines.delete(key)
    }
    const opening = this.#dependencies.openChannel(peer, name).then(channel => {
      if (!channel.isOpen) throw new RequestError('gone', `the ${name} stream closed`)
      channel.onClosed(forget)
      return new Line({ name }, { channel, penalize: reason => this.#dependencies.penalize(peer, reason) })
    })
    this.#lines.set(key, opening)
    opening.catch(forget)
    return opening
  }
}

/** The asking end of one stream. */
class Line {
  readonly #channel: Channel
  readonly #asked = new Map<number, Question>()
  readonly #waiting: Question[] = []
  /** Ids of questions that were given up; their answers may still come. */
  readonly #late = new Set<number>()
  #nextId = 0

  constructor(
    { name }: { readonly name: StreamName },
    { channel, penalize }: { readonly channel: Channel; readonly penalize: (reason: string) => void },
  ) {
    this.#channel = channel
    channel.onClosed(() => this.#rejectAll('gone', `the ${name} stream closed`))
    const reader = new FrameReader(requestLimits[name].answerBytesMax)
    readFrames(
      channel,
      reader,
      frame => this.#settle(frame),
      ({ problem, message }) => {
        penalize(message)
        this.#rejectAll(problem === 'too_large' ? 'too_large' : 'gone', message)
        channel.abort(message)
      },
    )
  }

  ask(question: Question): void {
    this.#waiting.push(question)
    this.#sendWaiting()
  }

  giveUp(question: Question): void {
    const index = this.#waiting.indexOf(question)
    if (index >= 0) this.#waiting.splice(index, 1)
    for (const [id, asked] of this.#asked) {
      if (asked !== question) continue
      this.#asked.delete(id)
      this.#late.add(id)
    }
    if (this.#late.size > lateAnswersMax) this.#channel.abort('too many answers are late')
    else this.#sendWaiting()
  }

  #sendWaiting(): void {
    while (this.#asked.size < questionsAtOnceMax && this.#channel.isOpen) {
      const question = this.#waiting.shift()
      if (question === undefined) return
      const id = this.#nextId
      this.#nextId = (id + 1) >>> 0
      this.#asked.set(id, question)
      this.#channel.send(writeFrame({ id, kind: 'question', payload: question.payload }))
    }
  }

  #settle({ id, kind, payload }: Frame): void {
    if (kind === 'question') throw new FrameError('malformed', 'a question where an answer belongs')
    const question = this.#asked.get(id)
    if (question === undefined) {
      if (!this.#late.delete(id)) throw new FrameError('malformed', 'an answer to no question')
      return
    }

    this.#asked.delete(id)
    if (kind === 'answer') question.resolve(payload)
    else question.reject(new RequestError(kind, `the peer answered ${kind}`))
    this.#sendWaiting()
  }

  #rejectAll(reason: RequestError['reason'], detail: string): void {
    for (const question of [...this.#asked.values(), ...this.#waiting.splice(0)]) {
      question.reject(new RequestError(reason, detail))
    }
    this.#asked.clear()
  }
}
