import assert from 'node:assert/strict'
import test from 'node:test'
import { actor } from '../../../../test/helpers/actors.ts'
import { beneficiary, depositor, didOf, EscrowRun, type Fields } from '../../../../test/helpers/escrow-run.ts'
import { genesisTimeMs } from '../../../../test/helpers/ledger-run.ts'
import { digest } from '../../crypto/hash.ts'
import { toHex } from '../../lib/bytes.ts'
import type { Json } from '../../lib/codec.ts'

const dueMs = genesisTimeMs + 500_000
const secret = new TextEncoder().encode('open sesame')
const lock = `0x${toHex(digest(secret))}`
const key = `0x${toHex(secret)}`

/** An escrow of 100 with one release rule besides. */
function ruled(rule: Fields): { readonly run: EscrowRun; readonly id: string } {
  const run = new EscrowRun()
  return { run, id: run.create({ releaseRules: [{ id: 'own' }, { id: 'rule', ...rule } as Json] }) }
}

test('a rule pays from its time on, and another until its time', () => {
  for (const [when, codes] of [
    [{ after: dueMs }, ['rule_does_not_hold', 'applied', 'applied']],
    [{ before: dueMs }, ['applied', 'rule_does_not_hold', 'rule_does_not_hold']],
  ] as const) {
    const { run, id } = ruled({ when })
    const answers = [-1, 0, 1].map(from =>
      run.act(beneficiary, 'release', { id, amount: 5, ruleId: 'rule' }, dueMs + from),
    )
    assert.deepEqual(answers, codes)
  }
})

test('a preimage opens a rule for any party, and only the right one does', () => {
  const { run, id } = ruled({ when: { preimage: lock } })
  const order = { id, amount: 40, ruleId: 'rule' }
  assert.equal(run.act(beneficiary, 'release', order), 'rule_does_not_hold')
  assert.equal(run.act(beneficiary, 'release', { ...order, preimage: '0x00' }), 'rule_does_not_hold')
  assert.equal(run.act('stranger', 'release', { ...order, preimage: key }), 'sender_is_no_party')
  assert.equal(run.act(beneficiary, 'release', { ...order, preimage: key }), 'applied')
  assert.equal(run.sums(id), 'funded 100 = 40 + 0 + 60')
  assert.throws(() => run.send(beneficiary, 'release', { ...order, preimage: `0x${'00'.repeat(65)}` }), /0 to 64 bytes/)
})

test('a cap counts all that its rule has paid, and nothing else', () => {
  const { run, id } = ruled({ cap: 30, when: { after: 0 } })
  const by = { id, ruleId: 'rule' }
  assert.equal(run.act(beneficiary, 'release', { ...by, amount: 31 }), 'amount_exceeds_cap')
  assert.equal(run.act(beneficiary, 'release', { ...by, amount: 20 }), 'applied')
  assert.equal(run.act(depositor, 'release', { id, amount: 25 }), 'applied')
  assert.equal(run.act(beneficiary, 'release', { ...by, amount: 11 }), 'amount_exceeds_cap')
  assert.equal(run.act(beneficiary, 'release', { ...by, amount: 10 }), 'applied')
  assert.equal(run.act(beneficiary, 'release', { ...by, amount: 1 }), 'amount_exceeds_cap')
  assert.equal(run.act(beneficiary, 'release', by), 'amount_exceeds_cap')
  assert.equal(run.sums(id), 'funded 100 = 55 + 0 + 45')
})

test('a cap stays used up when the escrow is funded again', () => {
  const { run, id } = ruled({ cap: 30, when: { after: 0 } })
  assert.equal(run.act(beneficiary, 'release', { id, ruleId: 'rule' }), 'applied')
  assert.equal(run.act(depositor, 'fund', { id, amount: 50 }), 'applied')
  assert.equal(run.act(beneficiary, 'release', { id, ruleId: 'rule' }), 'amount_exceeds_cap')
  assert.equal(run.sums(id), 'funded 150 = 30 + 0 + 120')
})

