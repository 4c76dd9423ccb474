/** Writes down who had the node do what, durably before the answer goes out (docs/audit-log.md). */
import { auditFileBytesMax, type AuditEntry, auditFileIn, type AuditHead, renewAudit, sealed } from '../audit-log.ts'
import type { Clock } from '../ports.ts'
import { DurableLines } from './durable-lines.ts'

/** What strangers do, and what an agent does that takes no Tokens, cannot fill the disk, nor push the rest out of the log. */
const idleLinesPerMinute = 60
const minuteMs = 60_000

/** Who has shown nothing that only the owner or his agents have. */
export const stranger = 'nobody'

/** What happened; the log adds when. */
export type AuditEvent = Omit<AuditEntry, 'timeMs' | 'times'>

/** What a handler knows of it. */
export type AuditRemarks = Partial<Pick<AuditEvent, 'did' | 'about' | 'tokens' | 'payees' | 'txHash'>>

export class Audit {
  readonly #clock: Clock
  readonly #lines: DurableLines<AuditEntry>
  #minute = 0
  /** Lines in this minute that count against the limit, those not written included. */
  readonly #idleLines = new Map<string, number>()

  static async open(
    { directory, bytesMax = auditFileBytesMax }: { readonly directory: string; readonly bytesMax?: number },
    { clock }: { readonly clock: Clock },
  ): Promise<Audit> {
    const path = auditFileIn(directory)
    let head: AuditHead | undefined
    const lines = await DurableLines.open<AuditEntry>(
      { path, bytesMax },
      {
        textOf: batch =>
          batch
            .map(entry => {
              const next = sealed(entry, head as AuditHead)
              head = next.head
              return next.text
            })
            .join(''),
        // What the disk holds counts, whatever became of the last lines that were made for it.
        renew: why => {
          const renewed = renewAudit(path, { isFull: why === 'full', nowMs: clock.nowMs() })
          head = renewed.head
          return renewed.bytes
        },
      },
    )
    return new Audit(lines, clock)
  }

  private constructor(lines: DurableLines<AuditEntry>, clock: Clock) {
    this.#lines = lines
    this.#clock = clock
  }

  /** Rejects where the disk fails. Of what costs nobody anything only so many a minute are written, the others counted. */
  async record(event: AuditEvent): Promise<void> {
    const timeMs = this.#clock.nowMs()
    const minute = Math.floor(timeMs / minuteMs)
    const counted = minute === this.#minute ? [] : this.#summary(timeMs)
    this.#minute = minute
    const idleLines = (this.#idleLines.get(event.who) ?? 0) + 1
    if (isIdle(event)) this.#idleLines.set(event.who, idleLines)
    const isTooMuch = isIdle(event) && idleLines > idleLinesPerMinute
    const entries = isTooMuch ? counted : [...counted, { ...event, timeMs }]
    await Promise.all(entries.map(entry => this.#lines.append(entry)))
  }

  /** Writes what was only counted, and closes. */
  async close(): Promise<void> {
    await Promise.all(this.#summary(this.#clock.nowMs()).map(entry => this.#lines.append(entry)))
    await this.#lines.close()
  }

  #summary(timeMs: number): readonly AuditEntry[] {
    const unwritten = [...this.#idleLines].filter(([, lines]) => lines > idleLinesPerMinute)
    this.#idleLines.clear()
    return unwritten.map(([who, lines]) => {
      return { timeMs, who, what: 'requests', outcome: 'not_written', times: lines - idleLinesPerMinute }
    })
  }
}

function isIdle({ who, outcome, tokens }: AuditEvent): boolean {
  return who === stranger || (who.startsWith('agent:') && (outcome !== 'ok' || tokens === undefined))
}
