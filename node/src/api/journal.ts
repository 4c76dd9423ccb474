/** A file of JSON lines that restores what still counts at the next start, and forgets the rest. */
import { readFile } from 'node:fs/promises'
import { type Codec, DecodeError } from '@claw-network/protocol'
import { replacePrivateFile } from '../private-files.ts'
import { DurableLines } from './durable-lines.ts'

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

export class Journal<T> {
  readonly #lines: DurableLines<T>

  /** Restores what the file holds and writes it anew without what does not count any more. */
  static async open<T>(options: JournalOptions<T>, { restore, current }: JournalDependencies<T>): Promise<Journal<T>> {
    for (const line of await linesOf(options)) restore(line)
    const lines = await DurableLines.open<T>(options, {
      textOf: batch => batch.map(line => textOf(options.line, line)).join(''),
      renew: () => rewrite(options, current()),
    })
    return new Journal(lines)
  }

  private constructor(lines: DurableLines<T>) {
    this.#lines = lines
  }

  /** Durable once it returns. Rejects where the disk fails; the line may then be there after a restart, or not. */
  append(line: T): Promise<void> {
    return this.#lines.append(line)
  }

  async close(): Promise<void> {
    await this.#lines.close()
  }
}

function rewrite<T>({ path, line }: JournalOptions<T>, current: Iterable<T>): number {
  const text = Array.from(current, value => textOf(line, value)).join('')
  replacePrivateFile(path, text)
  return Buffer.byteLength(text)
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
        throw new Error(
          `${path}, line ${index + 1}: ${error.message}. The file is damaged: restore it, or remove it, and what it counted ` +
            'against limits is forgotten',
        )
      }
    })
}

function textOf<T>(line: Codec<T>, value: T): string {
  return `${JSON.stringify(line.toJson(value))}\n`
}
