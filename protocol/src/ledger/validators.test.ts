import assert from 'node:assert/strict'
import test from 'node:test'
import { actor } from '../../../test/helpers/actors.ts'
import { LedgerRun } from '../../../test/helpers/ledger-run.ts'
import { proposerAt } from '../consensus/validator-set.ts'
import { validatorsAt } from './validators.ts'

const stakes = { val: 4n, vera: 4n, vito: 1n }

test('the state of a height knows its own set and the next two, and no others', () => {
  const run = new LedgerRun({ stakes })
  for (let height = 1; height <= 5; height++) {
    run.block()
    for (const known of [height, height + 1, height + 2]) {
      assert.equal(validatorsAt(run.view, known).validators.length, 3)
    }
    for (const unknown of [height - 1, height + 3]) {
      assert.throws(() => validatorsAt(run.view, unknown), /holds the validator set of height/)
    }
  }
})

test('a set does not change once it is known', () => {
  const run = new LedgerRun({ stakes })
  for (let height = 1; height <= 5; height++) {
    const announced = validatorsAt(run.view, height + 1)
    run.block()
    assert.deepEqual(validatorsAt(run.view, height + 1), announced)
  }
})

test('over time each validator proposes as often as its stake says', () => {
  const run = new LedgerRun({ stakes })
  const turns = new Map<string, number>()
  for (let height = 1; height <= 90; height++) {
    const set = validatorsAt(run.view, height)
    const { publicKey } = set.validators[proposerAt(set, 0)] ?? assert.fail('a set has a proposer')
    turns.set(publicKey, (turns.get(publicKey) ?? 0) + 1)
    run.block()
  }
  assert.deepEqual(
    ['val', 'vera', 'vito'].map(name => turns.get(actor(name).consensusKey)),
    [40, 40, 10],
  )
})
