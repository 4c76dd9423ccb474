/** The messages of one height, by round, and what they add up to. Bounded whatever the others send (C22, C23). */
import type { Hash } from '../crypto/hash.ts'
import { present } from '../lib/assert.ts'
import { votesOf } from './certificate.ts'
import { evidenceOfProposals, evidenceOfVotes } from './evidence.ts'
import type { Output } from './inputs.ts'
import type { Certificate, Proposal, Vote } from './messages.ts'
import { type ReceivedProposal, Round, roundsKept } from './round.ts'
import { oneThird, quorum, Turns, type Validator, type ValidatorSet } from './validator-set.ts'
import type { Shares } from './votes.ts'

/** More than two thirds of one round for a block. */
export interface BlockQuorum {
  readonly round: number
  readonly blockHash: Hash
}

export class Rounds {
  readonly #height: number
  readonly #validators: readonly Validator[]
  readonly #shares: Shares
  readonly #turns: Turns
  readonly #byNumber = new Map<number, Round>()
  /** The latest vote of each validator beyond the rounds that are kept: enough to learn where the others are. */
  readonly #distant: (Vote | undefined)[] = []
  readonly #commits: BlockQuorum[] = []
  #current = -1
  #reached = -1

  constructor(height: number, set: ValidatorSet) {
    this.#height = height
    this.#validators = set.validators
    this.#shares = {
      powers: set.validators.map(validator => validator.power),
      quorum: quorum(set),
      oneThird: oneThird(set),
    }
    this.#turns = new Turns(set)
  }

  /** -1 before the start. */
  get current(): number {
    return this.#current
  }

  /** The latest round that an honest validator is known to have reached (f + 1 distinct senders, L55). */
  get reached(): number {
    return this.#reached
  }

  /** Precommit quorums for a block, of any round. */
  get commits(): readonly BlockQuorum[] {
    return this.#commits
  }

  get all(): ReadonlyMap<number, Round> {
    return this.#byNumber
  }

  get(round: number): Round | undefined {
    return this.#byNumber.get(round)
  }

  proposerOf(round: number): number {
    return this.#turns.proposerOf(round)
  }

  isKept(round: number): boolean {
    return Math.abs(round - this.#current) <= roundsKept
  }

  wantsVote(vote: Vote): boolean {
    if (vote.height !== this.#height || vote.validator >= this.#validators.length) return false
    if (this.isKept(vote.round)) return this.get(vote.round)?.votes(vote.type).wants(vote) ?? true
    return vote.round > this.#current && vote.round > (this.#distant[vote.validator]?.round ?? -1)
  }

  wantsProposal(proposal: Proposal): boolean {
    if (proposal.height !== this.#height || !this.isKept(proposal.round)) return false
    if (proposal.polRound !== undefined && proposal.polRound >= proposal.round) return false
    return this.get(proposal.round)?.wantsProposal(proposal) ?? true
  }

  /** Certificates are wanted for any round: a quorum is not for one validator to make up. */
  wantsCertificate({ type, height, round, blockHash }: Certificate): boolean {
    if (height !== this.#height || (blockHash === undefined && round < this.#current)) return false
    return this.get(round)?.votes(type).wantsQuorum(blockHash) ?? true
  }

  /** The three `add`s take what is wanted, and answer with what the others should hear of. */
  addProposal({ proposal, timely }: ReceivedProposal): readonly Output[] {
    const round = this.#roundAt(proposal.round)
    const rival = round.proposals[0]?.proposal
    round.addProposal({ proposal, timely })
    if (rival === undefined) return nothing

    const proposer = this.#publicKeyOf(this.proposerOf(proposal.round))
    return [{ type: 'evidence', evidence: evidenceOfProposals(proposer, rival, proposal) }]
  }

  addVote(vote: Vote): readonly Output[] {
    if (this.isKept(vote.round)) return this.#count(vote, 'alone')
    this.#addDistant(vote)
    return nothing
  }

  addCertificate(certificate: Certificate): readonly Output[] {
    return votesOf(certificate).flatMap(vote => this.#count(vote, 'certified'))
  }

  /** Makes `round` the current one, and forgets what is too old to matter. */
  enter(round: number): readonly Output[] {
    this.#current = round
    for (const [number, old] of this.#byNumber) {
      if (number >= round - roundsKept) continue
      old.prune()
      if (old.isEmpty) this.#byNumber.delete(number)
    }
    const admitted = this.#distant.filter(vote => vote !== undefined && vote.round <= round + roundsKept)
    return admitted.flatMap(vote => this.#admit(present(vote, 'filtered')))
  }

  #admit(vote: Vote): readonly Output[] {
    this.#distant[vote.validator] = undefined
    return this.wantsVote(vote) ? this.addVote(vote) : nothing
  }

  #count(vote: Vote, how: 'alone' | 'certified'): readonly Output[] {
    const { type, blockHash } = vote
    const round = this.#roundAt(vote.round)
    const votes = round.votes(type)
    const rival = votes.rivalOf(vote)
    const completed = round.addVote(vote)
    if (round.hasHonestSender && vote.round > this.#reached) this.#reached = vote.round
    if (rival === undefined && !completed) return nothing

    const outputs: Output[] = []
    if (rival !== undefined) {
      outputs.push({ type: 'evidence', evidence: evidenceOfVotes(this.#publicKeyOf(vote.validator), rival, vote) })
    }
    if (completed) {
      if (type === 'precommit' && blockHash !== undefined) this.#commits.push({ round: vote.round, blockHash })
      // What came certified is already on its way to the others; a nil precommit quorum only starts a timer.
      const tells = how === 'alone' && (type === 'prevote' || blockHash !== undefined)
      if (tells) outputs.push({ type: 'certificate', certificate: votes.certificate(blockHash) })
    }
    return outputs
  }

  /**
   * L55 beyond what is kept. Of each validator only the latest vote is known, and it has passed all rounds before: so
   * the senders that count for a round are those whose latest is of that round or a later one.
   */
  #addDistant(vote: Vote): void {
    this.#distant[vote.validator] = vote
    const latestFirst = this.#distant.filter(other => other !== undefined).sort((a, b) => b.round - a.round)
    let power = 0n
    for (const { validator, round } of latestFirst) {
      power += present(this.#shares.powers[validator], 'the voter is in the set')
      if (power < this.#shares.oneThird) continue
      if (round > this.#reached) this.#reached = round
      return
    }
  }

  #roundAt(number: number): Round {
    let round = this.#byNumber.get(number)
    if (round === undefined) {
      round = new Round(this.#shares)
      this.#byNumber.set(number, round)
    }
    return round
  }

  #publicKeyOf(validator: number) {
    return present(this.#validators[validator], 'a validator of the set').publicKey
  }
}

const nothing: readonly Output[] = []
