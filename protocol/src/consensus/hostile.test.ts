/** What other implementations got wrong, and what hostile validators try (docs/spec/consensus.md, C29). */
import { describe, test } from 'node:test'
import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  blockOf,
  certificateFor,
  Script,
  scriptHeight,
  setOf,
  voteFor,
} from '../../../test/helpers/consensus-script.ts'
import { fromBytes, toBytes } from '../lib/codec.ts'
import { Height } from './height.ts'
import { type Input, input, type Output } from './inputs.ts'
import type { Proposal } from './messages.ts'

const leaveRound0 = ['precommit 0 nil by 0 1 2', 'timeout precommit 0'] as const
/** Locks A in round 0. */
const lockA = ['start', 'proposal 0 A', 'valid A', 'prevote 0 A by 0 1'] as const

describe('what other implementations got wrong', () => {
  test('a prevote never ignores the lock, and is never for the locked block instead of the proposed one', () => {
    new Script().after(...lockA, ...leaveRound0, 'valid B').expect(['proposal 1 B', 'sign prevote 1 nil'])
    new Script().after(...lockA, ...leaveRound0).expect(['timeout propose 1', 'sign prevote 1 nil'])
  })

  test('a polka for nil does not unlock', () => {
    new Script()
      .after(...lockA, ...leaveRound0, 'timeout propose 1')
      .expect(
        ['prevote 1 nil by 0 1', 'show prevote 1 nil by 0 1 3', 'sign precommit 1 nil'],
        ['precommit 1 nil by 0 1', 'timer precommit 1'],
        ['timeout precommit 1', 'timer propose 2'],
        ['proposal 2 B', 'validate B', 'sign prevote 2 nil'],
      )
  })

  test('a round skip does not shadow a decision', () => {
    new Script()
      .after('start', 'precommit 0 A by 0 1 2')
      .expect(['prevote 6 nil by 0 1', 'timer propose 6'], ['valid A', 'decide 0 A'])
  })

  test('a decision and a round skip by the same input end in the decision', () => {
    new Script().after('start', 'valid A').expect(['certificate precommit 9 A by 0 1 2', 'decide 9 A'])
  })

  test('a polka is matched to its value and its round', () => {
    new Script()
      .after('start', 'timeout propose 0', ...leaveRound0, 'timeout propose 1')
      .after('precommit 1 nil by 0 1 2', 'timeout precommit 1', 'valid A', 'valid B')
      .expect(
        ['certificate prevote 1 B by 0 1 2'],
        ['proposal 2 A pol 1'],
        ['certificate prevote 0 A by 0 1 2'],
        [
          'certificate prevote 1 A by 0 1 2',
          ...[0, 1, 2].map(index => `evidence ${index} prevote 1`),
          'sign prevote 2 A',
        ],
      )
  })

  test('an equivocated first vote does not hide a polka', () => {
    new Script()
      .after('start', 'proposal 0 A', 'valid A', 'prevote 0 B by 0')
      .expect(
        ['prevote 0 A by 1', 'timer prevote 0'],
        ['prevote 0 A by 0', 'evidence 0 prevote 0', 'show prevote 0 A by 0 1 3', 'sign precommit 0 A'],
      )
  })

  test('two equivocated first votes do not hide a polka from who gets its certificate', () => {
    new Script()
      .after('start', 'proposal 0 A', 'valid A', 'prevote 0 B by 0', 'prevote 0 C by 0', 'prevote 0 A by 1')
      .expect(['prevote 0 A by 0'], ['certificate prevote 0 A by 0 1 3', 'sign precommit 0 A'])
  })

  test('a complete polka is shown to the others, so that it can not be hidden from them', () => {
    new Script({ self: 'observer' })
      .after('start')
      .expect(['prevote 0 A by 0 1'], ['prevote 0 A by 2', 'show prevote 0 A by 0 1 2', 'validate A'])
  })

  test('what came as a certificate is not shown again', () => {
    new Script().after('start', 'valid A').expect(['certificate prevote 0 A by 0 1 2'], ['prevote 0 A by 3'])
  })

  test('a block is asked for once, whatever the rounds it is proposed in', () => {
    new Script()
      .after('start')
      .expect(['proposal 0 A', 'validate A'], ['timeout propose 0', 'sign prevote 0 nil'])
      .after(...leaveRound0)
      .expect(['proposal 1 A'], ['valid A', 'sign prevote 1 A'])
  })

  test('a proposer that withholds one of its blocks does not stop the other', () => {
    new Script()
      .after('start', 'proposal 0 A', 'proposal 0 B', 'timeout propose 0')
      .expect(['proposal 0 C'], ['prevote 0 C by 0 1 2', 'timer prevote 0', 'show prevote 0 C by 0 1 2', 'validate C'])
      .expect(['valid C', 'sign precommit 0 C'])
  })

  test('an index beyond the set is refused before anything is looked up', () => {
    const { core } = new Script().after('start')
    assert.equal(core.wantsVote(voteFor('prevote', 0, 'A', 3)), true)
    assert.equal(core.wantsVote(voteFor('prevote', 0, 'A', 4)), false)
    assert.equal(core.wantsVote(voteFor('prevote', 99, 'A', 4)), false)
  })

  test('power adds up without overflow', () => {
    const most = Number.MAX_SAFE_INTEGER
    const set = setOf(...Array.from({ length: 100 }, () => most))
    const voters = Array.from({ length: 67 }, (_, index) => index)
    new Script({ set, self: 'observer' })
      .after('start', 'valid A', `precommit 0 A by ${voters.slice(1).join(' ')}`)
      .expect(['precommit 0 A by 0', `show precommit 0 A by ${voters.join(' ')}`, 'decide 0 A'])
  })
})

