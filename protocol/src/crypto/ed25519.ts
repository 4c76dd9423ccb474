/**
 * Ed25519 (RFC 8032), pure, for clients; and the part of the signature rule that is about encodings
 * (docs/spec/encoding.md, E30 to E34).
 */
import { ed25519 } from '@noble/curves/ed25519.js'
import { toHex } from '../lib/bytes.ts'
import type { PublicKey } from './keys.ts'

/** The public key of a 32-byte secret key (RFC 8032 calls it the seed). */
export function publicKeyOf(secretKey: Uint8Array): PublicKey {
  return toHex(ed25519.getPublicKey(secretKey)) as PublicKey
}

/** The 64-byte signature R || S; deterministic, so every implementation writes the same bytes. */
export function sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array {
  return ed25519.sign(message, secretKey)
}

/**
 * True if the encodings are such that only the equation S*B = R + k*A is left to check (E31 to E33). Libraries differ
 * exactly here, and one library between its versions, so the node asks this first whatever it verifies with.
 */
export function isCanonicalSignature(signature: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== 64 || publicKey.length !== 32) return false
  return isReducedScalar(signature, 32) && isStrictPoint(publicKey) && isStrictPoint(signature)
}

/** L, the order of the base point, little endian. */
const groupOrder = littleEndian(2n ** 252n + 27742317777372353535851937790883648493n)
/** p = 2^255 - 19, little endian. */
const fieldPrime = littleEndian(2n ** 255n - 19n)

// The y coordinates of the eight points of order 1, 2, 4 and 8: 1, -1, 0, and the two of order 8. Each stands for both
// signs of x, so the four with x = 0 or y = 0 and a superfluous sign are met as well.
const order8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022n
const smallOrderYs = [0n, 1n, 2n ** 255n - 20n, order8, 2n ** 255n - 19n - order8].map(littleEndian)

/** E31: 0 <= S < L. */
function isReducedScalar(bytes: Uint8Array, offset: number): boolean {
  for (let i = 31; i >= 0; i--) {
    const difference = (bytes[offset + i] as number) - (groupOrder[i] as number)
    if (difference !== 0) return difference < 0
  }
  return false
}

/** E32 and E33, for the first 32 bytes: y < p, and the point is not of small order. */
function isStrictPoint(bytes: Uint8Array): boolean {
  return isBelowPrime(bytes) && !smallOrderYs.some(y => isSameY(bytes, y))
}

function isBelowPrime(bytes: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    const difference = yByte(bytes, i) - (fieldPrime[i] as number)
    if (difference !== 0) return difference < 0
  }
  return false
}

function isSameY(bytes: Uint8Array, y: Uint8Array): boolean {
  for (let i = 0; i < 32; i++) if (yByte(bytes, i) !== y[i]) return false
  return true
}

/** A byte of an encoded point without the sign of x, which is the top bit of the last one. */
function yByte(bytes: Uint8Array, index: number): number {
  const byte = bytes[index] as number
  return index === 31 ? byte & 0x7f : byte
}

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn))
}
