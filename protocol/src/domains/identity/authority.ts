/** Who may sign for an identity: its own key, or a session key within what it was granted (L13, L41). */
import type { Admission, AnyTransactionKind, TransactionContext } from '../../ledger/domain.ts'
import type { EnvelopeHead } from '../../ledger/envelope.ts'
import type { View } from '../../ledger/state.ts'
import { leftOf } from './budget.ts'
import { revoke } from './grants.ts'
import { grants, isLive, keyOf } from './rows.ts'

export const refusals = {
  grant_has_not_begun: 'The session key that signed may not sign yet; its grant says from when (notBefore).',
  grant_is_over: 'The time of the session key that signed has passed; the identity’s own key can grant it anew.',
  needs_own_key: 'No session key may sign this, whatever it was granted; sign with the identity’s own key.',
  kind_is_not_granted: 'The session key that signed was not granted this kind of transaction.',
  budget_does_not_cover_fee: 'The fee does not fit into what the budget of the session key that signed has left.',
} as const

export function authorize(
  view: View,
  { sender, fee }: EnvelopeHead,
  { signer, timeMs }: TransactionContext,
  { kind, needsOwnKey }: AnyTransactionKind,
): Admission {
  if (signer === keyOf(view, sender)) return
  const grant = grants.get(view, { did: sender, key: signer })
  if (grant === undefined) return { refused: 'signer_is_unknown' }
  if (timeMs < grant.notBefore) return refused('grant_has_not_begun')
  if (!isLive(grant, timeMs)) return refused('grant_is_over')
  if (needsOwnKey) return refused('needs_own_key')
  // Whoever holds a key may always hand it back.
  const isGranted = grant.kinds === undefined || grant.kinds.includes(kind) || kind === revoke.kind
  if (!isGranted) return refused('kind_is_not_granted')
  if (fee > leftOf(grant, timeMs).now) return refused('budget_does_not_cover_fee')
  return
}

function refused(code: keyof typeof refusals): Admission {
  return { refused: code }
}
