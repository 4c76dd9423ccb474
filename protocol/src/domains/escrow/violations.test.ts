import assert from 'node:assert/strict'
import test from 'node:test'
import { actor } from '../../../../test/helpers/actors.ts'
import { depositor, EscrowRun } from '../../../../test/helpers/escrow-run.ts'
import { hash } from '../../crypto/hash.ts'
import { Draft } from '../../ledger/state.ts'
import { lock, unlock } from '../accounts/index.ts'
import { type Escrow, escrows, escrowTerms, putProgress } from './rows.ts'
import { violations } from './violations.ts'

const rule = { id: 'own', cap: 40n }

/** What is found in the rows of an escrow of 100, 30 of which its rule has paid, after somebody broke them. */
function found(
  spoil: (draft: Draft, id: Parameters<typeof escrows.get>[1], escrow: Escrow) => void,
): readonly string[] {
  const run = new EscrowRun()
  const id = run.create({ releaseRules: [{ id: 'own', cap: 40 }] })
  assert.equal(run.act(depositor, 'release', { id, amount: 30, ruleId: 'own' }), 'applied')
  const draft = new Draft(run.view)
  assert.deepEqual(violations(draft), [])
  const key = hash.fromJson(id)
  spoil(draft, key, escrows.get(draft, key) ?? assert.fail('it is there'))
  return violations(draft).map(sentence => sentence.replaceAll(key, 'X').replaceAll(actor(depositor).address, 'alice'))
}

const breaches: readonly (readonly [what: string, spoil: Parameters<typeof found>[0], sentences: readonly RegExp[]])[] =
  [
    [
      'more left than came in',
      (draft, id, row) => escrows.set(draft, id, { ...row, refunded: 80n }),
      [/X paid 30 and 80 of 100/, /is funded/, /had 100 paid in and 30 out, but says 100 and 110/],
    ],
    [
      'an empty one is funded',
      (draft, id, row) => escrows.set(draft, id, { ...row, refunded: 70n }),
      [/is funded with 30 and 70/, /30 out, but says 100 and 100/],
    ],
    [
      'a full one is closed',
      (draft, id, row) => escrows.set(draft, id, { ...row, state: 'released' }),
      [/is released with 30 and 0/],
    ],
    [
      'an event is missing',
      (draft, id, row) => escrows.set(draft, id, { ...row, events: 3 }),
      [/does not have 3 events/],
    ],
    [
      'an event is too many',
      (draft, id, row) => escrows.set(draft, id, { ...row, events: 1 }),
      [/does not have 1 events/, /had 100 paid in and 0 out/, /rule own that does not remember/],
    ],
    [
      'a rule paid more than its cap and than left',
      (draft, id) => putProgress(draft, id, rule, { paid: 41n, approvals: [] }),
      [/paid 41 by rules, but 30/, /more than its cap/, /rule own that does not remember/],
    ],
    [
      'an approval is left that nobody gave since the payment',
      (draft, id) =>
        putProgress(draft, id, rule, { paid: 30n, approvals: [{ did: actor(depositor).did, amount: 5n }] }),
      [/rule own that does not remember/],
    ],
    [
      'less is locked than held',
      draft => unlock(draft, actor(depositor).address, 1n),
      [/alice has 69 locked, but its escrows hold 70/],
    ],
  ]

for (const [what, spoil, sentences] of breaches) {
  test(`the check of a state sees that ${what}`, () => {
    const said = found(spoil)
    assert.equal(said.length, sentences.length, said.join('; '))
    sentences.forEach((sentence, index) => assert.match(said[index] ?? '', sentence))
  })
}

test('an account may have locked more than its escrows hold', () => {
  const more = found((draft, id) => {
    assert.ok(escrowTerms.get(draft, id) !== undefined)
    assert.ok(lock(draft, actor(depositor).address, 5n, { object: id, payees: [] }))
  })
  assert.deepEqual(more, [])
})
