/** How Tokens move between accounts. Other domains move money only through these. */
import type { Hash } from '../../crypto/hash.ts'
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
  // Who pays himself has as much as before.
  if (from !== to) draft.outlays.push({ type: 'paid', account: from, amount, payees: [to] })
  return true
}

/** What Tokens are locked in: the id of the transaction that made it, and who may come to have them. */
export interface Lock {
  readonly object: Hash
  readonly payees: readonly Address[]
}

/** Locks available Tokens of an account, which keeps them; false, and nothing is locked, where it has too few. */
export function lock(draft: Draft, account: Address, amount: bigint, { object, payees }: Lock): boolean {
  const owner = accountAt(draft, account)
  if (owner.available < amount) return false

  accounts.set(draft, account, { ...owner, available: owner.available - amount, locked: owner.locked + amount })
  draft.outlays.push({ type: 'locked', account, amount, payees, object })
  return true
}

/** Makes locked Tokens available again. */
export function unlock(draft: Draft, account: Address, amount: bigint): void {
  const owner = accountAt(draft, account)
  assert(owner.locked >= amount, 'no more is unlocked than was locked')

  accounts.set(draft, account, { ...owner, available: owner.available + amount, locked: owner.locked - amount })
}

/** Pays out of what `object` holds of the owner's locked Tokens. */
export function payLocked(draft: Draft, from: Address, to: Address, amount: bigint, object: Hash): void {
  unlock(draft, from, amount)
  if (from === to) return
  const payer = accountAt(draft, from)
  accounts.set(draft, from, { ...payer, available: payer.available - amount })
  const payee = accountAt(draft, to)
  accounts.set(draft, to, { ...payee, available: payee.available + amount })
  draft.movements.push({ from, to, amount })
  draft.outlays.push({ type: 'given', account: from, amount, payees: [to], object })
}

/**
 * An owner's word that lets somebody else take what `object` holds of his Tokens. Nothing moves yet, but budgets count it
 * here: whoever takes them later signs with a key of his own.
 */
export function promise(draft: Draft, from: Address, to: Address, amount: bigint, object: Hash): void {
  draft.outlays.push({ type: 'given', account: from, amount, payees: [to], object })
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
