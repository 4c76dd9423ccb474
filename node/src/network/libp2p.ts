/** The network over libp2p. The only importer of libp2p packages. docs/spec/network.md */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { GossipSub, Message } from '@libp2p/gossipsub'
import { gossipsub, StrictNoSign } from '@libp2p/gossipsub'
import { identify, identifyPush } from '@libp2p/identify'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import type { Clock, GossipTopic, GossipVerdict, Log, Peer, PeerId, RequestName, Transport } from '../ports.ts'
import type { StreamName } from './limits.ts'
import { gossipBytesMax, requestLimits } from './limits.ts'
import { loadPeerSeed } from './peer-key.ts'
import type { Channel } from './requests.ts'
import { Requests } from './requests.ts'
import type { GossipRouter } from './topics.ts'
import { Gossip, gossipTopics } from './topics.ts'

export interface TransportOptions {
  /** Lowercase hex. Nodes of other chains cannot connect. */
  readonly chainId: string
  /** Multiaddrs such as `/ip4/0.0.0.0/tcp/9527`. */
  readonly listen: readonly string[]
  /** Multiaddrs of nodes to begin with; the `/p2p/…` part may be missing. */
  readonly bootstrap: readonly string[]
  /** Where the peer key and the known peers are kept. */
  readonly directory: string
  /** A network on this machine or in this room: private addresses are dialled and limits per address are off. */
  readonly local: boolean
  /** How this node calls itself to its peers, such as `clawnetd/1.0.0`. */
  readonly agent: string
}

export interface TransportDependencies {
  readonly clock: Clock
  readonly log: Log
}

type Services = { readonly gossip: GossipSub }

/** A transport that is not yet started: set the handlers first, then `start`. */
export async function openTransport(
  options: TransportOptions,
  dependencies: TransportDependencies,
): Promise<Libp2pTransport> {
  const privateKey = await generateKeyPairFromSeed('Ed25519', loadPeerSeed(join(options.directory, 'peer.key')))
  const names = new ProtocolNames(options.chainId)

  const libp2p = await createLibp2p<Services & Record<string, unknown>>({
    start: false,
    privateKey,
    nodeInfo: { userAgent: options.agent },
    addresses: { listen: [...options.listen] },
    transports: [tcp()],
    // N1. A handshake under another chain's prologue fails, so strangers never get further.
    connectionEncrypters: [noise({ prologueBytes: names.prologue })],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    connectionManager: {
      maxConnections: 100,
      maxIncomingPendingConnections: 500,
      inboundUpgradeTimeout: 3_000,
      inboundConnectionThreshold: options.local ? 1_000 : 5,
      reconnectRetries: 0,
    },
    services: {
      identify: identify({ protocolPrefix: names.bare }),
      identifyPush: identifyPush({ protocolPrefix: names.bare }),
      ping: ping({ protocolPrefix: names.bare }),
      gossip: gossipsub({
        globalSignaturePolicy: StrictNoSign,
        msgIdFn: message => createHash('sha256').update(message.data).digest(),
        allowedTopics: gossipTopics.map(names.topic),
        fallbackToFloodsub: false,
        floodPublish: true,
        allowPublishToZeroTopicPeers: true,
        ignoreDuplicatePublishError: true,
        maxInboundDataLength: gossipBytesMax.proposals + 64 * 1024,
        maxOutboundBufferSize: 16 * 1024 * 1024,
        scoreParams: { IPColocationFactorWeight: options.local ? 0 : -5 },
      }),
    },
  })
  return new Libp2pTransport(options, { ...dependencies, libp2p: libp2p as unknown as Libp2p<Services>, names })
}

export class Libp2pTransport implements Transport {
  readonly id: PeerId
  readonly #options: TransportOptions
  readonly #clock: Clock
  readonly #log: Log
  readonly #libp2p: Libp2p<Services>
  readonly #names: ProtocolNames
  readonly #gossip: Gossip
  readonly #requests: Requests
  readonly #peerHandlers: ((event: 'connected' | 'disconnected', peer: PeerId) => void)[] = []
  #cancelRedial = (): void => {}

  constructor(
    options: TransportOptions,
    dependencies: TransportDependencies & { readonly libp2p: Libp2p<Services>; readonly names: ProtocolNames },
  ) {
    const { libp2p, names, clock, log } = dependencies
    this.#options = options
    this.#clock = clock
    this.#log = log
    this.#libp2p = libp2p
    this.#names = names
    this.id = libp2p.peerId.toString() as PeerId

    const penalize = (peer: PeerId, reason: string): void => this.penalize(peer, reason)
    this.#gossip = new Gossip({ topicName: names.topic }, { router: routerOf(libp2p.services.gossip), log, penalize })
    this.#requests = new Requests({ clock, log, penalize, openChannel: (peer, name) => this.#openChannel(peer, name) })
  }

