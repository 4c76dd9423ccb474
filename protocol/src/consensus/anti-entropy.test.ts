import { describe, test } from 'node:test'
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { certificateFor, Script, scriptHeight, voteFor } from '../../../test/helpers/consensus-script.ts'
import { fromBytes, toBytes } from '../lib/codec.ts'
import { type RoundMessages, roundMessages, roundSummary } from './anti-entropy.ts'

/** What `from` sends to fill the gaps of `to`, by way of the wire, and what `to` makes of it. */
function exchange(from: Script, to: Script): { readonly sent: RoundMessages; readonly said: readonly string[] } {
  const summary = fromBytes(roundSummary, toBytes(roundSummary, to.core.summary()))
  const sent = fromBytes(roundMessages, toBytes(roundMessages, from.core.missingFor(summary)))
  const said = [
    ...sent.proposals.flatMap(proposal => to.feed({ type: 'proposal', proposal, timely: true })),
    ...sent.certificates.flatMap(certificate => to.feed({ type: 'certificate', certificate })),
    ...sent.votes.flatMap(vote => to.feed({ type: 'vote', vote })),
  ]
  return { sent, said }
}

function sizes({ proposals, certificates, votes }: RoundMessages): readonly [number, number, number] {
  return [proposals.length, certificates.length, votes.length]
}

const observer = (): Script => new Script({ self: 'observer' })

