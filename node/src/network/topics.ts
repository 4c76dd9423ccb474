/** What is spread to all nodes of the chain, and what is held against who spreads nonsense. docs/spec/network.md, N20 to N26. */
import type { Clock, GossipTopic, GossipVerdict, Log, PeerId } from '../ports.ts'
import { gossipBytesMax, gossipRates } from './limits.ts'
import { TokenBucket } from './token-bucket.ts'

export const gossipTopics: readonly GossipTopic[] = ['transactions', 'votes', 'proposals', 'evidence']

/** The gossip protocol underneath: it spreads what the validator accepts, once. */
export interface GossipRouter {
  publish(topic: string, payload: Uint8Array): Promise<void>
  subscribe(topic: string, validator: (payload: Uint8Array, from: PeerId) => Promise<GossipVerdict>): void
}

export interface GossipDependencies {
  readonly router: GossipRouter
  readonly clock: Clock
  readonly log: Log
  penalize(peer: PeerId, reason: string): void
}

export type GossipHandler = (payload: Uint8Array, from: PeerId) => GossipVerdict | Promise<GossipVerdict>

export class Gossip {
  readonly #topicName: (topic: GossipTopic) => string
  readonly #dependencies: GossipDependencies
  readonly #handlers = new Map<GossipTopic, GossipHandler>()
  readonly #buckets = new Map<string, TokenBucket>()

  constructor(options: { readonly topicName: (topic: GossipTopic) => string }, dependencies: GossipDependencies) {
    this.#topicName = options.topicName
    this.#dependencies = dependencies
  }

  onGossip(topic: GossipTopic, handler: GossipHandler): void {
    this.#handlers.set(topic, handler)
  }

  /** Throws RangeError for a payload that every peer would hold against us. */
  publish(topic: GossipTopic, payload: Uint8Array): void {
    if (payload.length > gossipBytesMax[topic]) {
      throw new RangeError(`a payload of ${payload.length} bytes for ${topic}, allowed are ${gossipBytesMax[topic]}`)
    }
    this.#dependencies.router.publish(this.#topicName(topic), payload).catch((error: unknown) => {
      // Gossip promises nothing; what it loses, the chain's anti-entropy repairs.
      this.#dependencies.log.debug('a payload was not published', { topic, error: String(error) })
    })
  }

  /** Takes part in all topics. */
  start(): void {
    for (const topic of gossipTopics) {
      this.#dependencies.router.subscribe(this.#topicName(topic), (payload, from) => this.#judge(topic, payload, from))
    }
  }

  /** Forgets what is kept about a peer that disconnected. */
  forget(peer: PeerId): void {
    for (const topic of gossipTopics) this.#buckets.delete(`${peer} ${topic}`)
  }

  async #judge(topic: GossipTopic, payload: Uint8Array, from: PeerId): Promise<GossipVerdict> {
    if (payload.length > gossipBytesMax[topic]) {
      this.#dependencies.penalize(from, `a payload of ${payload.length} bytes on ${topic}`)
      return 'reject'
    }
    const handler = this.#handlers.get(topic)
    if (handler === undefined || !this.#isWithinRate(topic, from)) return 'ignore'

    try {
      const verdict = await handler(payload, from)
      if (verdict === 'reject') this.#dependencies.penalize(from, `a rejected payload on ${topic}`)
      return verdict
    } catch (error) {
      // A bug of ours must neither spread the payload nor be held against who sent it.
      this.#dependencies.log.error('a gossip handler failed', { topic, error: String(error) })
      return 'ignore'
    }
  }

  /** N26. */
  #isWithinRate(topic: GossipTopic, from: PeerId): boolean {
    const key = `${from} ${topic}`
    const nowMs = this.#dependencies.clock.nowMs()
    let bucket = this.#buckets.get(key)
    if (bucket === undefined) {
      bucket = new TokenBucket(gossipRates[topic], nowMs)
      this.#buckets.set(key, bucket)
    }
    return bucket.take(nowMs)
  }
}
