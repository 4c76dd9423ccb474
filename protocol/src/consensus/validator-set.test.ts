import { describe, test } from 'node:test'
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Address, PublicKey } from '../crypto/keys.ts'
import { AssertionError } from '../lib/assert.ts'
import { DecodeError, fromBytes, toBytes } from '../lib/codec.ts'
import {
  advance,
  hashOfSet,
  makeSet,
  oneThirdOf,
  proposerAt,
  quorumOf,
  replace,
  totalPower,
  Turns,
  type Validator,
  type ValidatorSet,
  validatorSet,
} from './validator-set.ts'

const powerMax = BigInt(Number.MAX_SAFE_INTEGER)

function member(id: number, power: bigint): Validator {
  return {
    publicKey: id.toString(16).padStart(64, '0') as PublicKey,
    power,
    address: id.toString(16).padStart(40, '0') as Address,
  }
}

function membersOf(powers: readonly bigint[]): readonly Validator[] {
  return powers.map((power, id) => member(id, power))
}

const smallPowers = fc.array(fc.bigInt(1n, 40n), { minLength: 1, maxLength: 8 })
const anyPower = fc.oneof(fc.bigInt(1n, 100n), fc.bigInt(1n, powerMax), fc.constant(powerMax))
const anyMembers = fc
  .uniqueArray(fc.tuple(fc.nat(150), anyPower), { minLength: 1, maxLength: 100, selector: ([id]) => id })
  .map(entries => entries.map(([id, power]) => member(id, power)))

/** How often each proposes in the first round of `heights` heights, by public key. */
function turnsTaken(start: ValidatorSet, heights: number): { counts: Map<PublicKey, bigint>; set: ValidatorSet } {
  const counts = new Map<PublicKey, bigint>()
  let set = start
  for (let height = 0; height < heights; height += 1) {
    const key = set.validators[proposerAt(set, 0)]!.publicKey
    counts.set(key, (counts.get(key) ?? 0n) + 1n)
    set = advance(set)
  }
  return { counts, set }
}

describe('who proposes', () => {
  test('in as many heights as there is power, everybody proposes as often as its power', () => {
    fc.assert(
      fc.property(smallPowers, powers => {
        const start = makeSet(membersOf(powers))
        const { counts, set } = turnsTaken(start, Number(totalPower(start)))
        for (const { publicKey, power } of start.validators) assert.equal(counts.get(publicKey), power)
        assert.deepEqual(set, start)
      }),
    )
  })

  test('validators of equal power take turns', () => {
    const set = makeSet(membersOf([5n, 5n, 5n]))
    assert.deepEqual(
      [0, 1, 2, 3, 4].map(round => proposerAt(set, round)),
      [0, 1, 2, 0, 1],
    )
  })

  test('the next height begins one turn on, whatever round decided this one', () => {
    fc.assert(
      fc.property(smallPowers, fc.nat(20), (powers, round) => {
        const set = makeSet(membersOf(powers))
        assert.equal(proposerAt(advance(set), round), proposerAt(set, round + 1))
      }),
    )
  })

  test('turns counted once are the turns counted each time', () => {
    fc.assert(
      fc.property(anyMembers, fc.array(fc.nat(30), { maxLength: 10 }), (members, rounds) => {
        const set = makeSet(members)
        const turns = new Turns(set)
        for (const round of rounds) assert.equal(turns.proposerOf(round), proposerAt(set, round))
      }),
      { numRuns: 30 },
    )
  })

  test('the order in which members are named does not matter', () => {
    fc.assert(
      fc.property(anyMembers, fc.nat(), (members, seed) => {
        const shuffled = [...members].sort((a, b) => shuffle(a, seed) - shuffle(b, seed))
        assert.deepEqual(makeSet(shuffled), makeSet(members))
        const set = advance(makeSet(members))
        assert.deepEqual(replace(set, shuffled), replace(set, members))
      }),
    )
  })

  test('a set is ordered by power, the strongest first, then by key', () => {
    const set = makeSet([member(3, 1n), member(2, 7n), member(1, 1n), member(4, 7n)])
    assert.deepEqual(
      set.validators.map(({ publicKey }) => Number.parseInt(publicKey, 16)),
      [2, 4, 1, 3],
    )
  })
})

