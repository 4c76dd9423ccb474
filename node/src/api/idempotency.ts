/**
 * Idempotency keys: the first request with a key does the work, the same request again gets the same answer, for a day
 * and across restarts. What is remembered of a payment is its signed transaction, kept durably before it leaves the node
 * (orders.ts): sending that once more can never pay twice.
 */
import { type Hash, hash, hashOf, type Infer, type Json, struct, text, utf8 } from '@claw-network/protocol'
import type { Clock } from '../ports.ts'
import { Problem } from './problems.ts'

const keptForMs = 24 * 60 * 60_000
/** Room for about 50,000 payments; what comes on top must do without a key. */
const keptBytesMax = 32 * 1024 * 1024
/** Of one agent, and of all: their keys must not cost others theirs. */
const agentBytesMax = keptBytesMax / 4
const agentsBytesMax = (keptBytesMax / 4) * 3
/** What a kept key weighs at least. */
const keyBytesMin = 512

type JsonObject = { readonly [name: string]: Json }

/** Whose key, and for which request. */
export const claim = struct({
  /** The id of an agent token, or empty: everybody sees only his own keys. */
  caller: text(12),
  key: text(255, 1),
  /** Hash of method, path and fields: what makes a request the same. */
  request: hash,
})
export type Claim = Infer<typeof claim>

/** Of a payment the signed transaction, of another request its answer; with neither it is still at work. */
export interface Kept {
  readonly transaction?: Uint8Array
  readonly answer?: JsonObject
}

interface Entry {
  readonly claim: Claim
  readonly atMs: number
  /** The first request is still at work. */
  isOpen: boolean
  kept: Kept
  bytes: number
}

/** The place of one request under its key. */
export interface KeySlot {
  readonly claim: Claim
  /** What an earlier request with this key signed. */
  readonly transaction: Uint8Array | undefined
  /** The transaction has left: others with this key need not wait any more. */
  sent(): void
}

export interface IdempotencyDependencies {
  readonly clock: Clock
  /** Returns once the answer is durable. */
  readonly write: (claim: Claim, atMs: number, answer: JsonObject) => Promise<void>
}

export class IdempotencyKeys {
  readonly #deps: IdempotencyDependencies
  /** In the order of their first requests. */
  readonly #entries = new Map<string, Entry>()
  #bytes = 0
  readonly #bytesBy = new Map<string, number>()

  constructor(dependencies: IdempotencyDependencies) {
    this.#deps = dependencies
  }

  /**
   * Does the work, unless the same request was answered before. Throws a Problem where the key came with another request,
   * or where the first one is still at work. A request that fails leaves its key free.
   */
  async run(claimed: Claim, work: (slot: KeySlot) => Promise<JsonObject>): Promise<JsonObject> {
    this.#forget()
    const name = nameOf(claimed)
    const known = this.#entries.get(name)
    if (known !== undefined) {
      if (known.claim.request !== claimed.request) {
        throw Problem.of('idempotency_key_is_reused', { field: 'Idempotency-Key' })
      }
      if (known.isOpen) throw Problem.of('idempotency_key_is_in_flight', { headers: { 'retry-after': '1' } })
      if (known.kept.answer !== undefined) return known.kept.answer
      return work(slotOf(known))
    }
    if (!this.#hasRoom(claimed)) throw Problem.of('too_many_keys')

    const entry: Entry = { claim: claimed, atMs: this.#deps.clock.nowMs(), isOpen: true, kept: {}, bytes: 0 }
    this.#entries.set(name, entry)
    this.#resize(entry, keyBytesMin)
    try {
      const answer = await work(slotOf(entry))
      if (entry.kept.transaction === undefined) {
        this.#weigh(entry, { answer })
        await this.#deps.write(claimed, entry.atMs, answer)
      }
      entry.isOpen = false
      return answer
    } catch (error) {
      // Once the transaction has left, the key stays with it, whatever became of this answer.
      if (entry.isOpen) this.#drop(name, entry)
      throw error
    }
  }

  /** Ties what a request made to its key. */
  keep(claimed: Claim, atMs: number, kept: Kept): void {
    const name = nameOf(claimed)
    const earlier = this.#entries.get(name)
    if (earlier !== undefined && earlier.claim.request === claimed.request) {
      this.#weigh(earlier, kept)
      return
    }
    if (earlier !== undefined) this.#drop(name, earlier)
    const entry: Entry = { claim: claimed, atMs, isOpen: false, kept: {}, bytes: 0 }
    this.#entries.set(name, entry)
    this.#weigh(entry, kept)
  }

  /** Frees the key of a transaction that never left. */
  release(claimed: Claim): void {
    const name = nameOf(claimed)
    const entry = this.#entries.get(name)
    if (entry !== undefined) this.#drop(name, entry)
  }

  /** What was kept, in the order of the requests. */
  *kept(): Iterable<{ readonly claim: Claim; readonly atMs: number; readonly kept: Kept }> {
    this.#forget()
    for (const { claim: claimed, atMs, kept } of this.#entries.values()) yield { claim: claimed, atMs, kept }
  }

  #weigh(entry: Entry, kept: Kept): void {
    const length = kept.transaction?.length ?? JSON.stringify(kept.answer).length
    this.#resize(entry, keyBytesMin + length)
    entry.kept = kept
  }

  #hasRoom({ caller }: Claim): boolean {
    if (caller === '') return this.#bytes < keptBytesMax
    const ofAgents = this.#bytes - (this.#bytesBy.get('') ?? 0)
    return this.#bytes < keptBytesMax && ofAgents < agentsBytesMax && (this.#bytesBy.get(caller) ?? 0) < agentBytesMax
  }

  #resize(entry: Entry, bytes: number): void {
    const { caller } = entry.claim
    const byCaller = (this.#bytesBy.get(caller) ?? 0) + bytes - entry.bytes
    if (byCaller === 0) this.#bytesBy.delete(caller)
    else this.#bytesBy.set(caller, byCaller)
    this.#bytes += bytes - entry.bytes
    entry.bytes = bytes
  }

  #drop(name: string, entry: Entry): void {
    // It may have been dropped before, and somebody else may have the key by now.
    if (this.#entries.get(name) !== entry) return
    this.#entries.delete(name)
    this.#resize(entry, 0)
  }

  #forget(): void {
    const before = this.#deps.clock.nowMs() - keptForMs
    for (const [name, entry] of this.#entries) {
      if (entry.atMs >= before) break
      this.#drop(name, entry)
    }
  }
}

/** What makes two requests the same. The passphrase is left out: a hash of it on the disk would invite guessing. */
export function requestHash(method: string, path: string, fields: JsonObject): Hash {
  const { passphrase: _, ...rest } = fields
  return hashOf(utf8(`${method} ${path}\n${JSON.stringify(sorted(rest))}`))
}

function slotOf(entry: Entry): KeySlot {
  return {
    claim: entry.claim,
    get transaction() {
      return entry.kept.transaction
    },
    sent: () => {
      entry.isOpen = false
    },
  }
}

function nameOf({ caller, key }: Claim): string {
  return `${caller} ${key}`
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
