/** Algorithm 1 of arXiv 1807.04938 line by line. We are validator 3 of 4 unless said otherwise: proposer of round 3. */
import { describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { Script, setOf } from '../../../test/helpers/consensus-script.ts'

const leaveRound0 = ['precommit 0 nil by 0 1 2', 'timeout precommit 0'] as const
const leaveRound1 = ['precommit 1 nil by 0 1 2', 'timeout precommit 1'] as const
/** Locks A in round 0. */
const lockA = ['start', 'proposal 0 A', 'valid A', 'prevote 0 A by 0 1'] as const

describe('L10 to L21, the start of a round', () => {
  test('a proposer without an older value asks for a block and proposes it', () => {
    new Script({ self: 0 }).expect(
      ['start', 'timer propose 0', 'build 0'],
      ['value 0 A', 'sign proposal 0 A', 'sign prevote 0 A'],
    )
  })

  test('everybody else waits for the proposal', () => {
    new Script().expect(['start', 'timer propose 0'])
  })

  test('a second start changes nothing', () => {
    new Script({ self: 0 }).after('start').expect(['start'])
  })

  test('a proposer with a valid value proposes it again, with its polka', () => {
    new Script({ self: 1 })
      .after('start', 'proposal 0 A', 'valid A', 'prevote 0 A by 0 2', 'precommit 0 nil by 0 2')
      .expect([
        'timeout precommit 0',
        'timer propose 1',
        'show prevote 0 A by 0 1 2',
        'sign proposal 1 A pol 0',
        'sign prevote 1 A',
      ])
  })

  test('the latest valid value is proposed, not the one that is locked', () => {
    new Script({ self: 2 })
      .after('start', 'proposal 0 A', 'valid A', 'prevote 0 A by 0 1', 'precommit 0 nil by 0 1', 'timeout precommit 0')
      // Our precommit of round 1 is nil before the polka for B is complete, so A stays locked.
      .after('timeout propose 1', 'prevote 1 B by 0 1', 'timeout prevote 1', 'prevote 1 B by 3', 'valid B')
      .after('precommit 1 nil by 0 1')
      .expect([
        'timeout precommit 1',
        'timer propose 2',
        'show prevote 1 B by 0 1 3',
        'sign proposal 2 B pol 1',
        'sign prevote 2 B',
      ])
  })

  test('a block that is built too late is not proposed', () => {
    new Script({ self: 0 }).expect(
      ['start', 'timer propose 0', 'build 0'],
      ['timeout propose 0', 'sign prevote 0 nil'],
      ['value 0 A'],
    )
  })

  test('a block for a round that is over is not proposed', () => {
    new Script({ self: 0 }).after('start', ...leaveRound0).expect(['value 0 A'], ['value 1 A'])
  })

  test('a second block for the same round is not proposed', () => {
    new Script({ self: 0 }).after('start', 'value 0 A').expect(['value 0 B'])
  })

  test('a node outside the set follows without a voice', () => {
    new Script({ self: 'observer' }).expect(
      ['start', 'timer propose 0'],
      ['proposal 0 A', 'validate A'],
      ['valid A'],
      ['prevote 0 A by 0 1 2', 'show prevote 0 A by 0 1 2'],
      ['precommit 0 A by 0 1 2', 'show precommit 0 A by 0 1 2', 'decide 0 A'],
    )
  })

  test('a lone validator decides alone', () => {
    new Script({ set: setOf(5), self: 0 }).expect(
      ['start', 'timer propose 0', 'build 0'],
      [
        'value 0 A',
        'sign proposal 0 A',
        'sign prevote 0 A',
        'show prevote 0 A by 0',
        'sign precommit 0 A',
        'show precommit 0 A by 0',
        'decide 0 A',
      ],
    )
  })
})

describe('L22 and L23, a new value', () => {
  test('a valid value gets the prevote of who is not locked', () => {
    new Script().after('start').expect(['proposal 0 A', 'validate A'], ['valid A', 'sign prevote 0 A'])
  })

  test('an invalid value gets nil', () => {
    new Script().after('start').expect(['proposal 0 A', 'validate A'], ['invalid A', 'sign prevote 0 nil'])
  })

  test('nothing is said while validity is unknown', () => {
    new Script()
      .after('start')
      .expect(['proposal 0 A', 'validate A'], ['timeout propose 0', 'sign prevote 0 nil'], ['valid A'])
  })

  test('a value that is not timely gets nil without waiting for its validity', () => {
    new Script().after('start').expect(['proposal 0 A late', 'validate A', 'sign prevote 0 nil'])
  })

  test('the value that is locked gets the prevote when it comes as new', () => {
    new Script().after(...lockA, ...leaveRound0).expect(['proposal 1 A', 'sign prevote 1 A'])
  })

  test('another value than the one that is locked gets nil without waiting for its validity', () => {
    new Script().after(...lockA, ...leaveRound0).expect(['proposal 1 B', 'validate B', 'sign prevote 1 nil'])
  })

  test('another value than the one that is locked gets nil although it is valid', () => {
    new Script().after(...lockA, 'valid B', ...leaveRound0).expect(['proposal 1 B', 'sign prevote 1 nil'])
  })

  test('the value that is locked gets nil when it comes as new and late', () => {
    new Script().after(...lockA, ...leaveRound0).expect(['proposal 1 A late', 'sign prevote 1 nil'])
  })

  test('a proposal counts once its round begins', () => {
    new Script()
      .after('start', 'valid A')
      .expect(
        ['proposal 1 A'],
        ['precommit 0 nil by 0 1 2', 'timer precommit 0'],
        ['timeout precommit 0', 'timer propose 1', 'sign prevote 1 A'],
      )
  })

  test('a proposal of a past round gets no prevote', () => {
    new Script().after('start', 'valid A', ...leaveRound0).expect(['proposal 0 A'])
  })

  test('who has prevoted does not prevote again in the round', () => {
    new Script().after('start', 'valid A', 'timeout propose 0').expect(['proposal 0 A'])
  })

  test('the second proposal of a proposer is judged while the first waits for its validity', () => {
    new Script()
      .after('start', 'valid B')
      .expect(['proposal 0 A', 'validate A'], ['proposal 0 B', 'evidence 0 proposal 0', 'sign prevote 0 B'])
  })
})

describe('L28, an older value', () => {
  test('it waits for the polka it names', () => {
    new Script()
      .after('start', 'timeout propose 0', ...leaveRound0)
      .expect(
        ['proposal 1 A pol 0', 'validate A'],
        ['valid A'],
        ['prevote 0 A by 0 1 2', 'show prevote 0 A by 0 1 2', 'sign prevote 1 A'],
      )
  })

  test('a certificate is as good as the votes', () => {
    new Script()
      .after('start', 'timeout propose 0', ...leaveRound0, 'proposal 1 A pol 0', 'valid A')
      .expect(['certificate prevote 0 A by 0 1 2', 'sign prevote 1 A'])
  })

  test('a polka for another value does not do', () => {
    new Script()
      .after('start', 'timeout propose 0', ...leaveRound0, 'valid A', 'prevote 0 B by 0 1 2')
      .expect(['proposal 1 A pol 0'])
  })

  test('a polka of another round does not do', () => {
    new Script()
      .after('start', 'timeout propose 0', ...leaveRound0, 'timeout propose 1', ...leaveRound1)
      .after('valid A', 'prevote 1 A by 0 1 2')
      .expect(['proposal 2 A pol 0'], ['certificate prevote 0 A by 0 1 2', 'sign prevote 2 A'])
  })

  test('a polka of the same or a later round is no proof: the proposal is not even kept', () => {
    const script = new Script().after('start', 'valid A')
    script.expect(['proposal 0 A pol 0'], ['proposal 0 A pol 1'], ['certificate prevote 0 A by 0 1 2'])
    assert.equal(script.core.currentStep, 'propose')
  })

  test('its time does not matter', () => {
    new Script()
      .after('start', 'timeout propose 0', ...leaveRound0, 'certificate prevote 0 A by 0 1 2', 'valid A')
      .expect(['proposal 1 A pol 0 late', 'sign prevote 1 A'])
  })

  test('who has prevoted does not prevote again in the round', () => {
    new Script()
      .after(
        'start',
        'timeout propose 0',
        ...leaveRound0,
        'certificate prevote 0 A by 0 1 2',
        'valid A',
        'timeout propose 1',
      )
      .expect(['proposal 1 A pol 0'])
  })
})

describe('L29, what an older value needs, in nine rows', () => {
  const lateB = 'certificate prevote 0 B by 0 1 2'
  const missRound0 = ['start', 'timeout propose 0', ...leaveRound0] as const
  const missRound1 = ['timeout propose 1', ...leaveRound1] as const
  /** Locks A in round 1. */
  const lockAInRound1 = [...missRound0, 'proposal 1 A', 'valid A', 'prevote 1 A by 0 1', ...leaveRound1] as const

  const rows: readonly {
    readonly locked: string
    readonly before: readonly string[]
    readonly proposal: string
    readonly verdict: 'valid' | 'invalid'
    readonly prevote: string
  }[] = [
    { locked: 'nothing', before: [...missRound0, lateB], proposal: '1 B pol 0', verdict: 'valid', prevote: '1 B' },
    { locked: 'nothing', before: [...missRound0, lateB], proposal: '1 B pol 0', verdict: 'invalid', prevote: '1 nil' },
    {
      locked: 'the same before',
      before: [...lockA, ...leaveRound0, ...missRound1, 'certificate prevote 1 A by 0 1 2'],
      proposal: '2 A pol 1',
      verdict: 'valid',
      prevote: '2 A',
    },
    {
      locked: 'the same then',
      before: [...lockA, ...leaveRound0],
      proposal: '1 A pol 0',
      verdict: 'valid',
      prevote: '1 A',
    },
    {
      locked: 'the same since',
      before: [...lockAInRound1, 'certificate prevote 0 A by 0 1 2'],
      proposal: '2 A pol 0',
      verdict: 'valid',
      prevote: '2 A',
    },
    {
      locked: 'another before',
      before: [...lockA, ...leaveRound0, ...missRound1, 'certificate prevote 1 B by 0 1 2'],
      proposal: '2 B pol 1',
      verdict: 'valid',
      prevote: '2 B',
    },
    {
      locked: 'another before',
      before: [...lockA, ...leaveRound0, ...missRound1, 'certificate prevote 1 B by 0 1 2'],
      proposal: '2 B pol 1',
      verdict: 'invalid',
      prevote: '2 nil',
    },
    {
      locked: 'another since',
      before: [...lockAInRound1, lateB],
      proposal: '2 B pol 0',
      verdict: 'valid',
      prevote: '2 nil',
    },
    {
      locked: 'another since',
      before: [...lockAInRound1, lateB],
      proposal: '2 B pol 0',
      verdict: 'invalid',
      prevote: '2 nil',
    },
  ]
  for (const { locked, before, proposal, verdict, prevote } of rows) {
    test(`locked ${locked}: ${verdict} ${proposal} gets ${prevote}`, () => {
      const block = proposal.split(' ')[1] as string
      new Script().after(...before, `${verdict} ${block}`).expect([`proposal ${proposal}`, `sign prevote ${prevote}`])
    })
  }

  test('locked another in the round of the polka: the lock gives way', () => {
    // Takes a third of the power to happen: two polkas in one round.
    new Script().after(...lockA, ...leaveRound0, lateB, 'valid B').expect(['proposal 1 B pol 0', 'sign prevote 1 B'])
  })
})

describe('L34, prevotes without agreement', () => {
  test('more than two thirds of whatever start the timer, once', () => {
    new Script()
      .after('start', 'timeout propose 0')
      .expect(['prevote 0 A by 0'], ['prevote 0 B by 1', 'timer prevote 0'], ['prevote 0 C by 2'])
  })

  test('who has not prevoted yet does not start it', () => {
    new Script()
      .after('start')
      .expect(
        ['prevote 0 A by 0 1'],
        ['prevote 0 B by 2'],
        ['timeout propose 0', 'sign prevote 0 nil', 'timer prevote 0'],
      )
  })

  test('votes of one validator count once', () => {
    new Script()
      .after('start', 'timeout propose 0')
      .expect(['prevote 0 A by 0 0'], ['prevote 0 B by 0', 'evidence 0 prevote 0'], ['prevote 0 C by 0'])
  })
})

describe('L36 to L43, a polka for a block', () => {
  test('it locks, precommits, and is remembered as valid', () => {
    new Script()
      .after('start', 'proposal 0 A', 'valid A')
      .expect(
        ['prevote 0 A by 0'],
        ['prevote 0 A by 1', 'show prevote 0 A by 0 1 3', 'sign precommit 0 A'],
        ['precommit 0 nil by 0 1', 'timer precommit 0'],
        ['timeout precommit 0', 'timer propose 1'],
        ['proposal 1 B', 'validate B', 'sign prevote 1 nil'],
      )
  })

  test('it waits until the block is known to be valid', () => {
    new Script()
      .after('start', 'timeout propose 0')
      .expect(
        ['prevote 0 A by 0 1 2', 'timer prevote 0', 'show prevote 0 A by 0 1 2', 'validate A'],
        ['valid A', 'sign precommit 0 A'],
      )
  })

  test('it does nothing for a block that is invalid', () => {
    new Script()
      .after('start', 'timeout propose 0', 'prevote 0 A by 0 1 2')
      .expect(['invalid A'], ['timeout prevote 0', 'sign precommit 0 nil'])
  })

  test('it waits until we have prevoted', () => {
    new Script()
      .after('start', 'valid A')
      .expect(
        ['prevote 0 A by 0 1 2', 'show prevote 0 A by 0 1 2'],
        ['timeout propose 0', 'sign prevote 0 nil', 'sign precommit 0 A'],
      )
  })

  test('after a precommit it no longer locks but is remembered as valid', () => {
    const late = [
      'start',
      'timeout propose 0',
      'prevote 0 A by 0 1',
      'timeout prevote 0',
      'prevote 0 A by 2',
      'valid A',
    ] as const
    new Script().after(...late, ...leaveRound0, 'valid B').expect(['proposal 1 B', 'sign prevote 1 B'])
    new Script()
      .after(...late, ...leaveRound0, 'timeout propose 1', ...leaveRound1, 'timeout propose 2')
      .after('precommit 2 nil by 0 1 2')
      .expect([
        'timeout precommit 2',
        'timer propose 3',
        'show prevote 0 A by 0 1 2',
        'sign proposal 3 A pol 0',
        'sign prevote 3 A',
      ])
  })

  test('a polka of a past round does not lock and is not remembered', () => {
    new Script()
      .after('start', 'timeout propose 0', ...leaveRound0, 'certificate prevote 0 A by 0 1 2', 'valid A', 'valid B')
      .expect(['proposal 1 B', 'sign prevote 1 B'])
  })

  test('a later polka for another block moves the lock', () => {
    new Script()
      .after(...lockA, ...leaveRound0, 'proposal 1 B', 'valid B')
      .expect(['prevote 1 B by 0 1 2', 'timer prevote 1', 'show prevote 1 B by 0 1 2', 'sign precommit 1 B'])
      .after(...leaveRound1)
      .expect(['proposal 2 A', 'sign prevote 2 nil'])
  })
})

describe('L44, a polka for nil', () => {
  test('it precommits nil', () => {
    new Script()
      .after('start', 'timeout propose 0')
      .expect(['prevote 0 nil by 0'], ['prevote 0 nil by 1', 'show prevote 0 nil by 0 1 3', 'sign precommit 0 nil'])
  })

  test('it waits until we have prevoted', () => {
    new Script()
      .after('start')
      .expect(
        ['prevote 0 nil by 0 1 2', 'show prevote 0 nil by 0 1 2'],
        ['timeout propose 0', 'sign prevote 0 nil', 'sign precommit 0 nil'],
      )
  })

  test('more than two thirds of whatever are no polka for nil', () => {
    new Script()
      .after('start', 'timeout propose 0')
      .expect(['prevote 0 nil by 0'], ['prevote 0 A by 1', 'timer prevote 0'])
  })
})

describe('L47, precommits without agreement', () => {
  test('more than two thirds of whatever start the timer, once, in any step', () => {
    new Script()
      .after('start')
      .expect(['precommit 0 A by 0 1'], ['precommit 0 nil by 2', 'timer precommit 0'], ['precommit 0 nil by 3'])
  })

  test('those of another round do not', () => {
    new Script().after('start', ...leaveRound0).expect(['precommit 0 A by 3'])
  })
})

describe('L49, the decision', () => {
  test('more than two thirds of precommits for a valid block decide it', () => {
    new Script()
      .after('start', 'proposal 0 A', 'valid A')
      .expect(['precommit 0 A by 0 1'], ['precommit 0 A by 2', 'show precommit 0 A by 0 1 2', 'decide 0 A'])
  })

  test('two thirds exactly do not', () => {
    new Script({ set: setOf(2, 2, 2, 1), self: 'observer' }).after('start', 'valid A').expect(['precommit 0 A by 0 1'])
    new Script({ set: setOf(2, 2, 2), self: 'observer' }).after('start', 'valid A').expect(['precommit 0 A by 0 1'])
  })

  test('power counts, not heads', () => {
    new Script({ set: setOf(8, 1, 1, 1), self: 'observer' })
      .after('start', 'valid A')
      .expect(['precommit 0 A by 0', 'show precommit 0 A by 0', 'decide 0 A'])
    new Script({ set: setOf(8, 1, 1, 1), self: 'observer' })
      .after('start', 'valid A')
      .expect(['precommit 0 A by 1 2 3'])
  })

  test('it waits for the block, asked for once', () => {
    new Script()
      .after('start')
      .expect(
        ['precommit 0 A by 0 1 2', 'show precommit 0 A by 0 1 2', 'validate A', 'timer precommit 0'],
        ['timeout precommit 0', 'timer propose 1'],
        ['valid A', 'decide 0 A'],
      )
  })

  test('it holds for any round, past or to come', () => {
    new Script()
      .after('start', 'prevote 5 nil by 0 1', 'valid A')
      .expect(['certificate precommit 0 A by 0 1 2', 'decide 0 A'])
    new Script().after('start', 'valid A').expect(['certificate precommit 70 A by 0 1 2', 'decide 70 A'])
  })

  test('precommits of different rounds do not add up', () => {
    new Script().after('start', 'valid A', ...leaveRound0).expect(['precommit 1 A by 0 1'], ['precommit 0 A by 3'])
  })

  test('prevotes do not decide', () => {
    const script = new Script().after('start', 'valid A', 'prevote 0 A by 0 1 2')
    assert.equal(script.core.decision, undefined)
  })

  test('nothing follows', () => {
    new Script()
      .after('start', 'valid A', 'certificate precommit 0 A by 0 1 2')
      .expect(['timeout propose 0'], ['proposal 0 A'], ['prevote 5 A by 0 1 2'], ['value 0 A'], ['precommit 0 A by 3'])
  })

  test('who finds the block of the others invalid stops', () => {
    new Script()
      .after('start', 'proposal 0 A', 'invalid A')
      .expect(['certificate precommit 0 A by 0 1 2', 'halt 0 A'], ['precommit 0 nil by 0 1 2'], ['timeout precommit 0'])
  })
})

describe('L55, others are in a later round', () => {
  test('more than a third of them take us there, the two types of votes together', () => {
    new Script().after('start').expect(['prevote 2 A by 0'], ['precommit 2 nil by 1', 'timer propose 2'])
  })

  test('two votes of one validator do not', () => {
    new Script().after('start').expect(['prevote 2 A by 0'], ['precommit 2 nil by 0'])
  })

  test('one third exactly does not', () => {
    new Script({ set: setOf(1, 1, 1), self: 'observer' }).after('start').expect(['prevote 2 A by 0'])
  })

  test('votes of different later rounds do not add up', () => {
    new Script().after('start').expect(['prevote 2 A by 0'], ['prevote 3 A by 1'])
  })

  test('votes of past rounds do nothing', () => {
    new Script().after('start', 'prevote 5 A by 0 1').expect(['prevote 4 A by 0 1 2', 'show prevote 4 A by 0 1 2'])
  })

  test('the votes that took us there count there', () => {
    new Script()
      .after('start', 'valid A')
      .expect(
        ['prevote 2 A by 0 1', 'timer propose 2'],
        ['proposal 2 A', 'sign prevote 2 A', 'show prevote 2 A by 0 1 3', 'sign precommit 2 A'],
      )
  })

  test('votes may begin a height that has not started', () => {
    new Script().expect(['prevote 0 A by 0'], ['prevote 0 A by 1', 'timer propose 0'], ['start'])
  })
})

describe('L57 to L67, time-outs', () => {
  test('no proposal: prevote nil', () => {
    new Script().after('start').expect(['timeout propose 0', 'sign prevote 0 nil'], ['timeout propose 0'])
  })

  test('no agreement of prevotes: precommit nil', () => {
    new Script()
      .after('start', 'timeout propose 0', 'prevote 0 A by 0 1')
      .expect(['timeout prevote 0', 'sign precommit 0 nil'], ['timeout prevote 0'])
  })

  test('no agreement of precommits: the next round', () => {
    new Script()
      .after('start', 'precommit 0 nil by 0 1 2')
      .expect(['timeout precommit 0', 'timer propose 1'], ['timeout precommit 0'])
  })

  test('timers of another round are stale', () => {
    new Script()
      .after('start', ...leaveRound0)
      .expect(['timeout propose 0'], ['timeout prevote 0'], ['timeout precommit 0'], ['timeout propose 2'])
  })

  test('timers of another height are stale', () => {
    const script = new Script().after('start')
    assert.deepEqual(script.feed({ type: 'timeout', height: 6, round: 0, step: 'propose' }), [])
  })

  test('a timer of another step is stale', () => {
    new Script()
      .after('start', 'timeout propose 0', 'timeout prevote 0')
      .expect(['timeout prevote 0'], ['timeout propose 0'])
    new Script().after('start').expect(['timeout prevote 0'])
  })
})
