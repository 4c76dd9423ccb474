/** Blocks that traitors make: sound ones beside the one they proposed, and such as break a rule. */
import type { Chain } from '@claw-network/node/chain/chain'
import {
  type Commit,
  commitHashOf,
  type CompactBlock,
  type Prng,
  type PublicKey,
  type Transaction,
} from '@claw-network/protocol'

export const breaches = [
  /** A transaction in somebody's name without his signature. */
  'signature',
  /** A last commit that the traitor alone has signed. Its state is right only where there is nothing to be shared out. */
  'last commit',
  /** Another state than the block leads to. */
  'state',
  /** A time that has not come yet. */
  'time',
] as const
export type Breach = (typeof breaches)[number]

export interface Wish {
  readonly breaks: Breach | undefined
  readonly nowMs: number
  readonly proposer: PublicKey
  readonly transactions: readonly Transaction[]
  /** For the tip; undefined at genesis. */
  readonly falseCommit: Commit | undefined
}

const farAheadMs = 3_600_000

/** A block on the tip; it breaks just the one rule that is wished for. */
export function anotherBlock(wish: Wish, chain: Chain): CompactBlock {
  const { breaks, nowMs, proposer, transactions, falseCommit } = wish
  const { candidate } = chain.build({
    nowMs: breaks === 'time' ? nowMs + farAheadMs : nowMs,
    proposer,
    transactions: breaks === 'last commit' ? [] : transactions,
    evidence: [],
  })
  const { block } = candidate
  const transactionHashes = candidate.transactions.map(transaction => transaction.wireHash)
  const { lastCommit } = block
  const { header } = block
  const sound = { header, transactionHashes, ...(lastCommit && { lastCommit }), evidence: [] }
  if (breaks === 'state') return { ...sound, header: { ...header, stateRoot: header.txRoot } }
  if (breaks !== 'last commit' || falseCommit === undefined) return sound
  return { ...sound, header: { ...header, lastCommitHash: commitHashOf(falseCommit) }, lastCommit: falseCommit }
}
/** The same header with another body. */
export function tampered(block: CompactBlock, prng: Prng): CompactBlock {
  const { header, transactionHashes, lastCommit, evidence } = block
  switch (prng.below(4)) {
    case 0:
      return { header, transactionHashes: [], ...(lastCommit && { lastCommit }), evidence }
    case 1:
      return {
        header,
        transactionHashes: [...transactionHashes, header.stateRoot],
        ...(lastCommit && { lastCommit }),
        evidence,
      }
    case 2:
      return { header, transactionHashes: transactionHashes.slice(1), ...(lastCommit && { lastCommit }), evidence }
    default:
      return { header, transactionHashes, evidence }
  }
}
