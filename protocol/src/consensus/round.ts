/** What is known of one round of one height. */
import { present } from '../lib/assert.ts'
import type { Proposal, Vote } from './messages.ts'
import { type Shares, Votes } from './votes.ts'

/** A proposal and whether its time was right when it came in. */
export interface ReceivedProposal {
  readonly proposal: Proposal
  readonly timely: boolean
}

/** Votes and proposals are kept for so many rounds before and after the current one (C22). */
export const roundsKept = 8

/** An honest proposer sends one; two prove that this one is not. */
const proposalsMax = 2

export class Round {
  readonly prevotes: Votes
  readonly precommits: Votes
  /** In order of arrival. */
  proposals: readonly ReceivedProposal[] = []
  /** What happens "for the first time" only. */
  prevoteTimerStarted = false // L34
  polkaTaken = false // L36
  precommitTimerStarted = false // L47
  /** Of all who sent a prevote or a precommit, each counted once. */
  #senderPower = 0n
  readonly #shares: Shares

  constructor(shares: Shares) {
    this.#shares = shares
    this.prevotes = new Votes(shares)
    this.precommits = new Votes(shares)
  }

  /** Whether at least one honest validator is in this round. */
  get hasHonestSender(): boolean {
    return this.#senderPower >= this.#shares.oneThird
  }

  /** Whether nothing is left that may still decide or prove. */
  get isEmpty(): boolean {
    return this.prevotes.quorums.length === 0 && this.precommits.quorums.length === 0
  }

  votes(type: Vote['type']): Votes {
    return type === 'prevote' ? this.prevotes : this.precommits
  }

  /** True where the vote completes a quorum for its value. */
  addVote(vote: Vote): boolean {
    if (!this.prevotes.hasVoted(vote.validator) && !this.precommits.hasVoted(vote.validator)) {
      this.#senderPower += present(this.#shares.powers[vote.validator], 'the voter is in the set')
    }
    return this.votes(vote.type).add(vote)
  }

  wantsProposal({ blockHash, polRound }: Proposal): boolean {
    const isKnown = this.proposals.some(
      ({ proposal }) => proposal.blockHash === blockHash && proposal.polRound === polRound,
    )
    return !isKnown && this.proposals.length < proposalsMax
  }

  addProposal(received: ReceivedProposal): void {
    this.proposals = [...this.proposals, received]
  }

  /** Forgets what can no longer matter to a round long past. */
  prune(): void {
    this.prevotes.prune()
    this.precommits.prune()
    this.proposals = []
  }
}
