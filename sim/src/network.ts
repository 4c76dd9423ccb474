/** The network between simulated nodes: it delays, loses, doubles, reorders and divides. */
import { gossipBytesMax, requestLimits } from '@claw-network/node/network/limits'
import {
  type GossipTopic,
  type GossipVerdict,
  type Peer,
  type PeerId,
  RequestError,
  type RequestName,
  type Transport,
} from '@claw-network/node/ports'
import type { Prng } from '@claw-network/protocol'
import type { Timeline } from './clock.ts'
import { PowerLoss } from './power.ts'
import type { Trace } from './trace.ts'

export interface Weather {
  readonly delayMsMin: number
  readonly delayMsMax: number
  /** Of 1000 messages. Stragglers take ten times as long, which reorders. */
  readonly stragglers: number
  readonly lost: number
  readonly doubled: number
  /** Of 1000 requests, those that fail at once. */
  readonly refused: number
  /** Of 1000 links, in each direction by itself, those that are dead for a while: some hear what others miss. */
  readonly gusts: number
}

export const fairWeather: Weather = {
  delayMsMin: 5,
  delayMsMax: 25,
  stragglers: 0,
  lost: 0,
  doubled: 0,
  refused: 0,
  gusts: 0,
}

/** How long a gust lasts. */
const gustMs = 300

export interface NetworkOptions {
  /** Whether nodes pass on what they accept, as gossip does, or hear each other directly only. */
  readonly forwards: boolean
  /** Whether nodes notice that a partition cuts them off, or only miss answers. */
  readonly noticesPartitions: boolean
}

export interface NetworkWatch {
  blamed(by: PeerId, whom: PeerId, reason: string): void
  /** A handler threw what it should not. */
  failed(at: PeerId, what: string, error: unknown): void
}

export interface NetworkDependencies {
  readonly timeline: Timeline
  readonly prng: Prng
  readonly trace: Trace
  readonly watch: NetworkWatch
  /** A payload for people. */
  readonly describe: (topic: GossipTopic | RequestName, payload: Uint8Array) => string
}

type GossipHandler = (payload: Uint8Array, from: PeerId) => GossipVerdict | Promise<GossipVerdict>
type RequestHandler = (payload: Uint8Array, from: PeerId) => Promise<Uint8Array> | Uint8Array

/** How soon a node hears that a peer came or went. */
const noticeMs = 2

export class Network {
  weather: Weather = fairWeather
  readonly options: NetworkOptions
  readonly deps: NetworkDependencies
  readonly #present = new Map<PeerId, SimTransport>()
  #sides: ReadonlyMap<PeerId, number> = new Map()
  /** The links that are dead since `#gustAt`. */
  #deadLinks = new Map<string, boolean>()
  #gustAt = 0

  constructor(options: NetworkOptions, dependencies: NetworkDependencies) {
    this.options = options
    this.deps = dependencies
  }

  /** The door of a node that has just started. */
  attach(id: PeerId): SimTransport {
    const transport = new SimTransport(id, this)
    this.#present.set(id, transport)
    this.#tell(transport, 'connected')
    return transport
  }

  detach(transport: SimTransport): void {
    transport.close()
    if (this.#present.get(transport.id) !== transport) return
    this.#present.delete(transport.id)
    this.#tell(transport, 'disconnected')
  }

  /** Divides the network; who stands in no group is alone. */
  divide(groups: readonly (readonly PeerId[])[]): void {
    const sides = new Map(groups.flatMap((group, side) => group.map(id => [id, side] as const)))
    let alone = groups.length
    for (const id of this.#present.keys()) if (!sides.has(id)) sides.set(id, alone++)
    this.#change(() => {
      this.#sides = sides
    })
  }

