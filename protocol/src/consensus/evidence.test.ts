import { describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { generateKeyPairSync, sign as signWith, verify as verifyWith } from 'node:crypto'
import type { Hash } from '../crypto/hash.ts'
import type { PublicKey } from '../crypto/keys.ts'
import { toHex } from '../lib/bytes.ts'
import { fromBytes, toBytes } from '../lib/codec.ts'
import type { Verify } from './certificate.ts'
import { type Evidence, evidence, evidenceOfProposals, evidenceOfVotes, verifyEvidence } from './evidence.ts'
import { type Proposal, signBytes, type Statement, type Vote } from './messages.ts'

const chainId = 'c'.repeat(64) as Hash
const blockA = 'a'.repeat(64) as Hash
const blockB = 'b'.repeat(64) as Hash

const verify: Verify = (signature, message, publicKey) =>
  verifyWith(
    null,
    message,
    { key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey]), format: 'der', type: 'spki' },
    signature,
  )

const pair = generateKeyPairSync('ed25519')
const publicKey = toHex(pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(12)) as PublicKey
const signed = (statement: Statement): Uint8Array =>
  new Uint8Array(signWith(null, signBytes(chainId, statement), pair.privateKey))

function vote(content: Omit<Vote, 'validator' | 'signature'>): Vote {
  return { ...content, validator: 0, signature: signed(content) }
}

function proposal(content: Omit<Proposal, 'signature'>): Proposal {
  return { ...content, signature: signed({ type: 'proposal', ...content }) }
}

const at = { height: 9, round: 1 } as const
const accepts = (piece: Evidence): boolean => verifyEvidence(chainId, piece, verify)
const doubleVote = evidenceOfVotes(
  publicKey,
  vote({ type: 'prevote', ...at, blockHash: blockA }),
  vote({ type: 'prevote', ...at, blockHash: blockB }),
)

describe('evidence', () => {
  test('two votes of one type for different blocks are proof', () => {
    assert.equal(accepts(doubleVote), true)
  })

  test('a vote for a block and one for nil are proof', () => {
    const votes = [vote({ type: 'precommit', ...at, blockHash: blockA }), vote({ type: 'precommit', ...at })] as const
    assert.equal(accepts(evidenceOfVotes(publicKey, ...votes)), true)
  })

  test('two proposals for one round are proof, also of one block with and without a polka', () => {
    const plain = proposal({ ...at, blockHash: blockA })
    assert.equal(accepts(evidenceOfProposals(publicKey, plain, proposal({ ...at, blockHash: blockB }))), true)
    assert.equal(
      accepts(evidenceOfProposals(publicKey, plain, proposal({ ...at, polRound: 0, blockHash: blockA }))),
      true,
    )
  })

  test('one offence has one form, whichever vote came first', () => {
    const a = vote({ type: 'prevote', ...at, blockHash: blockA })
    const b = vote({ type: 'prevote', ...at, blockHash: blockB })
    assert.deepEqual(evidenceOfVotes(publicKey, b, a), evidenceOfVotes(publicKey, a, b))
    assert.equal(accepts({ ...doubleVote, first: doubleVote.second, second: doubleVote.first }), false)
  })

  test('the same vote twice is no proof', () => {
    assert.equal(accepts({ ...doubleVote, second: doubleVote.first }), false)
    const again = vote({ type: 'prevote', ...at, blockHash: blockA })
    assert.equal(accepts(evidenceOfVotes(publicKey, again, again)), false)
  })

  test('votes of different rounds, heights or types are no proof', () => {
    const first = vote({ type: 'prevote', ...at, blockHash: blockA })
    for (const other of [
      vote({ type: 'prevote', height: 9, round: 2, blockHash: blockB }),
      vote({ type: 'prevote', height: 10, round: 1, blockHash: blockB }),
      vote({ type: 'precommit', ...at, blockHash: blockB }),
    ]) {
      assert.equal(accepts(evidenceOfVotes(publicKey, first, other)), false)
      assert.equal(accepts(evidenceOfVotes(publicKey, other, first)), false)
    }
  })

  test('every signed field counts', () => {
    for (const changed of [{ type: 'precommit' }, { type: 'proposal' }, { height: 8 }, { round: 0 }] as const) {
      assert.equal(accepts({ ...doubleVote, ...changed }), false)
    }
    assert.equal(accepts({ ...doubleVote, publicKey: 'f'.repeat(64) as PublicKey }), false)
    assert.equal(verifyEvidence('d'.repeat(64) as Hash, doubleVote, verify), false)
  })

  test('one bad signature of the two spoils it', () => {
    const bad = { ...doubleVote.first, signature: doubleVote.second.signature }
    assert.equal(accepts({ ...doubleVote, first: bad }), false)
    assert.equal(accepts({ ...doubleVote, second: { ...doubleVote.second, signature: new Uint8Array(64) } }), false)
  })

  test('a proposal without a block and a vote with a polka round are malformed, even if signed', () => {
    const half = (content: Omit<Statement, 'height' | 'round' | 'type'>, type: Statement['type']) => ({
      ...content,
      signature: signed({ type, ...at, ...content }),
    })
    const nil = half({}, 'proposal')
    const block = half({ blockHash: blockA }, 'proposal')
    assert.equal(accepts({ publicKey, type: 'proposal', ...at, first: nil, second: block }), false)

    const plain = half({ blockHash: blockA }, 'prevote')
    const odd = half({ blockHash: blockA, polRound: 0 }, 'prevote')
    assert.equal(accepts({ publicKey, type: 'prevote', ...at, first: plain, second: odd }), false)
  })

  test('it is read back as it was written', () => {
    assert.deepEqual(fromBytes(evidence, toBytes(evidence, doubleVote)), doubleVote)
    assert.deepEqual(evidence.fromJson(evidence.toJson(doubleVote)), doubleVote)
  })
})