describe('priorities', () => {
  /** The set after a history of turns and replacements. */
  const history = fc.array(fc.oneof(fc.nat(8), anyMembers), { minLength: 1, maxLength: 12 })
  function after(start: readonly Validator[], events: readonly (number | readonly Validator[])[]): ValidatorSet {
    let set = makeSet(start)
    for (const event of events) {
      if (typeof event === 'number') for (let turn = 0; turn < event; turn += 1) set = advance(set)
      else set = replace(set, event)
    }
    return set
  }

  test('they stay within three times the power, which fits 64 bits, whatever the sets', () => {
    fc.assert(
      fc.property(anyMembers, history, (start, events) => {
        const set = advance(after(start, events))
        const total = totalPower(set)
        assert.ok(total < 1n << 60n)
        for (const priority of set.priorities) {
          assert.ok(priority <= 3n * total && priority >= -3n * total)
          assert.equal(priority, BigInt.asIntN(64, priority))
        }
      }),
      { numRuns: 100 },
    )
  })

  test('a turn leaves them centred on zero', () => {
    fc.assert(
      fc.property(anyMembers, history, (start, events) => {
        const set = advance(after(start, events))
        const sum = set.priorities.reduce((total, priority) => total + priority, 0n)
        assert.ok(sum >= 0n && sum < BigInt(set.priorities.length))
      }),
      { numRuns: 100 },
    )
  })

  test('a turn leaves them within twice the power of each other, give or take the turn itself', () => {
    const set: ValidatorSet = { ...makeSet(membersOf([1n, 1n, 1n])), priorities: [1000n, 0n, -1000n] }
    // Scaled by 334, as the spread of 2000 may be 6: 2, 0, -2. Then everybody gets 1 and the first pays 3.
    assert.deepEqual(advance(set).priorities, [0n, 1n, -1n])
  })

  test('who stays keeps its place in the queue, also with another power', () => {
    const set = advance(makeSet([member(1, 10n), member(2, 10n), member(3, 10n)]))
    const replaced = replace(set, [member(3, 10n), member(1, 50n)])
    assert.deepEqual(
      replaced.priorities,
      replaced.validators.map(
        ({ publicKey }) => set.priorities[set.validators.findIndex(other => other.publicKey === publicKey)],
      ),
    )
  })

  test('who leaves and comes back has not gained a turn', () => {
    const members = [member(1, 10n), member(2, 10n), member(3, 10n)]
    const set = advance(makeSet(members))
    assert.equal(set.validators[0]?.publicKey, member(1, 10n).publicKey)
    const returned = replace(replace(set, members.slice(1)), members)
    assert.equal(returned.priorities[0], -33n)
    assert.ok(returned.priorities[0]! < set.priorities[0]!)
  })

  test('after any change of members everybody has its turns again', () => {
    fc.assert(
      fc.property(smallPowers, smallPowers, (before, then) => {
        const set = replace(advance(makeSet(membersOf(before))), membersOf(then))
        const total = Number(totalPower(set))
        const settled = turnsTaken(set, 8 * total).set
        const { counts } = turnsTaken(settled, total)
        for (const { publicKey, power } of set.validators) {
          const difference = (counts.get(publicKey) ?? 0n) - power
          assert.ok(difference >= -1n && difference <= 1n)
        }
      }),
      { numRuns: 50 },
    )
  })
})

