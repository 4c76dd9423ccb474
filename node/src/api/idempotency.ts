/**
 * Idempotency keys: the first request with a key does the work, the same request again gets the same answer, for a day
 * and across restarts. What is remembered of a payment is its signed transaction, kept durably before it leaves the node:
 * sending that once more can never pay twice.
 */
import { join } from 'node:path'
import {
  bytes,
  hash,
  type Hash,
  hashOf,
  type Infer,
  type Json,
  optional,
  struct,
  text,
  timestamp,
  transactionBytesMax,
  utf8,
} from '@claw-network/protocol'
import type { Clock } from '../ports.ts'
import { Journal } from './journal.ts'
import { jsonObject } from './json.ts'
import { Problem } from './problems.ts'

const keptForMs = 24 * 60 * 60_000
/** Room for about 50,000 payments; what comes on top must do without a key. */
const keptBytesMax = 32 * 1024 * 1024
/** What a kept key weighs at least. */
const keyBytesMin = 512

const line = struct({
  key: text(255, 1),
  /** Hash of method, path and fields: what makes a request the same. */
  request: hash,
  atMs: timestamp,
  transaction: optional(bytes(transactionBytesMax)),
  /** Of a request that makes no transaction. With neither of the two the key is free again. */
  answer: optional(jsonObject),
})
type Line = Infer<typeof line>

interface Entry {
  readonly request: Hash
  readonly atMs: number
  /** The first request is still at work. */
  isOpen: boolean
  kept: Pick<Line, 'transaction' | 'answer'>
  bytes: number
}

/** The place of one request under its key. */
export interface KeySlot {
  /** What an earlier request with this key signed. */
  readonly transaction: Uint8Array | undefined
  /** Returns once the signed transaction is durably tied to the key; only then it may leave the node. */
  keep(transaction: Uint8Array): Promise<void>
  /** The transaction has left: others with this key need not wait any more. */
  sent(): void
}

export class IdempotencyKeys {
  readonly #clock: Clock
  /** In the order of their first requests. */
  readonly #entries = new Map<string, Entry>()
  #bytes = 0
  #journal: Journal<Line> | undefined

  static async open(
    options: { readonly directory: string },
    dependencies: { readonly clock: Clock },
  ): Promise<IdempotencyKeys> {
    const keys = new IdempotencyKeys(dependencies.clock)
    keys.#journal = await Journal.open(
      { path: join(options.directory, 'idempotency.jsonl'), line, bytesMax: 2 * keptBytesMax },
      { restore: entry => keys.#restore(entry), current: () => keys.#lines() },
    )
    return keys
  }

  private constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Does the work, unless the same request was answered before. Throws a Problem where the key came with another request,
   * or where the first one is still at work. A request that fails leaves its key free.
   */
  async run(
    key: string,
    request: Hash,
    work: (slot: KeySlot) => Promise<{ readonly [name: string]: Json }>,
  ): Promise<{ readonly [name: string]: Json }> {
    this.#forget()
    const known = this.#entries.get(key)
    if (known !== undefined) {
      if (known.request !== request) throw Problem.of('idempotency_key_is_reused', { field: 'Idempotency-Key' })
      if (known.isOpen) throw Problem.of('idempotency_key_is_in_flight', { headers: { 'retry-after': '1' } })
      if (known.kept.answer !== undefined) return known.kept.answer
      return work(this.#slot(key, known))
    }
    if (this.#bytes >= keptBytesMax) throw Problem.of('too_many_keys')

    const entry: Entry = { request, atMs: this.#clock.nowMs(), isOpen: true, kept: {}, bytes: keyBytesMin }
    this.#entries.set(key, entry)
    this.#bytes += entry.bytes
    try {
      const answer = await work(this.#slot(key, entry))
      if (entry.kept.transaction === undefined) await this.#keep(key, entry, { answer })
      entry.isOpen = false
      return answer
    } catch (error) {
      // Once the transaction has left, the key stays with it, whatever became of this answer.
      if (entry.isOpen) await this.#release(key, entry)
      throw error
    }
  }

  /** The signed transactions that are kept, in the order of their requests. */
  *transactions(): Iterable<Uint8Array> {
    for (const { kept } of this.#entries.values()) if (kept.transaction !== undefined) yield kept.transaction
  }

  async close(): Promise<void> {
    await this.#journal?.close()
  }

  #slot(key: string, entry: Entry): KeySlot {
    return {
      get transaction() {
        return entry.kept.transaction
      },
      keep: transaction => this.#keep(key, entry, { transaction }),
      sent: () => {
        entry.isOpen = false
      },
    }
  }

  async #keep(key: string, entry: Entry, kept: Pick<Line, 'transaction' | 'answer'>): Promise<void> {
    this.#weigh(entry, kept)
    await this.#journal?.append({ key, request: entry.request, atMs: entry.atMs, ...kept })
  }

  async #release(key: string, entry: Entry): Promise<void> {
    this.#drop(key, entry)
    if (entry.kept.transaction === undefined) return
    await this.#journal?.append({ key, request: entry.request, atMs: entry.atMs })
  }

  #restore({ key, request, atMs, transaction, answer }: Line): void {
    const earlier = this.#entries.get(key)
    if (earlier !== undefined) this.#drop(key, earlier)
    if (transaction === undefined && answer === undefined) return
    const entry: Entry = { request, atMs, isOpen: false, kept: {}, bytes: 0 }
    this.#entries.set(key, entry)
    this.#weigh(entry, { ...(transaction && { transaction }), ...(answer && { answer }) })
  }

  #weigh(entry: Entry, kept: Pick<Line, 'transaction' | 'answer'>): void {
    const length = kept.transaction?.length ?? JSON.stringify(kept.answer).length
    this.#bytes += keyBytesMin + length - entry.bytes
    entry.bytes = keyBytesMin + length
    entry.kept = kept
  }

  #drop(key: string, entry: Entry): void {
    this.#bytes -= entry.bytes
    this.#entries.delete(key)
  }

  #forget(): void {
    const before = this.#clock.nowMs() - keptForMs
    for (const [key, entry] of this.#entries) {
      if (entry.atMs >= before) break
      this.#drop(key, entry)
    }
  }

  *#lines(): Iterable<Line> {
    this.#forget()
    for (const [key, { request, atMs, kept }] of this.#entries) {
      if (kept.transaction !== undefined || kept.answer !== undefined) yield { key, request, atMs, ...kept }
    }
  }
}

/** What makes two requests the same. The passphrase is left out: a hash of it on the disk would invite guessing. */
export function requestHash(method: string, path: string, fields: { readonly [name: string]: Json }): Hash {
  const { passphrase: _, ...rest } = fields
  return hashOf(utf8(`${method} ${path}\n${JSON.stringify(sorted(rest))}`))
}

/** The same value with the names of every object in order. */
function sorted(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(sorted)
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, field]) => [name, sorted(field)]),
  )
}
