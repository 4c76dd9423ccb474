/**
 * Tendermint for one height: Algorithm 1 of "The latest gossip on BFT consensus" (arXiv 1807.04938), cited by line.
 * Pure: no clock, no signatures, no randomness, no promises; the state is a function of the inputs, so the write-ahead
 * log of inputs restores it. A new height is a new object. docs/spec/consensus.md, C20 to C29.
 */
import type { Hash } from '../crypto/hash.ts'
import { present } from '../lib/assert.ts'
import { messagesFor, type RoundMessages, type RoundSummary, summaryOf } from './anti-entropy.ts'
import type { Input, Output, Step } from './inputs.ts'
import type { Certificate, Commit, Proposal, Vote, VoteType } from './messages.ts'
import type { ReceivedProposal, Round } from './round.ts'
import { type BlockQuorum, Rounds } from './rounds.ts'
import type { ValidatorSet } from './validator-set.ts'

export interface HeightOptions {
  readonly height: number
  /** The set that decides this height. */
  readonly validators: ValidatorSet
  /** Our own place in the set; a node outside it follows without a voice. */
  readonly self: number | undefined
}

export class Height {
  readonly height: number
  readonly #self: number | undefined

  // L1 to L9. The round is kept with the messages.
  readonly #rounds: Rounds
  #step: Step = 'propose'
  #locked: BlockQuorum | undefined
  #valid: BlockQuorum | undefined
  #decision: Commit | undefined
  #isOver = false

  /** By block, whatever the round; `undefined` while the answer is awaited. */
  readonly #validity = new Map<Hash, boolean | undefined>()
  /** The round whose `requestValue` is not answered yet. */
  #valueAwaited: number | undefined
  #outputs: Output[] = []

  constructor({ height, validators, self }: HeightOptions) {
    this.height = height
    this.#self = self
    this.#rounds = new Rounds(height, validators)
  }

  /** -1 before the start. */
  get round(): number {
    return this.#rounds.current
  }

  get currentStep(): Step {
    return this.#step
  }

  get decision(): Commit | undefined {
    return this.#decision
  }

