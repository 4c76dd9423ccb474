/** Counts the votes of one type in one round (docs/spec/consensus.md, C22 and C23). */
import type { Hash } from '../crypto/hash.ts'
import { present } from '../lib/assert.ts'
import { bitmapOf, certificateFrom } from './certificate.ts'
import type { Certificate, Vote } from './messages.ts'

/** How the power of a set is shared out. */
export interface Shares {
  /** Of validator `i`. */
  readonly powers: readonly bigint[]
  /** The least power above two thirds. */
  readonly quorum: bigint
  /** The least power above one third. */
  readonly oneThird: bigint
}

/** The votes for one value, or for nil. */
interface Ballot {
  readonly votes: (Vote | undefined)[]
  power: bigint
}

/** Two quorums of one round already prove that a third of the power cheats; certificates bring no more. */
const quorumsMax = 2

export class Votes {
  readonly #shares: Shares
  readonly #ballots = new Map<Hash | undefined, Ballot>()
  /** Who votes twice counts for both values, as the paper has it; a third value needs a certificate. */
  readonly #first: (Vote | undefined)[] = []
  readonly #second: (Vote | undefined)[] = []
  #quorums: (Hash | undefined)[] = []
  #power = 0n

  constructor(shares: Shares) {
    this.#shares = shares
  }

  /** The values that have more than two thirds; `undefined` stands for nil. */
  get quorums(): readonly (Hash | undefined)[] {
    return this.#quorums
  }

  /** Whether more than two thirds voted, for whatever. */
  get hasQuorumOfAny(): boolean {
    return this.#power >= this.#shares.quorum
  }

  hasQuorum(blockHash: Hash | undefined): boolean {
    return this.#quorums.includes(blockHash)
  }

  hasVoted(validator: number): boolean {
    return this.#first[validator] !== undefined
  }

  /** Whether `add` would count it. */
  wants({ validator, blockHash }: Vote): boolean {
    const first = this.#first[validator]
    return first === undefined || (first.blockHash !== blockHash && this.#second[validator] === undefined)
  }

  /** Whether a certificate for this value says anything new. */
  wantsQuorum(blockHash: Hash | undefined): boolean {
    return !this.hasQuorum(blockHash) && this.#quorums.length < quorumsMax
  }

  /** The validator's first vote, where this would be its second. */
  rivalOf(vote: Vote): Vote | undefined {
    const first = this.#first[vote.validator]
    const isSecond = first !== undefined && first.blockHash !== vote.blockHash
    return isSecond && this.#second[vote.validator] === undefined ? first : undefined
  }

  /** Counts a vote that is wanted, or that stands in a wanted certificate. True where it completes a quorum. */
  add(vote: Vote): boolean {
    const { validator, blockHash } = vote
    const power = present(this.#shares.powers[validator], 'the voter is in the set')
    const first = this.#first[validator]
    if (first === undefined) {
      this.#first[validator] = vote
      this.#power += power
    } else if (first.blockHash !== blockHash) {
      this.#second[validator] ??= vote
    }

    const ballot = this.#ballotFor(blockHash)
    if (ballot.votes[validator] !== undefined) return false
    ballot.votes[validator] = vote
    ballot.power += power
    if (ballot.power < this.#shares.quorum || this.hasQuorum(blockHash)) return false
    this.#quorums.push(blockHash)
    return true
  }

  /** The proof of a quorum, with all votes for its value that are known by now. */
  certificate(blockHash: Hash | undefined): Certificate {
    const ballot = present(this.#ballots.get(blockHash), 'a quorum has votes')
    return certificateFrom(ballot.votes, this.#shares.powers.length)
  }

  /** Who has voted, as a bitmap. */
  voters(): Uint8Array {
    return bitmapOf(this.#first, this.#shares.powers.length)
  }

  /** The first vote of everybody. */
  first(): readonly Vote[] {
    return this.#first.filter(vote => vote !== undefined)
  }

  /** Forgets all but the quorums for a block: what may still decide or prove. */
  prune(): void {
    this.#quorums = this.#quorums.filter(blockHash => blockHash !== undefined)
    for (const blockHash of this.#ballots.keys()) if (!this.hasQuorum(blockHash)) this.#ballots.delete(blockHash)
    this.#first.length = 0
    this.#second.length = 0
    this.#power = 0n
  }

  #ballotFor(blockHash: Hash | undefined): Ballot {
    let ballot = this.#ballots.get(blockHash)
    if (ballot === undefined) {
      ballot = { votes: [], power: 0n }
      this.#ballots.set(blockHash, ballot)
    }
    return ballot
  }
}