test('without an amount a rule pays all that is held, up to its cap; more than is held is never paid', () => {
  const { run, id } = ruled({ to: didOf('payee'), cap: 70, when: { after: 0 } })
  assert.equal(run.act('payee', 'release', { id, amount: 101, ruleId: 'rule' }), 'amount_exceeds_held')
  assert.equal(run.act('payee', 'release', { id, ruleId: 'rule' }), 'applied')
  assert.equal(run.available('payee'), 1_000n - 2n + 70n)
  assert.equal(run.act(depositor, 'release', { id, amount: 31 }), 'amount_exceeds_held')
  assert.equal(run.act(beneficiary, 'refund', { id, amount: 31 }), 'amount_exceeds_held')
  assert.equal(run.act(depositor, 'refund', { id, amount: 31 }), 'amount_exceeds_held')
  assert.equal(run.act(depositor, 'release', { id }), 'applied')
  assert.equal(run.sums(id), 'released 100 = 100 + 0 + 0')
})

test('a refund takes the first rule that allows it, which counts against its cap', () => {
  const run = new EscrowRun()
  const refundRules = [
    { id: 'later', when: { after: dueMs } },
    { id: 'little', cap: 10, when: { sig: didOf(depositor) } },
    { id: 'much', cap: 50, when: { sig: didOf(depositor) } },
  ]
  const id = run.create({ refundRules })
  assert.equal(run.act(depositor, 'refund', { id, amount: 8 }), 'applied')
  assert.equal(run.act(depositor, 'refund', { id, amount: 8 }), 'applied')
  assert.equal(run.act(depositor, 'refund', { id, amount: 43 }), 'no_refund_rule_holds')
  assert.equal(run.act(depositor, 'refund', { id, amount: 90 }), 'amount_exceeds_held')
  const by = run.show(id).history.map(({ ruleId }) => ruleId)
  assert.deepEqual(by, ['much', 'little', undefined])
  assert.equal(run.act(depositor, 'refund', { id, amount: 80 }, dueMs), 'applied')
  assert.equal(run.show(id).history[0]?.ruleId, 'later')
})

// Approvals

const voters = ['arbiter', 'payee', 'signer']
const votes = { when: { kOf: { k: 2, dids: voters.map(didOf) } } }

test('two of three pay together without meeting: one approves, another releases', () => {
  const { run, id } = ruled(votes)
  const order = { id, amount: 60, ruleId: 'rule' }
  assert.equal(run.act('signer', 'release', order), 'rule_does_not_hold')
  assert.equal(run.act('payee', 'approve', order), 'applied')
  assert.equal(run.act('signer', 'release', { ...order, amount: 59 }), 'rule_does_not_hold')
  assert.equal(run.act('signer', 'release', order), 'applied')
  assert.equal(run.act('signer', 'release', { ...order, amount: 40 }), 'rule_does_not_hold')
  assert.equal(run.sums(id), 'funded 100 = 60 + 0 + 40')
})

test('with all consents there any party pays, and a payment uses up all of them', () => {
  const { run, id } = ruled(votes)
  const order = { id, amount: 20, ruleId: 'rule' }
  for (const voter of voters) assert.equal(run.act(voter, 'approve', order), 'applied')
  assert.equal(run.act('stranger', 'release', order), 'sender_is_no_party')
  assert.equal(run.act(beneficiary, 'release', order), 'applied')
  assert.equal(run.act(beneficiary, 'release', order), 'rule_does_not_hold')
  assert.equal(run.act('signer', 'release', order), 'rule_does_not_hold')
})

test('who approves twice or sends besides counts once, and the last approval is the one', () => {
  const { run, id } = ruled(votes)
  const order = { id, ruleId: 'rule' }
  assert.equal(run.act('signer', 'approve', { ...order, amount: 10 }), 'applied')
  assert.equal(run.act('signer', 'approve', { ...order, amount: 20 }), 'applied')
  assert.equal(run.act('signer', 'release', { ...order, amount: 20 }), 'rule_does_not_hold')
  assert.equal(run.act('payee', 'release', { ...order, amount: 10 }), 'rule_does_not_hold')
  assert.equal(run.act('payee', 'release', { ...order, amount: 20 }), 'applied')
})