  reunite(): void {
    this.#change(() => {
      this.#sides = new Map()
    })
  }

  areLinked(a: PeerId, b: PeerId): boolean {
    return this.#sides.get(a) === this.#sides.get(b)
  }

  find(id: PeerId): SimTransport | undefined {
    return this.#present.get(id)
  }

  /** Those a node believes to be connected. */
  peersOf(id: PeerId): Peer[] {
    const ids = [...this.#present.keys()].filter(other => other !== id).sort()
    const known = this.options.noticesPartitions ? ids.filter(other => this.areLinked(id, other)) : ids
    return known.map(other => ({ id: other, address: `/sim/${other}`, direction: 'outbound', connectedAtMs: 0 }))
  }

  /** Carries something from one node to another, or not. `arrive` runs where both are up and linked by then. */
  carry(from: PeerId, to: PeerId, arrive: (target: SimTransport) => void): void {
    const { prng, timeline } = this.deps
    const { lost, doubled, stragglers, delayMsMin, delayMsMax } = this.weather
    if (!this.areLinked(from, to) || this.#isDead(from, to) || prng.chance(lost)) return
    for (let copies = prng.chance(doubled) ? 2 : 1; copies > 0; copies -= 1) {
      const delay = prng.between(delayMsMin, delayMsMax) * (prng.chance(stragglers) ? 10 : 1)
      timeline.after(delay, () => {
        const target = this.#present.get(to)
        if (target !== undefined && this.areLinked(from, to)) arrive(target)
      })
    }
  }

  gossip(from: PeerId, to: PeerId, topic: GossipTopic, payload: Uint8Array): void {
    this.carry(from, to, target => {
      this.deps.trace.note(this.deps.timeline.nowMs, `${from} > ${to} ${topic} ${fingerprint(payload)}`, () =>
        this.deps.describe(topic, payload),
      )
      target.hear(topic, payload, from)
    })
  }

  #isDead(from: PeerId, to: PeerId): boolean {
    const { prng, timeline } = this.deps
    if (this.weather.gusts === 0) return false
    if (timeline.nowMs >= this.#gustAt + gustMs) {
      this.#gustAt = timeline.nowMs
      this.#deadLinks = new Map()
    }
    const link = `${from} ${to}`
    const isDead = this.#deadLinks.get(link) ?? prng.chance(this.weather.gusts)
    this.#deadLinks.set(link, isDead)
    return isDead
  }

  #tell(subject: SimTransport, event: 'connected' | 'disconnected'): void {
    for (const other of this.#present.values()) {
      if (other === subject) continue
      this.#notice(other, event, subject.id)
      if (event === 'connected') this.#notice(subject, event, other.id)
    }
  }

  #notice(at: SimTransport, event: 'connected' | 'disconnected', peer: PeerId): void {
    this.deps.timeline.after(noticeMs, () => {
      const isThere = this.peersOf(at.id).some(({ id }) => id === peer)
      if (isThere === (event === 'connected')) at.notice(event, peer)
    })
  }

  #change(divide: () => void): void {
    const before = new Map([...this.#present.keys()].map(id => [id, this.peersOf(id).map(peer => peer.id)]))
    divide()
    for (const transport of this.#present.values()) {
      const former = before.get(transport.id) ?? []
      const now = this.peersOf(transport.id).map(peer => peer.id)
      for (const peer of now) if (!former.includes(peer)) this.#notice(transport, 'connected', peer)
      for (const peer of former) if (!now.includes(peer)) this.#notice(transport, 'disconnected', peer)
    }
  }
}

/** The network as one node sees it, from its start to its crash. */
export class SimTransport implements Transport {
  readonly id: PeerId
  readonly #network: Network
  readonly #gossipHandlers = new Map<GossipTopic, GossipHandler>()
  readonly #requestHandlers = new Map<RequestName, RequestHandler>()
  readonly #peerHandlers: ((event: 'connected' | 'disconnected', peer: PeerId) => void)[] = []
  readonly #seen = new Set<string>()
  #isOpen = true

  constructor(id: PeerId, network: Network) {
    this.id = id
    this.#network = network
  }

  peers(): readonly Peer[] {
    return this.#network.peersOf(this.id)
  }

  publish(topic: GossipTopic, payload: Uint8Array): void {
    if (payload.length > gossipBytesMax[topic])
      throw new RangeError(`${payload.length} bytes are too many for ${topic}`)
    this.#seen.add(fingerprint(payload))
    for (const { id } of this.peers()) this.#network.gossip(this.id, id, topic, payload)
  }

  onGossip(topic: GossipTopic, handler: GossipHandler): void {
    this.#gossipHandlers.set(topic, handler)
  }

