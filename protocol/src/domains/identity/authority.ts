/** Who may sign for an identity: its own key, or a session key within what it was granted (L13). */
import type { Admission, TransactionContext } from '../../ledger/domain.ts'
import type { EnvelopeHead } from '../../ledger/envelope.ts'
import type { View } from '../../ledger/state.ts'
import { keyOf } from './rows.ts'

export function authorize(view: View, envelope: EnvelopeHead, { signer }: TransactionContext): Admission {
  if (signer === keyOf(view, envelope.sender)) return
  return { refused: 'signer_is_unknown' }
}
