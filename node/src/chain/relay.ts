/** Carries transactions between this node and the others: batches out, checks in, fetches what a block lacks. */
import {
  type Admission,
  type BlockPlace,
  DecodeError,
  type Effect,
  fromBytes,
  type Hash,
  signatureStatements,
  toBytes,
  type Transaction,
} from '@claw-network/protocol'
import type { Clock, GossipVerdict, Log, PeerId, SignatureCheck, Transport } from '../ports.ts'
import type { Chain } from './chain.ts'
import type { Mempool, Refusal } from './mempool.ts'
import { transactionsRequest, transactionBatch, transactionsAnswer } from './wire.ts'

/** Unbatched gossip costs a quarter of a millisecond per message. */
const batchIntervalMs = 30
const batchBytesMax = 64 * 1024
/** Own transactions that are not final by then are sent once more. */
const repeatIntervalMs = 5_000
/** Bytes of foreign transactions whose signatures are being checked; what comes on top is dropped unread. */
const checkingBytesMax = 4 * 1024 * 1024
const hashesPerRequest = 2_000
const answerBytesMax = 900 * 1024
/** Another peer is asked for what this one has not given by then. */
const slowAfterMs = 1_000

export interface RelayDependencies {
  readonly chain: Chain
  readonly mempool: Mempool
  readonly transport: Transport
  readonly signatures: SignatureCheck
  readonly clock: Clock
  readonly log: Log
}

export class Relay {
  readonly #deps: RelayDependencies
  readonly #own = new Map<Hash, { transaction: Transaction; sentAtMs: number }>()
  readonly #onArrival = new Set<() => void>()
  #outbox: Transaction[] = []
  #outboxTimer: (() => void) | undefined
  #repeatTimer: (() => void) | undefined
  #checkingBytes = 0
  #salt = 0
  #elsewhere: (wireHash: Hash) => Transaction | undefined = () => undefined

  constructor(dependencies: RelayDependencies) {
    this.#deps = dependencies
  }

