import { describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject, sign as signWith, verify as verifyWith } from 'node:crypto'
import fc from 'fast-check'
import { zeroHash, type Hash } from '../crypto/hash.ts'
import type { Address, PublicKey } from '../crypto/keys.ts'
import { toHex } from '../lib/bytes.ts'
import {
  bitmapOf,
  certificateFrom,
  hasBit,
  signersOf,
  type Verify,
  verifyCertificate,
  verifyCommit,
  votesOf,
} from './certificate.ts'
import { type Certificate, certificateOf, type Commit, signBytes, type Vote } from './messages.ts'
import { makeSet, type ValidatorSet } from './validator-set.ts'

const chainId = 'c'.repeat(64) as Hash
const blockHash = 'a'.repeat(64) as Hash
const derHead = Buffer.from('302a300506032b6570032100', 'hex')

const verify: Verify = (signature, message, publicKey) =>
  verifyWith(null, message, { key: Buffer.concat([derHead, publicKey]), format: 'der', type: 'spki' }, signature)

/** A set of these powers and who can sign for whom, in the order of the set. */
function signersWith(powers: readonly number[]): { set: ValidatorSet; keys: readonly KeyObject[] } {
  const privateKeys = new Map<PublicKey, KeyObject>()
  const members = powers.map((power, index) => {
    const pair = generateKeyPairSync('ed25519')
    const publicKey = toHex(pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(12)) as PublicKey
    privateKeys.set(publicKey, pair.privateKey)
    return { publicKey, power: BigInt(power), address: index.toString(16).padStart(40, '0') as Address }
  })
  const set = makeSet(members)
  return { set, keys: set.validators.map(validator => privateKeys.get(validator.publicKey)!) }
}

const { set, keys } = signersWith([1, 1, 1, 1])
const statement = { type: 'precommit', height: 5, round: 2, blockHash } as const

function voteOf(validator: number, changed: Partial<Vote> = {}): Vote {
  const content = { ...statement, ...changed }
  return { ...content, validator, signature: signWith(null, signBytes(chainId, content), keys[validator]!) }
}

function certificateOf012(changed: Partial<Vote> = {}): Certificate {
  return certificateFrom([voteOf(0, changed), voteOf(1, changed), voteOf(2, changed)], 4)
}

const good = certificateOf012()
const accepts = (certificate: Certificate, by: ValidatorSet = set): boolean =>
  verifyCertificate(chainId, by, certificate, verify)

describe('a certificate is good', () => {
  test('when more than two thirds signed', () => {
    assert.equal(accepts(good), true)
    assert.equal(
      accepts(
        certificateFrom(
          [0, 1, 2, 3].map(index => voteOf(index)),
          4,
        ),
      ),
      true,
    )
  })

  test('for nil, and for prevotes', () => {
    const { blockHash: _, ...nil } = statement
    const votes = [0, 1, 2].map(validator => ({
      ...nil,
      type: 'prevote' as const,
      validator,
      signature: signWith(null, signBytes(chainId, { ...nil, type: 'prevote' }), keys[validator]!),
    }))
    assert.equal(accepts(certificateFrom(votes, 4)), true)
  })

  test('when power, not heads, is more than two thirds', () => {
    const weighted = signersWith([7, 1, 1, 1])
    const lone = {
      ...good,
      signers: Uint8Array.of(1),
      signatures: [signWith(null, signBytes(chainId, statement), weighted.keys[0]!)],
    }
    assert.equal(accepts(lone, weighted.set), true)
  })
})

