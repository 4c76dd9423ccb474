/** The transport over libp2p: the only importer of its packages. docs/spec/network.md */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { autoNAT } from '@libp2p/autonat'
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { dcutr } from '@libp2p/dcutr'
import { type GossipSub, gossipsub, StrictNoSign } from '@libp2p/gossipsub'
import { identify, identifyPush } from '@libp2p/identify'
import type { Connection, ConnectionGater, Libp2p, MultiaddrConnection, PrivateKey, Stream } from '@libp2p/interface'
import { kadDHT, passthroughMapper, removePrivateAddressesMapper } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type ServiceFactoryMap } from 'libp2p'
import { loadOrCreateKeyFile } from '../key-file.ts'
import { machineEntropy as entropy } from '../machine.ts'
import type { Clock, GossipTopic, PeerId } from '../ports.ts'
import { isPublic, parseAddress } from './addresses.ts'
import { Bans } from './bans.ts'
import {
  channelsPerNameMax,
  connectionsMax,
  dialAddressWithinMs,
  dialWithinMs,
  gossipFrameBytesMax,
  gossipSeenMs,
  identifyWithinMs,
  inboundPerHostMax,
  inboundPerSecondMax,
  localInboundPerSecondMax,
  outboundTagValue,
  type StreamName,
  unidentifiedSocketsMax,
  unsentGossipBytesMax,
} from './limits.ts'
import { PeerBook } from './peer-book.ts'
import type { Wires } from './peers.ts'
import type { Channel } from './channel.ts'
import { type GossipRouter, gossipTopics } from './topics.ts'
import {
  type Host,
  type HostEvents,
  ListenError,
  NetworkTransport,
  type TransportDependencies,
  type TransportOptions,
} from './transport.ts'

/** A transport that is not started yet: set the handlers first, then `start`. */
export async function openTransport(
  options: TransportOptions,
  { clock, log }: TransportDependencies,
): Promise<NetworkTransport> {
  const { keyFile, directory, local, bootstrap } = options
  const privateKey = await generateKeyPairFromSeed('Ed25519', loadOrCreateKeyFile(keyFile, { entropy }))
  const names = new ProtocolNames(options.chainId)
  const dependencies = { clock: steady(clock), log }
  const bans = new Bans({ path: join(directory, 'bans.jsonl') }, dependencies)

  const libp2p: Libp2p<Services> = await createLibp2p<Services>({
    ...(await settings(options, names, privateKey)),
    connectionGater: gater(options, bans, () => libp2p.getConnections()),
    start: false,
  })
  const host = new Libp2pHost({ names }, { libp2p })
  const book = new PeerBook({ path: join(directory, 'peers.jsonl'), self: host.id, local, bootstrap }, dependencies)
  return new NetworkTransport({ local, topicName: names.topic }, { ...dependencies, host, book, bans })
}

type Services = { readonly gossip: GossipSub; readonly ownAddresses: OwnAddresses }

/** Names that carry the chain: N1, N3. */
class ProtocolNames {
  /** For libraries that put the slashes and their own name around it. */
  readonly prefix: string
  readonly prologue: Uint8Array

  constructor(chainId: string) {
    this.prefix = `clawnet/${chainId.slice(0, 8)}`
    this.prologue = Buffer.from(`/clawnet/${chainId}/handshake/1`)
  }

  readonly topic = (topic: GossipTopic): string => `/${this.prefix}/${topic}/1`
  readonly stream = (name: StreamName): string => `/${this.prefix}/${name}/1`
}

