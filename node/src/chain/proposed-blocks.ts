/** The blocks that may be decided at one height: as they were proposed, and executed where that was done. */
import type { CompactBlock, Hash, Transaction } from '@claw-network/protocol'
import type { PeerId } from '../ports.ts'
import { type Candidate, compactOf } from './chain.ts'

/** A block as somebody sent it; `from` has its transactions. */
export interface Payload {
  readonly block: CompactBlock
  readonly from: PeerId | undefined
}

/** Two for each of the rounds the core keeps, so that an equivocator gains nothing. */
const payloadsMax = 18

export class ProposedBlocks {
  readonly #payloads = new Map<Hash, Payload>()
  readonly #candidates = new Map<Hash, Candidate>()
  readonly #transactions = new Map<Hash, Transaction>()
  readonly #asked = new Set<Hash>()

  payload(blockHash: Hash): Payload | undefined {
    return this.#payloads.get(blockHash)
  }

  /** The block, executed. */
  candidate(blockHash: Hash): Candidate | undefined {
    return this.#candidates.get(blockHash)
  }

  /** A transaction of an executed block, its signature checked. */
  transaction(wireHash: Hash): Transaction | undefined {
    return this.#transactions.get(wireHash)
  }

  /** Notes that the core must know whether this block is valid; `answered` ends it. */
  ask(blockHash: Hash): void {
    this.#asked.add(blockHash)
  }

  answered(blockHash: Hash): void {
    this.#asked.delete(blockHash)
  }

  /** Hashes of blocks that are asked about and not here. */
  missing(): readonly Hash[] {
    return [...this.#asked].filter(blockHash => !this.#payloads.has(blockHash))
  }

  /** Keeps a block as it was proposed; the oldest that nobody asks about goes where there are too many. */
  keep(blockHash: Hash, payload: Payload): void {
    if (this.#payloads.has(blockHash)) return
    if (this.#payloads.size >= payloadsMax) {
      const idle = [...this.#payloads.keys()].find(hash => !this.#asked.has(hash) && !this.#candidates.has(hash))
      if (idle !== undefined) this.#payloads.delete(idle)
    }
    this.#payloads.set(blockHash, payload)
  }

  /** Keeps a block that was executed, with its own or somebody else's compact form. */
  add(candidate: Candidate, from: PeerId | undefined): void {
    const { block, blockHash, transactions } = candidate
    this.#candidates.set(blockHash, candidate)
    for (const transaction of transactions) this.#transactions.set(transaction.wireHash, transaction)
    if (!this.#payloads.has(blockHash)) this.#payloads.set(blockHash, { block: compactOf(block, transactions), from })
  }
}
