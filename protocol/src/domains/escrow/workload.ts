import { digest, type Hash } from '../../crypto/hash.ts'
import { addressOf, type Did } from '../../crypto/keys.ts'
import type { WorkloadDraw, WorkloadOrder } from '../../ledger/domain.ts'
import { type Condition, holds, signersOf } from './conditions.ts'
import { termsOf } from './opened.ts'
import {
  conditionOf,
  type Escrow,
  escrowIds,
  escrows,
  heldOf,
  isClosed,
  isExpired,
  isParty,
  progressOf,
  type Rule,
  type Terms,
} from './rows.ts'

const secrets = 3
/** How many escrows are looked at for one in which the sender has a part. */
const looksMax = 12

/** Escrows of all sorts; mostly what their parties may do, sometimes what they may not. */
export function workload(draw: WorkloadDraw): WorkloadOrder | undefined {
  const found = draw.below(8) === 0 ? undefined : pick(draw)
  return found === undefined ? creation(draw) : action(draw, found)
}

interface Found {
  readonly id: Hash
  readonly escrow: Escrow
  readonly terms: Terms
}

/** One that is not closed and in which the sender has a part; now and then just any. */
function pick({ view, sender, nowMs, below }: WorkloadDraw): Found | undefined {
  const ids = [...escrowIds(view)]
  for (let looks = 0; looks < looksMax && ids.length > 0; looks += 1) {
    const id = ids[below(ids.length)] as Hash
    const escrow = escrows.get(view, id) as Escrow
    const terms = termsOf(view, id)
    if (below(30) === 0 || (!isClosed(escrow) && !isExpired(terms, nowMs + 1_000) && isParty(terms, sender)))
      return { id, escrow, terms }
  }
  return
}

function creation(draw: WorkloadDraw): WorkloadOrder | undefined {
  const { sender, nowMs, below } = draw
  const beneficiary = other(draw, [sender])
  if (beneficiary === undefined) return
  const arbiter = below(3) === 0 ? other(draw, [sender, beneficiary]) : undefined
  const isOpen = below(5) === 0
  const payload = {
    beneficiary: addressOf(beneficiary),
    amount: isOpen ? 0n : BigInt(1 + below(40)),
    releaseRules: Array.from({ length: 1 + below(3) }, (_, index) => releaseRule(draw, index)),
    ...(below(2) === 0 && { refundRules: [{ ...cap(draw), id: 'refund', when: condition(draw, 0) }] }),
    ...(arbiter !== undefined && { arbiter }),
    ...((isOpen || below(2) === 0) && { expiresAt: nowMs + 1 + below(below(2) === 0 ? 5_000 : 20_000) }),
    ...(below(2) === 0 && { onExpiry: below(2) === 0 ? 'refund' : 'release' }),
  }
  return { kind: 'escrow.create', payload }
}

function action(draw: WorkloadDraw, { id, escrow, terms }: Found): WorkloadOrder {
  const { sender, below } = draw
  const resourcePrev = below(4) === 0 ? { resourcePrev: escrow.head } : {}
  const common = { id, ...resourcePrev }
  const held = Number(heldOf(escrow))
  const amount = BigInt(1 + below(Math.max(1, held + (below(8) === 0 ? 2 : 0))))
  const own = [...terms.releaseRules, ...terms.refundRules].filter(rule =>
    signersOf(conditionOf(rule, terms)).includes(sender),
  )
  if (own.length > 0 && below(3) === 0) {
    const rule = own[below(own.length)] as Rule
    return { kind: 'escrow.approve', payload: { ...common, amount: below(6) === 0 ? 0n : amount, ruleId: rule.id } }
  }
  if (sender === terms.depositor && (held === 0 || below(3) === 0)) {
    return { kind: 'escrow.fund', payload: { ...common, amount: BigInt(1 + below(40)) } }
  }
  return payment(draw, { id, escrow, terms }, { ...common, ...(below(4) > 0 && { amount }) })
}

/** Mostly by a rule that holds, if there is one; those who may give need none. */
function payment(draw: WorkloadDraw, { id, terms }: Found, common: object): WorkloadOrder {
  const { view, sender, nowMs, below } = draw
  const isBeneficiary = addressOf(sender) === terms.beneficiary
  const kind = below(isBeneficiary || sender === terms.arbiter ? 2 : 4) === 0 ? 'escrow.refund' : 'escrow.release'
  const isFree = sender === terms.arbiter || (kind === 'escrow.refund' ? isBeneficiary : sender === terms.depositor)
  if (isFree && below(3) === 0) return { kind, payload: common }

  const shown = Uint8Array.of(below(secrets))
  const preimage = below(2) === 0 ? shown : undefined
  const rules = (kind === 'escrow.refund' ? terms.refundRules : terms.releaseRules).flatMap(rule => {
    const { approvals } = progressOf(view, id, rule)
    const approved = approvals[below(Math.max(1, approvals.length))]?.amount
    const consents = (did: Did): boolean =>
      did === sender || approvals.some(approval => approval.did === did && approval.amount === approved)
    const evidence = { consents, timeMs: nowMs, ...(preimage !== undefined && { preimage }) }
    const isSure = holds(conditionOf(rule, terms), evidence)
    return isSure || below(8) === 0 ? [{ ruleId: rule.id, ...(approved !== undefined && { amount: approved }) }] : []
  })
  const agreed = rules.filter(rule => 'amount' in rule)
  const sure = agreed.length > 0 ? agreed : rules
  const by = sure[below(Math.max(1, sure.length))]
  if (by === undefined && !isFree && below(8) > 0) return creation(draw) ?? { kind, payload: common }
  return { kind, payload: { ...common, ...(preimage !== undefined && { preimage }), ...by } }
}

function releaseRule(draw: WorkloadDraw, index: number): Rule {
  const to = draw.below(4) === 0 ? other(draw, [draw.sender]) : undefined
  return {
    id: `rule-${index + 1}`,
    ...cap(draw),
    ...(to !== undefined && { to: addressOf(to) }),
    ...(draw.below(4) > 0 && { when: condition(draw, 0) }),
  }
}

function cap({ below }: WorkloadDraw): Pick<Rule, 'cap'> {
  return below(3) === 0 ? { cap: BigInt(1 + below(40)) } : {}
}

function condition(draw: WorkloadDraw, depth: number): Condition {
  const { identities, nowMs, below } = draw
  switch (below(depth < 3 ? 7 : 5)) {
    case 0:
      return { type: 'sig', value: identities[below(identities.length)] as Did }
    case 1: {
      const dids = identities.filter(() => below(2) === 0).slice(0, 4)
      if (dids.length === 0) return { type: 'sig', value: draw.sender }
      return { type: 'kOf', value: { k: 1 + below(dids.length), dids } }
    }
    case 2:
      return { type: 'preimage', value: digest(Uint8Array.of(below(secrets))) }
    case 3:
      return { type: 'after', value: nowMs + below(10_000) }
    case 4:
      return { type: 'before', value: nowMs + below(20_000) }
    case 5:
      return { type: 'and', value: parts(draw, depth) }
    default:
      return { type: 'or', value: parts(draw, depth) }
  }
}

function parts(draw: WorkloadDraw, depth: number): readonly Condition[] {
  return Array.from({ length: 1 + draw.below(3) }, () => condition(draw, depth + 1))
}

function other({ identities, below }: WorkloadDraw, but: readonly Did[]): Did | undefined {
  const others = identities.filter(each => !but.includes(each))
  return others[below(Math.max(1, others.length))]
}
