/** The chain's door to the network, put together from gossip, requests and peers. */
import type { Clock, GossipTopic, GossipVerdict, Log, Peer, PeerId, RequestName, Transport } from '../ports.ts'
import { Answers } from './answers.ts'
import type { Bans } from './bans.ts'
import type { StreamName } from './limits.ts'
import { requestLimits } from './limits.ts'
import type { PeerBook } from './peer-book.ts'
import type { Link, Wires } from './peers.ts'
import { Peers } from './peers.ts'
import type { Channel } from './channel.ts'
import { Requests } from './requests.ts'
import type { GossipRouter } from './topics.ts'
import { Gossip } from './topics.ts'

export interface TransportOptions {
  /** Lowercase hex. Nodes of other chains cannot connect. */
  readonly chainId: string
  /** Multiaddrs such as `/ip4/0.0.0.0/tcp/9527`; port 0 takes a free one. */
  readonly listen: readonly string[]
  /** What to tell others instead of the addresses we listen on, where those are not reachable. */
  readonly announce?: readonly string[]
  /** Multiaddrs of nodes to begin with; the `/p2p/…` part may be missing. */
  readonly bootstrap: readonly string[]
  /** The Ed25519 key that names this node to its peers (N2), made on first use. */
  readonly keyFile: string
  /** Where the remembered peers and the bans are kept. Nobody else may enter it. */
  readonly directory: string
  /** A network on one machine or in one room: private addresses are dialled, limits per address are off. */
  readonly local: boolean
  /** Find nodes in the same room by multicast. */
  readonly mdns?: boolean
  /** Ask the router for an open port. */
  readonly upnp?: boolean
  /** Be reachable through other nodes, for one that cannot be dialled. Not on a local network. */
  readonly relay?: boolean
  /** How this node calls itself to its peers, such as `clawnetd/1.0.0`. */
  readonly agent: string
}

export interface TransportDependencies {
  readonly clock: Clock
  readonly log: Log
}

/** An address of ours cannot be listened on; the message names it and the reason. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
}

/** A peer with what only a status page wants to know. */
export interface PeerDetails extends Peer {
  /** How the peer calls itself, once it has. */
  readonly agent: string | undefined
}

/** Since the start, payloads only. */
export interface TrafficCounters {
  readonly messagesIn: number
  readonly messagesOut: number
  readonly bytesIn: number
  readonly bytesOut: number
}

/** The stack underneath. Only `libp2p.ts` knows what it is made of. */
export interface Host {
  readonly id: PeerId
  readonly router: GossipRouter
  readonly wires: Omit<Wires, 'ask'>
  start(events: HostEvents): Promise<void>
  stop(): Promise<void>
  addresses(): readonly string[]
  connections(): readonly (Link & { readonly openedAtMs: number })[]
  openChannel(peer: PeerId, name: StreamName): Promise<Channel>
  onChannel(name: StreamName, handler: (channel: Channel) => void): Promise<void>
}

export interface HostEvents {
  connected(peer: PeerId): void
  disconnected(peer: PeerId): void
  identified(peer: PeerId, agent: string | undefined, addresses: readonly string[]): void
  discovered(peer: PeerId, addresses: readonly string[]): void
}

export class NetworkTransport implements Transport {
  readonly id: PeerId
  readonly #host: Host
  readonly #gossip: Gossip
  readonly #requests: Requests
  readonly #answers: Answers
  readonly #peers: Peers
  readonly #agents = new Map<PeerId, string>()
  readonly #peerHandlers: ((event: 'connected' | 'disconnected', peer: PeerId) => void)[] = []
  readonly #counters = { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0 }

