/**
 * Hashes many subtrees of the state tree at once: one call for all leaves, then one per level from the deepest up, so
 * that a native hasher works on long batches. Node kinds are told apart by the first bit of a hash (docs/spec/state-tree.md,
 * T2 and T3).
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { assert, present } from '../lib/assert.ts'

export const hashBytes = 32
/** Two hashes side by side, or a leaf: its path and the hash of its value. */
export const pairBytes = 64

const leafMark = 0x80
const hashWords = hashBytes / 4

/** The SHA-256 of each 64 bytes of `pairs`, one after the other in an array of their own. */
export function hashPairs(pairs: Uint8Array): Uint8Array {
  const digests = new Uint8Array(pairs.length / 2)
  for (let at = 0; at < pairs.length; at += pairBytes) {
    digests.set(sha256(pairs.subarray(at, at + pairBytes)), at / 2)
  }
  return digests
}

/** T2: a leaf's hash has its first bit set. */
export function markLeaf(digests: Uint8Array, at: number): void {
  digests[at] = (digests[at] as number) | leafMark
}

/** T3: an inner node's hash has its first bit clear. */
export function markInner(digests: Uint8Array, at: number): void {
  digests[at] = (digests[at] as number) & ~leafMark
}

export function isLeafHash(bytes: Uint8Array, at: number): boolean {
  return ((bytes[at] as number) & leafMark) !== 0
}

/** Bit `depth` of a path that starts at `bytes[at]`, the most significant bit of the first byte being number 0. */
export function pathBit(bytes: Uint8Array, at: number, depth: number): 0 | 1 {
  return (((bytes[at + (depth >> 3)] as number) >> (7 - (depth & 7))) & 1) as 0 | 1
}

/** Where a node's hash goes: the `slot`-th hash of the level of nodes that lie `depth` bits below the root. */
export interface Place {
  readonly depth: number
  readonly slot: number
}

export const rootPlace: Place = { depth: 0, slot: 0 }

/** Nodes of one depth as pairs of siblings; slots 2p and 2p + 1 are the children of pair p's parent. */
interface Level {
  count: number
  bytes: Uint8Array
  words: Uint32Array
  /** For each pair, the slot of its parent one level up. */
  parents: Uint32Array
}

export class HashPlan {
  readonly #levels: Level[] = [makeLevel(1)]
  readonly #leafRuns: Uint8Array[] = []
  #leafDepths = new Uint16Array(64)
  #leafSlots = new Uint32Array(64)
  #leafCount = 0

  /** Makes room for the two children of the inner node at `depth` and `slot`; answers the slot of the left one. */
  pair(depth: number, slot: number): number {
    const level = (this.#levels[depth + 1] ??= makeLevel(16))
    if (level.count === level.parents.length) grow(level)
    level.parents[level.count] = slot
    level.count += 1
    return 2 * (level.count - 1)
  }

  /** Takes leaves of 64 bytes one after the other; `placeLeaf` must follow for each of them, in this order. */
  leaves(run: Uint8Array): void {
    this.#leafRuns.push(run)
  }

  placeLeaf(depth: number, slot: number): void {
    if (this.#leafCount === this.#leafSlots.length) this.#growLeaves()
    this.#leafDepths[this.#leafCount] = depth
    this.#leafSlots[this.#leafCount] = slot
    this.#leafCount += 1
  }

  /** Puts a hash that is known already. */
  placeHash(bytes: Uint8Array, at: number, depth: number, slot: number): void {
    const level = this.#level(depth)
    for (let i = 0; i < hashBytes; i++) level.bytes[slot * hashBytes + i] = bytes[at + i] as number
  }

  run(hashAll: typeof hashPairs): void {
    this.#hashLeaves(hashAll)
    for (let depth = this.#levels.length - 1; depth > 0; depth--) {
      const { count, bytes, parents } = this.#level(depth)
      const above = this.#level(depth - 1)
      const digests = digestsOf(hashAll, bytes.subarray(0, count * pairBytes))
      const words = wordsOf(digests)
      for (let pair = 0; pair < count; pair++) {
        markInner(digests, pair * hashBytes)
        copyHash(words, pair, above.words, parents[pair] as number)
      }
    }
  }

  /** A hash, once the plan has run; all zero where the subtree is empty. */
  hashAt({ depth, slot }: Place): Uint8Array {
    return this.#level(depth).bytes.subarray(slot * hashBytes, (slot + 1) * hashBytes)
  }

  /** The slot of the left child of the inner node at `place`, or undefined where no inner node is. */
  childrenOf({ depth, slot }: Place): number | undefined {
    const level = this.#levels[depth + 1]
    const pair = level === undefined ? -1 : level.parents.subarray(0, level.count).indexOf(slot)
    return pair < 0 ? undefined : 2 * pair
  }

  /** The 64 bytes of the leaf at `place`, or undefined where no leaf was placed. */
  leafAt({ depth, slot }: Place): Uint8Array | undefined {
    let first = 0
    for (const run of this.#leafRuns) {
      for (let at = 0; at < run.length; at += pairBytes) {
        const leaf = first + at / pairBytes
        if (this.#leafDepths[leaf] === depth && this.#leafSlots[leaf] === slot) return run.subarray(at, at + pairBytes)
      }
      first += run.length / pairBytes
    }
    return
  }

  #hashLeaves(hashAll: typeof hashPairs): void {
    const count = this.#leafCount
    if (count === 0) return
    const leaves = new Uint8Array(count * pairBytes)
    let at = 0
    for (const run of this.#leafRuns) {
      leaves.set(run, at)
      at += run.length
    }
    const digests = digestsOf(hashAll, leaves)
    const words = wordsOf(digests)
    for (let leaf = 0; leaf < count; leaf++) {
      markLeaf(digests, leaf * hashBytes)
      copyHash(words, leaf, this.#level(this.#leafDepths[leaf] as number).words, this.#leafSlots[leaf] as number)
    }
  }

  #growLeaves(): void {
    const depths = new Uint16Array(this.#leafCount * 4)
    const slots = new Uint32Array(this.#leafCount * 4)
    depths.set(this.#leafDepths)
    slots.set(this.#leafSlots)
    this.#leafDepths = depths
    this.#leafSlots = slots
  }

  #level(depth: number): Level {
    return present(this.#levels[depth], 'a place was given out by pair()')
  }
}

function digestsOf(hashAll: typeof hashPairs, pairs: Uint8Array): Uint8Array {
  const digests = hashAll(pairs)
  assert(digests.length === pairs.length / 2, 'a hasher answers 32 bytes for every 64')
  return digests
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
}

function makeLevel(pairs: number): Level {
  const bytes = new Uint8Array(pairs * pairBytes)
  return { count: 0, bytes, words: new Uint32Array(bytes.buffer), parents: new Uint32Array(pairs) }
}

function grow(level: Level): void {
  const larger = makeLevel(level.parents.length * 4)
  larger.bytes.set(level.bytes)
  larger.parents.set(level.parents)
  level.bytes = larger.bytes
  level.words = larger.words
  level.parents = larger.parents
}

/** Word by word: for 32 bytes several times faster than TypedArray.set. */
function copyHash(from: Uint32Array, fromSlot: number, to: Uint32Array, toSlot: number): void {
  const source = fromSlot * hashWords
  const target = toSlot * hashWords
  for (let i = 0; i < hashWords; i++) to[target + i] = from[source + i] as number
}
