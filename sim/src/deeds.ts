/** What the transactions of runs did: whether the workloads come to all that the ledger can do. */
import { type Hash, type Ledger, present, type View } from '@claw-network/protocol'
import type { Deed } from './recount.ts'

interface EscrowShown {
  readonly state: string
  readonly released: bigint
  readonly refunded: bigint
  readonly history: readonly EventShown[]
}

interface EventShown {
  readonly kind: string
  readonly amount: bigint
  readonly by?: string
  readonly ruleId?: string
}

/** How often each thing happened: `escrow.release applied`, `wallet.transfer by a session key: exceeds_budget`. */
export class Deeds {
  readonly counts = new Map<string, number>()
  readonly #escrows: Hash[] = []

  add(what: string, count = 1): void {
    if (count > 0) this.counts.set(what, (this.counts.get(what) ?? 0) + count)
  }

  note({ transaction, rejected, isSession }: Deed): void {
    const { kind } = transaction.envelope
    if (kind === 'escrow.create' && rejected === undefined) this.#escrows.push(transaction.id)
    this.add(`${kind}${isSession ? ' by a session key' : ''}: ${rejected ?? 'applied'}`)
  }

  /** Adds what became of the escrows, as the ledger shows them at the end. */
  end(ledger: Ledger, view: View, timeMs: number): void {
    const queries = ledger.domains.flatMap(domain => domain.queries)
    const show = present(
      queries.find(({ path }) => path === '/api/wallet/escrow/:id'),
      'escrows can be shown',
    )
    const context = { height: 0, timeMs, pending: () => 0n, begun: () => [] }
    for (const id of this.#escrows) {
      const { state, released, refunded, history } = show.read(view, { id }, context) as EscrowShown
      this.add(`escrow: ${state}`)
      if (state === 'funded' && released + refunded > 0n) this.add('escrow: partly paid')
      this.add('escrow: approvals used', approvalsUsed(history.toReversed()))
    }
  }

  take(others: ReadonlyMap<string, number>): void {
    for (const [what, count] of others) this.add(what, count)
  }

  /** One line each, in order. */
  get lines(): readonly string[] {
    return [...this.counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, count]) => `${count}\t${what}`)
  }
}

/** Payments by a rule for which somebody else had agreed to just that amount. */
function approvalsUsed(events: readonly EventShown[]): number {
  return events.filter(({ kind, amount, by, ruleId }, place) => {
    if (ruleId === undefined || (kind !== 'release' && kind !== 'refund')) return false
    const before = events.slice(0, place).filter(event => event.ruleId === ruleId)
    const since = before.slice(before.findLastIndex(event => event.kind !== 'approve') + 1)
    return since.some(event => event.amount === amount && event.by !== by)
  }).length
}
