import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import vectors from '../../vectors/state-tree.json' with { type: 'json' }
import { compareBytes, concat, fromHex, toHex, utf8 } from '../lib/bytes.ts'
import { fromBytes, toBytes } from '../lib/codec.ts'
import { Prng } from '../lib/prng.ts'
import { digest, type Hash, hashOf } from './hash.ts'
import { emptyRoot, type NodeStorage, prove, type TreeChange, type TreeWrite, updateTree } from './state-tree.ts'
import { treeProof, type TreeProof, verifyProof } from './tree-proof.ts'

type Leaves = Map<Hash, Uint8Array>

/** The definition, word for word (docs/spec/state-tree.md, T2 to T5). */
function referenceRoot(leaves: Leaves): Hash {
  const sorted = [...leaves].map(([path, valueHash]) => ({ path: fromHex(path), valueHash }))
  const bit = (path: Uint8Array, depth: number): number => (path[Math.floor(depth / 8)]! >> (7 - (depth % 8))) & 1
  const nodeOf = (below: typeof sorted, depth: number): Uint8Array => {
    const [only] = below
    if (only === undefined) return new Uint8Array(32)
    if (below.length === 1) {
      const hash = digest(concat(only.path, only.valueHash))
      hash[0]! |= 0x80
      return hash
    }
    const [left, right] = [0, 1].map(side =>
      nodeOf(
        below.filter(leaf => bit(leaf.path, depth) === side),
        depth + 1,
      ),
    )
    const hash = digest(concat(left!, right!))
    hash[0]! &= 0x7f
    return hash
  }
  return toHex(nodeOf(sorted, 0)) as Hash
}

/** Pages in memory, as a node keeps them. */
class Pages implements NodeStorage {
  root = emptyRoot
  readonly pages = new Map<string, Uint8Array>()

  get(page: string): Uint8Array | undefined {
    return this.pages.get(page)
  }

  apply(changes: readonly TreeChange[]): void {
    const { root, writes } = updateTree(this, this.root, changes)
    assert.equal(new Set(writes.map(([page]) => page)).size, writes.length, 'a page is written once')
    for (const [page, bytes] of writes) {
      if (bytes === undefined) assert.ok(this.pages.delete(page), 'only stored pages are removed')
      else this.pages.set(page, bytes)
    }
    this.root = root
  }

  contents(): unknown {
    return [...this.pages].map(([page, bytes]) => [page, toHex(bytes)] as const).sort(([a], [b]) => (a < b ? -1 : 1))
  }
}

function changesOf(leaves: Leaves): TreeChange[] {
  return [...leaves].map(([path, valueHash]) => ({ path, valueHash }))
}

const valueHash = fc.uint8Array({ minLength: 32, maxLength: 32 })
// Paths that share long prefixes make buckets divide, gather and stand deep.
const path = fc
  .tuple(
    fc.constantFrom('', '', 'a', 'a', 'a7', 'a7', 'a70', 'a7000', 'a7000', 'a700000000000001'),
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
  )
  .map(([prefix, bytes]) => (prefix + toHex(bytes)).slice(0, 64) as Hash)
const change: fc.Arbitrary<TreeChange> = fc.record({
  path,
  valueHash: fc.option(valueHash, { nil: undefined, freq: 4 }),
})

function uniquePaths(changes: readonly TreeChange[]): TreeChange[] {
  return [...new Map(changes.map(entry => [entry.path, entry])).values()]
}

function after(leaves: Leaves, changes: readonly TreeChange[]): Leaves {
  const next = new Map(leaves)
  for (const { path, valueHash } of changes) {
    if (valueHash === undefined) next.delete(path)
    else next.set(path, valueHash)
  }
  return next
}

test('the root is that of the definition after any batches of inserts, updates and deletes', () => {
  const batch = fc.array(fc.tuple(change, fc.nat()), { maxLength: 120, size: 'max' })
  fc.assert(
    fc.property(fc.array(batch, { minLength: 1, maxLength: 4 }), batches => {
      const pages = new Pages()
      let leaves: Leaves = new Map()
      for (const drawn of batches) {
        // Half of the changes fall on leaves that are there.
        const known = [...leaves.keys()]
        const changes = uniquePaths(
          drawn.map(([entry, pick]) =>
            pick % 2 === 0 && known.length > 0 ? { ...entry, path: known[pick % known.length]! } : entry,
          ),
        )
        pages.apply(changes)
        leaves = after(leaves, changes)
        assert.equal(pages.root, referenceRoot(leaves))
      }
      pages.apply(changesOf(leaves).map(({ path }) => ({ path, valueHash: undefined })))
      assert.equal(pages.root, emptyRoot)
      assert.equal(pages.pages.size, 0)
    }),
    { numRuns: 100 },
  )
})

