/** What leaving money changes: the lock, the rule's count, the state and the deadline (L51, L54, L58, L60). */
import type { Hash } from '../../crypto/hash.ts'
import { type Address, addressOf, type Did } from '../../crypto/keys.ts'
import { assert, present } from '../../lib/assert.ts'
import { cancelDeadline } from '../../ledger/deadlines.ts'
import type { BlockPlace } from '../../ledger/domain.ts'
import type { Draft, View } from '../../ledger/state.ts'
import { payLocked, unlock } from '../accounts/index.ts'
import { type OpenEscrow, termsOf } from './opened.ts'
import {
  type Escrow,
  type EscrowState,
  escrows,
  heldOf,
  isClosed,
  progressOf,
  putEscrow,
  putProgress,
  type Rule,
} from './rows.ts'

export interface Payment {
  readonly kind: 'release' | 'refund'
  readonly amount: bigint
  readonly to: Address
  readonly rule: Rule | undefined
}

/** Most that a rule may pay now: what is held, up to its cap. */
export function payableBy(view: View, { id, escrow }: OpenEscrow, rule: Rule): bigint {
  const held = heldOf(escrow)
  if (rule.cap === undefined) return held
  const left = rule.cap - progressOf(view, id, rule).paid
  return left < held ? left : held
}

/** Pays, which uses up the rule's approvals, and closes what is empty then. */
export function payOut(
  draft: Draft,
  { id, terms, escrow }: OpenEscrow,
  { kind, amount, to, rule }: Payment,
  { id: by, sender, timeMs, height }: BlockPlace & { readonly id: Hash; readonly sender: Did },
): void {
  if (rule !== undefined) {
    const { paid } = progressOf(draft, id, rule)
    putProgress(draft, id, rule, { paid: paid + amount, approvals: [] })
  }
  const changed = moved(draft, id, escrow, { kind, amount, to, from: addressOf(terms.depositor) })
  const ruled = rule === undefined ? {} : { ruleId: rule.id }
  putEscrow(draft, id, changed, { kind, id: by, by: sender, amount, to, ...ruled, timeMs, height })
  if (isClosed(changed)) cancelDeadline(draft, id)
}

/** The escrow has ended: all that it holds goes where its terms say. */
export function expire(draft: Draft, id: Hash, { timeMs, height }: BlockPlace): void {
  const escrow = present(escrows.get(draft, id), 'a deadline is of an escrow')
  assert(!isClosed(escrow), 'a closed escrow has no deadline')

  const { depositor, beneficiary, onExpiry } = termsOf(draft, id)
  const from = addressOf(depositor)
  const to = onExpiry === 'release' ? beneficiary : from
  const amount = heldOf(escrow)
  const changed =
    amount === 0n
      ? { ...escrow, state: 'refunded' as const }
      : moved(draft, id, escrow, { kind: onExpiry, amount, to, from })
  putEscrow(draft, id, changed, { kind: 'expiry', amount, ...(amount > 0n && { to }), timeMs, height })
}

/** The state that the sums mean, of an escrow that was funded. */
export function stateOf({ deposited, released, refunded }: Omit<Escrow, 'state'>): EscrowState {
  if (released + refunded < deposited) return 'funded'
  if (refunded === 0n) return 'released'
  return released === 0n ? 'refunded' : 'split'
}

function moved(
  draft: Draft,
  id: Hash,
  escrow: Escrow,
  { kind, amount, to, from }: Omit<Payment, 'rule'> & { readonly from: Address },
): Escrow {
  if (kind === 'refund') unlock(draft, from, amount)
  else payLocked(draft, from, to, amount, id)
  const changed =
    kind === 'refund'
      ? { ...escrow, refunded: escrow.refunded + amount }
      : { ...escrow, released: escrow.released + amount }
  return { ...changed, state: stateOf(changed) }
}
