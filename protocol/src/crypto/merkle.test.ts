import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesEqual, fromHex, utf8 } from '../lib/bytes.ts'
import { fromBytes, toBytes } from '../lib/codec.ts'
import { type Hash, hashOf } from './hash.ts'
import { listProof, listRoot, proveInList, verifyListProof } from './merkle.ts'

// The reference vectors of Certificate Transparency (the tests of its log server).
const inputs = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(
  fromHex,
)
const roots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
] as Hash[]
const paths: { index: number; count: number; proof: string[] }[] = [
  { index: 0, count: 1, proof: [] },
  {
    index: 0,
    count: 8,
    proof: [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  },
  {
    index: 5,
    count: 8,
    proof: [
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  },
  { index: 2, count: 3, proof: ['fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125'] },
  {
    index: 1,
    count: 5,
    proof: [
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ],
  },
]

test('the roots of 0 to 8 leaves are those of Certificate Transparency', () => {
  roots.forEach((root, count) => assert.equal(listRoot(inputs.slice(0, count)), root))
})

test('inclusion proofs are those of Certificate Transparency', () => {
  for (const { index, count, proof } of paths) {
    assert.deepEqual(proveInList(inputs.slice(0, count), index), proof)
  }
})

const someLeaves = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 70 })

test('every leaf of a list can be proved', () => {
  fc.assert(
    fc.property(someLeaves, leaves => {
      const root = listRoot(leaves)
      leaves.forEach((leaf, index) => {
        assert.ok(verifyListProof(root, leaf, index, leaves.length, proveInList(leaves, index)))
      })
    }),
  )
})

test('a proof holds for no other leaf, index or hash', () => {
  fc.assert(
    fc.property(someLeaves, fc.nat(), fc.nat(), (leaves, at, spot) => {
      const count = leaves.length
      const index = at % count
      const leaf = leaves[index]!
      const root = listRoot(leaves)
      const proof = proveInList(leaves, index)
      const holds = (l: Uint8Array, i: number, p: readonly Hash[]): boolean => verifyListProof(root, l, i, count, p)

      assert.ok(!holds(utf8('a leaf longer than forty bytes, which no list here has'), index, proof))
      const other = (index + 1 + spot) % count
      if (!bytesEqual(leaves[other]!, leaf)) assert.ok(!holds(leaf, other, proof))
      assert.ok(!holds(leaf, index, [...proof, hashOf(leaf)]))
      if (proof.length > 0) {
        assert.ok(!holds(leaf, index, proof.slice(1)))
        assert.ok(!holds(leaf, index, proof.with(spot % proof.length, hashOf(leaf))))
      }
    }),
  )
})

test('an inner node cannot pass for a leaf', () => {
  const leaves = [utf8('a'), utf8('b'), utf8('c'), utf8('d')]
  const [, right] = proveInList(leaves, 0) as [Hash, Hash]
  const left = listRoot(leaves.slice(0, 2))
  const forged = new Uint8Array([...fromHex(left), ...fromHex(right)])
  assert.equal(verifyListProof(listRoot(leaves), forged, 0, 1, []), false)
  assert.notEqual(listRoot([forged]), listRoot(leaves))
})

test('verification answers false to indexes that are no places in the list', () => {
  const root = listRoot(inputs)
  const leaf = inputs[0]!
  for (const [index, count] of [
    [0, 0],
    [8, 8],
    [-1, 8],
    [0.5, 8],
    [Number.NaN, 8],
    [0, Number.POSITIVE_INFINITY],
    [2 ** 53, 2 ** 53 + 2],
  ] as [number, number][]) {
    assert.equal(verifyListProof(root, leaf, index, count, proveInList(inputs, 0)), false)
  }
})

test('a proof survives its bytes and its JSON', () => {
  const proof = proveInList(inputs, 5)
  assert.deepEqual(fromBytes(listProof, toBytes(listProof, proof)), proof)
  assert.deepEqual(listProof.fromJson(listProof.toJson(proof)), proof)
})
