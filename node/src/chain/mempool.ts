/** Transactions that wait for a block: one queue per account, by nonce. Signatures were checked before they come here. */
import { type Address, accountAt, type Hash, type Transaction, type View } from '@claw-network/protocol'

export interface MempoolOptions {
  readonly perAccountMax: number
  readonly transactionsMax: number
}

export const mempoolDefaults: MempoolOptions = { perAccountMax: 64, transactionsMax: 20_000 }

/** Why a transaction is not, or not any more, waiting. `by` is the transaction that has its place. */
export interface Refusal {
  readonly code: string
  readonly by?: Hash
}

/** Codes of the mempool itself; the ledger's codes appear here too. */
export const mempoolCodes = {
  already_known: 'The node already has this transaction.',
  nonce_is_taken:
    'Another waiting transaction has this nonce; leave nonce out, or raise the fee by 10 % to replace it.',
  nonce_is_too_far: 'Too many transactions of this account are waiting; wait until some are final.',
  funds_are_short: 'The available balance is lower than what this and the transactions waiting before it spend.',
  mempool_is_full: 'Too many transactions wait for a block; offer a higher fee or try again later.',
  replaced: 'A transaction with the same nonce and a higher fee took its place.',
  evicted: 'Transactions with higher fees took its place in the full queue.',
} as const

interface Waiting {
  readonly transaction: Transaction
  /** Order of arrival. */
  readonly sequence: number
  /** Tokens that leave the account if it succeeds, fee included. */
  readonly outgoing: bigint
}

interface Queue {
  readonly byNonce: Map<number, Waiting>
  outgoing: bigint
}

/** A replacement pays at least this much more, in percent. */
const replacementPercent = 10n
/** How many endings are remembered for those who ask what became of a transaction. */
const fatesMax = 50_000

export class Mempool {
  readonly #options: MempoolOptions
  readonly #view: () => View
  readonly #byId = new Map<Hash, Waiting>()
  readonly #byWireHash = new Map<Hash, Transaction>()
  readonly #queues = new Map<Address, Queue>()
  readonly #fates = new Map<Hash, Refusal>()
  readonly #onEnd = new Set<(id: Hash, refusal: Refusal) => void>()
  #arrivals = 0

  constructor(options: MempoolOptions, dependencies: { readonly view: () => View }) {
    this.#options = options
    this.#view = dependencies.view
  }

  get size(): number {
    return this.#byId.size
  }

  /** Whether there is a transaction that could stand in the next block: not one that waits for an earlier nonce. */
  get hasNext(): boolean {
    const view = this.#view()
    for (const [account, queue] of this.#queues) {
      if (queue.byNonce.has(accountAt(view, account).nonce + 1)) return true
    }
    return false
  }

  get(id: Hash): Transaction | undefined {
    return this.#byId.get(id)?.transaction
  }

  /** The transaction with exactly these bytes, signature included. */
  getExact(wireHash: Hash): Transaction | undefined {
    return this.#byWireHash.get(wireHash)
  }

  /** Why a transaction that once waited here never came into a block. */
  fate(id: Hash): Refusal | undefined {
    return this.#fates.get(id)
  }

  /** Told of every transaction that leaves without having come into a block. */
  onEnd(listener: (id: Hash, refusal: Refusal) => void): () => void {
    this.#onEnd.add(listener)
    return () => this.#onEnd.delete(listener)
  }

  /** Tokens in waiting transactions of this account, fees included. */
  pending(account: Address): bigint {
    return this.#queues.get(account)?.outgoing ?? 0n
  }