async function settings(options: TransportOptions, names: ProtocolNames, privateKey: PrivateKey) {
  const { local } = options
  const protocolPrefix = names.prefix
  return {
    privateKey,
    nodeInfo: { userAgent: options.agent },
    addresses: {
      listen: [...options.listen, ...(options.relay === true && !local ? ['/p2p-circuit'] : [])],
      announce: [...(options.announce ?? [])],
    },
    transports: [tcp(), ...(local ? [] : [circuitRelayTransport()])],
    connectionEncrypters: [noise({ prologueBytes: names.prologue })], // N1
    streamMuxers: [yamux()],
    peerDiscovery: options.mdns === true ? [await roomDiscovery(protocolPrefix)] : [],
    // N57: it closes healthy connections after a stall of our own; our own exchange finds the dead ones.
    connectionMonitor: { enabled: false },
    connectionManager: {
      maxConnections: connectionsMax,
      maxIncomingPendingConnections: unidentifiedSocketsMax,
      inboundUpgradeTimeout: identifyWithinMs,
      inboundConnectionThreshold: local ? localInboundPerSecondMax : inboundPerSecondMax,
      dialTimeout: dialWithinMs,
      addressDialTimeout: dialAddressWithinMs,
      // N56: it gives up after a few tries, and forgets that the peer was wanted; our own dialling does not.
      reconnectRetries: 0,
    },
    services: {
      identify: identify({ protocolPrefix }),
      identifyPush: identifyPush({ protocolPrefix }),
      ping: ping({ protocolPrefix }),
      gossip: gossip(names),
      dht: kadDHT({
        protocol: `/${protocolPrefix}/kad/1`,
        peerInfoMapper: local ? passthroughMapper : removePrivateAddressesMapper,
        // Without a public address a node would never answer others.
        ...(local ? { clientMode: false } : {}),
      }),
      ownAddresses,
      ...(local
        ? {}
        : { autonat: freshlyDiallingAutoNAT(protocolPrefix), dcutr: dcutr(), relay: circuitRelayServer() }),
      ...(options.upnp === true ? { upnp: await portMapping() } : {}),
    } as unknown as ServiceFactoryMap<Services>,
  }
}

type NatComponents = Parameters<ReturnType<typeof autoNAT>>[0]

/**
 * N72. The library's service dials who asks whether it is reachable, gets the connection that is open already, and
 * closes that one when it is done. Here it gets a connection of its own.
 */
function freshlyDiallingAutoNAT(protocolPrefix: string) {
  return (components: NatComponents) => {
    const { connectionManager } = components
    const fresh: Partial<NatComponents['connectionManager']> = {
      getConnections: peer => connectionManager.getConnections(peer),
      getMaxConnections: () => connectionManager.getMaxConnections(),
      openStream: (target, protocol, options) => connectionManager.openStream(target, protocol, options),
      openConnection: (target, options) =>
        // A list of addresses is a random walk of the asking side, which any connection serves.
        connectionManager.openConnection(target, Array.isArray(target) ? options : { ...options, force: true }),
    }
    return autoNAT({ protocolPrefix })(Object.create(components, { connectionManager: { value: fresh } }))
  }
}

interface OwnAddresses {
  announce(): void
}

/**
 * N71. The library keeps a public address to itself until others have proved that it is reachable, so the first nodes of
 * a network would never be found. What this node listens on is announced; who cannot reach it will back off.
 */
function ownAddresses({ addressManager }: Pick<NatComponents, 'addressManager'>): OwnAddresses {
  return {
    announce() {
      for (const { type, multiaddr: address } of addressManager.getAddressesWithMetadata()) {
        if (type === 'transport') addressManager.confirmObservedAddr(address)
      }
    },
  }
}

// What few nodes use is loaded by those that use it: eight megabytes and some start time.

async function roomDiscovery(protocolPrefix: string) {
  const { mdns } = await import('@libp2p/mdns')
  return mdns({ serviceTag: `_${protocolPrefix.replace('/', '-')}._udp.local` })
}

async function portMapping() {
  const { uPnPNAT } = await import('@libp2p/upnp-nat')
  return uPnPNAT()
}

function gossip(names: ProtocolNames): ReturnType<typeof gossipsub> {
  return gossipsub({
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: message => createHash('sha256').update(message.data).digest(),
    allowedTopics: gossipTopics.map(names.topic),
    fallbackToFloodsub: false,
    floodPublish: true,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    seenTTL: gossipSeenMs,
    maxInboundDataLength: gossipFrameBytesMax,
    maxOutboundBufferSize: unsentGossipBytesMax,
    scoreParams: {
      // N25. Only what is surely the peer's fault: payloads that we rejected, and protocol tricks in numbers.
      topics: Object.fromEntries(gossipTopics.map(topic => [names.topic(topic), topicScore])),
      // Many nodes may be behind one address; N52 bounds how many of them connect.
      IPColocationFactorWeight: 0,
      behaviourPenaltyWeight: -1,
      behaviourPenaltyThreshold: 6,
      behaviourPenaltyDecay: 0.9,
      retainScore: 600_000,
    },
  })
}

