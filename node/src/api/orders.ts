/**
 * What the node has promised: each transaction it signs, what that counts against whose limits, and whose request it
 * answers, in one durable line before it leaves the node. So after a crash none is sent that is not counted, none is
 * counted that cannot be sent again, and none is made twice.
 */
import { join } from 'node:path'
import {
  accountAt,
  bytes,
  DecodeError,
  type Hash,
  hash,
  list,
  optional,
  struct,
  timestamp,
  type Transaction,
  transactionBytesMax,
  union,
  type UnionOf,
} from '@claw-network/protocol'
import type { Clock } from '../ports.ts'
import { approvalId, type ApprovalLine, approvalLines, Approvals } from './approvals.ts'
import { type Claim, claim, IdempotencyKeys } from './idempotency.ts'
import { Journal } from './journal.ts'
import { jsonObject } from './json.ts'
import type { ApiChain, SpendingLimits } from './node.ts'
import { type BookLine, lockedLine, type Share, share, Spending, spentLine, totalLine } from './spending.ts'

const journalBytesMax = 64 * 1024 * 1024

const lines = {
  /** A transaction that may have left, and what it counts until its end is known. */
  order: struct({
    atMs: timestamp,
    transaction: bytes(transactionBytesMax),
    claim: optional(claim),
    /** The approval that let it go. */
    approval: optional(approvalId),
    shares: list(share, 2),
  }),
  /** One of them never left. */
  freed: struct({ transaction: hash }),
  /** The answer of a request that made no transaction. */
  answer: struct({ atMs: timestamp, claim, answer: jsonObject }),
  spent: spentLine,
  total: totalLine,
  locked: lockedLine,
  ...approvalLines,
}
const line = union(lines)
type Line = UnionOf<typeof lines>

export interface Order {
  readonly transaction: Transaction
  readonly shares: readonly Share[]
  readonly claim?: Claim
  readonly approval?: string
}

interface OpenOrder extends Order {
  readonly atMs: number
}

export interface OrdersDependencies {
  readonly chain: Pick<ApiChain, 'decode' | 'view' | 'tip' | 'store' | 'onDecided'>
  readonly clock: Clock
}

export class Orders {
  readonly keys: IdempotencyKeys
  readonly spending: Spending
  readonly approvals: Approvals
  readonly #deps: OrdersDependencies
  /** Those whose end is not known yet, in the order in which they were made. */
  readonly #open = new Map<Hash, OpenOrder>()
  #journal: Journal<Line> | undefined

  static async open(
    options: { readonly directory: string; readonly limits: SpendingLimits },
    dependencies: OrdersDependencies,
  ): Promise<Orders> {
    const orders = new Orders(options.limits, dependencies)
    orders.#journal = await Journal.open(
      { path: join(options.directory, 'orders.jsonl'), line, bytesMax: journalBytesMax },
      { restore: entry => orders.#restore(entry), current: () => orders.#lines() },
    )
    dependencies.chain.onDecided(() => orders.#settle())
    return orders
  }

  private constructor(limits: SpendingLimits, dependencies: OrdersDependencies) {
    const { clock } = dependencies
    this.#deps = dependencies
    this.spending = new Spending(limits, clock)
    this.keys = new IdempotencyKeys({
      clock,
      write: (claimed, atMs, answer) => this.#append({ type: 'answer', value: { claim: claimed, atMs, answer } }),
    })
    this.approvals = new Approvals({ clock, write: entry => this.#append(entry) })
  }

  /** Returns once the order is durable; only then its transaction may leave. Its shares are counted already. */
  async keep(order: Order): Promise<void> {
    const atMs = this.#deps.clock.nowMs()
    const kept = { ...order, atMs }
    this.#take(kept)
    try {
      await this.#append(orderLine(kept, order.shares))
    } catch (error) {
      this.#forget(kept)
      throw error
    }
  }

  /** Of a transaction that never left: nothing counts, and its key is free. */
  async free({ id }: Transaction): Promise<void> {
    const order = this.#open.get(id)
    if (order === undefined) return
    this.#forget(order)
    this.spending.giveBack(order.shares, { paidFee: false })
    await this.#append({ type: 'freed', value: { transaction: id } })
  }

  /** One that was signed and counted before, and whose end is not known yet. */
  openOf(id: Hash): Transaction | undefined {
    return this.#open.get(id)?.transaction
  }

  /** Those whose end is not known yet. */
  unsettled(): readonly Order[] {
    this.#settle()
    return [...this.#open.values()]
  }

  /** Whether a transaction that is in no block can still come into one. */
  canCome({ envelope, account }: Transaction): boolean {
    const { view, tip } = this.#deps.chain
    const isLate = envelope.validUntil !== undefined && envelope.validUntil <= tip.timeMs
    return !isLate && envelope.nonce > accountAt(view, account).nonce
  }

  async close(): Promise<void> {
    await this.#journal?.close()
  }

  #take(order: OpenOrder): void {
    const { transaction, claim: claimed, approval, atMs } = order
    this.#open.set(transaction.id, order)
    if (claimed !== undefined) this.keys.keep(claimed, atMs, { transaction: transaction.bytes })
    if (approval !== undefined) this.approvals.approved(approval, transaction.id)
  }

  #forget({ transaction, claim: claimed, approval }: Order): void {
    this.#open.delete(transaction.id)
    if (claimed !== undefined) this.keys.release(claimed)
    if (approval !== undefined) this.approvals.reopen(approval)
  }

  /**
   * Some transactions are in a block now; others never will be, for their nonces are used or their time is over. None of
   * that is written: at the next start the chain says the same.
   */
  #settle(): void {
    for (const { transaction, shares } of this.#open.values()) {
      if (this.canCome(transaction)) continue
      this.#open.delete(transaction.id)
      const place = this.#deps.chain.store.placeOf(transaction.id)
      if (place === undefined) this.spending.giveBack(shares, { paidFee: false })
      else if (place.rejected !== undefined) this.spending.giveBack(shares, { paidFee: true })
      else if (shares.length > 0) this.spending.confirm(shares, this.#paidBy(transaction, place))
    }
  }

  /** What the account of an applied transaction really paid to others with it. */
  #paidBy({ account }: Transaction, { height, index }: { readonly height: number; readonly index: number }): bigint {
    const movements = this.#deps.chain.store.outcomeAt(height)?.movements[index] ?? []
    const paid = movements.filter(({ from, to }) => from === account && to !== undefined && to !== account)
    return paid.reduce((sum, { amount }) => sum + amount, 0n)
  }

  #append(entry: Line): Promise<void> {
    return this.#journal?.append(entry) ?? Promise.resolve()
  }

