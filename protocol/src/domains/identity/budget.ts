/** Budgets of session keys count what transactions take out of the sender's account, whatever their kind (L42, L46). */
import type { TransactionContext } from '../../ledger/domain.ts'
import type { EnvelopeHead } from '../../ledger/envelope.ts'
import type { Draft, Outlay, View } from '../../ledger/state.ts'
import { charges, type Grant, grants, keyOf } from './rows.ts'

export const excesses = {
  payee_is_not_granted: 'Tokens would go to somebody whom the session key that signed may not pay.',
  exceeds_per_tx: 'The transaction takes more, fee included, than the session key that signed may take in one.',
  exceeds_budget: 'The transaction takes more than the budget of the session key that signed has left in this period.',
  exceeds_total: 'The transaction takes more than the session key that signed has left of its total.',
} as const

/** No account ever holds more. Counters stay there, so that no going back and forth of Tokens overflows them. */
const tokensMax = BigInt(Number.MAX_SAFE_INTEGER)

/** When the period began in which `timeMs` is. */
export function periodStartOf({ notBefore, periodMs }: Grant, timeMs: number): number {
  return timeMs < notBefore ? notBefore : timeMs - ((timeMs - notBefore) % periodMs)
}

/** What it has taken in the period of `timeMs`, and what it may still take: in the period, in all, and at once. */
export function leftOf(
  grant: Grant,
  timeMs: number,
): { readonly spent: bigint; readonly inPeriod: bigint; readonly inAll?: bigint; readonly now: bigint } {
  const { perTx, budget, total, spentInAll } = grant
  const spent = periodStartOf(grant, timeMs) === grant.periodStartMs ? grant.spent : 0n
  const inPeriod = budget - spent
  const inAll = total === undefined ? undefined : total - spentInAll
  const now = least(perTx, inPeriod, inAll ?? inPeriod)
  return { spent, inPeriod, ...(inAll !== undefined && { inAll }), now }
}

/** The fee counts also where the transaction is rejected. */
export function countFee(draft: Draft, { fee }: EnvelopeHead, context: TransactionContext): void {
  const grant = sessionGrant(draft, context)
  if (grant !== undefined) count(draft, grant, fee, context)
}

export function charge(
  draft: Draft,
  outlays: readonly Outlay[],
  context: TransactionContext,
  { fee }: EnvelopeHead,
): keyof typeof excesses | undefined {
  const { sender, signer, account, timeMs } = context
  const own = outlays.filter(outlay => outlay.account === account)
  if (own.length === 0 || signer === keyOf(draft, sender)) return
  const grant = sessionGrant(draft, context)
  // Only what is tried without being admitted gets here without a grant.
  if (grant === undefined) return 'exceeds_budget'
  const { payees } = grant
  if (payees !== undefined && !own.every(outlay => outlay.payees.every(payee => payees.includes(payee)))) {
    return 'payee_is_not_granted'
  }
  const taken = own.reduce((sum, outlay) => sum + takenBy(draft, outlay, context), 0n)
  const left = leftOf(grant, timeMs)
  if (fee + taken > grant.perTx) return 'exceeds_per_tx'
  if (taken > left.inPeriod) return 'exceeds_budget'
  if (left.inAll !== undefined && taken > left.inAll) return 'exceeds_total'

  count(draft, grant, taken, context)
  return
}

/**
 * What of an outlay counts; remembers what the key locked, and gives that up first where it gives. Written before the
 * checks, because one transaction may lock and give: a rejection leaves nothing of it (Ledger.perform).
 */
function takenBy(
  draft: Draft,
  { type, amount, object }: Outlay,
  { sender: did, signer: key }: TransactionContext,
): bigint {
  if (type === 'paid' || object === undefined) return amount
  const place = { did, key, object }
  const locked = charges.get(draft, place) ?? 0n
  if (type === 'locked') {
    charges.set(draft, place, least(locked + amount, tokensMax))
    return amount
  }
  if (locked === 0n) return amount
  const counted = least(locked, amount)
  if (counted === locked) charges.delete(draft, place)
  else charges.set(draft, place, locked - counted)
  return amount - counted
}

function sessionGrant(view: View, { sender, signer }: TransactionContext): Grant | undefined {
  return signer === keyOf(view, sender) ? undefined : grants.get(view, { did: sender, key: signer })
}

function count(draft: Draft, grant: Grant, taken: bigint, { sender, signer, timeMs }: TransactionContext): void {
  if (taken === 0n) return
  grants.set(
    draft,
    { did: sender, key: signer },
    {
      ...grant,
      periodStartMs: periodStartOf(grant, timeMs),
      spent: leftOf(grant, timeMs).spent + taken,
      spentInAll: least(grant.spentInAll + taken, tokensMax),
    },
  )
}

function least(...amounts: readonly bigint[]): bigint {
  return amounts.reduce((lowest, amount) => (amount < lowest ? amount : lowest))
}
