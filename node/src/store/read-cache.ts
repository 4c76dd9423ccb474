/** The entries read or written last, so that the same few are not fetched from the database for every block. */
export class ReadCache {
  readonly #max: number
  readonly #read: (key: string) => Uint8Array | undefined
  /** Two generations: when the young one is full it becomes the old one, and what was not used since is forgotten. */
  #young = new Map<string, Uint8Array | undefined>()
  #old = new Map<string, Uint8Array | undefined>()

  constructor(max: number, read: (key: string) => Uint8Array | undefined) {
    this.#max = max
    this.#read = read
  }

  readonly get = (key: string): Uint8Array | undefined => {
    const young = this.#young.get(key)
    if (young !== undefined || this.#young.has(key)) return young
    const value = this.#old.has(key) ? this.#old.get(key) : this.#read(key)
    this.put(key, value)
    return value
  }

  /** Takes what was just written; undefined where the entry is gone. */
  put(key: string, value: Uint8Array | undefined): void {
    if (this.#young.size >= this.#max / 2) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }
}
