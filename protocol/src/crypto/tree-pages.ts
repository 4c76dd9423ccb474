/**
 * The pages of the state tree. The page of a prefix of hexadecimal digits is a bucket of all its leaves while these are
 * few, else a branch with the hashes of the sixteen pages one digit below. Inner hashes are not stored: hashing them
 * again is cheaper than reading them (docs/decisions/0003-state-tree.md).
 */
import { assert } from '../lib/assert.ts'
import { type HashPlan, hashBytes, isLeafHash, type Place, pairBytes, pathBit, rootPlace } from './tree-hashing.ts'

export const fanout = 16
const countBytes = 4
export const branchBytes = countBytes + fanout * hashBytes

export interface Bucket {
  readonly type: 'bucket'
  readonly count: number
  /** Leaves of 64 bytes in the order of their paths: what is stored. */
  readonly leaves: Uint8Array
  place: Place
}

export interface Branch {
  readonly type: 'branch'
  /** Leaves below. */
  count: number
  /** A big-endian count and the hashes of the pages below: what is stored. Those of `changed` are filled in last. */
  readonly bytes: Uint8Array
  /** Pages below that are not as stored. */
  readonly changed: (Page | undefined)[]
  place: Place
}

export type Page = Bucket | Branch

/** Takes the bytes over: they change with the page. */
export function decodePage(bytes: Uint8Array): Page {
  if (bytes.length !== branchBytes) {
    assert(bytes.length % pairBytes === 0, 'a page of the state tree is a branch or a bucket')
    return bucketOf(bytes)
  }
  const count = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  return { type: 'branch', count, bytes, changed: [], place: rootPlace }
}

export function bucketOf(leaves: Uint8Array): Bucket {
  return { type: 'bucket', count: leaves.length / pairBytes, leaves, place: rootPlace }
}

export function noLeaves(): Bucket {
  return bucketOf(new Uint8Array())
}

/** Whether storage has a page below at `digit`. */
export function isStored(page: Branch, digit: number): boolean {
  return !isZero(page.bytes, hashAt(digit))
}

export function hashAt(digit: number): number {
  return countBytes + digit * hashBytes
}

export function childId(id: string, digit: number): string {
  return id + digit.toString(fanout)
}

export function isZero(bytes: Uint8Array, at: number): boolean {
  for (let i = at; i < at + hashBytes; i++) if (bytes[i] !== 0) return false
  return true
}

/** Plans the hash of a page whose prefix has `depth` bits; it goes to `to`, higher up where one leaf stands alone. */
export function place(plan: HashPlan, page: Page, depth: number, to: Place): void {
  page.place = to
  if (page.type === 'bucket') {
    plan.leaves(page.leaves)
    placeLeaves(plan, page.leaves, 0, page.count, depth, to.depth, to.slot)
  } else {
    placePages(plan, page, filledDigits(page), 0, fanout, depth, to.depth, to.slot)
  }
}

/** Leaves `from` to `to` of a bucket, which share `depth` bits. */
function placeLeaves(
  plan: HashPlan,
  leaves: Uint8Array,
  from: number,
  to: number,
  depth: number,
  toDepth: number,
  toSlot: number,
): void {
  if (to === from) return
  if (to - from === 1) {
    plan.placeLeaf(toDepth, toSlot)
    return
  }
  let middle = from
  while (middle < to && pathBit(leaves, middle * pairBytes, depth) === 0) middle += 1
  const left = plan.pair(toDepth, toSlot)
  placeLeaves(plan, leaves, from, middle, depth + 1, depth + 1, left)
  placeLeaves(plan, leaves, middle, to, depth + 1, depth + 1, left + 1)
}

/** Pages `from` to `to` of a branch, which share `depth` bits; bit i of `filled` says that page i has leaves. */
function placePages(
  plan: HashPlan,
  page: Branch,
  filled: number,
  from: number,
  to: number,
  depth: number,
  toDepth: number,
  toSlot: number,
): void {
  const here = (filled >> from) & ((1 << (to - from)) - 1)
  if (here === 0) return
  const only = (here & (here - 1)) === 0 ? from + 31 - Math.clz32(here) : undefined
  if (only !== undefined && (to - from === 1 || isSingleLeaf(page, only))) {
    const below = page.changed[only]
    if (below === undefined) plan.placeHash(page.bytes, hashAt(only), toDepth, toSlot)
    else place(plan, below, depth, { depth: toDepth, slot: toSlot })
    return
  }
  const middle = (from + to) / 2
  const left = plan.pair(toDepth, toSlot)
  placePages(plan, page, filled, from, middle, depth + 1, depth + 1, left)
  placePages(plan, page, filled, middle, to, depth + 1, depth + 1, left + 1)
}

function filledDigits(page: Branch): number {
  let filled = 0
  for (let digit = 0; digit < fanout; digit++) {
    const below = page.changed[digit]
    if (below === undefined ? isStored(page, digit) : below.count > 0) filled |= 1 << digit
  }
  return filled
}

function isSingleLeaf(page: Branch, digit: number): boolean {
  const below = page.changed[digit]
  return below === undefined ? isLeafHash(page.bytes, hashAt(digit)) : below.count === 1
}
