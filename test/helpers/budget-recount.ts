/**
 * Counts what session keys take from balances and the rows of escrows alone, in its own way, and holds it against what
 * they were granted: the rule of budgets (L42), written a second time.
 */
import assert from 'node:assert/strict'
import type { Hash } from '../../protocol/src/crypto/hash.ts'
import { type Address, addressOf, type Did, type PublicKey } from '../../protocol/src/crypto/keys.ts'
import { accountAt } from '../../protocol/src/domains/accounts/index.ts'
import { escrowIds, escrows, escrowTerms } from '../../protocol/src/domains/escrow/rows.ts'
import type { Transaction } from '../../protocol/src/ledger/envelope.ts'
import type { RangeView } from '../../protocol/src/ledger/state.ts'

export interface Terms {
  readonly perTx: bigint
  readonly budget: bigint
  readonly total?: bigint
  readonly periodMs: number
  readonly payees?: readonly Address[]
  readonly kinds?: readonly string[]
  readonly notBefore: number
  readonly notAfter: number
}

interface Sums {
  readonly deposited: bigint
  readonly released: bigint
}

/** All that the recount looks at. */
interface Picture {
  readonly totals: ReadonlyMap<Address, bigint>
  readonly locked: ReadonlyMap<Address, bigint>
  readonly escrows: ReadonlyMap<Hash, Sums>
}

interface Act {
  /** A key signed that is not the sender's own. */
  readonly isSession: boolean
  readonly isApplied: boolean
  readonly timeMs: number
  readonly pictures: readonly [before: Picture, after: Picture]
  readonly view: RangeView
}

/** One grant, from the transaction that made it to the one that ended it. */
interface Epoch {
  readonly terms: Terms
  /** What each of its transactions took; one that let somebody take later grows when he does. */
  readonly taken: { readonly timeMs: number; amount: bigint }[]
}

export class BudgetRecount {
  /** By DID and key. */
  readonly #live = new Map<string, Epoch>()
  readonly #ended: Epoch[] = []
  /** Tokens that a key locked in an escrow and has not given, by DID, key and escrow. */
  readonly #credits = new Map<string, bigint>()
  /** By escrow and rule: what a key let others take, beyond what it had locked itself. */
  readonly #promises = new Map<string, { readonly entry: { amount: bigint }; readonly amount: bigint }>()

  granted(did: Did, key: PublicKey, terms: Terms): void {
    this.ended(did, key)
    this.#live.set(did + key, { terms, taken: [] })
  }

  ended(did: Did, key: PublicKey): void {
    const epoch = this.#live.get(did + key)
    if (epoch !== undefined) this.#ended.push(epoch)
    this.#live.delete(did + key)
  }

  /** A transaction stands in a block: `pictures` were taken just before and just after it. */
  acted(transaction: Transaction, { isSession, isApplied, timeMs, pictures, view }: Act): void {
    const { envelope, account } = transaction
    const entry = isSession ? this.#took(transaction, timeMs, pictures) : undefined
    if (!isApplied || (envelope.kind !== 'escrow.approve' && envelope.kind !== 'escrow.release')) return
    const { id, ruleId = '', amount = 0n } = envelope.payload as Partial<RuleOrder> & { readonly id: Hash }
    const terms = escrowTerms.get(view, id) ?? assert.fail('an escrow has terms')
    const isOwner = addressOf(terms.depositor) === account
    if (isOwner || envelope.kind === 'escrow.release') {
      const promised = this.#promises.get(id + ruleId)
      if (promised !== undefined && !isOwner) promised.entry.amount += promised.amount
      this.#promises.delete(id + ruleId)
    }
    const gives = terms.releaseRules.some(rule => rule.id === ruleId)
    if (envelope.kind !== 'escrow.approve' || !isOwner || !gives || entry === undefined) return
    const used = this.#useCredit(placeOf(transaction) + id, amount)
    this.#promises.set(id + ruleId, { entry, amount: amount - used })
  }

  check(): void {
    for (const { terms, taken } of [...this.#live.values(), ...this.#ended]) {
      const { perTx, budget, total, periodMs, notBefore } = terms
      const periods = new Map<number, bigint>()
      for (const { timeMs, amount } of taken) {
        assert.ok(amount <= perTx, `${amount} in a transaction, of ${perTx}`)
        const number = Math.floor((timeMs - notBefore) / periodMs)
        periods.set(number, (periods.get(number) ?? 0n) + amount)
      }
      for (const sum of periods.values()) assert.ok(sum <= budget, `${sum} in a period, of ${budget}`)
      const sum = [...periods.values()].reduce((all, one) => all + one, 0n)
      if (total !== undefined) assert.ok(sum <= total, `${sum} in all, of ${total}`)
    }
  }

  #credit(place: string, amount: bigint): void {
    this.#credits.set(place, (this.#credits.get(place) ?? 0n) + amount)
  }

  #useCredit(place: string, amount: bigint): bigint {
    const credit = this.#credits.get(place) ?? 0n
    const used = credit < amount ? credit : amount
    this.#credits.set(place, credit - used)
    return used
  }

  #took(transaction: Transaction, timeMs: number, [before, after]: Act['pictures']): { amount: bigint } {
    const { envelope, account } = transaction
    const { fee, kind } = envelope
    const place = placeOf(transaction)
    const { terms, taken } = this.#live.get(place) ?? assert.fail(`${kind} by a key without a grant`)
    assert.ok(timeMs >= terms.notBefore && timeMs < terms.notAfter, `${kind} outside its time`)
    assert.ok(kind === 'identity.revoke' || (terms.kinds?.includes(kind) ?? true), `${kind} was not granted`)

    const gone = at(before.totals, account) - at(after.totals, account)
    const locked = at(after.locked, account) - at(before.locked, account)
    let amount = gone + (locked > 0n ? locked : 0n)
    for (const [id, sums] of after.escrows) {
      const { deposited, released } = before.escrows.get(id) ?? { deposited: 0n, released: 0n }
      if (sums.deposited > deposited) this.#credit(place + id, sums.deposited - deposited)
      else if (locked < 0n) amount -= this.#useCredit(place + id, sums.released - released)
    }
    const entry = { timeMs, amount }
    taken.push(entry)
    if (gone > fee) checkPayees(terms, account, before, after)
    return entry
  }
}

function checkPayees({ payees }: Terms, from: Address, before: Picture, after: Picture): void {
  if (payees === undefined) return
  for (const [account, total] of after.totals) {
    const hasMore = account !== from && total > at(before.totals, account)
    assert.ok(!hasMore || payees.includes(account), 'somebody was paid who was not granted')
  }
}

interface RuleOrder {
  readonly ruleId: string
  readonly amount: bigint
}

/** Where a key’s epoch is kept: the DID and the key. */
function placeOf({ envelope: { sender, signer = sender } }: Transaction): string {
  return sender + signer
}

export function pictureOf(view: RangeView, accounts: readonly Address[]): Picture {
  const found = accounts.map(account => [account, accountAt(view, account)] as const)
  return {
    totals: new Map(found.map(([account, { available, locked }]) => [account, available + locked])),
    locked: new Map(found.map(([account, { locked }]) => [account, locked])),
    escrows: new Map(
      [...escrowIds(view)].map(id => [id, escrows.get(view, id) ?? assert.fail('an escrow has its row')]),
    ),
  }
}

function at(amounts: ReadonlyMap<Address, bigint>, account: Address): bigint {
  return amounts.get(account) ?? 0n
}