describe('power', () => {
  test('a quorum is the least that is more than two thirds, a third the least that is more than one', () => {
    fc.assert(
      fc.property(fc.oneof(fc.bigInt(1n, 30n), fc.bigInt(1n, powerMax * 100n)), total => {
        assert.ok(quorumOf(total) * 3n > total * 2n && (quorumOf(total) - 1n) * 3n <= total * 2n)
        assert.ok(oneThirdOf(total) * 3n > total && (oneThirdOf(total) - 1n) * 3n <= total)
      }),
    )
  })

  test('two quorums share more than a third', () => {
    fc.assert(
      fc.property(fc.bigInt(1n, powerMax), total => assert.ok(2n * quorumOf(total) - total >= oneThirdOf(total))),
    )
  })

  test('a set of the strongest validators there can be stays below 2^60', () => {
    const set = makeSet(membersOf(Array.from({ length: 100 }, () => powerMax)))
    assert.ok(totalPower(set) < 1n << 60n)
  })

  for (const [claim, members] of [
    ['no members', []],
    ['more than 100 members', membersOf(Array.from({ length: 101 }, () => 1n))],
    ['a member without power', [member(1, 0n)]],
    ['a member with negative power', [member(1, -1n)]],
    ['a power of 2^53', [member(1, powerMax + 1n)]],
    ['a key twice', [member(1, 1n), member(1, 2n)]],
  ] as const) {
    test(`a set with ${claim} is a bug`, () => {
      assert.throws(() => makeSet(members), AssertionError)
    })
  }
})

describe('what commits to a set', () => {
  test('its hash changes with keys, powers and addresses', () => {
    const members = membersOf([3n, 2n])
    const hashes = [
      members,
      [members[0]!, { ...members[1]!, power: 1n }],
      [members[0]!, { ...members[1]!, publicKey: 'f'.repeat(64) as PublicKey }],
      [members[0]!, { ...members[1]!, address: 'f'.repeat(40) as Address }],
      [members[0]!],
    ].map(changed => hashOfSet(makeSet(changed)))
    assert.equal(new Set(hashes).size, hashes.length)
  })

  test('its hash does not change with priorities, its row in the state does', () => {
    const set = makeSet(membersOf([3n, 2n]))
    assert.equal(hashOfSet(advance(set)), hashOfSet(set))
    assert.notDeepEqual(toBytes(validatorSet, advance(set)), toBytes(validatorSet, set))
  })

  test('a row and its JSON are read back as they were written', () => {
    fc.assert(
      fc.property(anyMembers, fc.nat(5), (members, turns) => {
        let set = makeSet(members)
        for (let turn = 0; turn < turns; turn += 1) set = advance(set)
        assert.deepEqual(fromBytes(validatorSet, toBytes(validatorSet, set)), set)
        assert.deepEqual(validatorSet.fromJson(validatorSet.toJson(set)), set)
      }),
      { numRuns: 50 },
    )
  })

  for (const bad of ['', '-', '-0', '01', '1.5', '9223372036854775808', '-9223372036854775809', 5, null]) {
    test(`${JSON.stringify(bad)} is no priority`, () => {
      const json = validatorSet.toJson(makeSet(membersOf([1n]))) as { validators: []; priorities: [] }
      assert.throws(() => validatorSet.fromJson({ ...json, priorities: [bad] }), DecodeError)
    })
  }

  test('the least and the greatest priorities are read as themselves', () => {
    const set = makeSet(membersOf([2n, 1n]))
    const extreme = { ...set, priorities: [-(1n << 63n), (1n << 63n) - 1n] }
    assert.deepEqual(fromBytes(validatorSet, toBytes(validatorSet, extreme)), extreme)
    assert.deepEqual(validatorSet.fromJson(validatorSet.toJson(extreme)), extreme)
  })
})

function shuffle({ publicKey }: Validator, seed: number): number {
  return Math.imul(Number.parseInt(publicKey.slice(-4), 16) + 1, (seed | 1) * 2_654_435_761) >>> 0
}
