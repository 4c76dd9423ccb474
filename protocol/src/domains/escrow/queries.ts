import { hash, type Hash } from '../../crypto/hash.ts'
import { address, type Address, addressOf, did } from '../../crypto/keys.ts'
import { present } from '../../lib/assert.ts'
import { describe, enumeration, list, optional, struct, timestamp, tokenSum, uint } from '../../lib/codec.ts'
import { query } from '../../ledger/domain.ts'
import type { View } from '../../ledger/state.ts'
import { action, actionsMax, actionsOf } from './actions.ts'
import { create } from './create.ts'
import { escrowAt, termsOf } from './opened.ts'
import {
  type Escrow,
  escrows,
  event,
  type EscrowEvent,
  heldOf,
  isExpired,
  nthEvent,
  payeesOf,
  state,
  type Terms,
  terms,
} from './rows.ts'

const historyMax = 100
const limitMax = 200
const limitDefault = 50

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

export const listing = query({
  path: '/api/wallet/escrow',
  command: 'escrow list [address]',
  example: 'escrow list --limit 20',
  doc: 'The escrows in which an account has a part, newest first.',
  input: struct({
    address: optional(describe(address, 'Whose, by address or DID; the node’s own identity’s where left out')),
    limit: optional(describe(uint(limitMax, 1), `Most escrows to show; ${limitDefault} where it is left out`)),
    offset: optional(describe(uint(1_000_000), 'Escrows to skip')),
  }),
  output: struct({
    address,
    escrows: list(
      struct({
        id: hash,
        role: describe(
          enumeration('depositor', 'beneficiary', 'arbiter', 'payee', 'signer'),
          'The part that the account has in it; payees and signers are named by rules',
        ),
        state,
        held: tokenSum,
        deposited: tokenSum,
        depositor: did,
        beneficiary: address,
        arbiter: optional(did),
        expiresAt: optional(timestamp),
      }),
      limitMax,
    ),
  }),
  read(view, { address: named, limit = limitDefault, offset = 0 }, { self, begun }) {
    const own = named ?? (self && addressOf(self))
    if (own === undefined) return
    const ids = begun(own, { kind: create.kind, limit, offset })
    return {
      address: own,
      escrows: ids.map(id => {
        const escrow = present(escrows.get(view, id), 'what began an escrow has one')
        const terms = termsOf(view, id)
        const { depositor, beneficiary, arbiter, expiresAt } = terms
        return {
          id,
          role: roleIn(terms, own),
          state: escrow.state,
          held: heldOf(escrow),
          deposited: escrow.deposited,
          depositor,
          beneficiary,
          ...(arbiter !== undefined && { arbiter }),
          ...(expiresAt !== undefined && { expiresAt }),
        }
      }),
    }
  },
})

function roleIn(terms: Terms, own: Address): 'depositor' | 'beneficiary' | 'arbiter' | 'payee' | 'signer' {
  const { depositor, beneficiary, arbiter } = terms
  if (own === addressOf(depositor)) return 'depositor'
  if (own === beneficiary) return 'beneficiary'
  if (arbiter !== undefined && own === addressOf(arbiter)) return 'arbiter'
  return payeesOf(terms).includes(own) ? 'payee' : 'signer'
}

function historyOf(view: View, { events }: Escrow, id: Hash): readonly EscrowEvent[] {
  const first = Math.max(0, events - historyMax)
  return Array.from({ length: events - first }, (_, index) =>
    present(nthEvent(view, id, events - 1 - index), 'the events of an escrow have no gaps'),
  )
}