  /** The nonce after the account's last final or waiting transaction. */
  nextNonce(account: Address): number {
    let nonce = accountAt(this.#view(), account).nonce + 1
    const queue = this.#queues.get(account)
    while (queue?.byNonce.has(nonce)) nonce += 1
    return nonce
  }

  /** What waits in the account of a transaction, in order, without gaps, up to its nonce. */
  before({ account, envelope }: Transaction): readonly Transaction[] {
    const queue = this.#queues.get(account)
    const first = accountAt(this.#view(), account).nonce + 1
    const waiting: Transaction[] = []
    for (let nonce = first; nonce < envelope.nonce; nonce += 1) {
      const earlier = queue?.byNonce.get(nonce)
      if (earlier === undefined) break
      waiting.push(earlier.transaction)
    }
    return waiting
  }

  /** All that waits in an account. */
  waiting(account: Address): readonly Transaction[] {
    return [...(this.#queues.get(account)?.byNonce.values() ?? [])].map(({ transaction }) => transaction)
  }

  /** Undefined where the transaction now waits here; else why not. */
  add(transaction: Transaction): Refusal | undefined {
    const { account, envelope, id } = transaction
    if (this.#byId.has(id)) return { code: 'already_known' }
    const state = accountAt(this.#view(), account)
    if (envelope.nonce <= state.nonce) {
      // The account remembers its last transaction only.
      const by = envelope.nonce === state.nonce ? state.head : undefined
      return { code: 'nonce_is_used', ...(by && { by }) }
    }
    if (envelope.nonce > state.nonce + this.#options.perAccountMax) return { code: 'nonce_is_too_far' }
    const queue = this.#queues.get(account)
    const rival = queue?.byNonce.get(envelope.nonce)
    if (rival !== undefined && !outbids(transaction, rival.transaction)) {
      return { code: 'nonce_is_taken', by: rival.transaction.id }
    }
    const outgoing = envelope.fee + transaction.kind.spends(envelope.payload)
    // What is to come later counts for nothing here: a session key could claim there more than it may ever spend.
    if (state.available < outgoingBefore(queue, envelope.nonce) + outgoing) return { code: 'funds_are_short' }
    if (rival === undefined && this.#byId.size >= this.#options.transactionsMax && !this.#makeRoom(transaction)) {
      return { code: 'mempool_is_full' }
    }

    if (rival !== undefined) this.#remove(rival.transaction, { code: 'replaced', by: id })
    this.#insert({ transaction, sequence: this.#arrivals++, outgoing })
    this.#trim(account, state.available)
    return
  }

  /** Transactions that could follow each other in a block, best fee per byte first, at most `bytesMax`. */
  candidates(bytesMax: number): Transaction[] {
    const ranked: { waiting: Waiting; rate: number; sequence: number }[] = []
    const view = this.#view()
    for (const [account, queue] of this.#queues) {
      let rate = Number.POSITIVE_INFINITY
      let sequence = 0
      let nonce = accountAt(view, account).nonce + 1
      for (let waiting = queue.byNonce.get(nonce); waiting !== undefined; waiting = queue.byNonce.get(++nonce)) {
        // No transaction ranks before its predecessor in the same account.
        rate = Math.min(rate, feeRate(waiting.transaction))
        sequence = Math.max(sequence, waiting.sequence)
        ranked.push({ waiting, rate, sequence })
      }
    }
    ranked.sort(
      (a, b) =>
        b.rate - a.rate ||
        a.sequence - b.sequence ||
        a.waiting.transaction.envelope.nonce - b.waiting.transaction.envelope.nonce,
    )

    const chosen: Transaction[] = []
    let bytes = 0
    for (const { waiting } of ranked) {
      bytes += waiting.transaction.bytes.length
      if (bytes > bytesMax) break
      chosen.push(waiting.transaction)
    }
    return chosen
  }

  /** Drops what could not stand in a block. */
  drop(id: Hash, refusal: Refusal): void {
    const waiting = this.#byId.get(id)
    if (waiting !== undefined) this.#remove(waiting.transaction, refusal)
  }

  /** A block is final: its transactions leave, and so do those it made impossible. */
  decided(transactions: readonly Transaction[], timeMs: number): void {
    const view = this.#view()
    const winners = new Map<Address, Map<number, Hash>>()
    for (const transaction of transactions) {
      const { account, envelope, id } = transaction
      const byNonce = winners.get(account) ?? new Map<number, Hash>()
      winners.set(account, byNonce.set(envelope.nonce, id))
      if (this.#byId.has(id)) this.#remove(transaction)
    }
    for (const [account, byNonce] of winners) {
      const { nonce } = accountAt(view, account)
      for (const { transaction } of this.#queues.get(account)?.byNonce.values() ?? []) {
        if (transaction.envelope.nonce > nonce) continue
        const by = byNonce.get(transaction.envelope.nonce)
        this.#remove(transaction, { code: 'nonce_is_used', ...(by && { by }) })
      }
    }
    for (const { transaction } of this.#byId.values()) {
      const { validUntil } = transaction.envelope
      if (validUntil !== undefined && validUntil < timeMs) this.#remove(transaction, { code: 'transaction_expired' })
    }
  }

  #insert(waiting: Waiting): void {
    const { transaction, outgoing } = waiting
    const queue = this.#queues.get(transaction.account) ?? { byNonce: new Map<number, Waiting>(), outgoing: 0n }
    queue.byNonce.set(transaction.envelope.nonce, waiting)
    queue.outgoing += outgoing
    this.#queues.set(transaction.account, queue)
    this.#byId.set(transaction.id, waiting)
    this.#byWireHash.set(transaction.wireHash, transaction)
    this.#fates.delete(transaction.id)
  }

  #remove(transaction: Transaction, refusal?: Refusal): void {
    const waiting = this.#byId.get(transaction.id)
    const queue = this.#queues.get(transaction.account)
    if (waiting === undefined || queue === undefined) return
    this.#byId.delete(transaction.id)
    this.#byWireHash.delete(waiting.transaction.wireHash)
    queue.byNonce.delete(transaction.envelope.nonce)
    queue.outgoing -= waiting.outgoing
    if (queue.byNonce.size === 0) this.#queues.delete(transaction.account)
    if (refusal === undefined) return

    if (this.#fates.size >= fatesMax) {
      const [oldest] = this.#fates.keys()
      if (oldest !== undefined) this.#fates.delete(oldest)
    }
    this.#fates.set(transaction.id, refusal)
    for (const listener of this.#onEnd) listener(transaction.id, refusal)
  }

  /** Drops last nonces until the account has what the rest spends. */
  #trim(account: Address, available: bigint): void {
    for (
      let queue = this.#queues.get(account);
      queue && queue.outgoing > available;
      queue = this.#queues.get(account)
    ) {
      this.#remove(lastOf(queue).transaction, { code: 'funds_are_short' })
    }
  }

  /** Evicts the cheapest hundredth, last nonces first, where that is cheaper than the newcomer. */
  #makeRoom(newcomer: Transaction): boolean {
    const tails = [...this.#queues.values()]
      .map(queue => lastOf(queue).transaction)
      .sort((a, b) => feeRate(a) - feeRate(b))
      .slice(0, Math.ceil(this.#options.transactionsMax / 100))
      .filter(tail => feeRate(tail) < feeRate(newcomer) && tail.account !== newcomer.account)
    for (const tail of tails) this.#remove(tail, { code: 'evicted' })
    return tails.length > 0
  }
}

function feeRate(transaction: Transaction): number {
  return Number(transaction.envelope.fee) / transaction.bytes.length
}

function outbids(newcomer: Transaction, rival: Transaction): boolean {
  return (
    newcomer.envelope.fee > rival.envelope.fee &&
    newcomer.envelope.fee * 100n >= rival.envelope.fee * (100n + replacementPercent)
  )
}

function outgoingBefore(queue: Queue | undefined, nonce: number): bigint {
  let sum = 0n
  for (const waiting of queue?.byNonce.values() ?? []) {
    if (waiting.transaction.envelope.nonce < nonce) sum += waiting.outgoing
  }
  return sum
}

function lastOf(queue: Queue): Waiting {
  return [...queue.byNonce.values()].reduce((last, next) =>
    next.transaction.envelope.nonce > last.transaction.envelope.nonce ? next : last,
  )
}
