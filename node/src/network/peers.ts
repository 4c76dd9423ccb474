/** Keeps this node connected: whom to dial, whom to ask for others, whom to give up. docs/spec/network.md, N50 to N62. */
import { DecodeError, fromBytes, list, struct, text, toBytes, uint } from '@claw-network/protocol'
import type { Clock, Log, PeerId } from '../ports.ts'
import { RequestError } from '../ports.ts'
import { neighbourhoodOf, parseAddress } from './addresses.ts'
import type { Bans } from './bans.ts'
import {
  addressesPerPeerMax,
  dialsAtOnceMax,
  exchangeEveryMs,
  missedExchangesMax,
  outboundPerNeighbourhoodMax,
  outboundWanted,
  peersPerAnswerMax,
  rememberEveryMs,
  roundMs,
  withoutGossipMsMax,
} from './limits.ts'
import type { Candidate, PeerBook } from './peer-book.ts'

/** A connection that carries the protocols of the chain. */
export interface Link {
  readonly peer: PeerId
  readonly address: string
  readonly direction: 'inbound' | 'outbound'
}

/** What the policy needs of the network underneath. */
export interface Wires {
  links(): readonly Link[]
  /** Resolves with the peer that answered and the address that reached it. */
  dial(candidate: Candidate): Promise<{ readonly peer: PeerId; readonly address: string }>
  /** Ends all connections with the peer. */
  disconnect(peer: PeerId): void
  /** Marks the peer as one that is not closed to make room. */
  protect(peer: PeerId): void
  /** False when what we publish does not reach the peer although it is connected. */
  hearsGossip(peer: PeerId): boolean
  ask(peer: PeerId, question: Uint8Array): Promise<Uint8Array>
}

export interface PeersDependencies {
  readonly clock: Clock
  readonly log: Log
  readonly book: PeerBook
  readonly bans: Bans
  readonly wires: Wires
}

/** How many peers to name at most. Zero asks for nothing but a sign of life. */
const peersQuestion = uint(peersPerAnswerMax)
const peersAnswer = list(struct({ id: text(64), addresses: list(text(256), addressesPerPeerMax) }), peersPerAnswerMax)

/** What is remembered about a peer while it is connected. */
interface Acquaintance {
  readonly sinceMs: number
  askAtMs: number
  askEveryMs: number
  isAsking: boolean
  missedExchanges: number
  hadGossipAtMs: number
}

