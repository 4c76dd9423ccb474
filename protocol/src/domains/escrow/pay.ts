/** Money leaves an escrow: forward by a rule or the depositor, back by a rule or the beneficiary (L57, L58). */
import { hash, type Hash } from '../../crypto/hash.ts'
import { addressOf, type Did } from '../../crypto/keys.ts'
import { amount as tokens, bytes, describe, optional, struct, text } from '../../lib/codec.ts'
import { transaction, type TransactionContext } from '../../ledger/domain.ts'
import type { View } from '../../ledger/state.ts'
import { holds, preimageBytesMax } from './conditions.ts'
import { escrowAt, noRule, type OpenEscrow, refusals } from './opened.ts'
import { payableBy, type Payment, payOut } from './payment.ts'
import { conditionOf, heldOf, isParty, progressOf, type Rule, ruleId } from './rows.ts'

const fields = {
  id: describe(hash, 'The escrow'),
  amount: optional(describe(tokens, 'Tokens to pay; as many as are held and the rule’s cap lets through if left out')),
  preimage: optional(describe(bytes(preimageBytesMax), 'What a rule with a preimage asks for, at most 64 bytes')),
  resourcePrev: optional(describe(hash, 'The escrow’s head; rejected where it is another by now')),
}

const rejections = {
  ...refusals,
  sender_is_no_party: 'You have no part in this escrow: its parties and those whom its rules name act on it.',
  escrow_is_empty: 'The escrow holds nothing yet; the depositor has to fund it first.',
} as const

const ruleRejections = {
  amount_exceeds_held: 'The amount is more than the escrow holds.',
  amount_exceeds_cap: 'The rule may not pay that much any more; its cap counts all that it has paid.',
  rule_does_not_hold: 'The rule’s condition does not hold; escrow show says what is missing.',
} as const

export const release = transaction({
  kind: 'escrow.release',
  doc: 'Pays out of an escrow: to the beneficiary by the depositor or arbiter, or as a rule says.',
  path: '/api/wallet/escrow/:id/release',
  command: 'escrow release <id> [amount]',
  example: `escrow release 0x${'5a'.repeat(32)} 200 --rule-id rule-1`,
  body: struct({
    id: fields.id,
    amount: fields.amount,
    ruleId: optional(describe(ruleId, 'The rule that allows it; the depositor and the arbiter need none')),
    preimage: fields.preimage,
    resourcePrev: fields.resourcePrev,
  }),
  rejections: {
    ...rejections,
    ruleId_is_missing: 'Name the rule in ruleId: only the depositor and the arbiter release without one.',
    ruleId_names_nothing: noRule,
    ...ruleRejections,
  },
  spends: () => 0n,
  apply(draft, body, context) {
    const found = payable(draft, body, context)
    if (typeof found === 'string') return found
    const { terms } = found
    const { sender } = context
    const isGiver = sender === terms.depositor || sender === terms.arbiter
    if (body.ruleId === undefined && !isGiver) return 'ruleId_is_missing'
    const rule = terms.releaseRules.find(each => each.id === body.ruleId)
    if (body.ruleId !== undefined && rule === undefined) return 'ruleId_names_nothing'
    const amount = allowed(draft, found, rule, body, context)
    if (typeof amount === 'string') return amount

    payOut(draft, found, { kind: 'release', amount, to: rule?.to ?? terms.beneficiary, rule }, context)
    return
  },
})

