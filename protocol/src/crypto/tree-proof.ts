/** What a client needs to check one row of the state against a header (docs/spec/state-tree.md, T6 to T8). */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesEqual, concat, fromHex, toHex } from '../lib/bytes.ts'
import { bytes, type Codec, type Infer, list, optional, struct } from '../lib/codec.ts'
import type { Hash } from './hash.ts'
import { hashBytes, markInner, markLeaf, pathBit } from './tree-hashing.ts'

const pathBits = 256
const noHash = new Uint8Array(hashBytes)
const rawHash: Codec<Uint8Array> = bytes(hashBytes, hashBytes)

/**
 * The hashes beside the way from the root to where a path ends, the root's children first; an empty sibling travels as
 * no bytes. `other` is the leaf that stands there in place of the path's own, where one does.
 */
export const treeProof = struct({
  siblings: list(bytes(hashBytes), pathBits),
  other: optional(struct({ path: rawHash, valueHash: rawHash })),
})
export type TreeProof = Infer<typeof treeProof>

/**
 * Whether under `root` the leaf of `path` has `valueHash`; where that is undefined, whether the path has no leaf. Total:
 * false for anything that is not the proof.
 */
export function verifyProof(root: Hash, path: Hash, valueHash: Uint8Array | undefined, proof: TreeProof): boolean {
  const { siblings } = proof
  if (siblings.length > pathBits) return false
  const key = fromHex(path)
  let node = endOf(key, valueHash, proof)
  if (node === undefined) return false

  for (let depth = siblings.length - 1; depth >= 0; depth--) {
    const given = siblings[depth] as Uint8Array
    // One statement has one proof, so an empty sibling is never written out.
    if (given.length > 0 && (given.length !== hashBytes || given.every(byte => byte === 0))) return false
    const sibling = given.length === 0 ? noHash : given
    node = pathBit(key, 0, depth) === 0 ? innerHash(node, sibling) : innerHash(sibling, node)
  }
  return toHex(node) === root
}

/** The node where the way ends: the path's own leaf, another in its place, or nothing. */
function endOf(key: Uint8Array, valueHash: Uint8Array | undefined, { other }: TreeProof): Uint8Array | undefined {
  if (valueHash !== undefined) {
    return valueHash.length === hashBytes && other === undefined ? leafHash(key, valueHash) : undefined
  }
  if (other === undefined) return noHash
  if (other.path.length !== hashBytes || other.valueHash.length !== hashBytes) return
  // That it stands in the way of `key` follows from the hashes: under the root of a state, leaves stand on their paths.
  return bytesEqual(other.path, key) ? undefined : leafHash(other.path, other.valueHash)
}

function leafHash(path: Uint8Array, valueHash: Uint8Array): Uint8Array {
  const digest = sha256(concat(path, valueHash))
  markLeaf(digest, 0)
  return digest
}

function innerHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  const digest = sha256(concat(left, right))
  markInner(digest, 0)
  return digest
}
