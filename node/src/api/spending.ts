/** The node's own spending limits: what one transaction, and what 24 hours may spend over all its identities. */
import { join } from 'node:path'
import { type Infer, optional, struct, timestamp, tokenSum } from '@claw-network/protocol'
import type { Clock } from '../ports.ts'
import { Journal } from './journal.ts'
import type { SpendingLimits } from './node.ts'
import { Problem } from './problems.ts'

const minuteMs = 60_000
const dayMinutes = 24 * 60
const journalBytesMax = 4 * 1024 * 1024

const line = struct({ atMs: timestamp, spent: optional(tokenSum), returned: optional(tokenSum) })

export interface SpendingOptions {
  readonly limits: SpendingLimits
  readonly directory: string
}

export class Spending {
  readonly #limits: SpendingLimits
  readonly #clock: Clock
  /** Tokens by minute since 1970: an hour of payments is sixty entries. */
  readonly #byMinute = new Map<number, bigint>()
  #lastDay = 0n
  #journal: Journal<Infer<typeof line>> | undefined

  /** Without a daily limit nothing is kept. */
  static async open({ limits, directory }: SpendingOptions, { clock }: { clock: Clock }): Promise<Spending> {
    const spending = new Spending(limits, clock)
    if (limits.maxTransferPerDay === undefined) return spending
    spending.#journal = await Journal.open(
      { path: join(directory, 'spending.jsonl'), line, bytesMax: journalBytesMax },
      {
        restore: ({ atMs, spent = 0n, returned = 0n }) => spending.#add(Math.floor(atMs / minuteMs), spent - returned),
        current: () => spending.#lines(),
      },
    )
    return spending
  }

  private constructor(limits: SpendingLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  /** Throws a Problem where one transaction spends too much. */
  checkTransaction(tokens: bigint): void {
    const { maxTransferPerTx: max } = this.#limits
    if (max !== undefined && tokens > max) {
      throw Problem.of('exceeds_limit_per_tx', {
        detail:
          `The transaction spends ${tokens} Tokens, limits.maxTransferPerTx of this node is ${max}: ` +
          'send less, or raise that in config.yaml.',
      })
    }
  }

  /**
   * Counts the Tokens against the day, durably, before they leave; throws a Problem where that is too much. The answer
   * takes them back, for a transaction that never left the node.
   */
  async reserve(tokens: bigint): Promise<() => Promise<void>> {
    const { maxTransferPerDay: max } = this.#limits
    if (max === undefined || this.#journal === undefined) return async () => {}
    const atMs = this.#clock.nowMs()
    const minute = Math.floor(atMs / minuteMs)
    this.#forget(minute - dayMinutes)
    if (this.#lastDay + tokens > max) {
      throw Problem.of('exceeds_limit_per_day', {
        detail:
          `The transaction spends ${tokens} Tokens; of the ${max} that limits.maxTransferPerDay allows, ` +
          `${this.#lastDay} went in the last 24 hours.`,
      })
    }

    this.#add(minute, tokens)
    const giveBack = (): Promise<void> => {
      this.#add(minute, -tokens)
      return this.#journal?.append({ atMs, returned: tokens }) ?? Promise.resolve()
    }
    try {
      await this.#journal.append({ atMs, spent: tokens })
    } catch (error) {
      this.#add(minute, -tokens)
      throw error
    }
    return giveBack
  }

  async close(): Promise<void> {
    await this.#journal?.close()
  }

  #add(minute: number, tokens: bigint): void {
    this.#byMinute.set(minute, (this.#byMinute.get(minute) ?? 0n) + tokens)
    this.#lastDay += tokens
  }

  #forget(before: number): void {
    for (const [minute, tokens] of this.#byMinute) {
      // Minutes come in order, unless the clock was set back; then some are forgotten late, none early.
      if (minute >= before) break
      this.#byMinute.delete(minute)
      this.#lastDay -= tokens
    }
  }

  *#lines(): Iterable<Infer<typeof line>> {
    this.#forget(Math.floor(this.#clock.nowMs() / minuteMs) - dayMinutes)
    for (const [minute, spent] of this.#byMinute) if (spent > 0n) yield { atMs: minute * minuteMs, spent }
  }
}
