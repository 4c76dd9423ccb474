import { sha256 } from '@noble/hashes/sha2.js'
import { concat, toHex, utf8 } from '../lib/bytes.ts'
import { type Codec, hexId } from '../lib/codec.ts'

/** SHA-256 as lowercase hex: a transaction id, a block hash, a root. `0x…` in JSON. */
export type Hash = string & { readonly hash: unique symbol }

export const hash: Codec<Hash> = hexId<Hash>(32)

export const zeroHash = '00'.repeat(32) as Hash

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
