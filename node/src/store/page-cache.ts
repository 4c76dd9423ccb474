import type { NodeStorage } from '@claw-network/protocol'

/** Half of a tree of half a million accounts; what is missing comes from LevelDB in some 4 us. */
const bytesDefault = 32 * 1024 * 1024

/**
 * The pages of the state tree written or read last. They lie in two buffers, not in arrays of their own, so that there is
 * little for the garbage collector to do and the size is exact. When the young buffer is full it becomes the old one, and
 * what was not used since is overwritten.
 */
export class PageCache implements NodeStorage {
  readonly #fetch: (page: string) => Uint8Array | undefined
  #young: Generation
  #old: Generation

  constructor(fetch: (page: string) => Uint8Array | undefined, bytes = bytesDefault) {
    this.#fetch = fetch
    this.#young = new Generation(new Uint8Array(bytes / 2))
    this.#old = new Generation(new Uint8Array(bytes / 2))
  }

  /** The bytes last until the next call of `get` or `put`. */
  get(page: string): Uint8Array | undefined {
    const young = this.#young.pages.get(page)
    if (young !== undefined) return young
    const bytes = this.#old.pages.get(page) ?? this.#fetch(page)
    return bytes && this.#keep(page, bytes)
  }

  /** Takes a copy of what was just written; undefined where the page is gone. */
  put(page: string, bytes: Uint8Array | undefined): void {
    this.#young.pages.delete(page)
    this.#old.pages.delete(page)
    if (bytes !== undefined) this.#keep(page, bytes)
  }

  #keep(page: string, bytes: Uint8Array): Uint8Array {
    if (!this.#young.hasRoomFor(bytes)) {
      const { buffer } = this.#old
      this.#old = this.#young
      this.#young = new Generation(buffer)
    }
    return this.#young.add(page, bytes)
  }
}

class Generation {
  readonly buffer: Uint8Array
  readonly pages = new Map<string, Uint8Array>()
  #used = 0

  constructor(buffer: Uint8Array) {
    this.buffer = buffer
  }

  hasRoomFor(bytes: Uint8Array): boolean {
    return this.#used + bytes.length <= this.buffer.length
  }

  /** Copies `bytes`, which may lie in the same buffer; answers the copy. */
  add(page: string, bytes: Uint8Array): Uint8Array {
    const copy = this.buffer.subarray(this.#used, this.#used + bytes.length)
    copy.set(bytes)
    this.#used += bytes.length
    this.pages.set(page, copy)
    return copy
  }
}