  start(): void {
    const { transport } = this.#deps
    transport.onGossip('transactions', payload => this.#receive(payload))
    transport.onRequest('transactions', payload => this.#answer(payload))
    this.#scheduleRepeat()
  }

  stop(): void {
    this.#outboxTimer?.()
    this.#repeatTimer?.()
  }

  /** Called when transactions have come into the mempool. */
  onArrival(listener: () => void): void {
    this.#onArrival.add(listener)
  }

  /** Names a second place, besides the mempool, where asked transactions may be. */
  alsoLookIn(elsewhere: (wireHash: Hash) => Transaction | undefined): void {
    this.#elsewhere = elsewhere
  }

  /** Takes a transaction made or signed at this node. Its signature must be right: the caller checked or made it. */
  submit(transaction: Transaction): Refusal | undefined {
    const { chain, mempool, clock } = this.#deps
    const at = this.#nextBlock()
    const admission = chain.ledger.admission(chain.view, transaction, at)
    const inadmissible = refusalOf(admission)
    if (inadmissible !== undefined) return inadmissible
    // It could stand in a block, and would pay for nothing.
    if (admission !== undefined && 'rejected' in admission) return { code: admission.rejected }
    const rejection = this.effectOf(transaction).rejected
    if (rejection !== undefined) return { code: rejection }
    const refusal = mempool.add(transaction)
    if (refusal !== undefined) return refusal

    this.#own.set(transaction.id, { transaction, sentAtMs: clock.nowMs() })
    this.#send(transaction)
    for (const listener of this.#onArrival) listener()
    return
  }

  /**
   * A block is final: drops what may not be signed any more because of it, by a key that was rotated away or revoked, or
   * whose budget is used up. Proposers drop it too, but others never propose, and it would keep its nonce there for ever.
   */
  decided(transactions: readonly Transaction[]): void {
    const { chain, mempool } = this.#deps
    const at = this.#nextBlock()
    const concerned = new Map<Transaction['account'], boolean>()
    for (const { account, kind } of transactions) {
      concerned.set(account, concerned.get(account) === true || kind.needsOwnKey === true)
    }
    for (const [account, isOwnKeyUsed] of concerned) {
      for (const waiting of mempool.waiting(account)) {
        // What needs no grant stays as good as it was, unless the own key may have changed.
        if (waiting.envelope.signer === undefined && !isOwnKeyUsed) continue
        const refusal = refusalOf(chain.ledger.admission(chain.view, waiting, at))
        if (refusal !== undefined) mempool.drop(waiting.id, refusal)
      }
    }
  }

  /** What a transaction would do in the next block, perhaps only after those of its account that wait already. */
  effectOf(transaction: Transaction): Effect {
    const { chain, mempool } = this.#deps
    const at = this.#nextBlock()
    const atOnce = chain.ledger.dryRun(chain.view, transaction, at)
    const before = mempool.before(transaction)
    if (atOnce.rejected === undefined || before.length === 0) return atOnce
    return chain.ledger.dryRun(chain.view, transaction, at, before)
  }

  /**
   * The transactions of these wire hashes, in order, signatures checked; peers are asked for what is not here.
   * Undefined where nobody has all of them now.
   */
  async fill(hashes: readonly Hash[], preferred: PeerId | undefined): Promise<readonly Transaction[] | undefined> {
    const found = new Map<Hash, Transaction>()
    const lacking = (): readonly Hash[] =>
      hashes.filter(hash => {
        const transaction = found.get(hash) ?? this.#find(hash)
        if (transaction !== undefined) found.set(hash, transaction)
        return transaction === undefined
      })
    const peers = this.#deps.transport.peers().map(peer => peer.id)
    const order = preferred === undefined ? peers : [preferred, ...peers.filter(peer => peer !== preferred)]
    const open = new Set<Promise<void>>()
    for (const peer of order) {
      if (lacking().length === 0) break
      const asking = this.#gather(peer, lacking, found).finally(() => open.delete(asking))
      open.add(asking)
      // The round does not wait for a peer that stalls.
      await Promise.race([asking, this.#pause(slowAfterMs)])
    }
    while (open.size > 0 && lacking().length > 0) await Promise.race(open)
    const isComplete = lacking().length === 0
    return isComplete ? hashes.flatMap(hash => found.get(hash) ?? []) : undefined
  }

  /** Decodes transactions and checks the signatures not checked before. Throws DecodeError where one is not sound. */
  async check(encoded: readonly Uint8Array[]): Promise<readonly Transaction[]> {
    const { chain, signatures } = this.#deps
    const transactions = encoded.map(bytes => chain.decode(bytes))
    const unknown = transactions.filter(({ wireHash }) => this.#find(wireHash) === undefined)
    const verdicts = await signatures.verifyMany(unknown.flatMap(signatureStatements))
    if (!verdicts.every(verdict => verdict)) throw new DecodeError('a signature does not belong to its key')
    return transactions
  }

  /** Asks one peer until it has no more of them. */
  async #gather(peer: PeerId, lacking: () => readonly Hash[], found: Map<Hash, Transaction>): Promise<void> {
    for (let wanted = lacking(); wanted.length > 0; wanted = lacking()) {
      const got = await this.#ask(peer, wanted.slice(0, hashesPerRequest))
      for (const transaction of got) found.set(transaction.wireHash, transaction)
      if (got.length === 0) return
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      this.#deps.clock.after(ms, resolve)
    })
  }

  /** Only those of the answer that were asked for. A peer that cannot help gives none. */
  async #ask(peer: PeerId, hashes: readonly Hash[]): Promise<readonly Transaction[]> {
    const { transport, log } = this.#deps
    try {
      const answer = fromBytes(
        transactionsAnswer,
        await transport.request(peer, 'transactions', toBytes(transactionsRequest, { hashes })),
      )
      const asked = new Set<Hash>(hashes)
      return (await this.check(answer.transactions)).filter(transaction => asked.has(transaction.wireHash))
    } catch (error) {
      // Another peer may still have them; whoever sent nonsense pays for it.
      if (error instanceof DecodeError) transport.penalize(peer, `transactions: ${error.message}`)
      log.debug('a peer did not give transactions', { peer, error: String(error) })
      return []
    }
  }

  #answer(payload: Uint8Array): Uint8Array {
    const transactions: Uint8Array[] = []
    let size = 0
    for (const hash of fromBytes(transactionsRequest, payload).hashes) {
      const transaction = this.#find(hash)
      if (transaction === undefined) continue
      size += transaction.bytes.length
      if (size > answerBytesMax) break
      transactions.push(transaction.bytes)
    }
    return toBytes(transactionsAnswer, { transactions })
  }

  #find(wireHash: Hash): Transaction | undefined {
    return this.#deps.mempool.getExact(wireHash) ?? this.#elsewhere(wireHash)
  }

  async #receive(payload: Uint8Array): Promise<GossipVerdict> {
    if (this.#checkingBytes + payload.length > checkingBytesMax) return 'ignore'
    this.#checkingBytes += payload.length
    try {
      return this.#take(await this.check(fromBytes(transactionBatch, payload).transactions))
    } catch (error) {
      if (error instanceof DecodeError) return 'reject'
      throw error
    } finally {
      this.#checkingBytes -= payload.length
    }
  }

  /** Sound but unwelcome transactions are not spread, and nobody is blamed: his state may be newer than ours. */
  #take(transactions: readonly Transaction[]): GossipVerdict {
    const { chain, mempool } = this.#deps
    const at = this.#nextBlock()
    let taken = 0
    for (const transaction of transactions) {
      if (refusalOf(chain.ledger.admission(chain.view, transaction, at)) !== undefined) continue
      if (mempool.add(transaction) === undefined) taken += 1
    }
    if (taken > 0) for (const listener of this.#onArrival) listener()
    return taken > 0 ? 'accept' : 'ignore'
  }

  /** The place a transaction would have if it came into a block at once. */
  #nextBlock(): BlockPlace {
    const { chain, clock } = this.#deps
    const { tip, params } = chain
    return { height: tip.height + 1, timeMs: Math.max(clock.nowMs(), tip.timeMs + 1), params }
  }

