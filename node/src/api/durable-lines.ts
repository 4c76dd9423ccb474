/** A file of lines that are durable once `append` returns; lines that arrive together share one sync. */
import { type FileHandle, open } from 'node:fs/promises'
import { setImmediate as othersTurn } from 'node:timers/promises'

export interface DurableLinesOptions {
  readonly path: string
  /** Above this length the file is begun anew. */
  readonly bytesMax: number
}

/** Why the file is begun anew; after `failed` it may end in half a line. */
export type Renewal = 'opened' | 'full' | 'failed'

export interface DurableLinesDependencies<T> {
  /** The lines as they are written; asked a second time where the file was begun anew in between. */
  readonly textOf: (batch: readonly T[]) => string
  /** Leaves a whole file at the path, and answers with its length in bytes. */
  readonly renew: (why: Renewal) => number
}

interface Pending<T> {
  readonly line: T
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class DurableLines<T> {
  readonly #options: DurableLinesOptions
  readonly #deps: DurableLinesDependencies<T>
  #file: FileHandle
  #bytes: number
  /** Twice what is left where nearly all of a full file still counts, or every line would begin it anew. */
  #bytesMax: number
  #isTorn = false
  #pending: Pending<T>[] = []
  #isFlushing = false
  #flushed: Promise<void> = Promise.resolve()

  static async open<T>(options: DurableLinesOptions, deps: DurableLinesDependencies<T>): Promise<DurableLines<T>> {
    const bytes = deps.renew('opened')
    return new DurableLines(options, deps, { bytes, file: await open(options.path, 'a') })
  }

  private constructor(
    options: DurableLinesOptions,
    deps: DurableLinesDependencies<T>,
    { file, bytes }: { readonly file: FileHandle; readonly bytes: number },
  ) {
    this.#options = options
    this.#deps = deps
    this.#file = file
    this.#bytes = bytes
    this.#bytesMax = options.bytesMax
  }

  /** Rejects where the disk fails; the line may then be there after a restart, or not. */
  append(line: T): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ line, resolve, reject })
      if (!this.#isFlushing) this.#flushed = this.#flush()
    })
  }

  async close(): Promise<void> {
    await this.#flushed
    await this.#file.close()
  }

  async #flush(): Promise<void> {
    this.#isFlushing = true
    while (this.#pending.length > 0) {
      const batch = this.#pending
      this.#pending = []
      try {
        await this.#write(batch.map(({ line }) => line))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        this.#isTorn = true
        for (const { reject } of batch) reject(error)
        // They take back what they counted on, before the file is begun anew from what counts.
        await othersTurn()
      }
    }
    this.#isFlushing = false
  }

  async #write(batch: readonly T[]): Promise<void> {
    if (this.#isTorn) await this.#begin('failed')
    let text = this.#deps.textOf(batch)
    if (this.#bytes + Buffer.byteLength(text) > this.#bytesMax) {
      await this.#begin('full')
      this.#bytesMax = Math.max(this.#options.bytesMax, 2 * this.#bytes)
      text = this.#deps.textOf(batch)
    }
    await this.#file.appendFile(text)
    await this.#file.datasync()
    this.#bytes += Buffer.byteLength(text)
  }

  async #begin(why: Renewal): Promise<void> {
    const bytes = this.#deps.renew(why)
    const file = await open(this.#options.path, 'a')
    const old = this.#file
    this.#file = file
    this.#bytes = bytes
    this.#isTorn = false
    await old.close()
  }
}
