/** What became of a transaction, now or as soon as it is decided. */
import { type Hash, present, type Transaction } from '@claw-network/protocol'
import type { ApiChain, ApiMempool, Refusal } from './node.ts'
import type { Clock } from '../ports.ts'

/** Where in the chain a transaction stands. */
export interface Place {
  readonly height: number
  readonly index: number
  readonly blockHash: Hash
  readonly timeMs: number
}

export type Outcome =
  | { readonly status: 'broadcast'; readonly transaction: Transaction }
  | { readonly status: 'final'; readonly transaction: Transaction; readonly place: Place }
  /** In a block, where it paid its fee and changed nothing else. */
  | { readonly status: 'failed'; readonly code: string; readonly transaction: Transaction; readonly place: Place }
  /** Dropped before it came into a block. */
  | { readonly status: 'failed'; readonly code: string; readonly by?: Hash }

export class Outcomes {
  readonly #chain: ApiChain
  readonly #mempool: ApiMempool
  readonly #clock: Clock
  readonly #waiting = new Map<Hash, Set<() => void>>()
  readonly #nextBlock = new Set<() => void>()
  #isClosed = false

  constructor(dependencies: { readonly chain: ApiChain; readonly mempool: ApiMempool; readonly clock: Clock }) {
    this.#chain = dependencies.chain
    this.#mempool = dependencies.mempool
    this.#clock = dependencies.clock
    this.#chain.onDecided(({ receipts }) => {
      for (const { transaction } of receipts) this.#wake(transaction.id)
      for (const wake of this.#nextBlock) wake()
    })
    this.#mempool.onEnd((id: Hash, _refusal: Refusal) => this.#wake(id))
  }

  /** Undefined for an id that this node never saw, or long ago and never in a block. */
  of(id: Hash): Outcome | undefined {
    const place = this.#chain.store.placeOf(id)
    if (place !== undefined) {
      const final = this.#transactionAt(place.height, place.index)
      return place.rejected === undefined
        ? { status: 'final', ...final }
        : { status: 'failed', code: place.rejected, ...final }
    }
    const transaction = this.#mempool.get(id)
    if (transaction !== undefined) return { status: 'broadcast', transaction }
    const fate = this.#mempool.fate(id)
    return fate && { status: 'failed', ...fate }
  }

  /** The outcome once it is not `broadcast` any more, or whatever it is after `waitMs`. */
  async settled(id: Hash, waitMs: number, signal: AbortSignal): Promise<Outcome | undefined> {
    const outcome = this.of(id)
    if (waitMs === 0 || this.#isClosed || (outcome !== undefined && outcome.status !== 'broadcast')) return outcome
    const wakers = this.#waiting.get(id) ?? new Set()
    this.#waiting.set(id, wakers)
    await this.#woken(wakers, waitMs, signal)
    if (wakers.size === 0) this.#waiting.delete(id)
    return this.of(id)
  }

  /** Returns after the next decided block, or after `waitMs`. */
  async nextBlock(waitMs: number, signal: AbortSignal): Promise<void> {
    await this.#woken(this.#nextBlock, waitMs, signal)
  }

  /** Lets go of everybody who waits: the server is closing. */
  close(): void {
    this.#isClosed = true
    for (const id of this.#waiting.keys()) this.#wake(id)
    for (const wake of this.#nextBlock) wake()
  }

  async #woken(wakers: Set<() => void>, waitMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const wake = (): void => resolve()
    wakers.add(wake)
    const cancel = this.#clock.after(waitMs, wake)
    signal.addEventListener('abort', wake, { once: true })
    if (signal.aborted) wake()
    await promise
    signal.removeEventListener('abort', wake)
    cancel()
    wakers.delete(wake)
  }

  #wake(id: Hash): void {
    for (const wake of this.#waiting.get(id) ?? []) wake()
  }

  #transactionAt(height: number, index: number): { transaction: Transaction; place: Place } {
    const { block, commit } = present(
      this.#chain.store.decidedAt(height),
      `a transaction at height ${height} has its block`,
    )
    const bytes = present(block.transactions[index], `block ${height} holds transaction ${index}`)
    return {
      transaction: this.#chain.decode(bytes),
      place: { height, index, blockHash: commit.blockHash, timeMs: block.header.timeMs },
    }
  }
}
