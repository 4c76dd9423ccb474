/**
 * What the node and its agent tokens may spend, counted by effect: what a transaction takes out of the sender's hands,
 * whatever its kind (docs/spec/ledger.md, L42). All of it is in memory here; orders.ts makes it durable.
 */
import {
  type Address,
  type Effect,
  formatAddress,
  type Hash,
  hash,
  type Infer,
  list,
  struct,
  text,
  timestamp,
  tokenSum,
  type Transaction,
} from '@claw-network/protocol'
import type { Clock } from '../ports.ts'
import type { SpendingLimits } from './node.ts'
import { Problem } from './problems.ts'
import type { AgentToken } from './tokens.ts'

const minuteMs = 60_000
const dayMinutes = 24 * 60
const partsMax = 10_000

const part = struct({ object: hash, amount: tokenSum })
type Part = Infer<typeof part>

/** What one transaction counts against one subject. */
export const share = struct({
  /** The id of an agent token; empty for the node itself. */
  subject: text(12),
  atMs: timestamp,
  tokens: tokenSum,
  /** The part of `tokens` that a rejected transaction pays all the same. */
  fee: tokenSum,
  /** What it locks, which the subject may give out of there without counting again once a block has applied it. */
  locked: list(part, partsMax),
  /** What it gave out of what the subject had locked before. */
  used: list(part, partsMax),
})
export type Share = Infer<typeof share>

/** A book, line by line. */
export const spentLine = struct({ subject: text(12), atMs: timestamp, tokens: tokenSum })
export const totalLine = struct({ subject: text(12), tokens: tokenSum })
export const lockedLine = struct({ subject: text(12), object: hash, tokens: tokenSum })
export type BookLine =
  | { readonly type: 'spent'; readonly value: Infer<typeof spentLine> }
  | { readonly type: 'total'; readonly value: Infer<typeof totalLine> }
  | { readonly type: 'locked'; readonly value: Infer<typeof lockedLine> }

interface Book {
  /** Tokens by minute since 1970: an hour of payments is sixty entries. */
  readonly byMinute: Map<number, bigint>
  lastDay: bigint
  total: bigint
  /** What this subject locked in an object, in blocks that are decided, and has not given out of it. */
  readonly locked: Map<Hash, bigint>
}

interface Limits {
  readonly perTx?: bigint
  readonly perDay?: bigint
  readonly total?: bigint
  /** `limits.maxTransferPerTx of this node`. */
  readonly nameOf: (limit: 'perTx' | 'perDay' | 'total') => string
}

export class Spending {
  readonly #nodeLimits: SpendingLimits
  readonly #clock: Clock
  readonly #books = new Map<string, Book>()

  constructor(limits: SpendingLimits, clock: Clock) {
    this.#nodeLimits = limits
    this.#clock = clock
  }

