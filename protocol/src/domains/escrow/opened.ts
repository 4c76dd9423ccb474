/** What every action on an escrow looks at first (L55). */
import type { Hash } from '../../crypto/hash.ts'
import { present } from '../../lib/assert.ts'
import type { View } from '../../ledger/state.ts'
import { type Escrow, escrows, escrowTerms, isClosed, isExpired, type Terms } from './rows.ts'

/** In the order tested. Expiry is before closing, so that the answer is the same before and after the sweep. */
export const refusals = {
  escrow_is_unknown: 'There is no escrow with this id; the id is that of the transaction that created it.',
  escrow_is_expired: 'The escrow has ended: what it held goes where its onExpiry says.',
  escrow_is_closed: 'The escrow is closed: all that it held has been paid out. Create another.',
  stale_resource: 'resourcePrev is not the escrow’s head any more: read the escrow again and decide anew.',
} as const

/** Releases need a release rule, refunds a refund rule, approvals one of either. */
export const noRule = 'ruleId names no rule of this escrow that could do this.'

export interface OpenEscrow {
  readonly id: Hash
  readonly terms: Terms
  readonly escrow: Escrow
}

/** The escrow, or why nothing can be done with it. */
export function escrowAt(
  view: View,
  id: Hash,
  { timeMs, resourcePrev }: { readonly timeMs: number; readonly resourcePrev: Hash | undefined },
): OpenEscrow | keyof typeof refusals {
  const escrow = escrows.get(view, id)
  if (escrow === undefined) return 'escrow_is_unknown'
  const terms = termsOf(view, id)
  if (isExpired(terms, timeMs)) return 'escrow_is_expired'
  if (isClosed(escrow)) return 'escrow_is_closed'
  if (resourcePrev !== undefined && resourcePrev !== escrow.head) return 'stale_resource'
  return { id, terms, escrow }
}

export function termsOf(view: View, id: Hash): Terms {
  return present(escrowTerms.get(view, id), 'an escrow has terms')
}