  onRequest(name: RequestName, handler: RequestHandler): void {
    this.#requestHandlers.set(name, handler)
  }

  onPeer(handler: (event: 'connected' | 'disconnected', peer: PeerId) => void): void {
    this.#peerHandlers.push(handler)
  }

  penalize(peer: PeerId, reason: string): void {
    this.#network.deps.watch.blamed(this.id, peer, reason)
  }

  request(peer: PeerId, name: RequestName, question: Uint8Array): Promise<Uint8Array> {
    const { timeline, prng, trace, describe } = this.#network.deps
    const limits = requestLimits[name]
    if (!this.peers().some(({ id }) => id === peer)) return Promise.reject(new RequestError('gone', 'no such peer'))
    if (question.length > limits.questionBytesMax) {
      return Promise.reject(new RequestError('too_large', `a question of ${question.length} bytes`))
    }
    if (prng.chance(this.#network.weather.refused)) return Promise.reject(new RequestError('refused', 'bad weather'))

    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        cancelDeadline()
        // The promises of a node without power stay open for ever.
        if (this.#isOpen) settle()
      }
      const cancelDeadline = timeline.after(limits.deadlineMs, () =>
        finish(() => reject(new RequestError('timeout', `no answer to ${name}`))),
      )
      this.#network.carry(this.id, peer, target => {
        trace.note(timeline.nowMs, `${this.id} ? ${peer} ${name}`, () => describe(name, question))
        target.answer(name, question, this.id, answer => {
          this.#network.carry(peer, this.id, () => {
            const isFine = answer !== undefined && answer.length <= limits.answerBytesMax
            trace.note(timeline.nowMs, `${peer} ! ${this.id} ${name} ${isFine ? answer.length : 'refused'}`)
            finish(() => (isFine ? resolve(answer) : reject(new RequestError('refused', `no ${name}`))))
          })
        })
      })
    })
  }

  close(): void {
    this.#isOpen = false
  }

  hear(topic: GossipTopic, payload: Uint8Array, from: PeerId): void {
    const key = fingerprint(payload)
    if (!this.#isOpen || this.#seen.has(key)) return
    this.#seen.add(key)
    const handler = this.#gossipHandlers.get(topic)
    if (handler === undefined) return
    void this.#guarded(`gossip of ${topic}`, () => handler(payload, from)).then(verdict => {
      if (!this.#isOpen) return
      if (verdict === 'reject') this.#network.deps.watch.blamed(this.id, from, `gossip of ${topic}`)
      if (verdict !== 'accept' || !this.#network.options.forwards) return
      for (const { id } of this.peers()) if (id !== from) this.#network.gossip(this.id, id, topic, payload)
    })
  }

  /** `reply` without an answer is a refusal. */
  answer(name: RequestName, question: Uint8Array, from: PeerId, reply: (answer?: Uint8Array) => void): void {
    const handler = this.#requestHandlers.get(name)
    if (!this.#isOpen || handler === undefined) return
    // What a handler throws may be the asker's fault: it hears of a refusal, and nobody is to blame.
    void this.#guarded(undefined, () => handler(question, from)).then(answer => {
      if (this.#isOpen) reply(answer)
    })
  }

  notice(event: 'connected' | 'disconnected', peer: PeerId): void {
    if (!this.#isOpen) return
    void this.#guarded('a peer event', () => this.#peerHandlers.forEach(handler => handler(event, peer)))
  }

  async #guarded<T>(what: string | undefined, task: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await task()
    } catch (error) {
      // A crash in the middle of a handler is what we are here for; everything else is a bug.
      if (!(error instanceof PowerLoss) && what !== undefined) this.#network.deps.watch.failed(this.id, what, error)
      return undefined
    }
  }
}

/** Tells payloads apart. */
function fingerprint(payload: Uint8Array): string {
  let low = 0x811c9dc5
  let high = 0x1b873593
  for (const byte of payload) {
    low = Math.imul(low ^ byte, 0x01000193)
    high = Math.imul(high ^ byte ^ (low >>> 11), 0x5bd1e995)
  }
  return (high >>> 0).toString(16).padStart(8, '0') + (low >>> 0).toString(16).padStart(8, '0')
}
