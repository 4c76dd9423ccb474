/** What every transaction owes its account: the next nonce, the fee, and `prev` where it is given (L13 to L15). */
import type { Admission, TransactionContext } from '../../ledger/domain.ts'
import type { EnvelopeHead } from '../../ledger/envelope.ts'
import type { Draft, View } from '../../ledger/state.ts'
import { accountAt } from './money.ts'
import { accounts } from './rows.ts'

export const admissions = {
  fee_is_too_low: 'The fee is below the network’s minimum; leave fee out to pay just that.',
  nonce_is_used: 'Another transaction of this account already has this nonce; leave nonce out to get the next one.',
  nonce_is_ahead: 'Transactions with lower nonces of this account are missing; leave nonce out to get the next one.',
  fee_is_not_covered: 'The available balance does not cover the fee.',
  stale_prev: 'prev is not the account’s last transaction any more: read the account again and decide anew.',
} as const

export function admit(view: View, envelope: EnvelopeHead, context: TransactionContext): Admission {
  const account = accountAt(view, context.account)
  if (envelope.fee < context.params.feeMin) return refused('fee_is_too_low')
  if (envelope.nonce <= account.nonce) return refused('nonce_is_used')
  if (envelope.nonce > account.nonce + 1) return refused('nonce_is_ahead')
  if (account.available < envelope.fee) return refused('fee_is_not_covered')
  if (envelope.prev !== undefined && envelope.prev !== account.head) return { rejected: 'stale_prev' }
  return
}

export function enter(draft: Draft, envelope: EnvelopeHead, context: TransactionContext): void {
  const account = accountAt(draft, context.account)
  accounts.set(draft, context.account, {
    ...account,
    available: account.available - envelope.fee,
    nonce: envelope.nonce,
    head: context.id,
  })
  if (envelope.fee > 0n) draft.movements.push({ from: context.account, amount: envelope.fee })
}

function refused(code: keyof typeof admissions): Admission {
  return { refused: code }
}