test('an approval can be taken back, once', () => {
  const { run, id } = ruled(votes)
  const order = { id, ruleId: 'rule' }
  assert.equal(run.act('signer', 'approve', { ...order, amount: 0 }), 'amount_was_not_approved')
  assert.equal(run.act('signer', 'approve', { ...order, amount: 10 }), 'applied')
  assert.equal(run.act('payee', 'approve', { ...order, amount: 0 }), 'amount_was_not_approved')
  assert.equal(run.act('signer', 'approve', { ...order, amount: 0 }), 'applied')
  assert.equal(run.act('payee', 'release', { ...order, amount: 10 }), 'rule_does_not_hold')
})

test('an approval is for its rule only, and only by those whom it names', () => {
  const run = new EscrowRun()
  const id = run.create({
    releaseRules: [
      { id: 'a', ...votes },
      { id: 'b', ...votes },
    ],
  })
  assert.equal(run.act('signer', 'approve', { id, amount: 10, ruleId: 'a' }), 'applied')
  assert.equal(run.act('payee', 'release', { id, amount: 10, ruleId: 'b' }), 'rule_does_not_hold')
  assert.equal(run.act(depositor, 'approve', { id, amount: 10, ruleId: 'a' }), 'ruleId_does_not_name_you')
  assert.equal(run.act('signer', 'approve', { id, amount: 10, ruleId: 'c' }), 'ruleId_names_nothing')
})

test('the depositor of a plain rule can approve, and then the beneficiary takes just that', () => {
  const run = new EscrowRun()
  const id = run.create({})
  assert.equal(run.act(beneficiary, 'release', { id, amount: 25, ruleId: 'own' }), 'rule_does_not_hold')
  assert.equal(run.act(depositor, 'approve', { id, amount: 25, ruleId: 'own' }), 'applied')
  assert.equal(run.act(beneficiary, 'release', { id, ruleId: 'own' }), 'rule_does_not_hold')
  assert.equal(run.act(beneficiary, 'release', { id, amount: 25, ruleId: 'own' }), 'applied')
  assert.equal(run.sums(id), 'funded 100 = 25 + 0 + 75')
})

test('payments without a rule and by one rule leave the approvals of another alone', () => {
  const run = new EscrowRun()
  const id = run.create({ releaseRules: [{ id: 'own' }, { id: 'a', ...votes }] })
  assert.equal(run.act('signer', 'approve', { id, amount: 10, ruleId: 'a' }), 'applied')
  assert.equal(run.act(depositor, 'release', { id, amount: 10 }), 'applied')
  assert.equal(run.act(depositor, 'release', { id, amount: 10, ruleId: 'own' }), 'applied')
  assert.equal(run.act('payee', 'release', { id, amount: 10, ruleId: 'a' }), 'applied')
})

test('a signature is that of the sender, whichever of its keys signed', () => {
  const names = ['alice', 'bob', 'signer', 'session']
  const run = new EscrowRun({ balances: Object.fromEntries(names.map(name => [name, 1_000n])) })
  const id = run.create({ releaseRules: [{ id: 'signed', when: { sig: didOf('signer') } }] })
  const order = { id, amount: 10, ruleId: 'signed' }
  const { did } = actor('signer')
  const head = { chainId: run.chainId, sender: did, fee: 1n }
  const grant = { key: actor('session').did, perTx: 5n, budget: 5n, periodMs: 1_000, notAfter: run.timeMs + 60_000 }
  const granted = run.unsigned({ ...head, kind: 'identity.grant', nonce: 1, payload: grant })
  const sent = run.send('signer', 'release', order)
  const released = run.unsigned({ ...sent.envelope, nonce: 2, signer: actor('session').did })
  // The budget of 5 is about the signer's own Tokens, and the 10 are not.
  assert.deepEqual(run.block([granted, released]).outcomes, [{ type: 'applied' }, { type: 'applied' }])
  assert.equal(run.act('session', 'release', order), 'sender_is_no_party')
  assert.equal(run.sums(id), 'funded 100 = 10 + 0 + 90')
  assert.equal(run.show(id).history[0]?.by, did)
  assert.equal(run.available('signer'), 998n)
})
