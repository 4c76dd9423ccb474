/** Catches up with peers that are ahead: block after block, each with its commit, each verified in full. */
import { DecodeError, type DecidedBlock, fromBytes, toBytes } from '@claw-network/protocol'
import type { Clock, Log, PeerId, Transport } from '../ports.ts'
import { type Chain, InvalidBlockError } from './chain.ts'
import type { Driver } from './driver.ts'
import type { Relay } from './relay.ts'
import { blocksAnswer, blocksRequest, statusMessage } from './wire.ts'

export interface BlockSyncDependencies {
  readonly chain: Chain
  readonly driver: Driver
  readonly relay: Relay
  readonly transport: Transport
  readonly clock: Clock
  readonly log: Log
}

const windowBlocks = 64
const answerBytesMax = 4 * 1024 * 1024
/** A peer that is one block ahead has probably just decided what this node decides in a moment. */
const patienceMs = 1_000
/** A node this close to its peers is synced: its transactions and theirs meet in the same blocks. */
const blocksUnderWay = 3
const statusIntervalMs = 5_000
/** A peer that has not answered by then may never do; what it still sends is taken. */
const slowAfterMs = 2_000
/** Slow peers must not make this node ask for the same blocks without end. */
const awaitedMax = 4

export class BlockSync {
  readonly #deps: BlockSyncDependencies
  /** The height each connected peer last named. */
  readonly #heights = new Map<PeerId, number>()
  #running = false
  /** Answers that are awaited: one, or more where peers are slow. */
  #awaited = 0
  /** Who brought blocks last. It is asked first: who claims most need not have anything. */
  #helper: PeerId | undefined
  #stopped = false
  #patienceTimer: (() => void) | undefined
  #statusTimer: (() => void) | undefined

  constructor(dependencies: BlockSyncDependencies) {
    this.#deps = dependencies
  }

  start(): void {
    const { transport, chain } = this.#deps
    transport.onRequest('status', () =>
      toBytes(statusMessage, { height: chain.tip.height, blockHash: chain.tip.blockHash }),
    )
    transport.onRequest('blocks', payload => this.#answer(payload))
    transport.onPeer((event, peer) => {
      if (event === 'connected') void this.#askStatus(peer)
      else this.#heights.delete(peer)
    })
    for (const { id } of transport.peers()) void this.#askStatus(id)
    this.#planStatus()
  }

  stop(): void {
    this.#stopped = true
    this.#patienceTimer?.()
    this.#statusTimer?.()
  }

  /** The highest block any connected peer claims to have. */
  get target(): number {
    return Math.max(this.#deps.chain.tip.height, ...this.#heights.values())
  }

  /** True while peers are ahead by more than the blocks that are on their way at a quick pace. */
  get isBehind(): boolean {
    return this.target > this.#deps.chain.tip.height + blocksUnderWay
  }

  /** Takes note of what a peer says of its own chain. */
  onPeerHeight(peer: PeerId, height: number): void {
    this.#heights.set(peer, Math.max(height, this.#heights.get(peer) ?? 0))
    const ahead = height - this.#deps.chain.tip.height
    if (ahead <= 0 || this.#running || this.#stopped) return
    if (ahead > 1) void this.#run()
    else {
      this.#patienceTimer ??= this.#deps.clock.after(patienceMs, () => {
        this.#patienceTimer = undefined
        void this.#run()
      })
    }
  }

  /** Asks until nobody is ahead any more. A slow peer is not waited for: the next takes its place. */
  async #run(): Promise<void> {
    const { chain, clock, log } = this.#deps
    if (this.#running || this.#awaited >= awaitedMax) return
    this.#running = true
    const before = chain.tip.height
    for (let peer = this.#ahead(); peer !== undefined && !this.#stopped; peer = this.#ahead()) {
      const slow = peer
      let isSlow = false
      const cancel = clock.after(slowAfterMs, () => {
        isSlow = true
        this.#heights.delete(slow)
        this.#running = false
        void this.#run()
      })
      const hasHelped = await this.#fetchFrom(peer)
      cancel()
      if (isSlow) return
      if (hasHelped) this.#helper = peer
      // A peer that could not deliver has no claim any more until it names a height again.
      else this.#heights.delete(peer)
    }
    this.#running = false
    const { height } = chain.tip
    if (height > before) log.info('caught up with the network', { height, blocks: height - before })
  }

  /** The last to help, else who claims most. */
  #ahead(): PeerId | undefined {
    const { height } = this.#deps.chain.tip
    const claims = [...this.#heights].filter(([, claimed]) => claimed > height)
    const best = claims.toSorted(([, a], [, b]) => b - a)[0]
    return claims.find(([peer]) => peer === this.#helper)?.[0] ?? best?.[0]
  }

  /** True where the peer brought this node forward. */
  async #fetchFrom(peer: PeerId): Promise<boolean> {
    const { chain, driver, relay, transport, log } = this.#deps
    const from = chain.tip.height + 1
    this.#awaited += 1
    try {
      const request = toBytes(blocksRequest, { from, count: windowBlocks })
      const { blocks } = fromBytes(blocksAnswer, await transport.request(peer, 'blocks', request))
      const transactions = await relay.check(blocks.flatMap(({ block }) => block.transactions))
      let taken = 0
      for (const decided of blocks) {
        const first = taken
        taken += decided.block.transactions.length
        if (this.#stopped || driver.halted !== undefined) return false
        await driver.adopt(decided, transactions.slice(first, taken))
      }
      // Old blocks are no help, however many.
      return chain.tip.height >= from
    } catch (error) {
      if (error instanceof DecodeError || error instanceof InvalidBlockError) {
        transport.penalize(peer, `blocks: ${error.message}`)
      }
      log.debug('a peer did not give blocks', { peer, from, error: String(error) })
      return false
    } finally {
      this.#awaited -= 1
    }
  }

  #answer(payload: Uint8Array): Uint8Array {
    const { store } = this.#deps.chain
    const { from, count } = fromBytes(blocksRequest, payload)
    const blocks: DecidedBlock[] = []
    let size = 0
    for (let height = from; height < from + count; height += 1) {
      const decided = store.decidedAt(height)
      if (decided === undefined) break
      size += decided.block.transactions.reduce((sum, bytes) => sum + bytes.length, 8_192)
      if (blocks.length > 0 && size > answerBytesMax) break
      blocks.push(decided)
    }
    return toBytes(blocksAnswer, { blocks })
  }

  #planStatus(): void {
    this.#statusTimer = this.#deps.clock.after(statusIntervalMs, () => {
      for (const { id } of this.#deps.transport.peers()) void this.#askStatus(id)
      this.#planStatus()
    })
  }

  async #askStatus(peer: PeerId): Promise<void> {
    try {
      const answer = fromBytes(statusMessage, await this.#deps.transport.request(peer, 'status', new Uint8Array(0)))
      this.onPeerHeight(peer, answer.height)
    } catch (error) {
      this.#deps.log.debug('a peer did not say its status', { peer, error: String(error) })
    }
  }
}
