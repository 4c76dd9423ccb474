import { sha256 as pureSha256 } from '@noble/hashes/sha2.js'
import { assert } from '../lib/assert.ts'
import { bytesEqual, concat, toHex, utf8 } from '../lib/bytes.ts'
import { type Codec, hexId } from '../lib/codec.ts'

/** SHA-256 as lowercase hex: a transaction id, a block hash, a root. `0x…` in JSON. */
export type Hash = string & { readonly hash: unique symbol }

export const hash: Codec<Hash> = hexId<Hash>(32)

export const zeroHash = '00'.repeat(32) as Hash

let sha256: (message: Uint8Array) => Uint8Array = pureSha256

/**
 * Lets a platform bring its own SHA-256, several times as fast as the pure one. The result is the same by definition;
 * one that differs is refused.
 */
export function provideSha256(native: typeof sha256): void {
  const probe = utf8('clawnet')
  assert(bytesEqual(native(probe), pureSha256(probe)), 'the platform’s SHA-256 is SHA-256')
  sha256 = native
}

/** SHA-256 of the parts one after the other. */
export function digest(...parts: Uint8Array[]): Uint8Array {
  return sha256(parts.length === 1 ? (parts[0] as Uint8Array) : concat(...parts))
}

export function hashOf(...parts: Uint8Array[]): Hash {
  return toHex(digest(...parts)) as Hash
}

/** SHA-256 of a domain name followed by the parts, so that bytes of one meaning never hash like those of another. */
export function hashIn(domain: string, ...parts: Uint8Array[]): Hash {
  return hashOf(utf8(domain), ...parts)
}
