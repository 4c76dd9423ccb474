/** A block: header, signed transactions, the commit of its parent, evidence (docs/spec/ledger.md, L20 to L27). */
import { commit, type Commit } from '../consensus/messages.ts'
import { evidence, type Evidence } from '../consensus/evidence.ts'
import { type Hash, hash, hashIn, hashOf, zeroHash } from '../crypto/hash.ts'
import { publicKey } from '../crypto/keys.ts'
import { leafHashOf, listRoot, listRootOf } from '../crypto/merkle.ts'
import { bytes, type Infer, list, optional, struct, text, timestamp, toBytes, uint } from '../lib/codec.ts'
import { transactionBytesMax } from './params.ts'

export const blockVersion = 1

/** Most transactions of a block: at 100 bytes each they fill the largest block a network may choose. */
const transactionsMax = 20_971
/** Most pieces of evidence in a block. */
export const evidenceMax = 64

export const header = struct({
  version: uint(),
  chainId: hash,
  height: uint(Number.MAX_SAFE_INTEGER, 1),
  timeMs: timestamp,
  lastBlockHash: hash,
  lastCommitHash: hash,
  txRoot: hash,
  evidenceRoot: hash,
  validatorsHash: hash,
  nextValidatorsHash: hash,
  paramsHash: hash,
  stateRoot: hash,
  resultsRoot: hash,
  proposer: publicKey,
})
export type Header = Infer<typeof header>

export const block = struct({
  header,
  transactions: list(bytes(transactionBytesMax), transactionsMax),
  lastCommit: optional(commit),
  evidence: list(evidence, evidenceMax),
})
export type Block = Infer<typeof block>

/** What a proposer sends: the wire hashes of transactions, which most nodes already hold, instead of their bytes. */
export const compactBlock = struct({
  header,
  transactionHashes: list(hash, transactionsMax),
  lastCommit: optional(commit),
  evidence: list(evidence, evidenceMax),
})
export type CompactBlock = Infer<typeof compactBlock>

/** A block and the precommits that made it final. */
export const decidedBlock = struct({ block, commit })
export type DecidedBlock = Infer<typeof decidedBlock>

/** What became of a transaction in a block: nothing to say, or the code of its rejection. */
export const result = struct({ rejected: optional(text(64, 1)) })
export type Result = Infer<typeof result>

export function blockHashOf(value: Header): Hash {
  return hashIn('clawnet/block/1', toBytes(header, value))
}

export function commitHashOf(value: Commit | undefined): Hash {
  return value === undefined ? zeroHash : hashOf(toBytes(commit, value))
}

/** `txRoot` from the wire hashes of a block's transactions. */
export function transactionsRootOf(wireHashes: readonly Hash[]): Hash {
  return listRootOf(wireHashes)
}

/** Whether header, wire hashes, commit and evidence belong to each other and to this hash: L27. */
export function isCompactBlock(value: CompactBlock, blockHash: Hash): boolean {
  const { header, transactionHashes, lastCommit, evidence } = value
  return (
    blockHashOf(header) === blockHash &&
    header.txRoot === transactionsRootOf(transactionHashes) &&
    header.lastCommitHash === commitHashOf(lastCommit) &&
    header.evidenceRoot === evidenceRootOf(evidence)
  )
}

export function evidenceRootOf(pieces: readonly Evidence[]): Hash {
  return listRoot(pieces.map(piece => toBytes(evidence, piece)))
}

export function resultsRootOf(results: readonly Result[]): Hash {
  // Nearly all results of a block are equal.
  const leaves = new Map<string | undefined, Hash>()
  const leafOf = (outcome: Result): Hash => {
    const known = leaves.get(outcome.rejected) ?? leafHashOf(toBytes(result, outcome))
    leaves.set(outcome.rejected, known)
    return known
  }
  return listRootOf(results.map(leafOf))
}
