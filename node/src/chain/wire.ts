/** What chains say to each other over a Transport (docs/spec/network.md, N40 to N43). */
import {
  bytes,
  compactBlock,
  decidedBlock,
  hash,
  type Infer,
  list,
  optional,
  proposal,
  roundProposalsMax,
  roundSummary,
  struct,
  transactionBytesMax,
  uint,
  union,
  vote,
  certificate,
} from '@claw-network/protocol'

/** `salt` lets the same transactions be sent again past the duplicate filter of gossip. */
export const transactionBatch = struct({ salt: uint(), transactions: list(bytes(transactionBytesMax), 1_000) })

/** A new value comes with its block; a repeated one may leave it out. */
export const proposalMessage = struct({ proposal, block: optional(compactBlock) })
export type ProposalMessage = Infer<typeof proposalMessage>

export const consensusMessage = union({ vote, certificate })

/** Blocks asked for at once. */
export const blocksPerRoundMax = 16

/** What the asker has of its round, and blocks it must see to go on. */
export const roundRequest = struct({ height: uint(), summary: roundSummary, blocks: list(hash, blocksPerRoundMax) })
/** What the asker lacks, as far as the answerer has it; nothing where they are at different heights. */
export const roundAnswer = struct({
  height: uint(),
  proposals: list(proposalMessage, roundProposalsMax),
  messages: list(consensusMessage, 1_000),
  blocks: list(compactBlock, blocksPerRoundMax),
})

/** By wire hash. */
export const transactionsRequest = struct({ hashes: list(hash, 2_000) })
/** Those of the asked that the peer has, in any order. */
export const transactionsAnswer = struct({ transactions: list(bytes(transactionBytesMax), 2_000) })

export const statusMessage = struct({ height: uint(), blockHash: hash })

export const blocksRequest = struct({ from: uint(Number.MAX_SAFE_INTEGER, 1), count: uint(256, 1) })
/** Consecutive decided blocks, as many as the peer has and as fit. */
export const blocksAnswer = struct({ blocks: list(decidedBlock, 256) })
