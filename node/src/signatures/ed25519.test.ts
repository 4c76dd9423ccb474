import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { fromHex, publicKeyOf, sign, toHex, utf8 } from '@claw-network/protocol'
import fc from 'fast-check'
import { type Ed25519, nodeEd25519, sodiumEd25519 } from './ed25519.ts'

// On a platform without a build of sodium-native there is nothing to compare; ours has one.
const sodium = sodiumEd25519() as Ed25519
const libraries: readonly Ed25519[] = [sodium, nodeEd25519]

interface SignatureVector {
  name: string
  publicKey: string
  message: string
  signature: string
  isValid: boolean
}

const vectorsFile = new URL('../../../protocol/vectors/signatures.json', import.meta.url)
const { vectors } = JSON.parse(readFileSync(vectorsFile, 'utf8')) as { vectors: SignatureVector[] }

test('both libraries are here', () => {
  assert.deepEqual(
    libraries.map(({ library }) => library),
    ['sodium-native', 'node:crypto'],
  )
})

test('every edge case of the signature rule gets the same verdict from both libraries', () => {
  for (const { name, publicKey, message, signature, isValid } of vectors) {
    for (const { library, verify } of libraries) {
      assert.equal(verify(fromHex(signature), fromHex(message), fromHex(publicKey)), isValid, `${library}: ${name}`)
    }
  }
})

// The eight points of small order, and the six further ways to write some of them.
const smallOrderPoints = [
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  '00'.repeat(32),
  `${'00'.repeat(31)}80`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  `01${'00'.repeat(30)}80`,
  'ff'.repeat(32).replace('ff', 'ec'),
  `ed${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(31)}`,
  `ee${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(31)}`,
]

test('any pair of small-order A and R is refused by both libraries, with S = 0 and S = 1', () => {
  for (const a of smallOrderPoints) {
    for (const r of smallOrderPoints) {
      for (const s of ['00'.repeat(32), `01${'00'.repeat(31)}`]) {
        // With S = 0 the bare equation holds for about one message in eight.
        for (let attempt = 0; attempt < 16; attempt++) {
          for (const { verify } of libraries) {
            assert.equal(verify(fromHex(r + s), utf8(`try ${attempt}`), fromHex(a)), false)
          }
        }
      }
    }
  }
})

test('an honest signature is accepted and any other bit anywhere is refused, by both libraries alike', () => {
  const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
  fc.assert(
    fc.property(bytes32, fc.uint8Array({ maxLength: 100 }), fc.nat(), (secretKey, message, place) => {
      const key = fromHex(publicKeyOf(secretKey))
      const signature = sign(message, secretKey)
      const whole = [...signature, ...key, ...message]
      const bit = place % (whole.length * 8)
      whole[bit >> 3]! ^= 1 << (bit & 7)
      const altered = Uint8Array.from(whole)
      for (const { verify } of libraries) {
        assert.equal(verify(signature, message, key), true)
        assert.equal(verify(altered.subarray(0, 64), altered.subarray(96), altered.subarray(64, 96)), false)
      }
    }),
    { numRuns: 60 },
  )
})

test('bytes at random get the same verdict from both libraries and never an exception', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 70 }),
      fc.uint8Array({ maxLength: 40 }),
      fc.uint8Array({ maxLength: 40 }),
      (s, m, k) => {
        assert.deepEqual(
          libraries.map(({ verify }) => verify(s, m, k)),
          [false, false],
        )
      },
    ),
  )
})

test('both libraries sign what the pure one signs, from views into larger buffers too', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array({ maxLength: 100 }),
      (secretKey, message) => {
        const wide = new Uint8Array(message.length + 7)
        wide.set(message, 3)
        for (const { library, signingKey } of libraries) {
          const key = signingKey(secretKey)
          assert.equal(toHex(key.publicKey), publicKeyOf(secretKey), library)
          assert.deepEqual(key.sign(wide.subarray(3, 3 + message.length)), sign(message, secretKey), library)
        }
      },
    ),
    { numRuns: 30 },
  )
})

test('a signing key keeps its own copy of the secret and sodium forgets it when told', () => {
  const secretKey = new Uint8Array(32).fill(7)
  const expected = sign(utf8('x'), secretKey)
  for (const { signingKey } of libraries) {
    const mine = Uint8Array.from(secretKey)
    const key = signingKey(mine)
    mine.fill(0)
    assert.deepEqual(key.sign(utf8('x')), expected)
  }
  const key = sodium.signingKey(secretKey)
  key.wipe()
  assert.notDeepEqual(key.sign(utf8('x')), expected)
})