  #send(transaction: Transaction): void {
    this.#outbox.push(transaction)
    this.#outboxTimer ??= this.#deps.clock.after(batchIntervalMs, () => {
      this.#outboxTimer = undefined
      this.#flush()
    })
  }

  #flush(): void {
    const { transport } = this.#deps
    let batch: Uint8Array[] = []
    let size = 0
    const publish = (): void => {
      if (batch.length === 0) return
      this.#salt += 1
      transport.publish('transactions', toBytes(transactionBatch, { salt: this.#salt, transactions: batch }))
      batch = []
      size = 0
    }
    for (const { bytes } of this.#outbox) {
      if (size + bytes.length > batchBytesMax || batch.length >= 1_000) publish()
      batch.push(bytes)
      size += bytes.length
    }
    publish()
    this.#outbox = []
  }

  #scheduleRepeat(): void {
    const { clock, mempool } = this.#deps
    this.#repeatTimer = clock.after(repeatIntervalMs, () => {
      const now = clock.nowMs()
      for (const [id, own] of this.#own) {
        if (mempool.get(id) === undefined) this.#own.delete(id)
        else if (now - own.sentAtMs >= repeatIntervalMs) {
          own.sentAtMs = now
          this.#send(own.transaction)
        }
      }
      this.#scheduleRepeat()
    })
  }
}

/** Why no block could hold a transaction now. Its place in the sender's queue is for the mempool to judge. */
function refusalOf(admission: Admission): Refusal | undefined {
  if (admission === undefined || 'rejected' in admission) return
  const { refused } = admission
  return refused === 'nonce_is_used' || refused === 'nonce_is_ahead' ? undefined : { code: refused }
}
