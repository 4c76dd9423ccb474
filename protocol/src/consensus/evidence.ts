/** Proof that a validator signed two different things where it may sign one (docs/spec/consensus.md, C35 to C38). */
import { type Hash, hash } from '../crypto/hash.ts'
import { publicKey, type PublicKey } from '../crypto/keys.ts'
import { fromHex } from '../lib/bytes.ts'
import { enumeration, type Infer, optional, struct } from '../lib/codec.ts'
import type { Verify } from './certificate.ts'
import { height, type Proposal, round, signature, signBytes, type Vote } from './messages.ts'

/** What was signed, apart from what the two have in common. */
const half = struct({ polRound: optional(round), blockHash: optional(hash), signature })
type Half = Infer<typeof half>

/**
 * The two halves are in a fixed order, so one offence has one form. It names the key and not an index: it can be
 * checked long after the set of its height is forgotten.
 */
export const evidence = struct({
  publicKey,
  type: enumeration('proposal', 'prevote', 'precommit'),
  height,
  round,
  first: half,
  second: half,
})
export type Evidence = Infer<typeof evidence>

export function evidenceOfVotes(publicKey: PublicKey, a: Vote, b: Vote): Evidence {
  return evidenceFrom({ publicKey, type: a.type, height: a.height, round: a.round }, halfOf(a), halfOf(b))
}

export function evidenceOfProposals(publicKey: PublicKey, a: Proposal, b: Proposal): Evidence {
  return evidenceFrom({ publicKey, type: 'proposal', height: a.height, round: a.round }, halfOf(a), halfOf(b))
}

/** Whether the key signed both. That it belonged to a validator of that height is for the ledger to know. */
export function verifyEvidence(chainId: Hash, evidence: Evidence, verify: Verify): boolean {
  const { first, second } = evidence
  if (compareHalves(first, second) >= 0) return false
  if (!isWellFormed(evidence.type, first) || !isWellFormed(evidence.type, second)) return false

  const key = fromHex(evidence.publicKey)
  const { type, height, round } = evidence
  return [first, second].every(({ signature, ...content }) =>
    verify(signature, signBytes(chainId, { type, height, round, ...content }), key),
  )
}

function evidenceFrom(offence: Omit<Evidence, 'first' | 'second'>, a: Half, b: Half): Evidence {
  return compareHalves(a, b) < 0 ? { ...offence, first: a, second: b } : { ...offence, first: b, second: a }
}

function halfOf(message: Vote | Proposal): Half {
  return {
    ...('polRound' in message && message.polRound !== undefined && { polRound: message.polRound }),
    ...(message.blockHash !== undefined && { blockHash: message.blockHash }),
    signature: message.signature,
  }
}

/** By block, nil first, then by polRound, none first; 0 where the same was said. */
function compareHalves(a: Half, b: Half): number {
  const blockA = a.blockHash ?? ''
  const blockB = b.blockHash ?? ''
  if (blockA !== blockB) return blockA < blockB ? -1 : 1
  return (a.polRound ?? -1) - (b.polRound ?? -1)
}

/** A proposal has a block, a vote has no polRound. */
function isWellFormed(type: Evidence['type'], { polRound, blockHash }: Half): boolean {
  return type === 'proposal' ? blockHash !== undefined : polRound === undefined
}
