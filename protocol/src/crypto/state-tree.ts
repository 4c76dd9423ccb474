/**
 * A compact sparse Merkle tree over 256-bit paths (docs/spec/state-tree.md, T1 to T5). Its root and its pages depend
 * only on the set of leaves.
 */
import { assert, present } from '../lib/assert.ts'
import { fromHex, toHex } from '../lib/bytes.ts'
import { type Hash, zeroHash } from './hash.ts'
import { HashPlan, hashBytes, hashPairs, isLeafHash, pairBytes, pathBit, rootPlace } from './tree-hashing.ts'
import {
  type Branch,
  type Bucket,
  branchBytes,
  bucketOf,
  childId,
  decodePage,
  fanout,
  hashAt,
  isStored,
  isZero,
  noLeaves,
  type Page,
  place,
} from './tree-pages.ts'
import type { TreeProof } from './tree-proof.ts'

export const emptyRoot: Hash = zeroHash

/** Pages by the hexadecimal digits of their prefix, the root page under the empty text. */
export interface NodeStorage {
  /** The bytes need to last only until the next call; they are copied and never changed. */
  get(page: string): Uint8Array | undefined
}

/** A page and its new bytes, or undefined where it goes. Many pages share one buffer: copy what is kept for long. */
export type TreeWrite = readonly [page: string, bytes: Uint8Array | undefined]

export interface TreeChange {
  readonly path: Hash
  /** `undefined` deletes the leaf, if there is one. */
  readonly valueHash: Uint8Array | undefined
}

export interface TreeUpdate {
  readonly root: Hash
  readonly writes: readonly TreeWrite[]
}

/** Leaves a bucket holds at most: measured, from 8 to 48 it makes little difference (docs/decisions/0003). */
const bucketLeavesMax = 24

/** The tree with root `root` after `changes`, each of another path, in any order. Writes nothing itself. */
export function updateTree(
  storage: NodeStorage,
  root: Hash,
  changes: readonly TreeChange[],
  hashAll: typeof hashPairs = hashPairs,
): TreeUpdate {
  if (changes.length === 0) return { root, writes: [] }
  const sorted = sortedByPath(changes)

  const update = new Update(storage)
  const top = update.apply(root === emptyRoot ? noLeaves() : update.load(''), '', sorted, 0, sorted.length)
  const plan = new HashPlan()
  place(plan, top, 0, rootPlace)
  plan.run(hashAll)
  const writes: TreeWrite[] = update.removed.map(page => [page, undefined])
  if (top.count > 0) collectWrites(plan, top, '', writes)
  else if (root !== emptyRoot) writes.push(['', undefined])
  return { root: toHex(plan.hashAt(rootPlace)) as Hash, writes }
}

/** Shows which value hash stands at `path`, or that none does. */
export function prove(storage: NodeStorage, path: Hash, hashAll: typeof hashPairs = hashPairs): TreeProof {
  const key = fromHex(path)
  const plan = new HashPlan()
  place(plan, loadAlong(storage, path), 0, rootPlace)
  plan.run(hashAll)

  const siblings: Uint8Array[] = []
  let node = rootPlace
  for (;;) {
    const left = plan.childrenOf(node)
    if (left === undefined) break
    const depth = node.depth + 1
    const slot = left + pathBit(key, 0, node.depth)
    const sibling = plan.hashAt({ depth, slot: slot ^ 1 })
    siblings.push(isZero(sibling, 0) ? new Uint8Array() : sibling.slice())
    node = { depth, slot }
  }
  const leaf = plan.leafAt(node)
  if (leaf === undefined || toHex(leaf.subarray(0, hashBytes)) === path) return { siblings }
  return { siblings, other: { path: leaf.slice(0, hashBytes), valueHash: leaf.slice(hashBytes) } }
}

interface Change extends TreeChange {
  readonly key: Uint8Array
  /** Where in its bucket the path stands, or would. */
  at: number
  found: boolean
}

class Update {
  readonly removed: string[] = []
  readonly #storage: NodeStorage
  readonly #slab = new Slab()

  constructor(storage: NodeStorage) {
    this.#storage = storage
  }

  load(id: string): Page {
    return decodePage(this.#slab.copy(present(this.#storage.get(id), `the state tree has a page ${id}`)))
  }

  /** The page `id` after changes `from` to `to`, which all lie below it. */
  apply(page: Page, id: string, changes: readonly Change[], from: number, to: number): Page {
    if (page.type === 'bucket') return divide(this.#merge(page, changes, from, to), id.length)

    for (let start = from; start < to; ) {
      const digit = digitOf(changes[start], id.length)
      let end = start + 1
      while (end < to && digitOf(changes[end], id.length) === digit) end += 1
      const below = this.#child(page, id, digit)
      const { count } = below // a branch changes in place
      const after = this.apply(below, childId(id, digit), changes, start, end)
      page.count += after.count - count
      if (after.count === 0 && isStored(page, digit)) this.removed.push(childId(id, digit))
      page.changed[digit] = after
      start = end
    }
    return page.count <= bucketLeavesMax ? this.#gather(page, id) : page
  }

  /** Makes a bucket of a branch that has become small; the pages below it, all buckets by then, go. */
  #gather(page: Branch, id: string): Bucket {
    const leaves = this.#slab.take(page.count * pairBytes)
    let at = 0
    for (let digit = 0; digit < fanout; digit++) {
      const below = this.#child(page, id, digit)
      assert(below.type === 'bucket', 'a page of few leaves is a bucket')
      leaves.set(below.leaves, at)
      at += below.leaves.length
      if (below.count > 0 && isStored(page, digit)) this.removed.push(childId(id, digit))
    }
    return bucketOf(leaves)
  }

  #merge({ leaves, count }: Bucket, changes: readonly Change[], from: number, to: number): Bucket {
    let inserted = 0
    let deleted = 0
    for (let i = from, at = 0; i < to; i++) {
      const change = changes[i] as Change
      while (at < count && comparePaths(leaves, at * pairBytes, change.key) < 0) at += 1
      change.at = at
      change.found = at < count && comparePaths(leaves, at * pairBytes, change.key) === 0
      if (change.found && change.valueHash === undefined) deleted += 1
      if (!change.found && change.valueHash !== undefined) inserted += 1
    }

    if (inserted === 0 && deleted === 0) {
      for (let i = from; i < to; i++) {
        const { valueHash, at } = changes[i] as Change
        if (valueHash !== undefined) leaves.set(valueHash, at * pairBytes + hashBytes)
      }
      return bucketOf(leaves)
    }

    const merged = this.#slab.take((count + inserted - deleted) * pairBytes)
    let read = 0
    let write = 0
    for (let i = from; i < to; i++) {
      const { key, valueHash, at, found } = changes[i] as Change
      merged.set(leaves.subarray(read * pairBytes, at * pairBytes), write * pairBytes)
      write += at - read
      read = found ? at + 1 : at
      if (valueHash !== undefined) {
        merged.set(key, write * pairBytes)
        merged.set(valueHash, write * pairBytes + hashBytes)
        write += 1
      }
    }
    merged.set(leaves.subarray(read * pairBytes), write * pairBytes)
    return bucketOf(merged)
  }

