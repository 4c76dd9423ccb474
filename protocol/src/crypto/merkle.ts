/** Roots over lists: the Merkle tree of RFC 6962, section 2.1, with SHA-256. */
import { assert, present } from '../lib/assert.ts'
import { concat, fromHex, toHex } from '../lib/bytes.ts'
import { type Codec, list } from '../lib/codec.ts'
import { digest, type Hash, hash } from './hash.ts'

/** The hashes beside the way from a leaf up to the root, the nearest first. */
export type ListProof = readonly Hash[]

/** More levels than any list whose length is below 2^53 has. */
const levelsMax = 53

export const listProof: Codec<ListProof> = list(hash, levelsMax)

/** The root of a list of byte strings; of an empty list SHA-256 of nothing. */
export function listRoot(leaves: readonly Uint8Array[]): Hash {
  return rootOfHashes(leaves.map(leafHash))
}

/** The same root where only the hashes of the leaves are known, as `leafHashOf` gives them. */
export function listRootOf(leafHashes: readonly Hash[]): Hash {
  return rootOfHashes(leafHashes.map(fromHex))
}

export function leafHashOf(leaf: Uint8Array): Hash {
  return toHex(leafHash(leaf)) as Hash
}

export function proveInList(leaves: readonly Uint8Array[], index: number): ListProof {
  assert(Number.isInteger(index) && index >= 0 && index < leaves.length, 'only a leaf of the list has a proof')
  const hashes = leaves.map(leafHash)

  const siblings: Hash[] = []
  let from = 0
  let to = leaves.length
  while (to - from > 1) {
    const middle = from + split(to - from)
    const goLeft = index < middle
    siblings.push(toHex(goLeft ? subtree(hashes, middle, to) : subtree(hashes, from, middle)) as Hash)
    if (goLeft) to = middle
    else from = middle
  }
  return siblings.reverse()
}

/** Whether `leaf` is number `index` of the `count` leaves under `root`. Total: false for anything that is not a proof. */
export function verifyListProof(root: Hash, leaf: Uint8Array, index: number, count: number, proof: ListProof): boolean {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(count) || index < 0 || index >= count) return false

  // RFC 9162, section 2.1.3.2. `position` and `last` count nodes of the current level from the left.
  let position = index
  let last = count - 1
  let node = leafHash(leaf)
  for (const sibling of proof) {
    if (last === 0) return false
    if (position % 2 === 1 || position === last) {
      node = innerHash(fromHex(sibling), node)
      // A last node without a right neighbour moves up unchanged.
      while (position % 2 === 0 && position !== 0) {
        position /= 2
        last = Math.floor(last / 2)
      }
    } else {
      node = innerHash(node, fromHex(sibling))
    }
    position = Math.floor(position / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 && toHex(node) === root
}

function rootOfHashes(hashes: readonly Uint8Array[]): Hash {
  return toHex(hashes.length === 0 ? digest(new Uint8Array()) : subtree(hashes, 0, hashes.length)) as Hash
}

function leafHash(leaf: Uint8Array): Uint8Array {
  return digest(concat(Uint8Array.of(0), leaf))
}

function innerHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return digest(concat(Uint8Array.of(1), left, right))
}

function subtree(hashes: readonly Uint8Array[], from: number, to: number): Uint8Array {
  if (to - from === 1) return present(hashes[from], 'a subtree of one is a leaf')
  const middle = from + split(to - from)
  return innerHash(subtree(hashes, from, middle), subtree(hashes, middle, to))
}

/** The largest power of two below `count`: how many leaves go left. */
function split(count: number): number {
  let left = 1
  while (left * 2 < count) left *= 2
  return left
}
