import { hash, type Hash } from '../../crypto/hash.ts'
import { present } from '../../lib/assert.ts'
import { describe, list, optional, struct, timestamp, tokenSum, uint } from '../../lib/codec.ts'
import { query } from '../../ledger/domain.ts'
import type { View } from '../../ledger/state.ts'
import { action, actionsMax, actionsOf } from './actions.ts'
import { escrowAt, termsOf } from './opened.ts'
import { type Escrow, escrows, event, type EscrowEvent, heldOf, isExpired, nthEvent, state, terms } from './rows.ts'

const historyMax = 100

export const show = query({
  path: '/api/wallet/escrow/:id',
  command: 'escrow show <id>',
  example: `escrow show 0x${'5a'.repeat(32)}`,
  doc: 'An escrow: its terms, its money, what has happened, and who can do what now.',
  input: struct({ id: describe(hash, 'The id of the transaction that created it') }),
  output: struct({
    id: hash,
    state: describe(state, 'open until it is funded; funded until it is empty; then how it ended'),
    ...terms.fields,
    deposited: describe(tokenSum, 'All Tokens that came in: released + refunded + held'),
    released: tokenSum,
    refunded: tokenSum,
    held: tokenSum,
    head: describe(hash, 'The last transaction that touched it: the value for resourcePrev'),
    timeMs: describe(timestamp, 'Now, which the actions are judged by'),
    endsInMs: optional(describe(uint(), 'Milliseconds until expiresAt; 0 where it has passed')),
    actions: describe(list(action, actionsMax), 'What each party can do, now or once what is missing is there'),
    history: describe(list(event, historyMax), 'The latest 100 events, newest first'),
  }),
  read(view, { id }, { timeMs }) {
    const escrow = escrows.get(view, id)
    if (escrow === undefined) return
    const own = termsOf(view, id)
    const { state, deposited, released, refunded, head } = escrow
    const opened = escrowAt(view, id, { timeMs, resourcePrev: undefined })
    const { expiresAt } = own
    return {
      id,
      state,
      ...own,
      deposited,
      released,
      refunded,
      held: heldOf(escrow),
      head,
      timeMs,
      ...(expiresAt !== undefined && { endsInMs: isExpired(own, timeMs) ? 0 : expiresAt - timeMs }),
      actions: typeof opened === 'string' ? [] : actionsOf(view, opened, timeMs),
      history: historyOf(view, escrow, id),
    }
  },
})

function historyOf(view: View, { events }: Escrow, id: Hash): readonly EscrowEvent[] {
  const first = Math.max(0, events - historyMax)
  return Array.from({ length: events - first }, (_, index) =>
    present(nthEvent(view, id, events - 1 - index), 'the events of an escrow have no gaps'),
  )
}
