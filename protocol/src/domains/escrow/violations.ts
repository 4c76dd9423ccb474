import type { Hash } from '../../crypto/hash.ts'
import { type Address, addressOf, type Did } from '../../crypto/keys.ts'
import type { RangeView } from '../../ledger/state.ts'
import { accountAt } from '../accounts/index.ts'
import { termsOf } from './opened.ts'
import { stateOf } from './payment.ts'
import {
  type Escrow,
  type EscrowEvent,
  escrowIds,
  escrows,
  heldOf,
  nthEvent,
  progressOf,
  type RuleProgress,
} from './rows.ts'

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
  const history = Array.from({ length: events }, (_, n) => nthEvent(view, id, n)).filter(event => event !== undefined)
  const sums = sumsOf(history)
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
    ...(sums.deposited === deposited && sums.out === released + refunded
      ? []
      : [`had ${sums.deposited} paid in and ${sums.out} out, but says ${deposited} and ${released + refunded}`]),
    ...rules
      .filter(rule => !isAsItHappened(history, rule.id, progressOf(view, id, rule)))
      .map(rule => `has a rule ${rule.id} that does not remember what happened`),
  ]
}

function sumsOf(history: readonly EscrowEvent[]): { readonly deposited: bigint; readonly out: bigint } {
  const sumOf = (...kinds: readonly EscrowEvent['kind'][]): bigint =>
    history.reduce((sum, { kind, amount }) => (kinds.includes(kind) ? sum + amount : sum), 0n)
  return { deposited: sumOf('create', 'fund'), out: sumOf('release', 'refund', 'expiry') }
}

/** What the rule has paid, and the approvals since: the last of each DID, unless it took it back (L59). */
function isAsItHappened(history: readonly EscrowEvent[], ruleId: string, { paid, approvals }: RuleProgress): boolean {
  let sum = 0n
  const open = new Map<Did | undefined, bigint>()
  for (const { kind, by, amount } of history.filter(event => event.ruleId === ruleId)) {
    if (kind === 'approve') open.set(by, amount)
    else {
      sum += amount
      open.clear()
    }
  }
  const given = [...open.values()].filter(amount => amount > 0n).length
  return paid === sum && approvals.length === given && approvals.every(({ did, amount }) => open.get(did) === amount)
}