export const refund = transaction({
  kind: 'escrow.refund',
  doc: 'Gives the depositor back what an escrow holds: by the beneficiary or arbiter, or as a rule says.',
  path: '/api/wallet/escrow/:id/refund',
  command: 'escrow refund <id> [amount]',
  example: `escrow refund 0x${'5a'.repeat(32)} 100 --reason contract_cancelled`,
  body: struct({
    id: fields.id,
    amount: fields.amount,
    reason: optional(describe(text(256), 'A note on the ledger, public for ever, at most 256 bytes')),
    ruleId: optional(describe(ruleId, 'The rule that allows it; the first that does if left out')),
    preimage: fields.preimage,
    resourcePrev: fields.resourcePrev,
  }),
  rejections: {
    ...rejections,
    ruleId_names_nothing: noRule,
    ...ruleRejections,
    no_refund_rule_holds: 'No refund rule lets you take that much back now; the beneficiary and the arbiter need none.',
  },
  spends: () => 0n,
  apply(draft, body, context) {
    const found = payable(draft, body, context)
    if (typeof found === 'string') return found
    const { terms } = found
    const chosen = refundBy(draft, found, body, context)
    if (typeof chosen === 'string') return chosen

    payOut(draft, found, { kind: 'refund', to: addressOf(terms.depositor), ...chosen }, context)
    return
  },
})

interface Order {
  readonly id: Hash
  readonly amount?: bigint
  readonly ruleId?: string
  readonly preimage?: Uint8Array
  readonly resourcePrev?: Hash
}

function payable(
  view: View,
  { id, resourcePrev }: Order,
  { sender, timeMs }: TransactionContext,
): OpenEscrow | keyof typeof rejections {
  const found = escrowAt(view, id, { timeMs, resourcePrev })
  if (typeof found === 'string') return found
  if (!isParty(found.terms, sender)) return 'sender_is_no_party'
  if (found.escrow.state === 'open') return 'escrow_is_empty'
  return found
}

function refundBy(
  view: View,
  found: OpenEscrow,
  body: Order,
  context: TransactionContext,
): Pick<Payment, 'amount' | 'rule'> | keyof typeof ruleRejections | 'ruleId_names_nothing' | 'no_refund_rule_holds' {
  const { refundRules, beneficiary, arbiter } = found.terms
  if (body.ruleId === undefined && (context.account === beneficiary || context.sender === arbiter)) {
    const amount = allowed(view, found, undefined, body, context)
    return typeof amount === 'string' ? amount : { amount, rule: undefined }
  }
  if (body.ruleId !== undefined) {
    const rule = refundRules.find(each => each.id === body.ruleId)
    if (rule === undefined) return 'ruleId_names_nothing'
    const amount = allowed(view, found, rule, body, context)
    return typeof amount === 'string' ? amount : { amount, rule }
  }
  if (body.amount !== undefined && body.amount > heldOf(found.escrow)) return 'amount_exceeds_held'
  for (const rule of refundRules) {
    const amount = allowed(view, found, rule, body, context)
    if (typeof amount === 'bigint') return { amount, rule }
  }
  return 'no_refund_rule_holds'
}

/** How much is paid, or why nothing is. Without a rule the sender gives what is his to give. */
function allowed(
  view: View,
  found: OpenEscrow,
  rule: Rule | undefined,
  { amount, preimage }: Order,
  { sender, timeMs }: TransactionContext,
): bigint | keyof typeof ruleRejections {
  const { id, terms, escrow } = found
  const held = heldOf(escrow)
  if (amount !== undefined && amount > held) return 'amount_exceeds_held'
  if (rule === undefined) return amount ?? held
  const most = payableBy(view, found, rule)
  if (most === 0n || (amount ?? 0n) > most) return 'amount_exceeds_cap'
  const wanted = amount ?? most
  // Read only where somebody else is asked, because a refund may look at every rule.
  let approved: ReadonlySet<Did> | undefined
  const approvers = (): ReadonlySet<Did> =>
    new Set(
      progressOf(view, id, rule)
        .approvals.filter(approval => approval.amount === wanted)
        .map(approval => approval.did),
    )
  const consents = (did: Did): boolean => did === sender || (approved ??= approvers()).has(did)
  const evidence = { consents, timeMs, ...(preimage !== undefined && { preimage }) }
  return holds(conditionOf(rule, terms), evidence) ? wanted : 'rule_does_not_hold'
}
