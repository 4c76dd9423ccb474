/** The only doors through which `chain/` meets the world. The simulator replaces all of them. */

export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. May jump; never used to order events. */
  nowMs(): number
  /** Runs `task` once after `delayMs`; the answer cancels it. */
  after(delayMs: number, task: () => void): () => void
}

/**
 * A directory of small durable files. All calls are synchronous: what was synced survives kill -9 and power loss, what
 * was only appended may be lost or torn. Errors of the disk are thrown; the node stops rather than sign on a disk that
 * fails.
 */
export interface Disk {
  /** The whole file, or undefined where there is none. */
  read(name: string): Uint8Array | undefined
  /** Adds to the end of the file, making it if needed. Not durable before `sync`. */
  append(name: string, bytes: Uint8Array): void
  /** Returns once all that was written to the file, and its existence, is durable. */
  sync(name: string): void
  /** Cuts the file to `length` bytes, durably. */
  truncate(name: string, length: number): void
  /** Writes `bytes` at `offset`, making the file if needed. Not durable before `sync`. */
  writeAt(name: string, offset: number, bytes: Uint8Array): void
  /** Nothing happens where there is no such file. */
  remove(name: string): void
}

export interface Entropy {
  bytes(length: number): Uint8Array
}

/** A signature to check: 64 bytes, any message, 32 bytes. */
export interface SignedBytes {
  readonly signature: Uint8Array
  readonly message: Uint8Array
  readonly publicKey: Uint8Array
}

/** Ed25519 under the signature rule of docs/spec/encoding.md. */
export interface SignatureCheck {
  verify(this: void, signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
  /** One verdict per item, in order; large batches are checked off the main thread. */
  verifyMany(batch: readonly SignedBytes[]): Promise<readonly boolean[]>
}

export type PeerId = string & { readonly peerId: unique symbol }

/** Gossip: `accept` spreads the message, `ignore` drops it, `reject` drops it and holds it against the sender. */
export type GossipVerdict = 'accept' | 'ignore' | 'reject'

export type GossipTopic = 'transactions' | 'votes' | 'proposals' | 'evidence'
export type RequestName = 'status' | 'round' | 'blocks' | 'transactions'

export interface Peer {
  readonly id: PeerId
  readonly address: string
  readonly direction: 'inbound' | 'outbound'
  readonly connectedAtMs: number
}

/** The network as the chain sees it. Payloads are opaque bytes, already length-limited by the transport. */
export interface Transport {
  readonly id: PeerId
  peers(): readonly Peer[]
  publish(topic: GossipTopic, payload: Uint8Array): void
  /** One handler per topic. */
  onGossip(
    topic: GossipTopic,
    handler: (payload: Uint8Array, from: PeerId) => GossipVerdict | Promise<GossipVerdict>,
  ): void
  /** Rejects with RequestError when the peer is gone, refuses, is too slow or answers more than allowed. */
  request(peer: PeerId, name: RequestName, payload: Uint8Array): Promise<Uint8Array>
  /** One handler per name; what it throws reaches the peer as a refusal without details. */
  onRequest(name: RequestName, handler: (payload: Uint8Array, from: PeerId) => Promise<Uint8Array> | Uint8Array): void
  onPeer(handler: (event: 'connected' | 'disconnected', peer: PeerId) => void): void
  /** Holds a broken rule against a peer; enough of them and it is banned. */
  penalize(peer: PeerId, reason: string): void
}

export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly reason: 'gone' | 'refused' | 'timeout' | 'too_large'

  constructor(reason: RequestError['reason'], detail: string) {
    super(detail)
    this.reason = reason
  }
}

/** Leveled, structured log. Secrets never reach it. */
export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void
  info(message: string, fields?: Record<string, unknown>): void
  warn(message: string, fields?: Record<string, unknown>): void
  error(message: string, fields?: Record<string, unknown>): void
}