describe('hostile validators', () => {
  test('each kind of double vote is evidence once', () => {
    new Script()
      .after('start')
      .expect(
        ['prevote 0 A by 0'],
        ['prevote 0 nil by 0', 'evidence 0 prevote 0'],
        ['prevote 0 B by 0'],
        ['precommit 0 A by 0'],
        ['precommit 0 B by 0', 'evidence 0 precommit 0'],
        ['precommit 0 A by 0'],
      )
  })

  test('two proposals for one round are evidence once, and a third is not kept', () => {
    new Script()
      .after('start')
      .expect(
        ['proposal 1 A'],
        ['proposal 1 B', 'evidence 1 proposal 1'],
        ['proposal 1 C'],
        ['proposal 1 A'],
        ['precommit 0 nil by 0 1 2', 'timer precommit 0'],
        ['timeout precommit 0', 'timer propose 1', 'validate A', 'validate B'],
      )
  })

  test('the same block proposed with and without a proof is evidence', () => {
    new Script().after('start', 'proposal 1 A').expect(['proposal 1 A pol 0', 'evidence 1 proposal 1'])
  })

  test('blocks proposed for later rounds are not executed before their time', () => {
    new Script().after('start').expect(['proposal 1 A'], ['proposal 8 B'], ['proposal 9 C'])
  })

  test('votes for rounds beyond those kept still tell where the others are', () => {
    new Script()
      .after('start')
      .expect(
        ['prevote 4000000000 A by 1'],
        ['prevote 5000 A by 0', 'timer propose 5000'],
        ['valid A'],
        ['proposal 5000 A', 'sign prevote 5000 A'],
        ['prevote 5000 A by 2', 'show prevote 5000 A by 0 2 3', 'sign precommit 5000 A'],
      )
  })

  test('who is far ahead has passed the rounds before', () => {
    new Script().after('start').expect(['prevote 101 A by 0'], ['prevote 100 A by 1', 'timer propose 100'])
  })

  test('a vote from far ahead counts as soon as its round is kept', () => {
    const script = new Script().after('start', 'prevote 12 A by 0', 'prevote 4 nil by 1 2')
    const rounds = script.core.summary().rounds.map(({ round, prevotes }) => [round, prevotes[0]])
    assert.deepEqual(rounds, [
      [12, 0b0001],
      [4, 0b0110],
    ])
  })

  test('one third exactly can not take us far ahead', () => {
    new Script({ set: setOf(1, 1, 1), self: 'observer' })
      .after('start')
      .expect(['prevote 100 A by 0'], ['prevote 101 A by 0'])
  })

  test('only the latest such vote of a validator is kept', () => {
    const { core } = new Script().after('start', 'prevote 5000 A by 0')
    assert.equal(core.wantsVote(voteFor('prevote', 4999, 'A', 0)), false)
    assert.equal(core.wantsVote(voteFor('precommit', 5000, 'A', 0)), false)
    assert.equal(core.wantsVote(voteFor('prevote', 5001, 'A', 0)), true)
    assert.equal(core.wantsVote(voteFor('prevote', 5000, 'A', 1)), true)
  })

  test('a flood of votes and proposals is held to what is kept', () => {
    const script = new Script().after('start')
    const values = ['A', 'B', 'C', 'D', 'E', 'F', 'nil']
    let evidence = 0
    for (let round = 0; round < 300; round += 1) {
      for (const value of values) {
        for (const type of ['prevote', 'precommit']) {
          evidence += script.say(`${type} ${round} ${value} by 0`).filter(said => said.startsWith('evidence')).length
        }
        if (value !== 'nil') script.say(`proposal ${round} ${value}`)
      }
    }
    const { rounds } = script.core.summary()
    assert.equal(rounds.length, 9)
    assert.equal(evidence, 9 * 2)
    assert.ok(rounds.every(round => round.proposals.length <= 2))
  })

  test('rounds long past are forgotten but for the proofs of what may still be decided', () => {
    const script = new Script().after('start', 'timeout propose 0', 'proposal 1 B', 'valid B', 'prevote 0 A by 0 1 2')
    for (let round = 0; round < 40; round += 1) {
      script.after(`precommit ${round} nil by 0 1 2`, `timeout precommit ${round}`)
    }
    const rounds = script.core.summary().rounds.map(round => round.round)
    assert.deepEqual(rounds, [39, 38, 37, 36, 35, 34, 33, 32, 0])
    // The polka of round 0 still proves the value of round 0.
    script.after('valid A').expect(['proposal 40 A pol 0', 'sign prevote 40 A'])
  })

  test('a decision survives however many rounds its block takes to come', () => {
    const script = new Script().after('start', 'precommit 0 A by 0 1 2')
    for (let round = 1; round < 40; round += 1) script.after(`prevote ${round} nil by 0 1`)
    script.expect(['valid A', 'decide 0 A'])
  })

  test('certificates add no more than two quorums to a round', () => {
    const { core } = new Script().after('start', 'certificate prevote 0 A by 0 1 2', 'certificate prevote 0 B by 0 1 2')
    assert.equal(core.wantsCertificate(certificateFor('prevote', 0, 'C', [0, 1, 2])), false)
    assert.equal(core.wantsCertificate(certificateFor('precommit', 0, 'C', [0, 1, 2])), true)
  })

  test('a quorum for nil of a past round is not wanted', () => {
    const { core } = new Script().after('start', ...leaveRound0)
    assert.equal(core.wantsCertificate(certificateFor('prevote', 0, 'nil', [0, 1, 2])), false)
    assert.equal(core.wantsCertificate(certificateFor('prevote', 1, 'nil', [0, 1, 2])), true)
  })

  test('messages of another height are not wanted', () => {
    const { core } = new Script().after('start')
    const height = scriptHeight + 1
    assert.equal(core.wantsVote({ ...voteFor('prevote', 0, 'A', 0), height }), false)
    assert.equal(core.wantsProposal({ ...proposalFor(0), height }), false)
    assert.equal(core.wantsCertificate({ ...certificateFor('prevote', 0, 'A', [0, 1, 2]), height }), false)
  })

  test('proposals are wanted for the rounds that are kept', () => {
    const { core } = new Script().after('start')
    assert.deepEqual(
      [0, 8, 9, 4_000_000_000].map(round => core.wantsProposal(proposalFor(round))),
      [true, true, false, false],
    )
    core.step({ type: 'proposal', proposal: proposalFor(0), timely: true })
    assert.equal(core.wantsProposal(proposalFor(0)), false)
  })

  test('no proposer is computed for a round that is far away', () => {
    const { core } = new Script().after('start')
    assert.equal(core.proposerOf(0), 0)
    assert.equal(core.proposerOf(6), 2)
    assert.equal(core.proposerOf(9), undefined)
    assert.equal(core.proposerOf(4_000_000_000), undefined)
  })

  test('once all is over nothing is wanted', () => {
    const { core } = new Script().after('start', 'valid A', 'certificate precommit 0 A by 0 1 2')
    assert.equal(core.wantsVote(voteFor('precommit', 0, 'A', 3)), false)
    assert.equal(core.wantsCertificate(certificateFor('prevote', 0, 'A', [0, 1, 2])), false)
  })
})

