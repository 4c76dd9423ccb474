/** A small file of JSON lines that is replaced as a whole. Losing it costs convenience, so nothing here waits for the disk. */
import { readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import type { Codec } from '@claw-network/protocol'
import type { Log } from '../ports.ts'

export class LinesFile<T> {
  readonly #path: string
  readonly #codec: Codec<T>
  readonly #log: Log
  #writing: Promise<void> = Promise.resolve()

  constructor(options: { readonly path: string; readonly codec: Codec<T> }, dependencies: { readonly log: Log }) {
    this.#path = options.path
    this.#codec = options.codec
    this.#log = dependencies.log
  }

  /** What the readable lines hold; unreadable ones are logged and left out. */
  read(): readonly T[] {
    const records: T[] = []
    for (const line of this.#text().split('\n')) {
      if (line === '') continue
      try {
        records.push(this.#codec.fromJson(JSON.parse(line)))
      } catch {
        // A hand edit or a torn disk: the other lines are as good as ever.
        this.#log.warn('a line is not readable and is left out', { path: this.#path })
      }
    }
    return records
  }

  /** Resolves once the records are in the file in place of all earlier ones; a failure is logged. */
  replace(records: readonly T[]): Promise<void> {
    const text = records.map(record => `${JSON.stringify(this.#codec.toJson(record))}\n`).join('')
    this.#writing = this.#writing.then(async () => {
      try {
        await writeFile(`${this.#path}.tmp`, text, { mode: 0o600 })
        await rename(`${this.#path}.tmp`, this.#path)
      } catch (error) {
        // The network goes on without its notes; the next change tries again.
        this.#log.warn('a file of the network could not be written', { path: this.#path, error: String(error) })
      }
    })
    return this.#writing
  }

  #text(): string {
    try {
      return readFileSync(this.#path, 'utf8')
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
      throw error
    }
  }
}
