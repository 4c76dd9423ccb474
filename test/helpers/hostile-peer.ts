/** A peer that gets through the handshake and then does what it likes. Written from docs/spec/network.md, not from the code. */
import { identify } from '@libp2p/identify'
import type { Connection, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

export class HostilePeer {
  readonly #prefix: string
  readonly #libp2p: Awaited<ReturnType<typeof createLibp2p>>

  private constructor(prefix: string, libp2p: Awaited<ReturnType<typeof createLibp2p>>) {
    this.#prefix = prefix
    this.#libp2p = libp2p
  }

  static async start(chainId: string): Promise<HostilePeer> {
    const prefix = `clawnet/${chainId.slice(0, 8)}`
    const libp2p = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise({ prologueBytes: Buffer.from(`/clawnet/${chainId}/handshake/1`) })],
      streamMuxers: [yamux()],
      connectionMonitor: { enabled: false },
      connectionManager: { reconnectRetries: 0 },
      services: { identify: identify({ protocolPrefix: prefix }) },
    })
    return new HostilePeer(prefix, libp2p)
  }

  get id(): string {
    return this.#libp2p.peerId.toString()
  }

  get address(): string {
    return String(this.#libp2p.getMultiaddrs()[0])
  }

  connect(address: string): Promise<Connection> {
    return this.#libp2p.dial(multiaddr(address))
  }

  isConnected(): boolean {
    return this.#libp2p.getConnections().length > 0
  }

  /** A stream of the chain's, such as `blocks`. */
  open(connection: Connection, name: string): Promise<Stream> {
    return connection.newStream(`/${this.#prefix}/${name}/1`)
  }

  openGossip(connection: Connection): Promise<Stream> {
    return connection.newStream('/meshsub/1.2.0')
  }

  /** Answers the chain's streams of that name with whatever `answer` makes of what arrives. */
  async serve(name: string, answer: (bytes: Uint8Array) => Uint8Array): Promise<void> {
    await this.#libp2p.handle(`/${this.#prefix}/${name}/1`, stream => {
      stream.addEventListener('message', event => stream.send(answer(event.data.subarray())))
    })
  }

  async stop(): Promise<void> {
    await this.#libp2p.stop()
  }
}

/** Written by hand: length, id, kind, payload. */
export function frame(id: number, kind: number, payload: Uint8Array, claimedLength = 5 + payload.length): Uint8Array {
  const bytes = Buffer.alloc(9 + payload.length)
  bytes.writeUInt32BE(claimedLength, 0)
  bytes.writeUInt32BE(id, 4)
  bytes.writeUInt8(kind, 8)
  bytes.set(payload, 9)
  return bytes
}