function proposalFor(round: number): Proposal {
  return { height: scriptHeight, round, blockHash: blockOf('A'), signature: new Uint8Array(64) }
}

/** Inputs as a shell may give them: of four validators, a few rounds and blocks. */
const round = fc.nat(4)
const value = fc.constantFrom('A', 'B', 'C', 'nil')
const block = fc.constantFrom('A', 'B', 'C')
const sentence = fc.oneof(
  { weight: 1, arbitrary: fc.constant('start') },
  { weight: 4, arbitrary: fc.tuple(round, block).map(([r, b]) => `proposal ${r} ${b}`) },
  { weight: 2, arbitrary: fc.tuple(round, block, round).map(([r, b, pol]) => `proposal ${r} ${b} pol ${pol}`) },
  {
    weight: 12,
    arbitrary: fc
      .tuple(fc.constantFrom('prevote', 'precommit'), round, value, fc.nat(3))
      .map(([type, r, v, index]) => `${type} ${r} ${v} by ${index}`),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('prevote', 'precommit'), round, value)
      .map(([type, r, v]) => `certificate ${type} ${r} ${v} by 0 1 2`),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom('propose', 'prevote', 'precommit'), round)
      .map(([step, r]) => `timeout ${step} ${r}`),
  },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('valid', 'invalid'), block).map(words => words.join(' ')) },
  { weight: 1, arbitrary: fc.tuple(round, block).map(([r, b]) => `value ${r} ${b}`) },
)

