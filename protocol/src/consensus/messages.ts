/** What validators say to each other, and the bytes they sign (docs/spec/consensus.md, C1 to C5). */
import { hash, type Hash, zeroHash } from '../crypto/hash.ts'
import { concat, fromHex, uint64, utf8 } from '../lib/bytes.ts'
import { bytes, type Codec, enumeration, type Infer, list, optional, struct, uint } from '../lib/codec.ts'

/** The most validators a set may have; bounds every bitmap, list and index below. */
export const validatorsMax = 100

/** Rounds fit 32 bits on the wire and in sign bytes. */
const roundMax = 0xffff_fffe

export const height: Codec<number> = uint(Number.MAX_SAFE_INTEGER, 1)
export const round: Codec<number> = uint(roundMax)
/** The place of a validator in the set of the message's height. */
export const validatorIndex: Codec<number> = uint(validatorsMax - 1)
export const signature: Codec<Uint8Array> = bytes(64, 64)

export const voteType = enumeration('prevote', 'precommit')
export type VoteType = Infer<typeof voteType>

/** A vote for a block hash, or for nil where there is none. */
export const vote = struct({
  type: voteType,
  height,
  round,
  blockHash: optional(hash),
  validator: validatorIndex,
  signature,
})
export type Vote = Infer<typeof vote>

/** `polRound` is the round of the polka the proposer shows for an older value; absent for a new value. */
export const proposal = struct({ height, round, polRound: optional(round), blockHash: hash, signature })
export type Proposal = Infer<typeof proposal>

/**
 * More than two thirds of the power voting alike in one round. Bit `i` of `signers` (least significant first in each
 * byte) is validator `i` of the height's set; `signatures` follow in that order.
 */
export const certificate = struct({
  type: voteType,
  height,
  round,
  blockHash: optional(hash),
  signers: bytes(Math.ceil(validatorsMax / 8)),
  signatures: list(signature, validatorsMax),
})
export type Certificate = Infer<typeof certificate>

/** A precommit certificate for a block: the proof that it is final. */
export const commit = struct({
  height,
  round,
  blockHash: hash,
  signers: bytes(Math.ceil(validatorsMax / 8)),
  signatures: list(signature, validatorsMax),
})
export type Commit = Infer<typeof commit>

const signTypes = { proposal: 0, prevote: 1, precommit: 2 } as const

/** What is signed, apart from the chain: equal statements give equal bytes, whoever signs. */
export interface Statement {
  readonly type: keyof typeof signTypes
  readonly height: number
  readonly round: number
  readonly polRound?: number
  readonly blockHash?: Hash
}

export function signBytes(chainId: Hash, statement: Statement): Uint8Array {
  const fixed = new Uint8Array(9)
  fixed[0] = signTypes[statement.type]
  const view = new DataView(fixed.buffer)
  view.setUint32(1, statement.round)
  view.setUint32(5, statement.polRound ?? 0xffff_ffff)
  return concat(
    utf8('clawnet/vote/1'),
    fromHex(chainId),
    fixed.subarray(0, 1),
    uint64(statement.height),
    fixed.subarray(1),
    fromHex(statement.blockHash ?? zeroHash),
  )
}

export function certificateOf(commit: Commit): Certificate {
  return { type: 'precommit', ...commit }
}