test('root and pages depend only on the leaves, not on the order or the batches they came in', () => {
  const population = fc.uniqueArray(fc.record({ path, valueHash }), {
    selector: leaf => leaf.path,
    maxLength: 150,
    size: 'max',
  })
  fc.assert(
    fc.property(population, population, fc.integer({ min: 1, max: 40 }), fc.integer(), (leaves, noise, size, seed) => {
      const once = new Pages()
      once.apply(leaves)

      const bit = new Pages()
      const kept = new Set(leaves.map(leaf => leaf.path))
      const passing = noise.filter(leaf => !kept.has(leaf.path))
      const arriving = shuffled([...leaves, ...passing], seed)
      for (let at = 0; at < arriving.length; at += size) bit.apply(arriving.slice(at, at + size))
      const leaving = shuffled(passing, seed).map(leaf => ({ path: leaf.path, valueHash: undefined }))
      for (let at = 0; at < leaving.length; at += size) bit.apply(leaving.slice(at, at + size))

      assert.equal(bit.root, once.root)
      assert.deepEqual(bit.contents(), once.contents())
    }),
    { numRuns: 100 },
  )
})

test('roots and proofs are those of the golden vectors', () => {
  for (const { leaves, root, proofs } of vectors.trees) {
    const pages = new Pages()
    pages.apply(leaves.map(leaf => ({ path: leaf.path as Hash, valueHash: fromHex(leaf.valueHash) })))
    assert.equal(pages.root, root)
    for (const { path, valueHash, proof } of proofs) {
      assert.equal(toHex(toBytes(treeProof, prove(pages, path as Hash))), proof)
      const value = valueHash === null ? undefined : fromHex(valueHash)
      assert.ok(verifyProof(root as Hash, path as Hash, value, fromBytes(treeProof, fromHex(proof))))
    }
  }
})

test('an update writes nothing itself, and its pages can be stacked', () => {
  const pages = new Pages()
  pages.apply(changesOf(randomLeaves(500, 1)))
  const before = pages.contents()
  const first = changesOf(randomLeaves(50, 2))
  const second = changesOf(randomLeaves(50, 3))

  const draft = updateTree(pages, pages.root, first)
  const onTop = updateTree(overlay(pages, draft.writes), draft.root, second)
  assert.deepEqual(pages.contents(), before)

  pages.apply(first)
  assert.equal(draft.root, pages.root)
  pages.apply(second)
  assert.equal(onTop.root, pages.root)
})

test('no changes keep the root and touch no page', () => {
  const root = hashOf(utf8('any'))
  assert.deepEqual(updateTree({ get: () => assert.fail('no page is needed') }, root, []), { root, writes: [] })
})

test('a path that changes twice in one update is a bug of the caller', () => {
  const twice = { path: hashOf(utf8('x')), valueHash: digest(utf8('y')) }
  assert.throws(() => updateTree(new Pages(), emptyRoot, [twice, twice]), /at most once/)
})

test('every path has a proof of its value or of its absence', () => {
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 150, size: 'max' }),
      fc.array(path, { maxLength: 20, size: 'max' }),
      (drawn, others) => {
        const pages = new Pages()
        const changes = uniquePaths(drawn).filter(entry => entry.valueHash !== undefined)
        pages.apply(changes)
        const leaves = after(new Map(), changes)
        for (const asked of [...leaves.keys(), ...others]) {
          const proof = prove(pages, asked)
          assert.ok(verifyProof(pages.root, asked, leaves.get(asked), proof))
          assert.deepEqual(fromBytes(treeProof, toBytes(treeProof, proof)), proof)
          // The contrary statement has no such proof.
          const contrary = leaves.has(asked) ? undefined : digest(utf8('value'))
          assert.ok(!verifyProof(pages.root, asked, contrary, proof))
        }
      },
    ),
    { numRuns: 30 },
  )
})

test('a proof of one tree proves nothing once it is altered in any way', () => {
  const leaves = randomLeaves(300, 5)
  const pages = new Pages()
  pages.apply(changesOf(leaves))
  const present = [...leaves.keys()][0]!
  const absent = hashOf(utf8('absent'))
  for (const [asked, value] of [
    [present, leaves.get(present)],
    [absent, undefined],
  ] as const) {
    const proof = prove(pages, asked)
    assert.ok(verifyProof(pages.root, asked, value, proof))
    for (const altered of alterations(proof)) {
      assert.ok(!verifyProof(pages.root, asked, value, altered))
    }
  }
})