describe('whatever the inputs', () => {
  test('the core is a function of its inputs, also of those read back from the log', () => {
    fc.assert(
      fc.property(fc.array(sentence, { maxLength: 60 }), fc.nat(3), (sentences, self) => {
        const script = new Script({ self })
        const inputs: Input[] = []
        const outputs: Output[][] = []
        const step = script.core.step.bind(script.core)
        script.core.step = next => {
          const result = step(next)
          inputs.push(next)
          outputs.push([...result])
          return result
        }
        script.after(...sentences)

        const replayed = new Height({ height: scriptHeight, validators: setOf(1, 1, 1, 1), self })
        for (const [index, original] of inputs.entries()) {
          const logged = fromBytes(input, toBytes(input, original))
          assert.deepEqual(logged, original)
          assert.deepEqual(replayed.step(logged), outputs[index])
        }
        assert.deepEqual(replayed.summary(), script.core.summary())
      }),
      { numRuns: 300 },
    )
  })

  test('we sign one statement per type and round, rounds never go back, and nothing follows the decision', () => {
    fc.assert(
      fc.property(fc.array(sentence, { maxLength: 80 }), fc.nat(3), (sentences, self) => {
        const script = new Script({ self })
        const signed = new Set<string>()
        let lastRound = -1
        let over = false
        for (const said of sentences.flatMap(words => script.say(words))) {
          assert.equal(over, false)
          over = said.startsWith('decide') || said.startsWith('halt')
          const [verb, type, round] = said.split(' ') as [string, string, string]
          if (verb === 'timer') {
            assert.ok(Number(round) >= lastRound)
            lastRound = Number(round)
          }
          if (verb === 'sign') {
            assert.equal(signed.has(`${type} ${round}`), false)
            signed.add(`${type} ${round}`)
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  test('the same input twice says nothing new', () => {
    fc.assert(
      fc.property(fc.array(sentence, { maxLength: 60 }), fc.nat(3), (sentences, self) => {
        const script = new Script({ self })
        for (const words of sentences) {
          script.say(words)
          assert.deepEqual(script.say(words), [], words)
        }
      }),
      { numRuns: 500 },
    )
  })
})
