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

export class BlockSync {
  readonly #deps: BlockSyncDependencies
  /** The height each connected peer last named. */
  readonly #heights = new Map<PeerId, number>()
  #running = false
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

  async #run(): Promise<void> {
    if (this.#running) return
    this.#running = true
    const before = this.#deps.chain.tip.height
    try {
      for (let peer = this.#ahead(); peer !== undefined && !this.#stopped; peer = this.#ahead()) {
        // A peer that could not deliver has no claim any more until it names a height again.
        if (!(await this.#fetchFrom(peer))) this.#heights.delete(peer)
      }
    } finally {
      this.#running = false
    }
    const { height } = this.#deps.chain.tip
    if (height > before) this.#deps.log.info('caught up with the network', { height, blocks: height - before })
  }

  #ahead(): PeerId | undefined {
    const { height } = this.#deps.chain.tip
    let best: PeerId | undefined
    let bestHeight = height
    for (const [peer, claimed] of this.#heights) {
      if (claimed > bestHeight) [best, bestHeight] = [peer, claimed]
    }
    return best
  }

  /** True where the peer brought this node forward. */
  async #fetchFrom(peer: PeerId): Promise<boolean> {
    const { chain, driver, relay, transport, log } = this.#deps
    const from = chain.tip.height + 1
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
      return chain.tip.height >= from
    } catch (error) {
      if (error instanceof DecodeError || error instanceof InvalidBlockError) {
        transport.penalize(peer, `blocks: ${error.message}`)
      }
      log.debug('a peer did not give blocks', { peer, from, error: String(error) })
      return false
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
