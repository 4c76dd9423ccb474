import type { Hash } from '../../crypto/hash.ts'
import { type Address, addressOf } from '../../crypto/keys.ts'
import type { RangeView } from '../../ledger/state.ts'
import { accountAt } from '../accounts/index.ts'
import { termsOf } from './opened.ts'
import { stateOf } from './payment.ts'
import { type Escrow, escrowIds, escrows, heldOf, nthEvent, progressOf } from './rows.ts'

/** What is wrong with the escrows of a state, as sentences: always nothing. */
export function violations(view: RangeView): readonly string[] {
  const found: string[] = []
  const heldBy = new Map<Address, bigint>()
  for (const id of escrowIds(view)) {
    const escrow = escrows.get(view, id)
    if (escrow === undefined) continue
    const depositor = addressOf(termsOf(view, id).depositor)
    heldBy.set(depositor, (heldBy.get(depositor) ?? 0n) + heldOf(escrow))
    found.push(...faultsOf(view, id, escrow).map(fault => `escrow ${id} ${fault}`))
  }
  for (const [account, held] of heldBy) {
    const { locked } = accountAt(view, account)
    if (held > locked) found.push(`account ${account} has ${locked} locked, but its escrows hold ${held}`)
  }
  return found
}

function faultsOf(view: RangeView, id: Hash, escrow: Escrow): readonly string[] {
  const { state, deposited, released, refunded, events } = escrow
  const { releaseRules, refundRules } = termsOf(view, id)
  const rules = [...releaseRules, ...refundRules]
  const paid = rules.reduce((sum, rule) => sum + progressOf(view, id, rule).paid, 0n)
  const isOverCap = rules.some(rule => rule.cap !== undefined && progressOf(view, id, rule).paid > rule.cap)
  const isOwnState = deposited === 0n ? state === 'open' || state === 'refunded' : state === stateOf(escrow)
  return [
    ...(heldOf(escrow) < 0n ? [`paid ${released} and ${refunded} of ${deposited}`] : []),
    ...(isOwnState ? [] : [`is ${state} with ${released} and ${refunded} of ${deposited} paid`]),
    ...(paid > released + refunded ? [`paid ${paid} by rules, but ${released + refunded} in all`] : []),
    ...(isOverCap ? ['has a rule that paid more than its cap'] : []),
    ...(nthEvent(view, id, events - 1) === undefined || nthEvent(view, id, events) !== undefined
      ? [`does not have ${events} events`]
      : []),
  ]
}