  constructor(
    options: { readonly local: boolean; readonly topicName: (topic: GossipTopic) => string },
    dependencies: TransportDependencies & { readonly host: Host; readonly book: PeerBook; readonly bans: Bans },
  ) {
    const { host, clock, log, book, bans } = dependencies
    this.id = host.id
    this.#host = host

    const penalize = (peer: PeerId, reason: string): void => this.penalize(peer, reason)
    this.#gossip = new Gossip({ topicName: options.topicName }, { router: host.router, clock, log, penalize })
    this.#requests = new Requests({ clock, penalize, openChannel: (peer, name) => host.openChannel(peer, name) })
    this.#answers = new Answers({ clock, log, penalize })
    const wires: Wires = { ...host.wires, ask: (peer, question) => this.#requests.ask(peer, 'peers', question) }
    this.#peers = new Peers({ local: options.local }, { clock, log, book, bans, wires })
    this.#answers.onRequest('peers', question => this.#peers.answer(question))
  }

  /** Throws ListenError. */
  async start(): Promise<void> {
    for (const name of Object.keys(requestLimits) as StreamName[]) {
      await this.#host.onChannel(name, channel => this.#answers.serve(channel, name))
    }
    await this.#host.start({
      connected: peer => {
        this.#peers.connected(peer)
        this.#tell('connected', peer)
      },
      disconnected: peer => {
        this.#agents.delete(peer)
        this.#answers.forget(peer)
        this.#gossip.forget(peer)
        this.#peers.disconnected(peer)
        this.#tell('disconnected', peer)
      },
      identified: (peer, agent, addresses) => {
        if (agent !== undefined) this.#agents.set(peer, agent)
        this.#peers.identified(peer, addresses)
      },
      discovered: (peer, addresses) => this.#peers.heard(peer, addresses),
    })
    this.#gossip.start()
    this.#peers.start()
  }

  async stop(): Promise<void> {
    await this.#peers.stop()
    await this.#host.stop()
  }

  /** Where others reach this node: `/ip4/127.0.0.1/tcp/9527/p2p/12D3…`. */
  addresses(): readonly string[] {
    return this.#host.addresses()
  }

  peers(): readonly PeerDetails[] {
    const peers = new Map<PeerId, PeerDetails>()
    for (const { peer, address, direction, openedAtMs } of this.#host.connections()) {
      // Two that dial each other at once have two connections; the older one is shown.
      if (peers.has(peer)) continue
      peers.set(peer, { id: peer, address, direction, connectedAtMs: openedAtMs, agent: this.#agents.get(peer) })
    }
    return [...peers.values()]
  }

  counters(): TrafficCounters {
    return { ...this.#counters }
  }

  publish(topic: GossipTopic, payload: Uint8Array): void {
    this.#countOut(payload)
    this.#gossip.publish(topic, payload)
  }

  onGossip(
    topic: GossipTopic,
    handler: (payload: Uint8Array, from: PeerId) => GossipVerdict | Promise<GossipVerdict>,
  ): void {
    this.#gossip.onGossip(topic, (payload, from) => {
      this.#countIn(payload)
      return handler(payload, from)
    })
  }

  async request(peer: PeerId, name: RequestName, payload: Uint8Array): Promise<Uint8Array> {
    this.#countOut(payload)
    const answer = await this.#requests.ask(peer, name, payload)
    this.#countIn(answer)
    return answer
  }

  onRequest(name: RequestName, handler: (payload: Uint8Array, from: PeerId) => Promise<Uint8Array> | Uint8Array): void {
    this.#answers.onRequest(name, async (payload, from) => {
      this.#countIn(payload)
      const answer = await handler(payload, from)
      this.#countOut(answer)
      return answer
    })
  }

  onPeer(handler: (event: 'connected' | 'disconnected', peer: PeerId) => void): void {
    this.#peerHandlers.push(handler)
  }

  penalize(peer: PeerId, reason: string): void {
    this.#peers.penalize(peer, reason)
  }

  #tell(event: 'connected' | 'disconnected', peer: PeerId): void {
    for (const handler of this.#peerHandlers) handler(event, peer)
  }

  #countIn(payload: Uint8Array): void {
    this.#counters.messagesIn++
    this.#counters.bytesIn += payload.length
  }

  #countOut(payload: Uint8Array): void {
    this.#counters.messagesOut++
    this.#counters.bytesOut += payload.length
  }
}
