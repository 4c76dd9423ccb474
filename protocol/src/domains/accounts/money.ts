/** How Tokens move between accounts. Other domains move money only through these. */
import type { Address } from '../../crypto/keys.ts'
import { assert } from '../../lib/assert.ts'
import type { Draft, View } from '../../ledger/state.ts'
import { type Account, accounts, supply } from './rows.ts'

/** The account, empty where it was never paid. */
export function accountAt(view: View, address: Address): Account {
  return accounts.get(view, address) ?? { available: 0n, locked: 0n, nonce: 0 }
}

/** Moves available Tokens; false, and nothing moved, where the payer has too few. */
export function pay(draft: Draft, from: Address, to: Address, amount: bigint): boolean {
  const payer = accountAt(draft, from)
  if (payer.available < amount) return false

  accounts.set(draft, from, { ...payer, available: payer.available - amount })
  const payee = accountAt(draft, to)
  accounts.set(draft, to, { ...payee, available: payee.available + amount })
  draft.movements.push({ from, to, amount })
  return true
}

/** Raises the supply; the same amount must be credited in the same block. */
export function issue(draft: Draft, amount: bigint): void {
  const total = supply.get(draft, 0) ?? { issued: 0n, burned: 0n }
  assert(total.issued + amount <= BigInt(Number.MAX_SAFE_INTEGER), 'a checked genesis never issues 2^53 Tokens')

  supply.set(draft, 0, { ...total, issued: total.issued + amount })
}

/** Gives Tokens that were issued or taken elsewhere in the same block. */
export function credit(draft: Draft, to: Address, amount: bigint): void {
  const payee = accountAt(draft, to)
  accounts.set(draft, to, { ...payee, available: payee.available + amount })
  draft.movements.push({ to, amount })
}