  #restore(entry: Line): void {
    switch (entry.type) {
      case 'order':
        this.#restoreOrder(entry.value)
        break
      case 'freed': {
        const order = this.#open.get(entry.value.transaction)
        if (order === undefined) break
        this.#forget(order)
        this.spending.giveBack(order.shares, { paidFee: false })
        break
      }
      case 'answer':
        this.keys.keep(entry.value.claim, entry.value.atMs, { answer: entry.value.answer })
        break
      case 'spent':
      case 'total':
      case 'locked':
        this.spending.restore(entry)
        break
      case 'asked':
      case 'approved':
      case 'refused':
        this.approvals.restore(entry)
    }
  }

  #restoreOrder({ transaction: encoded, ...rest }: Extract<Line, { type: 'order' }>['value']): void {
    const transaction = this.#decoded(encoded)
    // One that stands there twice was written while the file was begun anew.
    if (transaction === undefined || this.#open.has(transaction.id)) return
    this.spending.count(rest.shares)
    this.#take({ transaction, ...rest })
  }

  /** Undefined for one of another chain, which this directory was used for before. */
  #decoded(encoded: Uint8Array): Transaction | undefined {
    try {
      return this.#deps.chain.decode(encoded)
    } catch (error) {
      if (error instanceof DecodeError) return
      throw error
    }
  }

  #lines(): readonly Line[] {
    // What the chain has decided meanwhile needs no line of its own any more.
    this.#settle()
    const open = [...this.#open.values()]
    const openBytes = new Set(open.map(({ transaction }) => transaction.bytes))
    // Their own lines count them.
    for (const { shares } of open.toReversed()) this.spending.giveBack(shares, { paidFee: false })
    const books: readonly BookLine[] = this.spending.lines()
    for (const { shares } of open) this.spending.count(shares)
    const approvals: readonly ApprovalLine[] = this.approvals.lines()
    const kept = [...this.keys.kept()].flatMap(({ claim: claimed, atMs, kept: { transaction, answer } }): Line[] => {
      if (answer !== undefined) return [{ type: 'answer', value: { claim: claimed, atMs, answer } }]
      if (transaction === undefined || openBytes.has(transaction)) return []
      return [{ type: 'order', value: { claim: claimed, atMs, transaction, shares: [] } }]
    })
    return [...books, ...approvals, ...kept, ...open.map(order => orderLine(order, order.shares))]
  }
}

function orderLine({ transaction, atMs, claim: claimed, approval }: OpenOrder, shares: readonly Share[]): Line {
  return {
    type: 'order',
    value: {
      atMs,
      transaction: transaction.bytes,
      ...(claimed && { claim: claimed }),
      ...(approval !== undefined && { approval }),
      shares,
    },
  }
}
