/** Doors to a world in which nothing happens unless the test makes it happen. */
import assert from 'node:assert/strict'
import type {
  Clock,
  GossipTopic,
  GossipVerdict,
  Log,
  Peer,
  PeerId,
  RequestName,
  Transport,
} from '../../node/src/ports.ts'

type GossipHandler = Parameters<Transport['onGossip']>[1]

/** No peers. Keeps what is published, and hands in what the test says a peer sent. */
export class QuietTransport implements Transport {
  readonly id = 'me' as PeerId
  readonly published: { readonly topic: GossipTopic; readonly payload: Uint8Array }[] = []
  readonly #handlers = new Map<GossipTopic, GossipHandler>()

  peers(): readonly Peer[] {
    return []
  }

  publish(topic: GossipTopic, payload: Uint8Array): void {
    this.published.push({ topic, payload })
  }

  onGossip(topic: GossipTopic, handler: GossipHandler): void {
    this.#handlers.set(topic, handler)
  }

  request(_peer: PeerId, name: RequestName): Promise<Uint8Array> {
    return Promise.reject(new Error(`nobody is there to answer ${name}`))
  }

  onRequest(): void {}
  onPeer(): void {}
  penalize(): void {}

  /** A peer gossips this; the answer is what the node makes of it. */
  async hear(topic: GossipTopic, payload: Uint8Array): Promise<GossipVerdict> {
    const handler = this.#handlers.get(topic) ?? assert.fail(`nobody listens to ${topic}`)
    return await handler(payload, 'peer' as PeerId)
  }
}

/** Stands still until it is moved. */
export class ManualClock implements Clock {
  #now: number
  #tasks: { readonly at: number; readonly task: () => void }[] = []

  constructor(nowMs: number) {
    this.#now = nowMs
  }

  nowMs(): number {
    return this.#now
  }

  after(delayMs: number, task: () => void): () => void {
    const planned = { at: this.#now + delayMs, task }
    this.#tasks.push(planned)
    return () => {
      this.#tasks = this.#tasks.filter(other => other !== planned)
    }
  }

  /** Moves on, running what falls due in its order. */
  advance(ms: number): void {
    const until = this.#now + ms
    for (;;) {
      const next = this.#tasks.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.#tasks = this.#tasks.filter(other => other !== next)
      this.#now = Math.max(this.#now, next.at)
      next.task()
    }
    this.#now = until
  }
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
