/** Who broke how many rules, and who is shut out for it. docs/spec/network.md, N60 to N62. */
import { type Infer, struct, text, timestamp } from '@claw-network/protocol'
import type { Clock, Log } from '../ports.ts'
import { banMs, bansMax, faultForgivenMs, faultsMax } from './limits.ts'
import { LinesFile } from './lines-file.ts'

/** A peer id, or the host of one. */
export type Bannable = string

const banRecord = struct({ banned: text(256), untilMs: timestamp })

interface Faults {
  readonly count: number
  readonly sinceMs: number
}

export class Bans {
  readonly #clock: Clock
  readonly #file: LinesFile<Infer<typeof banRecord>>
  readonly #faults = new Map<Bannable, Faults>()
  readonly #untilMs = new Map<Bannable, number>()

  constructor(options: { readonly path: string }, dependencies: { readonly clock: Clock; readonly log: Log }) {
    this.#clock = dependencies.clock
    this.#file = new LinesFile({ path: options.path, codec: banRecord }, dependencies)
    for (const { banned, untilMs } of this.#file.read()) this.#untilMs.set(banned, untilMs)
  }

  has(who: Bannable): boolean {
    const untilMs = this.#untilMs.get(who)
    return untilMs !== undefined && this.#clock.nowMs() < untilMs
  }

  /** Notes one fault; true when it was one too many. */
  fault(who: Bannable): boolean {
    const nowMs = this.#clock.nowMs()
    const known = this.#faults.get(who)
    const forgiven = known === undefined ? 0 : Math.floor(Math.max(0, nowMs - known.sinceMs) / faultForgivenMs)
    const count = Math.max(0, (known?.count ?? 0) - forgiven) + 1
    if (count > faultsMax) {
      this.#faults.delete(who)
      return true
    }
    this.#faults.set(who, { count, sinceMs: nowMs })
    return false
  }

  /** Resolves once the ban would survive a restart. */
  async ban(...all: readonly Bannable[]): Promise<void> {
    const nowMs = this.#clock.nowMs()
    for (const who of all) this.#untilMs.set(who, nowMs + banMs)
    for (const [who, untilMs] of this.#untilMs) {
      if (untilMs <= nowMs || this.#untilMs.size > bansMax) this.#untilMs.delete(who)
    }
    await this.#file.replace([...this.#untilMs].map(([banned, untilMs]) => ({ banned, untilMs })))
  }

  /** Drops the faults of those who behaved long enough, so that the memory of them is bounded. */
  forgive(): void {
    const nowMs = this.#clock.nowMs()
    for (const [who, { count, sinceMs }] of this.#faults) {
      if (nowMs - sinceMs >= count * faultForgivenMs) this.#faults.delete(who)
    }
  }
}
