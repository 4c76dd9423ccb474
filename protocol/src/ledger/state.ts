/** The state: tables of rows under ordered keys, read through a View, changed through a Draft. */
import { type Hash, hashOf } from '../crypto/hash.ts'
import type { Address } from '../crypto/keys.ts'
import { assert } from '../lib/assert.ts'
import { toHex, utf8 } from '../lib/bytes.ts'
import { type Codec, fromOwnBytes, toBytes } from '../lib/codec.ts'

/** `<table>/<canonical bytes of the key in hex>`: ASCII, ordered like the bytes of the key. */
export type StateKey = string & { readonly stateKey: unique symbol }

export interface View {
  get(key: StateKey): Uint8Array | undefined
}

/** A view that can be walked: in memory, for checks of whole states. The rules of the ledger only ever get rows. */
export interface RangeView extends View {
  /** Rows whose key starts with `prefix`, in the order of their keys. */
  range(prefix: string): Iterable<[StateKey, Uint8Array]>
}

/** The place of a row in the state tree (docs/spec/ledger.md, L31). */
export function statePath(key: StateKey): Hash {
  return hashOf(utf8(key))
}

interface Entry {
  readonly row: unknown
  readonly codec: Codec<unknown>
  readonly written: boolean
}

/** Tokens that changed hands: `from` is absent when they were issued, `to` when they were burned or charged as a fee. */
export interface Movement {
  readonly from?: Address
  readonly to?: Address
  readonly amount: bigint
}

/**
 * Tokens that one transaction took out of an account's hands: budgets count these, whatever kind of transaction it was.
 * `paid`: from the available ones. `locked`: still the account's, but in `object`. `given`: out of what `object` held.
 */
export interface Outlay {
  readonly type: 'paid' | 'locked' | 'given'
  readonly account: Address
  readonly amount: bigint
  /** Who has them now, or may come to have them. */
  readonly payees: readonly Address[]
  /** The transaction that made what the Tokens are locked in; absent for `paid`. */
  readonly object?: Hash
}

/** Changes on top of a View. Rows are immutable values; a row that was read stays decoded. */
export class Draft implements RangeView {
  readonly #base: View
  readonly #entries = new Map<StateKey, Entry>()
  /** What moved, in order: for histories and events, not part of the state. */
  readonly movements: Movement[] = []
  /** What accounts gave out of their hands, in order: for budgets, not part of the state. */
  readonly outlays: Outlay[] = []

  constructor(base: View) {
    this.#base = base
  }

  load<R>(key: StateKey, codec: Codec<R>): R | undefined {
    const entry = this.#entries.get(key)
    if (entry !== undefined) return entry.row as R | undefined
    // Kept once, at the bottom: a block reads many rows, and each transaction has a draft of its own.
    if (this.#base instanceof Draft) return this.#base.load(key, codec)
    const row = decodeRow(codec, this.#base.get(key))
    this.#entries.set(key, { row, codec, written: false })
    return row
  }

  /** `undefined` deletes. */
  store<R>(key: StateKey, codec: Codec<R>, row: R | undefined): void {
    this.#entries.set(key, { row, codec, written: true })
  }

  /** Makes what a draft on top of this one has written its own. */
  take(above: Draft): void {
    for (const [key, entry] of above.#entries) if (entry.written) this.#entries.set(key, entry)
    this.movements.push(...above.movements)
    this.outlays.push(...above.outlays)
  }

  get(key: StateKey): Uint8Array | undefined {
    const entry = this.#entries.get(key)
    return entry?.written ? encodeRow(entry) : this.#base.get(key)
  }

  *range(prefix: string): Iterable<[StateKey, Uint8Array]> {
    assert(isRangeView(this.#base), 'a draft can be walked where its base can')
    const merged = new Map<StateKey, Uint8Array | undefined>(this.#base.range(prefix))
    for (const [key, entry] of this.#entries) {
      if (entry.written && key.startsWith(prefix)) merged.set(key, encodeRow(entry))
    }
    for (const key of [...merged.keys()].sort()) {
      const bytes = merged.get(key)
      if (bytes !== undefined) yield [key, bytes]
    }
  }

  /** What was written, in the order of the keys; `undefined` where a row was deleted. */
  changes(): [StateKey, Uint8Array | undefined][] {
    return [...this.#entries]
      .filter(([, entry]) => entry.written)
      .map(([key, entry]): [StateKey, Uint8Array | undefined] => [key, encodeRow(entry)])
      .sort(([a], [b]) => (a < b ? -1 : 1))
  }
}

export interface Table<K, R> {
  readonly name: string
  readonly row: Codec<R>
  key(key: K): StateKey
  get(view: View, key: K): R | undefined
  set(draft: Draft, key: K, row: R): void
  delete(draft: Draft, key: K): void
  rows(view: RangeView): Iterable<R>
}

/** Declares the rows of one kind. The declarations of a domain are its schema. */
export function table<K, R>(name: string, keyCodec: Codec<K>, row: Codec<R>): Table<K, R> {
  const prefix = `${name}/`
  const keyOf = (key: K): StateKey => (prefix + (keyCodec.toHex?.(key) ?? toHex(toBytes(keyCodec, key)))) as StateKey
  return {
    name,
    row,
    key: keyOf,
    get: (view, key) => (view instanceof Draft ? view.load(keyOf(key), row) : decodeRow(row, view.get(keyOf(key)))),
    set: (draft, key, value) => draft.store(keyOf(key), row, value),
    delete: (draft, key) => draft.store(keyOf(key), row, undefined),
    *rows(view) {
      for (const [, bytes] of view.range(prefix)) yield decodeRow(row, bytes) as R
    },
  }
}

/** A View of nothing: what genesis is drafted on. */
export const emptyView: RangeView = { get: () => undefined, range: () => [] }

/** Rows were written by `toBytes` and are under the state root, so they are not checked again. */
function decodeRow<R>(codec: Codec<R>, bytes: Uint8Array | undefined): R | undefined {
  return bytes === undefined ? undefined : fromOwnBytes(codec, bytes)
}

function encodeRow(entry: Entry): Uint8Array | undefined {
  return entry.row === undefined ? undefined : toBytes(entry.codec, entry.row)
}

function isRangeView(view: View): view is RangeView {
  return 'range' in view
}