export class Peers {
  readonly #local: boolean
  readonly #dependencies: PeersDependencies
  readonly #connected = new Map<PeerId, Acquaintance>()
  readonly #dialling = new Set<string>()
  #cancelRound = (): void => {}
  #savedAtMs = 0
  #banning: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(options: { readonly local: boolean }, dependencies: PeersDependencies) {
    this.#local = options.local
    this.#dependencies = dependencies
  }

  start(): void {
    this.#round()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelRound()
    await Promise.all([this.#banning, this.#dependencies.book.save()])
  }

  connected(peer: PeerId): void {
    const nowMs = this.#dependencies.clock.nowMs()
    this.#connected.set(peer, {
      sinceMs: nowMs,
      askAtMs: nowMs,
      askEveryMs: exchangeEveryMs.first,
      isAsking: false,
      missedExchanges: 0,
      hadGossipAtMs: nowMs,
    })
  }

  /** The peer said where it listens. */
  identified(peer: PeerId, addresses: readonly string[]): void {
    this.#dependencies.book.met(
      peer,
      addresses.map(address => withPeer(address, peer)),
    )
  }

  disconnected(peer: PeerId): void {
    const { book, clock } = this.#dependencies
    const acquaintance = this.#connected.get(peer)
    this.#connected.delete(peer)
    if (acquaintance !== undefined) book.lost(peer, clock.nowMs() - acquaintance.sinceMs)
    this.#dial()
  }

  heard(peer: PeerId, addresses: readonly string[]): void {
    this.#dependencies.book.heard(
      peer,
      addresses.map(address => withPeer(address, peer)),
    )
  }

  /** Names some of the peers we are connected with. */
  answer(question: Uint8Array): Uint8Array {
    const count = fromBytes(peersQuestion, question)
    const known = [...this.#connected.keys()]
      .map(id => ({ id, addresses: this.#dependencies.book.addressesOf(id) }))
      .filter(({ addresses }) => addresses.length > 0)
    return toBytes(peersAnswer, sample(known, count))
  }

  /** N60. Enough faults end in a ban, of the peer and of the host it is at. */
  penalize(peer: PeerId, reason: string): void {
    const { bans, log, wires } = this.#dependencies
    log.debug('a peer broke a rule', { peer, reason })
    if (!bans.fault(peer)) return

    const link = wires.links().find(candidate => candidate.peer === peer)
    const parts = link === undefined ? undefined : parseAddress(link.address)
    // Behind a relay and on one machine the host is not the peer's alone.
    const host = parts === undefined || parts.isRelayed || this.#local ? [] : [parts.host]
    log.warn('a peer is banned', { peer, reason, host: host[0] })
    this.#banning = bans.ban(peer, ...host)
    wires.disconnect(peer)
  }

  #round(): void {
    const nowMs = this.#dependencies.clock.nowMs()
    for (const [peer, acquaintance] of this.#connected) {
      this.#watchGossip(peer, acquaintance, nowMs)
      if (!acquaintance.isAsking && acquaintance.askAtMs <= nowMs) void this.#exchange(peer, acquaintance)
    }
    this.#dial()
    // A clock that jumped back must not end the writing.
    if (Math.abs(nowMs - this.#savedAtMs) >= rememberEveryMs) {
      this.#savedAtMs = nowMs
      this.#dependencies.bans.forgive()
      void this.#dependencies.book.save()
    }
    this.#cancelRound = this.#dependencies.clock.after(roundMs, () => this.#round())
  }

  /** N24. */
  #watchGossip(peer: PeerId, acquaintance: Acquaintance, nowMs: number): void {
    const { wires, log } = this.#dependencies
    if (wires.hearsGossip(peer) || nowMs < acquaintance.hadGossipAtMs) acquaintance.hadGossipAtMs = nowMs
    else if (nowMs - acquaintance.hadGossipAtMs > withoutGossipMsMax) {
      log.info('a peer has no gossip stream; reconnecting', { peer })
      wires.disconnect(peer)
    }
  }

  /** N57. Asks for other peers, which also shows whether this one is alive. */
  async #exchange(peer: PeerId, acquaintance: Acquaintance): Promise<void> {
    const { wires, book, clock, log } = this.#dependencies
    acquaintance.isAsking = true
    try {
      const count = this.#outbound().size < outboundWanted ? peersPerAnswerMax : 0
      const answer = fromBytes(peersAnswer, await wires.ask(peer, toBytes(peersQuestion, count)))
      for (const { id, addresses } of answer.slice(0, count)) book.heard(id as PeerId, addresses)
      acquaintance.missedExchanges = 0
      acquaintance.askEveryMs = Math.min(acquaintance.askEveryMs * 2, exchangeEveryMs.last)
      this.#dial()
    } catch (error) {
      if (error instanceof DecodeError) this.penalize(peer, `peers: ${error.message}`)
      // A refusal is a sign of life as good as an answer.
      else if (!(error instanceof RequestError && error.reason === 'refused')) {
        acquaintance.missedExchanges++
        acquaintance.askEveryMs = exchangeEveryMs.first
        log.debug('a peer gave no sign of life', { peer, error: String(error) })
      }
      if (acquaintance.missedExchanges >= missedExchangesMax && this.#connected.get(peer) === acquaintance) {
        log.info('a peer is silent; reconnecting', { peer })
        wires.disconnect(peer)
      }
    } finally {
      acquaintance.isAsking = false
      acquaintance.askAtMs = clock.nowMs() + acquaintance.askEveryMs
    }
  }

  #dial(): void {
    if (this.#isStopped) return
    const { book, bans } = this.#dependencies
    const neighbourhoods = new Map<string, number>()
    const outbound = this.#outbound()
    for (const address of outbound.values()) count(neighbourhoods, address)
    for (const address of this.#dialling) count(neighbourhoods, address)

    for (const candidate of book.due()) {
      if (outbound.size + this.#dialling.size >= outboundWanted || this.#dialling.size >= dialsAtOnceMax) return
      const first = candidate.addresses[0] ?? ''
      if (candidate.id !== undefined && (this.#connected.has(candidate.id) || bans.has(candidate.id))) continue
      if (this.#dialling.has(first)) continue
      if (!this.#local && count(neighbourhoods, first) > outboundPerNeighbourhoodMax) continue
      void this.#reach(candidate, first)
    }
  }

  async #reach(candidate: Candidate, first: string): Promise<void> {
    const { wires, book, log } = this.#dependencies
    this.#dialling.add(first)
    try {
      const { peer, address } = await wires.dial(candidate)
      book.reached(candidate.key, peer, address)
      wires.protect(peer)
    } catch (error) {
      // Not there, full, of another chain: the next try comes later.
      const isNews = candidate.isBootstrap && candidate.missedDials === 0
      const fields = { peer: candidate.key, addresses: candidate.addresses, error: String(error) }
      if (isNews) log.warn('a bootstrap node is not reachable', fields)
      else log.debug('a peer is not reachable', fields)
      book.missed(candidate.key)
    } finally {
      this.#dialling.delete(first)
    }
  }

  /** The peers that we chose, with their addresses. */
  #outbound(): Map<PeerId, string> {
    const outbound = new Map<PeerId, string>()
    for (const { peer, address, direction } of this.#dependencies.wires.links()) {
      if (direction === 'outbound') outbound.set(peer, address)
    }
    return outbound
  }
}

function withPeer(address: string, peer: PeerId): string {
  return address.endsWith(`/p2p/${peer}`) ? address : `${address}/p2p/${peer}`
}

/** Counts the address in its neighbourhood; how many it is by now. */
function count(neighbourhoods: Map<string, number>, address: string): number {
  const parts = parseAddress(address)
  const neighbourhood = parts === undefined ? address : neighbourhoodOf(parts)
  const counted = (neighbourhoods.get(neighbourhood) ?? 0) + 1
  neighbourhoods.set(neighbourhood, counted)
  return counted
}

function sample<T>(items: readonly T[], size: number): readonly T[] {
  const rest = [...items]
  const chosen: T[] = []
  while (chosen.length < size && rest.length > 0) {
    chosen.push(...rest.splice(Math.floor(Math.random() * rest.length), 1))
  }
  return chosen
}