describe('filling the gaps of a peer', () => {
  test('who has nothing gets proposals and votes', () => {
    const knowing = observer().after('start', 'proposal 0 A', 'prevote 0 A by 0 1', 'precommit 0 nil by 2')
    const { sent } = exchange(knowing, observer().after('start'))
    assert.deepEqual(sizes(sent), [1, 0, 3])
  })

  test('what the peer has is not sent', () => {
    const knowing = observer().after('start', 'proposal 0 A', 'prevote 0 A by 0 1')
    const asking = observer().after('start', 'proposal 0 A', 'prevote 0 A by 1')
    assert.deepEqual(exchange(knowing, asking).sent, {
      proposals: [],
      certificates: [],
      votes: [voteFor('prevote', 0, 'A', 0)],
    })
    assert.deepEqual(sizes(exchange(knowing, asking).sent), [0, 0, 0])
  })

  test('a polka travels as one certificate', () => {
    const knowing = observer().after('start', 'valid A', 'prevote 0 A by 0 1 2 3')
    const { sent, said } = exchange(knowing, new Script().after('start', 'proposal 0 A', 'valid A'))
    assert.deepEqual(sizes(sent), [0, 1, 0])
    assert.deepEqual(said, ['sign precommit 0 A'])
  })

  test('a polka that an equivocated first vote hides reaches who lacks it', () => {
    const knowing = observer().after('start', 'prevote 0 A by 0 1 2')
    const asking = new Script().after('start', 'valid A', 'timeout propose 0')
    asking.after('prevote 0 B by 0', 'prevote 0 C by 0', 'prevote 0 A by 1', 'prevote 0 A by 2')
    assert.deepEqual(exchange(knowing, asking).said, ['sign precommit 0 A'])
  })

  test('a decided node sends the commit alone', () => {
    const knowing = observer().after(
      'start',
      'proposal 0 A',
      'valid A',
      'prevote 0 A by 0 1 2',
      'precommit 0 A by 0 1 2',
    )
    const { sent, said } = exchange(knowing, observer().after('start', 'valid A'))
    assert.deepEqual(sent, { proposals: [], certificates: [certificateFor('precommit', 0, 'A', [0, 1, 2])], votes: [] })
    assert.deepEqual(said, ['decide 0 A'])
  })

  test('a commit comes first when there is much to send', () => {
    const knowing = observer().after('start', 'precommit 0 A by 0 1 2')
    for (let round = 1; round <= 8; round += 1) knowing.after(`prevote ${round} B by 0 1 2`)
    const { sent } = exchange(knowing, observer())
    assert.equal(sent.certificates.length, 8)
    assert.deepEqual(sent.certificates[0], certificateFor('precommit', 0, 'A', [0, 1, 2]))
  })

  test('a quorum for nil is sent to who is in its round, not to who is past it', () => {
    const knowing = observer().after('start', 'prevote 0 nil by 0 1 2')
    assert.deepEqual(exchange(knowing, new Script().after('start', 'timeout propose 0')).said, ['sign precommit 0 nil'])
    assert.deepEqual(sizes(exchange(knowing, observer().after('prevote 1 A by 0 1')).sent), [0, 0, 0])
  })

  test('the proof of an older value reaches who is asked to accept it', () => {
    const leave = ['precommit 0 nil by 0 1 2', 'timeout precommit 0']
    const knowing = observer().after('start', 'prevote 0 A by 0 1 2', ...leave, 'proposal 1 A pol 0')
    const asking = new Script().after('start', 'timeout propose 0', ...leave, 'valid A')
    assert.deepEqual(exchange(knowing, asking).said, ['sign prevote 1 A'])
  })

  test('who is many rounds behind learns the round of the others, and then their votes', () => {
    const knowing = observer().after('start', 'prevote 100 A by 0 1', 'precommit 100 nil by 0')
    const asking = new Script().after('start')
    assert.deepEqual(exchange(knowing, asking).said, ['timer propose 100'])
    assert.equal(asking.core.round, 100)
    exchange(knowing, asking)
    assert.deepEqual(sizes(exchange(knowing, asking).sent), [0, 0, 0])
  })

  test('who is many rounds behind learns it also from nodes that are not in one round', () => {
    const asking = new Script().after('start')
    assert.deepEqual(exchange(observer().after('start', 'prevote 101 A by 0', 'prevote 100 A by 1 2'), asking).said, [
      'timer propose 100',
    ])
  })

  test('to who is many rounds behind go the votes of the current round and of the one before', () => {
    const knowing = observer().after('start', 'prevote 100 A by 0 1', 'prevote 99 A by 2', 'prevote 98 A by 3')
    const { votes } = exchange(knowing, observer().after('start')).sent
    assert.deepEqual(
      votes.map(vote => vote.round),
      [100, 100, 99],
    )
  })

  test('votes are sent for as many rounds ahead as the peer keeps', () => {
    const knowing = observer().after('start', 'prevote 8 A by 0', 'prevote 9 A by 1')
    const { votes } = exchange(knowing, observer().after('start')).sent
    assert.deepEqual(
      votes.map(vote => vote.round),
      [8],
    )
  })

  test('a quorum of one type does not pass for one of the other', () => {
    const knowing = observer().after('start', 'prevote 0 nil by 0 1 2')
    const asking = observer().after('start', 'precommit 0 nil by 0 1 2')
    assert.deepEqual(exchange(knowing, asking).sent.certificates, [certificateFor('prevote', 0, 'nil', [0, 1, 2])])
  })

  test('a summary names the round once there is one', () => {
    assert.equal(observer().core.summary().round, undefined)
    assert.equal(observer().after('start').core.summary().round, 0)
  })

  test('a peer at another height gets nothing', () => {
    const knowing = observer().after('start', 'prevote 0 A by 0 1 2')
    const missing = knowing.core.missingFor({ height: scriptHeight + 1, step: 'propose', rounds: [] })
    assert.deepEqual(sizes(missing), [0, 0, 0])
  })

  test('short bitmaps in a summary are read as empty', () => {
    const knowing = observer().after('start', 'prevote 0 A by 0')
    const empty = new Uint8Array(0)
    const rounds = [{ round: 0, proposals: [], prevotes: empty, precommits: empty, quorums: [] }]
    assert.equal(knowing.core.missingFor({ height: scriptHeight, round: 0, step: 'propose', rounds }).votes.length, 1)
  })

  test('exchanges end: when two nodes have told each other all, they have nothing to say', () => {
    const vote = fc
      .tuple(fc.constantFrom('prevote', 'precommit'), fc.nat(8), fc.constantFrom('A', 'B', 'nil'), fc.nat(3))
      .map(([type, round, value, index]) => `${type} ${round} ${value} by ${index}`)
    const proposal = fc.tuple(fc.nat(8), fc.constantFrom('A', 'B')).map(words => `proposal ${words.join(' ')}`)
    const sentences = fc.array(fc.oneof({ weight: 5, arbitrary: vote }, proposal), { maxLength: 60 })
    fc.assert(
      fc.property(sentences, sentences, (some, others) => {
        const left = observer().after('start', ...some)
        const right = observer().after('start', ...others)
        for (let turn = 0; turn < 6; turn += 1) {
          exchange(left, right)
          exchange(right, left)
        }
        assert.equal(left.core.round, right.core.round)
        assert.deepEqual(sizes(exchange(left, right).sent), [0, 0, 0])
        assert.deepEqual(sizes(exchange(right, left).sent), [0, 0, 0])
      }),
      { numRuns: 300 },
    )
  })
})
