/** How two nodes at one height learn what the other has and lacks (docs/spec/consensus.md, C47). */
import { hash, type Hash } from '../crypto/hash.ts'
import { bytes, type Infer, list, optional, struct } from '../lib/codec.ts'
import { hasBit } from './certificate.ts'
import { step, type Step } from './inputs.ts'
import {
  certificate,
  type Certificate,
  certificateOf,
  type Commit,
  height,
  proposal,
  type Proposal,
  round,
  validatorsMax,
  vote,
  type Vote,
  voteType,
  type VoteType,
} from './messages.ts'
import { type Round, roundsKept } from './round.ts'

const bitmap = bytes(Math.ceil(validatorsMax / 8))
const roundsMax = 32
/** Most proposals of a `RoundMessages`. */
export const roundProposalsMax = 32
const certificatesMax = 8
const votesMax = 256

/** What a node has of a round: bit `i` of `prevotes` is set when it has one of validator `i`. */
const knownRound = struct({
  round,
  proposals: list(hash, 2),
  prevotes: bitmap,
  precommits: bitmap,
  quorums: list(struct({ type: voteType, blockHash: optional(hash) }), 8),
})
type KnownRound = Infer<typeof knownRound>

/** Where a node stands in its height; `round` is absent before the start. */
export const roundSummary = struct({ height, round: optional(round), step, rounds: list(knownRound, roundsMax) })
export type RoundSummary = Infer<typeof roundSummary>

/** Messages of one height that a node lacks, to be checked like any others. */
export const roundMessages = struct({
  proposals: list(proposal, roundProposalsMax),
  certificates: list(certificate, certificatesMax),
  votes: list(vote, votesMax),
})
export type RoundMessages = Infer<typeof roundMessages>

interface Progress {
  readonly height: number
  readonly round: number
  readonly currentStep: Step
  readonly decision: Commit | undefined
}

type Rounds = ReadonlyMap<number, Round>

const voteTypes: readonly VoteType[] = ['precommit', 'prevote']

export function summaryOf({ height, round, currentStep }: Progress, rounds: Rounds): RoundSummary {
  return {
    height,
    ...(round >= 0 && { round }),
    step: currentStep,
    rounds: newestFirst(rounds)
      .slice(0, roundsMax)
      .map(([number, known]) => ({
        round: number,
        proposals: known.proposals.map(received => received.proposal.blockHash),
        prevotes: known.prevotes.voters(),
        precommits: known.precommits.voters(),
        quorums: voteTypes.flatMap(type =>
          known.votes(type).quorums.map(blockHash => ({ type, ...(blockHash !== undefined && { blockHash }) })),
        ),
      })),
  }
}

export function messagesFor(peer: RoundSummary, own: Progress, rounds: Rounds): RoundMessages {
  if (peer.height !== own.height) return { proposals: [], certificates: [], votes: [] }
  // A commit ends the height; nothing else matters then.
  if (own.decision !== undefined) return { proposals: [], certificates: [certificateOf(own.decision)], votes: [] }

  const peerRound = peer.round ?? -1
  const known = new Map(peer.rounds.map(entry => [entry.round, entry]))
  const proposals: Proposal[] = []
  const certificates: Certificate[] = []
  const votes: Vote[] = []

  for (const [number, round] of newestFirst(rounds)) {
    const theirs = known.get(number)
    const isKept = Math.abs(number - peerRound) <= roundsKept
    if (isKept) proposals.push(...proposalsBeyond(round, theirs))
    for (const type of voteTypes) {
      const { quorums } = round.votes(type)
      // A nil quorum of a past round serves nobody.
      const useful = quorums.filter(blockHash => blockHash !== undefined || number >= peerRound)
      const lacking = useful.filter(blockHash => !hasQuorum(theirs, type, blockHash))
      certificates.push(...lacking.map(blockHash => round.votes(type).certificate(blockHash)))
      // Where there is a quorum, the other votes change nothing. Beyond what the peer keeps, the latest votes still
      // tell it where the others are.
      if (quorums.length === 0 && (isKept || number >= own.round - 1)) votes.push(...votesBeyond(round, type, theirs))
    }
  }
  // The sort is stable: proofs of a decision first, newest first within each kind.
  const final = (entry: Certificate): number => (entry.type === 'precommit' && entry.blockHash !== undefined ? 0 : 1)
  certificates.sort((a, b) => final(a) - final(b))
  return {
    proposals: proposals.slice(0, roundProposalsMax),
    certificates: certificates.slice(0, certificatesMax),
    votes: votes.slice(0, votesMax),
  }
}

function newestFirst(rounds: Rounds): readonly (readonly [number, Round])[] {
  return [...rounds].sort(([a], [b]) => b - a)
}

function hasQuorum(theirs: KnownRound | undefined, type: VoteType, blockHash: Hash | undefined): boolean {
  return theirs?.quorums.some(quorum => quorum.type === type && quorum.blockHash === blockHash) ?? false
}

function proposalsBeyond(round: Round, theirs: KnownRound | undefined): readonly Proposal[] {
  const proposals = round.proposals.map(received => received.proposal)
  return proposals.filter(({ blockHash }) => !theirs?.proposals.includes(blockHash))
}

function votesBeyond(round: Round, type: VoteType, theirs: KnownRound | undefined): readonly Vote[] {
  const bits = type === 'prevote' ? theirs?.prevotes : theirs?.precommits
  return round
    .votes(type)
    .first()
    .filter(({ validator }) => bits === undefined || !hasBit(bits, validator))
}