const topicScore = {
  topicWeight: 1,
  timeInMeshWeight: 0,
  timeInMeshQuantum: 1_000,
  timeInMeshCap: 1,
  firstMessageDeliveriesWeight: 0,
  firstMessageDeliveriesDecay: 0.5,
  firstMessageDeliveriesCap: 1,
  meshMessageDeliveriesWeight: 0,
  meshMessageDeliveriesDecay: 0.5,
  meshMessageDeliveriesCap: 1,
  meshMessageDeliveriesThreshold: 1,
  meshMessageDeliveriesWindow: 10,
  meshMessageDeliveriesActivation: 1_000,
  meshFailurePenaltyWeight: 0,
  meshFailurePenaltyDecay: 0.5,
  invalidMessageDeliveriesWeight: -1,
  invalidMessageDeliveriesDecay: 0.97,
}

/** N52, N61: who may not connect. */
function gater(options: TransportOptions, bans: Bans, connections: () => readonly Connection[]): ConnectionGater {
  const trusted = new Set(options.bootstrap.map(address => parseAddress(address)?.host))
  const hostOf = (address: unknown): string | undefined => parseAddress(String(address))?.host
  return {
    denyDialPeer: peer => bans.has(peer.toString()),
    denyDialMultiaddr(address) {
      if (options.local) return false
      const parts = parseAddress(address.toString())
      return parts === undefined || !(isPublic(parts) || trusted.has(parts.host))
    },
    denyInboundConnection(socket: MultiaddrConnection) {
      const host = hostOf(socket.remoteAddr)
      if (options.local || host === undefined) return false
      const fromHost = connections().filter(
        ({ direction, remoteAddr }) => direction === 'inbound' && hostOf(remoteAddr) === host,
      )
      return bans.has(host) || fromHost.length >= inboundPerHostMax
    },
    denyInboundEncryptedConnection: peer => bans.has(peer.toString()),
    denyOutboundEncryptedConnection: peer => bans.has(peer.toString()),
  }
}

class Libp2pHost implements Host {
  readonly id: PeerId
  readonly router: GossipRouter
  readonly wires: Omit<Wires, 'ask'>
  readonly #names: ProtocolNames
  readonly #libp2p: Libp2p<Services>
  readonly #connected = new Set<PeerId>()

  constructor(options: { readonly names: ProtocolNames }, dependencies: { readonly libp2p: Libp2p<Services> }) {
    const { libp2p } = dependencies
    this.#names = options.names
    this.#libp2p = libp2p
    this.id = libp2p.peerId.toString() as PeerId
    this.router = routerOf(libp2p.services.gossip)
    this.wires = {
      links: () => this.connections(),
      dial: ({ addresses }) => this.#dial(addresses),
      disconnect: peer => this.#disconnect(peer),
      protect: peer => this.#protect(peer),
      hearsGossip: peer => streamsOutbound(libp2p.services.gossip).has(peer),
    }
  }