  /** Takes one input and does all that follows from it. Inputs that are stale, known or out of bounds change nothing. */
  step(input: Input): readonly Output[] {
    this.#outputs = []
    if (this.#isOver) return this.#outputs

    this.#take(input)
    let changed = true
    while (changed) changed = this.#applyOneRule()
    return this.#outputs
  }

  /** The index of who proposes in `round`; undefined where no proposal of that round is wanted. */
  proposerOf(round: number): number | undefined {
    return this.#rounds.isKept(round) && round >= 0 ? this.#rounds.proposerOf(round) : undefined
  }

  /** Whether a vote would count. Ask before its signature is verified. */
  wantsVote(vote: Vote): boolean {
    return !this.#isOver && this.#rounds.wantsVote(vote)
  }

  /** Whether a proposal would be kept. Ask before its signature is verified. */
  wantsProposal(proposal: Proposal): boolean {
    return !this.#isOver && this.#rounds.wantsProposal(proposal)
  }

  /** Whether a certificate would say anything new. Ask before its signatures are verified. */
  wantsCertificate(certificate: Certificate): boolean {
    return !this.#isOver && this.#rounds.wantsCertificate(certificate)
  }

  /** What we have, for a peer that fills our gaps. */
  summary(): RoundSummary {
    return summaryOf(this, this.#rounds.all)
  }

  /** What we have and the peer lacks, within bounds. */
  missingFor(peer: RoundSummary): RoundMessages {
    return messagesFor(peer, this, this.#rounds.all)
  }

  #take(input: Input): void {
    switch (input.type) {
      case 'start':
        if (this.round < 0) this.#startRound(0) // L10
        return
      case 'proposal':
        if (this.#rounds.wantsProposal(input.proposal)) this.#outputs.push(...this.#rounds.addProposal(input))
        return
      case 'vote':
        if (this.#rounds.wantsVote(input.vote)) this.#addVote(input.vote)
        return
      case 'certificate':
        if (this.#rounds.wantsCertificate(input.certificate)) {
          this.#outputs.push(...this.#rounds.addCertificate(input.certificate))
        }
        return
      case 'timeout':
        if (input.height === this.height && input.round === this.round) this.#timeOut(input.step)
        return
      case 'value':
        this.#takeValue(input.round, input.blockHash)
        return
      case 'validity':
        // The first answer stands: a vote may rest on it.
        if (this.#validity.get(input.blockHash) === undefined) this.#validity.set(input.blockHash, input.valid)
    }
  }

  #addVote(vote: Vote): void {
    this.#outputs.push(...this.#rounds.addVote(vote))
  }

  #takeValue(round: number, blockHash: Hash): void {
    if (round !== this.#valueAwaited || round !== this.round || this.#step !== 'propose') return
    this.#valueAwaited = undefined
    this.#validity.set(blockHash, true)
    this.#signProposal(blockHash)
  }

  #timeOut(step: Step): void {
    if (step === 'precommit')
      this.#startRound(this.round + 1) // L65
    else if (step !== this.#step) return
    else if (step === 'propose')
      this.#prevote(undefined) // L57
    else this.#precommit(undefined) // L61
  }

  // Rules

  /** Rules are tried in this order, and again from the first after each that fires: none can shadow another. */
  #applyOneRule(): boolean {
    if (this.#isOver) return false
    if (this.#decide() || this.#skipRounds()) return true
    const round = this.#rounds.get(this.round)
    if (round === undefined) return false
    return (
      this.#judgeProposals(round) ||
      this.#takePolka(round) ||
      this.#takeNilPolka(round) ||
      this.#awaitPrevotes(round) ||
      this.#awaitPrecommits(round)
    )
  }

  /** L49, for any round. The precommits stand for the proposal: honest ones among them have seen it (C25). */
  #decide(): boolean {
    for (const { round, blockHash } of this.#rounds.commits) {
      const valid = this.#validityOf(blockHash)
      if (valid === undefined) continue
      const { type: _, ...quorum } = this.#certificate(round, 'precommit', blockHash)
      const commit = { ...quorum, blockHash }
      // Where the others find valid what we do not, we compute differently and must not go on (C27).
      if (valid) this.#decision = commit
      this.#isOver = true
      this.#outputs.push({ type: valid ? 'decide' : 'halt', commit })
      return true
    }
    return false
  }

  /** L55: more than a third are in a later round, whatever they vote there. */
  #skipRounds(): boolean {
    if (this.#rounds.reached <= this.round) return false
    this.#startRound(this.#rounds.reached)
    return true
  }

  /** L22 and L28. */
  #judgeProposals(round: Round): boolean {
    for (const { proposal } of round.proposals) this.#validityOf(proposal.blockHash)
    if (this.#step !== 'propose') return false

    for (const received of round.proposals) {
      const { polRound, blockHash } = received.proposal
      const acceptable = polRound === undefined ? this.#isFresh(received) : this.#isProven(polRound, blockHash)
      if (acceptable === undefined) continue
      this.#prevote(acceptable ? blockHash : undefined)
      return true
    }
    return false
  }

  /** L23, and the proposal's time (C45). Undefined while its validity is unknown. */
  #isFresh({ proposal: { blockHash }, timely }: ReceivedProposal): boolean | undefined {
    if (!timely) return false
    const isFree = this.#locked === undefined || this.#locked.blockHash === blockHash
    return isFree ? this.#validityOf(blockHash) : false
  }

  /** L28 and L29. Undefined while the polka or the validity is unknown. */
  #isProven(polRound: number, blockHash: Hash): boolean | undefined {
    if (!this.#rounds.get(polRound)?.prevotes.hasQuorum(blockHash)) return undefined
    const locked = this.#locked
    const isFree = locked === undefined || locked.round <= polRound || locked.blockHash === blockHash
    return isFree ? this.#validityOf(blockHash) : false
  }

  /** L36. The polka stands for the proposal, as in L49. */
  #takePolka(round: Round): boolean {
    if (round.polkaTaken) return false
    for (const blockHash of round.prevotes.quorums) {
      if (blockHash === undefined || this.#validityOf(blockHash) !== true || this.#step === 'propose') continue
      round.polkaTaken = true
      const polka = { round: this.round, blockHash }
      if (this.#step === 'prevote') {
        this.#locked = polka // L38
        this.#precommit(blockHash)
      }
      this.#valid = polka // L42
      return true
    }
    return false
  }

  /** L44. A lock stays: only a later polka for another block moves it. */
  #takeNilPolka(round: Round): boolean {
    if (this.#step !== 'prevote' || !round.prevotes.hasQuorum(undefined)) return false
    this.#precommit(undefined)
    return true
  }

  /** L34. */
  #awaitPrevotes(round: Round): boolean {
    if (this.#step !== 'prevote' || round.prevoteTimerStarted || !round.prevotes.hasQuorumOfAny) return false
    round.prevoteTimerStarted = true
    this.#startTimer('prevote')
    return true
  }

  /** L47. */
  #awaitPrecommits(round: Round): boolean {
    if (round.precommitTimerStarted || !round.precommits.hasQuorumOfAny) return false
    round.precommitTimerStarted = true
    this.#startTimer('precommit')
    return true
  }

  // What the rules do

  /** L11 to L21. The proposer has a time-out too: its own block may be slow to build (C24). */
  #startRound(round: number): void {
    this.#step = 'propose'
    this.#outputs.push(...this.#rounds.enter(round))
    this.#startTimer('propose')

    if (this.#rounds.proposerOf(round) !== this.#self) return
    if (this.#valid !== undefined) {
      this.#signProposal(this.#valid.blockHash, this.#valid.round)
    } else {
      this.#valueAwaited = round
      this.#outputs.push({ type: 'requestValue', height: this.height, round })
    }
  }

  /** L19. The proof of an older value goes with it. */
  #signProposal(blockHash: Hash, polRound?: number): void {
    if (polRound !== undefined) {
      this.#outputs.push({ type: 'certificate', certificate: this.#certificate(polRound, 'prevote', blockHash) })
    }
    const older = polRound === undefined ? {} : { polRound }
    const statement = { type: 'proposal', height: this.height, round: this.round, ...older, blockHash } as const
    this.#outputs.push({ type: 'sign', statement })
  }

  #prevote(blockHash: Hash | undefined): void {
    this.#signVote('prevote', blockHash)
    this.#step = 'prevote'
  }

  #precommit(blockHash: Hash | undefined): void {
    this.#signVote('precommit', blockHash)
    this.#step = 'precommit'
  }

  #signVote(type: VoteType, blockHash: Hash | undefined): void {
    if (this.#self === undefined) return
    const statement = { type, height: this.height, round: this.round, ...(blockHash !== undefined && { blockHash }) }
    this.#outputs.push({ type: 'sign', statement })
  }

  #startTimer(step: Step): void {
    this.#outputs.push({ type: 'startTimer', height: this.height, round: this.round, step })
  }

  /** Undefined until the shell has answered, which is asked once per block (C26). */
  #validityOf(blockHash: Hash): boolean | undefined {
    const known = this.#validity.get(blockHash)
    if (known === undefined && !this.#validity.has(blockHash)) {
      this.#validity.set(blockHash, undefined)
      this.#outputs.push({ type: 'validate', blockHash })
    }
    return known
  }

  #certificate(round: number, type: VoteType, blockHash: Hash): Certificate {
    return present(this.#rounds.get(round), 'the round of a quorum is kept').votes(type).certificate(blockHash)
  }
}