describe('a certificate is rejected', () => {
  const [first, second, third] = good.signatures as readonly [Uint8Array, Uint8Array, Uint8Array]
  const fourth = voteOf(3).signature
  const damaged = Uint8Array.from(third, (byte, index) => (index === 10 ? byte ^ 1 : byte))

  const rows: readonly [string, Partial<Certificate>][] = [
    ['with half of the power', { signers: Uint8Array.of(0b0011), signatures: [first, second] }],
    ['with nobody', { signers: Uint8Array.of(0), signatures: [] }],
    ['with one bad signature', { signatures: [first, second, damaged] }],
    ['padded with a bad signature', { signers: Uint8Array.of(0b1111), signatures: [first, second, third, damaged] }],
    [
      'padded with a signature of another signer',
      { signers: Uint8Array.of(0b1111), signatures: [first, second, third, third] },
    ],
    ['with signatures in another order', { signatures: [second, first, third] }],
    ['with one signer for three', { signatures: [first, first, first] }],
    ['with a signature too many', { signatures: [first, second, third, fourth] }],
    ['with a signature too few', { signatures: [first, second] }],
    ['with a bit beyond the set', { signers: Uint8Array.of(0b10111), signatures: [first, second, third, fourth] }],
    ['with a padding bit and no signature for it', { signers: Uint8Array.of(0b1000_0111) }],
    ['with a bitmap too long', { signers: Uint8Array.of(0b0111, 0) }],
    ['with a bitmap too short', { signers: new Uint8Array(0), signatures: [] }],
    ['of another height', { height: 6 }],
    ['of another round', { round: 3 }],
    ['of another type', { type: 'prevote' }],
    ['for another block', { blockHash: 'b'.repeat(64) as Hash }],
    ['for a block that is all zeros', { blockHash: zeroHash }],
  ]
  for (const [how, changed] of rows) {
    test(how, () => {
      assert.equal(accepts({ ...good, ...changed }), false)
    })
  }

  test('for nil where a block was signed', () => {
    const { blockHash: _, ...nil } = good
    assert.equal(accepts(nil), false)
  })

  test('on another chain', () => {
    assert.equal(verifyCertificate('d'.repeat(64) as Hash, set, good, verify), false)
  })

  test('by another set', () => {
    assert.equal(accepts(good, signersWith([1, 1, 1, 1]).set), false)
  })

  test('with exactly two thirds of the power', () => {
    const three = signersWith([1, 1, 1])
    const message = signBytes(chainId, statement)
    const signatures = [0, 1].map(index => signWith(null, message, three.keys[index]!))
    assert.equal(accepts({ ...good, signers: Uint8Array.of(0b011), signatures }, three.set), false)
  })

  test('before any signature is checked, where the rest is wrong', () => {
    let checks = 0
    const counting: Verify = () => (checks += 1) > 0
    verifyCertificate(chainId, set, { ...good, signers: Uint8Array.of(0b0011) }, counting)
    verifyCertificate(chainId, set, { ...good, signatures: [first, second] }, counting)
    assert.equal(checks, 0)
  })
})

describe('a commit', () => {
  test('is verified by the very rule of its certificate', () => {
    const { type: _, ...rest } = good
    const commit = rest as Commit
    assert.deepEqual(certificateOf(commit), good)
    assert.equal(verifyCommit(chainId, set, commit, verify), true)
    assert.equal(verifyCommit(chainId, set, { ...commit, round: 3 }, verify), false)
    assert.equal(verifyCommit(chainId, set, { ...commit, signers: Uint8Array.of(0b1000_0111) }, verify), false)
  })

  test('of prevotes is none', () => {
    const { type: _, ...rest } = certificateOf012({ type: 'prevote' })
    assert.equal(verifyCommit(chainId, set, rest as Commit, verify), false)
  })
})

describe('bits and votes', () => {
  const places = fc
    .integer({ min: 1, max: 100 })
    .chain(size => fc.array(fc.boolean(), { minLength: size, maxLength: size }))

  test('a bitmap holds exactly the places that are taken', () => {
    fc.assert(
      fc.property(places, taken => {
        const bitmap = bitmapOf(
          taken.map(is => (is ? 1 : undefined)),
          taken.length,
        )
        assert.equal(bitmap.length, Math.ceil(taken.length / 8))
        for (let index = 0; index < bitmap.length * 8 + 8; index += 1) {
          assert.equal(hasBit(bitmap, index), taken[index] ?? false)
        }
      }),
    )
  })

  test('a certificate gives back the votes it was made of', () => {
    fc.assert(
      fc.property(
        places.filter(taken => taken.includes(true)),
        taken => {
          const votes = taken.map((is, validator) =>
            is ? { ...statement, validator, signature: new Uint8Array(64).fill(validator) } : undefined,
          )
          const cast = votes.filter(vote => vote !== undefined)
          assert.deepEqual(votesOf(certificateFrom(votes, taken.length)), cast)
        },
      ),
    )
  })

  test('signers are the validators of the set at the bits', () => {
    assert.deepEqual(signersOf(set, Uint8Array.of(0b1010)), [set.validators[1], set.validators[3]])
  })
})