  async start(events: HostEvents): Promise<void> {
    const on = this.#libp2p.addEventListener.bind(this.#libp2p)
    on('connection:open', ({ detail: connection }) => {
      if (!carriesChain(connection)) return
      const peer = peerOf(connection)
      if (this.#connected.has(peer)) return
      this.#connected.add(peer)
      events.connected(peer)
    })
    on('connection:close', ({ detail: connection }) => {
      const peer = peerOf(connection)
      if (this.connections().some(other => other.peer === peer) || !this.#connected.delete(peer)) return
      events.disconnected(peer)
    })
    on('peer:identify', ({ detail }) => {
      events.identified(detail.peerId.toString() as PeerId, detail.agentVersion, detail.listenAddrs.map(String))
    })
    on('peer:discovery', ({ detail }) => {
      events.discovered(detail.id.toString() as PeerId, detail.multiaddrs.map(String))
    })
    try {
      await this.#libp2p.start()
    } catch (error) {
      throw listenErrorOf(error)
    }
    this.#libp2p.services.ownAddresses.announce()
  }

  async stop(): Promise<void> {
    await this.#libp2p.stop()
  }

  addresses(): readonly string[] {
    return this.#libp2p.getMultiaddrs().map(String)
  }

  connections(): ReturnType<Host['connections']> {
    return this.#libp2p
      .getConnections()
      .filter(carriesChain)
      .map(connection => ({
        peer: peerOf(connection),
        address: connection.remoteAddr.toString(),
        direction: connection.direction,
        openedAtMs: connection.timeline.open,
      }))
  }

  async openChannel(peer: PeerId, name: StreamName): Promise<Channel> {
    const connection = this.#of(peer)[0]
    if (connection === undefined) throw new Error('there is no connection')
    const stream = await connection.newStream(this.#names.stream(name), { maxOutboundStreams: channelsPerNameMax })
    return channelOf(stream, peer)
  }

  async onChannel(name: StreamName, handler: (channel: Channel) => void): Promise<void> {
    await this.#libp2p.handle(
      this.#names.stream(name),
      (stream, connection) => handler(channelOf(stream, peerOf(connection))),
      { maxInboundStreams: channelsPerNameMax },
    )
  }

  async #dial(addresses: readonly string[]): Promise<{ peer: PeerId; address: string }> {
    const connection = await this.#libp2p.dial(addresses.map(address => multiaddr(address)))
    return { peer: peerOf(connection), address: connection.remoteAddr.toString() }
  }

  #disconnect(peer: PeerId): void {
    // Aborted and not closed: a peer that hangs would not answer a good-bye.
    for (const connection of this.#of(peer)) connection.abort(new Error('given up'))
  }

  #protect(peer: PeerId): void {
    const id = this.#of(peer)[0]?.remotePeer
    if (id === undefined) return
    this.#libp2p.peerStore.merge(id, { tags: { 'clawnet-outbound': { value: outboundTagValue } } }).catch(() => {
      // The peer's record expired this very moment; the next dial marks it again.
    })
  }

  #of(peer: PeerId): readonly Connection[] {
    return this.#libp2p.getConnections().filter(connection => carriesChain(connection) && peerOf(connection) === peer)
  }
}

function routerOf(gossip: GossipSub): GossipRouter {
  return {
    async publish(topic, payload) {
      await gossip.publish(topic, payload)
    },
    subscribe(topic, validator) {
      // The library's verdicts are an enum of the very words of ours.
      gossip.topicValidators.set(topic, (peer, message) => validator(message.data, peer.toString() as PeerId) as never)
      gossip.subscribe(topic)
    },
  }
}

/** The library tells in one text of several lines what it could not listen on. */
function listenErrorOf(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'UnsupportedListenAddressesError') return error
  const reasons = [...error.message.matchAll(/^\s*(\/\S+): (?:Error: )?(.*)$/gm)].map(
    ([, address, reason]) => `${address}: ${reason}`,
  )
  return new ListenError(reasons.length > 0 ? reasons.join('; ') : error.message)
}

/** The library's own map of gossip streams, which its declarations leave out. */
function streamsOutbound(gossip: GossipSub): ReadonlyMap<string, unknown> {
  return (gossip as GossipSub & { readonly streamsOutbound: ReadonlyMap<string, unknown> }).streamsOutbound
}

function channelOf(stream: Stream, peer: PeerId): Channel {
  return {
    peer,
    get isOpen() {
      return stream.status === 'open' && stream.writeStatus === 'writable'
    },
    get unsentBytes() {
      return stream.writeBufferLength
    },
    send(bytes) {
      stream.send(bytes)
    },
    onBytes(handler) {
      stream.addEventListener('message', event => handler(event.data.subarray()))
    },
    onDrained(handler) {
      stream.addEventListener('idle', handler)
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

/** N73. A connection through a relay is only good for making a direct one. */
function carriesChain(connection: Connection): boolean {
  return connection.limits === undefined && connection.status === 'open'
}

function peerOf(connection: Connection): PeerId {
  return connection.remotePeer.toString() as PeerId
}

/** Wall time at the start, and from then on never a jump: back-off and quotas must not hang on the system's clock. */
function steady(clock: Clock): Clock {
  return {
    nowMs: () => Math.floor(performance.timeOrigin + performance.now()),
    after: (delayMs, task) => clock.after(delayMs, task),
  }
}
