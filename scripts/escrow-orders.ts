/** Bodies for the vectors of escrows, as users write them: every field, every form of condition, every list empty once. */
import type { Json } from '@claw-network/protocol'

export interface EscrowActors {
  readonly depositor: string
  readonly beneficiary: string
  readonly arbiter: string
}

export function escrowOrders({
  depositor,
  beneficiary,
  arbiter,
}: EscrowActors): readonly (readonly [kind: string, body: Json])[] {
  const id = `0x${'5a'.repeat(32)}`
  const resourcePrev = `0x${'cd'.repeat(32)}`
  const releaseRules = [
    { id: 'rule-1' },
    { id: 'Übergabe', cap: 300, to: arbiter, when: { kOf: { k: 2, dids: [depositor, beneficiary, arbiter] } } },
    { id: 'secret', when: { and: [{ preimage: `0x${'ab'.repeat(32)}` }, { before: 1_760_000_500_000 }] } },
  ]
  const refundRules = [
    {
      id: 'late',
      when: { or: [{ after: 1_760_000_600_000 }, { and: [{ or: [{ sig: depositor }] }, { before: 1 }] }] },
    },
  ]
  const expiresAt = 1_760_000_900_000
  return [
    ['escrow.create', { beneficiary, amount: 500, releaseRules: [{ id: 'rule-1' }] }],
    ['escrow.create', { beneficiary, amount: 0, releaseRules, refundRules, arbiter, expiresAt, onExpiry: 'release' }],
    ['escrow.fund', { id, amount: 100 }],
    ['escrow.fund', { id, amount: 100, resourcePrev }],
    ['escrow.release', { id }],
    ['escrow.release', { id, amount: 200, ruleId: 'secret', preimage: '0x6f70656e', resourcePrev }],
    ['escrow.refund', { id }],
    ['escrow.refund', { id, amount: 100, reason: 'contract_cancelled', ruleId: 'late', preimage: '0x', resourcePrev }],
    ['escrow.approve', { id, amount: 0, ruleId: 'Übergabe' }],
    ['escrow.approve', { id, amount: 200, ruleId: 'Übergabe', resourcePrev }],
  ]
}
