/** Proof that more than two thirds voted alike (docs/spec/consensus.md, C30 to C34). One rule for consensus, sync and blocks. */
import type { Hash } from '../crypto/hash.ts'
import { fromHex } from '../lib/bytes.ts'
import { present } from '../lib/assert.ts'
import { type Certificate, certificateOf, type Commit, signBytes, type Vote } from './messages.ts'
import { quorum, type Validator, type ValidatorSet } from './validator-set.ts'

/** The signature rule of docs/spec/encoding.md; all raw bytes. */
export type Verify = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => boolean

/** Whether every signature is good and the signers have more than two thirds of the power of `set`, the height's own. */
export function verifyCertificate(chainId: Hash, set: ValidatorSet, certificate: Certificate, verify: Verify): boolean {
  if (!isShapedFor(set, certificate)) return false
  const signers = signersOf(set, certificate.signers)
  if (powerOf(signers) < quorum(set)) return false

  // One bad signature rejects the whole: a certificate can not be padded with what was never signed.
  const message = signBytes(chainId, statementOf(certificate))
  return signers.every((signer, place) =>
    verify(present(certificate.signatures[place], 'as many signatures as signers'), message, fromHex(signer.publicKey)),
  )
}

export function verifyCommit(chainId: Hash, set: ValidatorSet, commit: Commit, verify: Verify): boolean {
  return verifyCertificate(chainId, set, certificateOf(commit), verify)
}

/** The validators whose bits are set, in order. */
export function signersOf(set: ValidatorSet, signers: Uint8Array): readonly Validator[] {
  return set.validators.filter((_, index) => hasBit(signers, index))
}

/** The certificate of equal votes; `votes[i]` is validator `i`'s, of `size` validators. */
export function certificateFrom(votes: readonly (Vote | undefined)[], size: number): Certificate {
  const cast = votes.filter(vote => vote !== undefined)
  const { type, height, round, blockHash } = present(cast[0], 'a certificate has votes')
  return {
    type,
    height,
    round,
    ...(blockHash !== undefined && { blockHash }),
    signers: bitmapOf(votes, size),
    signatures: cast.map(vote => vote.signature),
  }
}

/** The votes a verified certificate is made of. */
export function votesOf(certificate: Certificate): readonly Vote[] {
  const { signers, signatures, ...statement } = certificate
  const votes: Vote[] = []
  for (let validator = 0; validator < signers.length * 8; validator += 1) {
    if (!hasBit(signers, validator)) continue
    const signature = present(signatures[votes.length], 'as many signatures as signers')
    votes.push({ ...statement, validator, signature })
  }
  return votes
}

/** Bit `i`, least significant first in each byte; false beyond the end. */
export function hasBit(bitmap: Uint8Array, index: number): boolean {
  return (((bitmap[index >> 3] ?? 0) >> (index & 7)) & 1) === 1
}

/** A bit for each place that is taken. */
export function bitmapOf(places: readonly unknown[], size: number): Uint8Array {
  const bitmap = new Uint8Array(Math.ceil(size / 8))
  for (let index = 0; index < size; index += 1) {
    if (places[index] !== undefined) bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (1 << (index & 7))
  }
  return bitmap
}

/** Exact bitmap length, no bit beyond the set, as many signatures as bits. */
function isShapedFor(set: ValidatorSet, { signers, signatures }: Certificate): boolean {
  const size = set.validators.length
  if (signers.length !== Math.ceil(size / 8)) return false
  let bits = 0
  for (let index = 0; index < signers.length * 8; index += 1) {
    if (!hasBit(signers, index)) continue
    if (index >= size) return false
    bits += 1
  }
  return signatures.length === bits
}

function powerOf(signers: readonly Validator[]): bigint {
  return signers.reduce((power, signer) => power + signer.power, 0n)
}

function statementOf({ type, height, round, blockHash }: Certificate) {
  return { type, height, round, ...(blockHash !== undefined && { blockHash }) }
}