  #child(page: Branch, id: string, digit: number): Page {
    return page.changed[digit] ?? (isStored(page, digit) ? this.load(childId(id, digit)) : noLeaves())
  }
}

/** Many small arrays cut from few large ones: several times faster than as many allocations. */
class Slab {
  #bytes = new Uint8Array(8_192)
  #used = 0

  take(length: number): Uint8Array {
    if (this.#used + length > this.#bytes.length) {
      this.#bytes = new Uint8Array(Math.max(length, Math.min(2 * this.#bytes.length, 262_144)))
      this.#used = 0
    }
    this.#used += length
    return this.#bytes.subarray(this.#used - length, this.#used)
  }

  copy(bytes: Uint8Array): Uint8Array {
    const copy = this.take(bytes.length)
    copy.set(bytes)
    return copy
  }
}

/** The pages on the way to `path`, and those whose only leaf may stand in its place. */
function loadAlong(storage: NodeStorage, path: Hash): Page {
  const load = (id: string): Page => {
    const bytes = storage.get(id)
    if (bytes === undefined) return noLeaves()
    const page = decodePage(new Uint8Array(bytes))
    if (page.type === 'bucket') return page
    const next = digitOf({ path }, id.length)
    if (isStored(page, next)) {
      page.changed[next] = load(childId(id, next))
      return page
    }
    for (let digit = 0; digit < fanout; digit++) {
      if (isLeafHash(page.bytes, hashAt(digit))) page.changed[digit] = load(childId(id, digit))
    }
    return page
  }
  return load('')
}

/** A bucket, or a branch of smaller pages where it has too many leaves. `digits` is the length of its prefix. */
function divide(bucket: Bucket, digits: number): Page {
  if (bucket.count <= bucketLeavesMax) return bucket
  const { leaves } = bucket
  const changed: Page[] = []
  let from = 0
  for (let digit = 0; digit < fanout; digit++) {
    let to = from
    while (to < leaves.length && leafDigit(leaves, to, digits) === digit) to += pairBytes
    changed.push(divide(bucketOf(leaves.slice(from, to)), digits + 1))
    from = to
  }
  return { type: 'branch', count: bucket.count, bytes: new Uint8Array(branchBytes), changed, place: rootPlace }
}

/** Once the plan has run: completes changed branches and collects every changed page. */
function collectWrites(plan: HashPlan, page: Page, id: string, writes: TreeWrite[]): void {
  if (page.type === 'bucket') {
    writes.push([id, page.leaves])
    return
  }
  new DataView(page.bytes.buffer, page.bytes.byteOffset).setUint32(0, page.count)
  page.changed.forEach((below, digit) => {
    if (below === undefined) return
    if (below.count === 0) {
      page.bytes.fill(0, hashAt(digit), hashAt(digit + 1))
    } else {
      page.bytes.set(plan.hashAt(below.place), hashAt(digit))
      collectWrites(plan, below, childId(id, digit), writes)
    }
  })
  writes.push([id, page.bytes])
}

function sortedByPath(changes: readonly TreeChange[]): Change[] {
  const sorted = changes.map(
    ({ path, valueHash }): Change => ({ path, valueHash, key: fromHex(path), at: 0, found: false }),
  )
  sorted.sort((a, b) => (a.path < b.path ? -1 : 1))
  for (let i = 1; i < sorted.length; i++) {
    assert(sorted[i]?.path !== sorted[i - 1]?.path, 'a path changes at most once per update')
  }
  assert(
    sorted.every(({ key, valueHash }) => key.length === hashBytes && (valueHash?.length ?? hashBytes) === hashBytes),
    'paths and value hashes have 32 bytes',
  )
  return sorted
}

function digitOf(change: { readonly path: Hash } | undefined, index: number): number {
  return Number.parseInt(present(change, 'a change at this place').path.charAt(index), fanout)
}

function leafDigit(leaves: Uint8Array, at: number, index: number): number {
  const byte = leaves[at + (index >> 1)] as number
  return index % 2 === 0 ? byte >> 4 : byte & (fanout - 1)
}

function comparePaths(leaves: Uint8Array, at: number, path: Uint8Array): number {
  for (let i = 0; i < hashBytes; i++) {
    const difference = (leaves[at + i] as number) - (path[i] as number)
    if (difference !== 0) return difference
  }
  return 0
}