  /** What the transaction would count, against the token and against the node; nothing is counted yet. */
  weigh({ account, kind, envelope }: Transaction, { outlays }: Effect, context: Weighing): readonly Share[] {
    const own = outlays.filter(outlay => outlay.account === account)
    const spends = kind.spends(envelope.payload)
    const extraFee = envelope.fee > context.feeMin ? envelope.fee - context.feeMin : 0n
    const { maxTransferPerTx, maxTransferPerDay } = this.#nodeLimits
    const isLimited = maxTransferPerTx !== undefined || maxTransferPerDay !== undefined
    return [
      ...(context.token === undefined ? [] : [this.#weigh(context.token.id, own, spends, envelope.fee)]),
      ...(isLimited ? [this.#weigh('', own, spends, extraFee)] : []),
    ]
  }

  /** Throws a Problem where a share exceeds what is left to its subject. */
  check(shares: readonly Share[], token: AgentToken | undefined): void {
    for (const { subject, tokens } of shares) {
      const limits = subject === '' || token === undefined ? this.#limitsOfNode() : limitsOf(token)
      const { perTx, perDay, total, nameOf } = limits
      if (perTx !== undefined && tokens > perTx) {
        throw Problem.of('exceeds_limit_per_tx', {
          detail: `The transaction spends ${tokens} Tokens, ${nameOf('perTx')} is ${perTx}: send less, or have that raised.`,
        })
      }
      const book = this.#bookOf(subject)
      if (perDay !== undefined && book.lastDay + tokens > perDay) {
        throw Problem.of('exceeds_limit_per_day', {
          detail:
            `The transaction spends ${tokens} Tokens; of the ${perDay} that ${nameOf('perDay')} allows, ` +
            `${book.lastDay} went in the last 24 hours.`,
        })
      }
      if (total !== undefined && book.total + tokens > total) {
        throw Problem.of('exceeds_limit_total', {
          detail:
            `The transaction spends ${tokens} Tokens; of the ${total} that ${nameOf('total')} allows, ` +
            `${book.total} have gone.`,
        })
      }
    }
  }

  count(shares: readonly Share[]): void {
    for (const { subject, atMs, tokens, used } of shares) {
      this.#add(this.#bookOf(subject), atMs, tokens)
      this.#lock(subject, used, -1n)
    }
  }

  /** Takes back what was counted: all of it, or all but the fee of a transaction that a block rejected. */
  giveBack(shares: readonly Share[], { paidFee }: { readonly paidFee: boolean }): void {
    for (const { subject, atMs, tokens, fee, used } of shares) {
      this.#add(this.#bookOf(subject), atMs, paidFee ? fee - tokens : -tokens)
      this.#lock(subject, used, 1n)
    }
  }

  /**
   * A block has applied the transaction: what it locked is there now. Counts what it paid beyond what it would have paid
   * when it was weighed: "all that the escrow holds" may have become more meanwhile.
   */
  confirm(shares: readonly Share[], paid: bigint): void {
    for (const { subject, atMs, tokens, fee, locked, used } of shares) {
      const weighed = tokens - fee - sumOf(locked) + sumOf(used)
      if (paid > weighed) this.#add(this.#bookOf(subject), atMs, paid - weighed)
      this.#lock(subject, locked, 1n)
    }
  }

  spentBy(subject: string): { readonly lastDay: bigint; readonly total: bigint } {
    const { lastDay, total } = this.#bookOf(subject)
    return { lastDay, total }
  }

  restore(line: BookLine): void {
    const book = this.#bookOf(line.value.subject)
    if (line.type === 'spent') this.#addToDay(book, line.value.atMs, line.value.tokens)
    else if (line.type === 'total') book.total += line.value.tokens
    else book.locked.set(line.value.object, line.value.tokens)
  }

  lines(): readonly BookLine[] {
    return [...this.#books.keys()].flatMap(subject => {
      const { byMinute, total, locked } = this.#bookOf(subject)
      return [
        ...(total > 0n ? [{ type: 'total', value: { subject, tokens: total } } as const] : []),
        ...[...byMinute]
          .filter(([, tokens]) => tokens > 0n)
          .map(([minute, tokens]) => ({ type: 'spent', value: { subject, atMs: minute * minuteMs, tokens } }) as const),
        ...[...locked]
          .filter(([, tokens]) => tokens > 0n)
          .map(([object, tokens]) => ({ type: 'locked', value: { subject, object, tokens } }) as const),
      ]
    })
  }

  #weigh(subject: string, outlays: Effect['outlays'], spends: bigint, fee: bigint): Share {
    const { locked: before } = this.#bookOf(subject)
    const left = new Map<Hash, bigint>()
    const locked: Part[] = []
    const used: Part[] = []
    let taken = 0n
    for (const { type, amount, object } of outlays) {
      let covered = 0n
      if (object !== undefined) {
        const own = left.get(object) ?? before.get(object) ?? 0n
        if (type === 'given') covered = amount < own ? amount : own > 0n ? own : 0n
        left.set(object, type === 'given' ? own - covered : own + amount)
        if (type === 'locked') locked.push({ object, amount })
        if (covered > 0n) used.push({ object, amount: covered })
      }
      taken += amount - covered
    }
    const tokens = (taken > spends ? taken : spends) + fee
    return { subject, atMs: this.#clock.nowMs(), tokens, fee, locked, used }
  }

  #limitsOfNode(): Limits {
    const { maxTransferPerTx: perTx, maxTransferPerDay: perDay } = this.#nodeLimits
    return {
      ...(perTx !== undefined && { perTx }),
      ...(perDay !== undefined && { perDay }),
      nameOf: limit => `limits.maxTransfer${limit === 'perTx' ? 'PerTx' : 'PerDay'} of this node`,
    }
  }

  #bookOf(subject: string): Book {
    const book = this.#books.get(subject) ?? { byMinute: new Map(), lastDay: 0n, total: 0n, locked: new Map() }
    this.#books.set(subject, book)
    forget(book, Math.floor(this.#clock.nowMs() / minuteMs) - dayMinutes)
    return book
  }

  #add(book: Book, atMs: number, tokens: bigint): void {
    book.total += tokens
    this.#addToDay(book, atMs, tokens)
  }

  #addToDay(book: Book, atMs: number, tokens: bigint): void {
    const minute = Math.floor(atMs / minuteMs)
    // What was forgotten cannot come back.
    if (tokens < 0n && !book.byMinute.has(minute)) return
    book.byMinute.set(minute, (book.byMinute.get(minute) ?? 0n) + tokens)
    book.lastDay += tokens
  }

  #lock(subject: string, parts: readonly Part[], sign: 1n | -1n): void {
    const { locked } = this.#bookOf(subject)
    for (const { object, amount } of parts) {
      // Below zero while a restart has counted what was given, and not yet heard that the lock before it was applied.
      const left = (locked.get(object) ?? 0n) + sign * amount
      if (left === 0n) locked.delete(object)
      else locked.set(object, left)
    }
  }
}

export interface Weighing {
  readonly token: AgentToken | undefined
  /** The network's lowest fee, which the node's own limits leave aside. */
  readonly feeMin: bigint
}

/** Throws a Problem where somebody may come to have Tokens whom the token does not name. */
export function checkPayees({ payees }: AgentToken, { account }: Transaction, { outlays }: Effect): void {
  if (payees === undefined) return
  const foreign = payeesOf(account, outlays).find(payee => !payees.includes(payee))
  if (foreign === undefined) return
  throw Problem.of('payee_is_not_allowed', {
    detail: `This agent token may pay ${payees.length} accounts; ${formatAddress(foreign)} is none of them.`,
  })
}

/** Who, besides the account itself, has its Tokens then, or may come to have them. */
export function payeesOf(account: Address, outlays: Effect['outlays']): readonly Address[] {
  const payees = outlays.filter(outlay => outlay.account === account).flatMap(outlay => outlay.payees)
  return [...new Set(payees)].filter(payee => payee !== account)
}

function sumOf(parts: readonly Part[]): bigint {
  return parts.reduce((sum, { amount }) => sum + amount, 0n)
}

function limitsOf({ perTx, perDay, total }: AgentToken): Limits {
  return {
    ...(perTx !== undefined && { perTx }),
    ...(perDay !== undefined && { perDay }),
    ...(total !== undefined && { total }),
    nameOf: limit => `${limit} of this agent token`,
  }
}

function forget(book: Book, before: number): void {
  for (const [minute, tokens] of book.byMinute) {
    // Minutes come in order, unless the clock was set back; then some are forgotten late, none early.
    if (minute >= before) break
    book.byMinute.delete(minute)
    book.lastDay -= tokens
  }
}
