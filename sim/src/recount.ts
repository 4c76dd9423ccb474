/** The ledger's rules of keys, budgets and deadlines, written a second time, from transactions and balances alone. */
import {
  accountAt,
  type Block,
  type Did,
  type Ledger,
  nextDeadline,
  type PublicKey,
  type RangeView,
  type Transaction,
} from '@claw-network/protocol'

/** Deadlines that a block may handle (L29): not the ledger’s own constant, which is under test. */
const sweptMax = 256

interface Terms {
  readonly key: PublicKey
  readonly perTx: bigint
  readonly budget: bigint
  readonly total?: bigint
  readonly periodMs: number
  readonly kinds?: readonly string[]
  readonly notBefore?: number
  readonly notAfter: number
}

/** One grant, and what its key took since. */
interface Given {
  readonly terms: Terms
  readonly notBefore: number
  readonly byPeriod: Map<number, bigint>
  inAll: bigint
}

interface Keys {
  own: PublicKey
  readonly granted: Map<PublicKey, Given>
}

export interface Deed {
  readonly transaction: Transaction
  /** Absent where it was applied. */
  readonly rejected?: string
  /** A session key signed. */
  readonly isSession: boolean
}

/** Follows one chain, block after block; answers what was done and which rules it broke. */
export class Recount {
  readonly #ledger: Ledger
  readonly #keys = new Map<Did, Keys>()

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  /** `before` is the state that the block is executed on. */
  follow(
    { header, lastCommit }: Block,
    transactions: readonly Transaction[],
    before: RangeView,
  ): { readonly deeds: readonly Deed[]; readonly expired: number; readonly faults: readonly string[] } {
    const { timeMs } = header
    const execution = this.#ledger.begin(before, { ...header, ...(lastCommit && { lastCommit }) })
    const expired = deadlinesIn(before) - deadlinesIn(execution.draft)
    const faults = [...faultsOfSweep(before, execution.draft, timeMs, expired)]
    const deeds = transactions.map((transaction): Deed => {
      const { account, envelope } = transaction
      const { sender, signer = sender } = envelope
      const isSession = signer !== this.#keysOf(sender).own
      const had = accountAt(execution.draft, account).available
      const outcome = execution.apply(transaction)
      const taken = had - accountAt(execution.draft, account).available
      const fault = isSession
        ? this.#spent(transaction, taken > envelope.fee ? taken : envelope.fee, timeMs)
        : undefined
      if (fault !== undefined) faults.push(`transaction ${transaction.id} by a session key: ${fault}`)
      if (outcome.type === 'applied') this.#changed(transaction, timeMs)
      return { transaction, isSession, ...(outcome.type !== 'applied' && { rejected: outcome.code }) }
    })
    return { deeds, expired, faults }
  }

  /** Counts what left the available balance: at least that much is the budget's, what was given out of locks aside. */
  #spent({ envelope, kind }: Transaction, taken: bigint, timeMs: number): string | undefined {
    const { sender, signer = sender } = envelope
    const given = this.#keysOf(sender).granted.get(signer)
    if (given === undefined) return 'it may not sign'
    const { terms, notBefore, byPeriod } = given
    if (timeMs < notBefore || timeMs >= terms.notAfter) return 'it signed outside its time'
    if (kind.needsOwnKey) return `${kind.kind} needs the own key`
    const isKind = terms.kinds === undefined || kind.kind === 'identity.revoke' || terms.kinds.includes(kind.kind)
    if (!isKind) return `${kind.kind} was not granted`

    const period = Math.floor((timeMs - notBefore) / terms.periodMs)
    const inPeriod = (byPeriod.get(period) ?? 0n) + taken
    byPeriod.set(period, inPeriod)
    given.inAll += taken
    if (taken > terms.perTx) return `took ${taken} at once, of ${terms.perTx}`
    if (inPeriod > terms.budget) return `took ${inPeriod} in a period, of ${terms.budget}`
    if (terms.total !== undefined && given.inAll > terms.total) return `took ${given.inAll} in all, of ${terms.total}`
    return
  }

  #changed({ envelope: { kind, payload, sender } }: Transaction, timeMs: number): void {
    const keys = this.#keysOf(sender)
    if (kind === 'identity.grant') {
      const terms = payload as Terms
      const { notBefore = timeMs } = terms
      keys.granted.set(terms.key, { terms, notBefore, byPeriod: new Map(), inAll: 0n })
    }
    if (kind === 'identity.revoke') keys.granted.delete((payload as Terms).key)
    if (kind === 'identity.rotate') {
      keys.own = (payload as { readonly newKey: PublicKey }).newKey
      keys.granted.clear()
    }
  }

  #keysOf(did: Did): Keys {
    const keys = this.#keys.get(did) ?? { own: did, granted: new Map() }
    this.#keys.set(did, keys)
    return keys
  }
}

/** All that has passed is done, or as much as a block may do; nothing is done before its time. */
function* faultsOfSweep(before: RangeView, after: RangeView, timeMs: number, swept: number): Iterable<string> {
  if (swept > sweptMax) yield `${swept} deadlines were handled in one block`
  if (swept > 0 && (nextDeadline(before) ?? 0) > timeMs) yield 'a deadline was handled before its time'
  const isLate = (nextDeadline(after) ?? Number.POSITIVE_INFINITY) <= timeMs
  if (isLate && swept < sweptMax) yield `a deadline has passed and waits, after ${swept} were handled`
}

function deadlinesIn(view: RangeView): number {
  return [...view.range('deadlines/')].length
}
