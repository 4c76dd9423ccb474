/** Consent ahead of time, so that several can sign for a payment without meeting (L59). */
import { hash } from '../../crypto/hash.ts'
import { describe, optional, struct, tokenSum } from '../../lib/codec.ts'
import { transaction } from '../../ledger/domain.ts'
import { promise } from '../accounts/index.ts'
import { signersOf } from './conditions.ts'
import { escrowAt, noRule, refusals } from './opened.ts'
import { conditionOf, progressOf, putEscrow, putProgress, ruleId } from './rows.ts'

export const approve = transaction({
  kind: 'escrow.approve',
  doc: 'Agrees ahead of time to one payment of exactly this amount by a rule that names you.',
  path: '/api/wallet/escrow/:id/approve',
  command: 'escrow approve <id> <amount>',
  example: `escrow approve 0x${'5a'.repeat(32)} 200 --rule-id rule-1`,
  body: struct({
    id: describe(hash, 'The escrow'),
    amount: describe(tokenSum, 'Tokens of the one payment; 0 takes back what you agreed to'),
    ruleId: describe(ruleId, 'The rule that pays'),
    resourcePrev: optional(describe(hash, 'The escrow’s head; rejected where it is another by now')),
  }),
  rejections: {
    ...refusals,
    ruleId_names_nothing: noRule,
    ruleId_does_not_name_you: 'The rule asks for no signature of yours.',
    amount_was_not_approved: 'With amount 0 you take back an approval, and this rule has none of yours.',
  },
  spends: () => 0n,
  apply(draft, { id, amount, ruleId, resourcePrev }, { id: by, sender, account, timeMs, height }) {
    const found = escrowAt(draft, id, { timeMs, resourcePrev })
    if (typeof found === 'string') return found
    const { terms, escrow } = found
    const rule = [...terms.releaseRules, ...terms.refundRules].find(each => each.id === ruleId)
    if (rule === undefined) return 'ruleId_names_nothing'
    if (!signersOf(conditionOf(rule, terms)).includes(sender)) return 'ruleId_does_not_name_you'
    const { paid, approvals } = progressOf(draft, id, rule)
    const others = approvals.filter(approval => approval.did !== sender)
    if (amount === 0n && others.length === approvals.length) return 'amount_was_not_approved'

    const isGiving = sender === terms.depositor && terms.releaseRules.includes(rule)
    if (isGiving && amount > 0n) promise(draft, account, rule.to ?? terms.beneficiary, amount, id)
    putProgress(draft, id, rule, { paid, approvals: amount === 0n ? others : [...others, { did: sender, amount }] })
    putEscrow(draft, id, escrow, { kind: 'approve', id: by, by: sender, amount, ruleId, timeMs, height })
    return
  },
})
