/** A file of JSON lines that are durable once `append` returns; lines that arrive together share one sync. */
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { type Codec, DecodeError } from '@claw-network/protocol'
import { replacePrivateFile } from '../private-files.ts'

export interface JournalOptions<T> {
  readonly path: string
  readonly line: Codec<T>
  /** Above this length the file is written anew from what still counts. */
  readonly bytesMax: number
}

export interface JournalDependencies<T> {
  /** Takes a line of the last run. */
  readonly restore: (line: T) => void
  /** What still counts, everything appended so far included. */
  readonly current: () => Iterable<T>
}

interface Pending {
  readonly text: string
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class Journal<T> {
  readonly #options: JournalOptions<T>
  readonly #current: () => Iterable<T>
  #file: FileHandle
  #bytes: number
  #pending: Pending[] = []
  #isFlushing = false
  #flushed: Promise<void> = Promise.resolve()

  /** Restores what the file holds and writes it anew without what does not count any more. */
  static async open<T>(options: JournalOptions<T>, { restore, current }: JournalDependencies<T>): Promise<Journal<T>> {
    for (const line of await linesOf(options)) restore(line)
    const bytes = rewrite(options, current())
    return new Journal(options, { current, bytes, file: await open(options.path, 'a') })
  }

  private constructor(
    options: JournalOptions<T>,
    { current, file, bytes }: { current: () => Iterable<T>; file: FileHandle; bytes: number },
  ) {
    this.#options = options
    this.#current = current
    this.#file = file
    this.#bytes = bytes
  }

  /** Rejects where the disk fails; the line may then be there after a restart, or not. */
  append(line: T): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ text: textOf(this.#options.line, line), resolve, reject })
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
        await this.#write(batch.map(({ text }) => text).join(''))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        // The file may now end in half a line: the next write begins it anew.
        this.#bytes = Number.POSITIVE_INFINITY
        for (const { reject } of batch) reject(error)
      }
    }
    this.#isFlushing = false
  }

  async #write(text: string): Promise<void> {
    if (this.#bytes + text.length > this.#options.bytesMax) {
      const bytes = rewrite(this.#options, this.#current())
      await this.#file.close()
      this.#file = await open(this.#options.path, 'a')
      this.#bytes = bytes
    }
    await this.#file.appendFile(text)
    await this.#file.datasync()
    this.#bytes += text.length
  }
}

function rewrite<T>({ path, line }: JournalOptions<T>, current: Iterable<T>): number {
  const text = Array.from(current, value => textOf(line, value)).join('')
  replacePrivateFile(path, text)
  return text.length
}

async function linesOf<T>({ path, line }: JournalOptions<T>): Promise<T[]> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    // The first start.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
  // What follows the last line break was torn by a crash and never acknowledged.
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  return whole
    .split('\n')
    .slice(0, -1)
    .map((entry, index) => {
      try {
        return line.fromJson(JSON.parse(entry))
      } catch (error) {
        if (!(error instanceof SyntaxError || error instanceof DecodeError)) throw error
        throw new Error(`${path}, line ${index + 1}: ${error.message}. The file is damaged: remove it`)
      }
    })
}

function textOf<T>(line: Codec<T>, value: T): string {
  return `${JSON.stringify(line.toJson(value))}\n`
}