test('no inner node passes for a leaf, and no leaf for an inner node', () => {
  const pages = new Pages()
  pages.apply(changesOf(randomLeaves(40, 6)))
  const top = prove(pages, '00'.repeat(32) as Hash).siblings[0]!
  // The two children of the root, taken for the path and the value hash of a leaf.
  const other = prove(pages, 'ff'.repeat(32) as Hash).siblings[0]!
  assert.ok(!verifyProof(pages.root, toHex(other) as Hash, top, { siblings: [] }))
  assert.ok(
    !verifyProof(pages.root, '00'.repeat(32) as Hash, undefined, {
      siblings: [],
      other: { path: other, valueHash: top },
    }),
  )
})

test('an absent path is not proved by a leaf of another neighbourhood', () => {
  const pages = new Pages()
  const leaves = randomLeaves(64, 7)
  pages.apply(changesOf(leaves))
  for (const [elsewhere, valueHash] of leaves) {
    const { siblings } = prove(pages, elsewhere)
    for (const asked of leaves.keys()) {
      const lie: TreeProof = { siblings, other: { path: fromHex(elsewhere), valueHash } }
      assert.ok(!verifyProof(pages.root, asked, undefined, lie))
    }
  }
})

test('verification is total: any proof of the right shape gets an answer', () => {
  const anyProof: fc.Arbitrary<TreeProof> = fc
    .tuple(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 300 }),
      fc.option(fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }))),
    )
    .map(([siblings, other]) => ({
      siblings,
      ...(other === null ? {} : { other: { path: other[0], valueHash: other[1] } }),
    }))
  const root = referenceRoot(randomLeaves(10, 8))
  fc.assert(
    fc.property(
      path,
      fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined }),
      anyProof,
      (asked, value, proof) => {
        assert.equal(verifyProof(root, asked, value, proof), false)
      },
    ),
  )
})

test('proofs of a tree of 20,000 leaves are under 800 bytes', () => {
  const leaves = randomLeaves(20_000, 9)
  const pages = new Pages()
  pages.apply(changesOf(leaves))
  for (const asked of [...leaves.keys()].slice(0, 200)) {
    assert.ok(toBytes(treeProof, prove(pages, asked)).length < 800)
  }
})

/** A candidate block's pages on those of its parent. */
function overlay(storage: NodeStorage, writes: readonly TreeWrite[]): NodeStorage {
  const pages = new Map(writes)
  return { get: page => (pages.has(page) ? pages.get(page) : storage.get(page)) }
}

function alterations(proof: TreeProof): TreeProof[] {
  const { siblings, other } = proof
  const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, index) => (index === 17 ? byte ^ 1 : byte))
  const altered: TreeProof[] = [
    { ...proof, siblings: siblings.slice(1) },
    { ...proof, siblings: siblings.slice(0, -1) },
    { ...proof, siblings: [...siblings, new Uint8Array()] },
    { ...proof, siblings: [new Uint8Array(), ...siblings] },
    { ...proof, siblings: [...siblings].reverse() },
  ]
  siblings.forEach((sibling, index) => {
    altered.push({
      ...proof,
      siblings: siblings.with(index, sibling.length > 0 ? flipped(sibling) : new Uint8Array(32)),
    })
    if (sibling.length > 0) altered.push({ ...proof, siblings: siblings.with(index, new Uint8Array()) })
  })
  if (other === undefined) {
    altered.push({ siblings, other: { path: digest(utf8('path')), valueHash: digest(utf8('value')) } })
  } else {
    altered.push({ siblings })
    altered.push({ siblings, other: { ...other, path: flipped(other.path) } })
    altered.push({ siblings, other: { ...other, valueHash: flipped(other.valueHash) } })
  }
  return altered
}

function randomLeaves(count: number, seed: number): Leaves {
  const prng = new Prng(seed)
  return new Map(Array.from({ length: count }, () => [toHex(prng.bytes(32)) as Hash, prng.bytes(32)]))
}

function shuffled<T>(items: readonly T[], seed: number): T[] {
  return items
    .map((item, index) => ({ item, key: digest(utf8(`${seed} ${index}`)) }))
    .sort((a, b) => compareBytes(a.key, b.key))
    .map(({ item }) => item)
}
