import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { bytesEqual, concat, fromHex, toHex, utf8 } from '../lib/bytes.ts'
import { isCanonicalSignature, publicKeyOf, sign } from './ed25519.ts'

const { Point } = ed25519
const groupOrder = Point.Fn.ORDER

// RFC 8032 section 7.1: secret key, public key, message, signature.
const rfc8032 = [
  [
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
  [
    '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
    'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
  ],
] as const

test('the vectors of RFC 8032 give our public keys and signatures', () => {
  for (const [secretKey, publicKey, message, signature] of rfc8032) {
    assert.equal(publicKeyOf(fromHex(secretKey)), publicKey)
    assert.equal(toHex(sign(fromHex(message), fromHex(secretKey))), signature)
  }
})

interface SignatureVector {
  name: string
  publicKey: string
  message: string
  signature: string
  isCanonical: boolean
  isValid: boolean
}

const vectorsFile = new URL('../../vectors/signatures.json', import.meta.url)
const { vectors } = JSON.parse(readFileSync(vectorsFile, 'utf8')) as { vectors: SignatureVector[] }

test('every edge case in vectors/signatures.json gets the verdict written there', () => {
  assert.ok(vectors.length >= 30)
  for (const { name, publicKey, message, signature, isCanonical, isValid } of vectors) {
    const [key, text, sig] = [fromHex(publicKey), fromHex(message), fromHex(signature)]
    assert.equal(isCanonicalSignature(sig, key), isCanonical, name)
    assert.equal(isCanonical && equationHolds(sig, text, key), isValid, name)
  }
})

test('a point is strict exactly if it is below p and not of small order, whatever its sign', () => {
  const strange = [...Array(20).keys()].flatMap(i => [BigInt(i), Point.Fp.ORDER - 10n + BigInt(i)])
  const orderEight = smallOrderPoints().map(point => bytesToNumber(point.toBytes()) & (2n ** 255n - 1n))
  const scalar = new Uint8Array(32)
  let strict = 0
  for (const y of [...strange, ...orderEight]) {
    for (const signBit of [0n, 1n]) {
      const encoding = numberToBytes(y | (signBit << 255n))
      const expected = y < Point.Fp.ORDER && (!isOnCurve(encoding) || !Point.fromBytes(encoding, true).isSmallOrder())
      const ordinary = Point.BASE.toBytes()
      assert.equal(isCanonicalSignature(concat(ordinary, scalar), encoding), expected, toHex(encoding))
      assert.equal(isCanonicalSignature(concat(encoding, scalar), ordinary), expected, toHex(encoding))
      if (expected) strict += 1
    }
  }
  assert.ok(strict > 20)
})

test('S is canonical exactly if it is below L', () => {
  const point = Point.BASE.toBytes()
  for (const [s, expected] of [
    [0n, true],
    [groupOrder - 1n, true],
    [groupOrder, false],
    [groupOrder + 1n, false],
    [2n ** 252n, true],
    [2n ** 253n, false],
    [2n ** 256n - 1n, false],
  ] as const) {
    assert.equal(isCanonicalSignature(concat(point, numberToBytes(s)), point), expected, String(s))
  }
})

test('a signature or key of another length is not canonical', () => {
  const signature = sign(utf8('message'), new Uint8Array(32))
  const key = fromHex(publicKeyOf(new Uint8Array(32)))
  assert.equal(isCanonicalSignature(signature, key), true)
  assert.equal(isCanonicalSignature(concat(signature, Uint8Array.of(0)), key), false)
  assert.equal(isCanonicalSignature(signature.subarray(0, 63), key), false)
  assert.equal(isCanonicalSignature(signature, key.subarray(1)), false)
  assert.equal(isCanonicalSignature(new Uint8Array(0), new Uint8Array(0)), false)
})

test('what we sign is canonical and satisfies the equation', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array({ maxLength: 200 }),
      (secretKey, message) => {
        const signature = sign(message, secretKey)
        const key = fromHex(publicKeyOf(secretKey))
        assert.ok(isCanonicalSignature(signature, key) && equationHolds(signature, message, key))
      },
    ),
    { numRuns: 25 },
  )
})

/** E34 spelled out with points: S*B = R + k*A, compared as encoded. */
function equationHolds(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  const r = signature.subarray(0, 32)
  if (!isOnCurve(r) || !isOnCurve(publicKey)) return false
  const s = bytesToNumber(signature.subarray(32))
  const k = bytesToNumber(sha512(concat(r, publicKey, message))) % groupOrder
  const expected = Point.BASE.multiplyUnsafe(s).subtract(Point.fromBytes(publicKey).multiplyUnsafe(k))
  return bytesEqual(expected.toBytes(), r)
}

function smallOrderPoints() {
  const generator = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')
  return [...Array(8).keys()].map(factor => generator.multiplyUnsafe(BigInt(factor)))
}

function isOnCurve(encoding: Uint8Array): boolean {
  try {
    Point.fromBytes(encoding, true)
    return true
  } catch {
    return false // the library's answer to a y that no point has
  }
}

function bytesToNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes.toReversed())}`)
}

function numberToBytes(value: bigint): Uint8Array {
  return fromHex(value.toString(16).padStart(64, '0')).reverse()
}