  async start(): Promise<void> {
    for (const name of Object.keys(requestLimits) as StreamName[]) {
      await this.#libp2p.handle(this.#names.stream(name), (stream, connection) => {
        this.#requests.serve(channelOf(stream, connection), name)
      })
    }
    this.#libp2p.addEventListener('peer:connect', event => this.#tell('connected', event.detail.toString() as PeerId))
    this.#libp2p.addEventListener('peer:disconnect', event => {
      const peer = event.detail.toString() as PeerId
      this.#requests.forget(peer)
      this.#tell('disconnected', peer)
    })
    await this.#libp2p.start()
    this.#gossip.start()
    this.#redial()
  }

  async stop(): Promise<void> {
    this.#cancelRedial()
    await this.#libp2p.stop()
  }

  /** Where others reach this node: `/ip4/127.0.0.1/tcp/9527/p2p/12D3…`. */
  addresses(): readonly string[] {
    return this.#libp2p.getMultiaddrs().map(String)
  }

  peers(): readonly Peer[] {
    const peers = new Map<PeerId, Peer>()
    for (const connection of this.#libp2p.getConnections()) {
      const id = peerIdOf(connection)
      if (peers.has(id)) continue
      peers.set(id, {
        id,
        address: connection.remoteAddr.toString(),
        direction: connection.direction,
        connectedAtMs: connection.timeline.open,
      })
    }
    return [...peers.values()]
  }

  publish(topic: GossipTopic, payload: Uint8Array): void {
    this.#gossip.publish(topic, payload)
  }

  onGossip(
    topic: GossipTopic,
    handler: (payload: Uint8Array, from: PeerId) => GossipVerdict | Promise<GossipVerdict>,
  ): void {
    this.#gossip.onGossip(topic, handler)
  }

  request(peer: PeerId, name: RequestName, payload: Uint8Array): Promise<Uint8Array> {
    return this.#requests.ask(peer, name, payload)
  }

  onRequest(name: RequestName, handler: (payload: Uint8Array, from: PeerId) => Promise<Uint8Array> | Uint8Array): void {
    this.#requests.onRequest(name, handler)
  }

  onPeer(handler: (event: 'connected' | 'disconnected', peer: PeerId) => void): void {
    this.#peerHandlers.push(handler)
  }

  penalize(peer: PeerId, reason: string): void {
    this.#log.warn('a peer broke a rule', { peer, reason })
  }

  #tell(event: 'connected' | 'disconnected', peer: PeerId): void {
    for (const handler of this.#peerHandlers) handler(event, peer)
  }

  async #openChannel(peer: PeerId, name: StreamName): Promise<Channel> {
    const connection = this.#libp2p.getConnections().find(candidate => peerIdOf(candidate) === peer)
    if (connection === undefined) throw new Error('no connection')
    return channelOf(await connection.newStream(this.#names.stream(name)), connection)
  }

  #redial(): void {
    for (const address of this.#options.bootstrap) {
      this.#libp2p.dial(multiaddr(address)).catch((error: unknown) => {
        this.#log.debug('a bootstrap node is not reachable', { address, error: String(error) })
      })
    }
    this.#cancelRedial = this.#clock.after(2_000, () => this.#redial())
  }
}

/** Names that carry the chain: docs/spec/network.md, N1. */
class ProtocolNames {
  /** The chain without slashes around it, for libraries that add their own. */
  readonly bare: string
  readonly prologue: Uint8Array

  constructor(chainId: string) {
    this.bare = `clawnet/${chainId.slice(0, 8)}`
    this.prologue = Buffer.from(`/clawnet/${chainId}/noise/1`)
  }

  readonly topic = (topic: GossipTopic): string => `/${this.bare}/${topic}/1`
  readonly stream = (name: StreamName): string => `/${this.bare}/${name}/1`
}

function routerOf(gossip: GossipSub): GossipRouter {
  return {
    async publish(topic, payload) {
      await gossip.publish(topic, payload)
    },
    subscribe(topic, validator) {
      gossip.topicValidators.set(
        topic,
        // The library's verdicts are an enum of these very words.
        (peer, message: Message) => validator(message.data, peer.toString() as PeerId) as never,
      )
      gossip.subscribe(topic)
    },
  }
}

function channelOf(stream: Stream, connection: Connection): Channel {
  return {
    peer: peerIdOf(connection),
    get unsentBytes() {
      return stream.writeBufferLength
    },
    send(bytes) {
      stream.send(bytes)
    },
    onBytes(handler) {
      stream.addEventListener('message', event => handler(event.data.subarray()))
    },
    onClosed(handler) {
      stream.addEventListener('close', handler, { once: true })
      // Half a stream is of no use to a question or an answer.
      stream.addEventListener('remoteCloseWrite', () => stream.abort(new Error('the peer closed its end')), {
        once: true,
      })
    },
    abort(reason) {
      stream.abort(new Error(reason))
    },
  }
}

function peerIdOf(connection: Connection): PeerId {
  return connection.remotePeer.toString() as PeerId
}
