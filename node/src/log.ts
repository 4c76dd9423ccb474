/** The node's log: sentences for people on a terminal, JSON lines in a file. Secrets reach neither. */
import type { LogLevel } from './config/settings.ts'
import type { Clock, Log } from './ports.ts'
import { redacted, redactedText } from './redaction.ts'
import { RotatingFile } from './rotating-file.ts'

const fileBytesMax = 10 * 1024 * 1024
const filesMax = 10
const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

export interface LogOptions {
  /** The least important level that is written. */
  readonly level: LogLevel
  /** Null for no file. */
  readonly file: string | null
  /** Where people read along; absent in the background. */
  readonly terminal?: { readonly write: (text: string) => void; readonly hasColors: boolean }
}

/** A line of the file: these, and the fields of the message beside them. */
export interface LogLine {
  /** ISO 8601, UTC. */
  readonly time: string
  readonly level: LogLevel
  readonly message: string
}

type Fields = Record<string, unknown>

export class NodeLog implements Log {
  readonly #least: number
  readonly #terminal: LogOptions['terminal']
  readonly #file: RotatingFile | undefined
  readonly #clock: Clock
  /** Lines that the disk refused since the last one it took. */
  #lost = 0

  /** Throws where the file cannot be opened. */
  constructor({ level, file, terminal }: LogOptions, { clock }: { clock: Clock }) {
    this.#least = levels.indexOf(level)
    this.#terminal = terminal
    this.#clock = clock
    this.#file = file === null ? undefined : new RotatingFile({ path: file, bytesMax: fileBytesMax, filesMax })
  }

  debug(message: string, fields?: Fields): void {
    this.#write('debug', message, fields)
  }

  info(message: string, fields?: Fields): void {
    this.#write('info', message, fields)
  }

  warn(message: string, fields?: Fields): void {
    this.#write('warn', message, fields)
  }

  error(message: string, fields?: Fields): void {
    this.#write('error', message, fields)
  }

  close(): void {
    this.#file?.close()
  }

  #write(level: LogLevel, text: string, given: Fields = {}): void {
    if (levels.indexOf(level) < this.#least) return
    const time = new Date(this.#clock.nowMs()).toISOString()
    const message = redactedText(text)
    const fields = redacted(given) as Fields
    this.#terminal?.write(`${forPeople(level, time, message, fields, this.#terminal.hasColors)}\n`)
    this.#append({ time, level, message }, fields)
  }

  #append(line: LogLine, fields: Fields): void {
    if (this.#file === undefined) return
    try {
      if (this.#lost > 0) {
        this.#file.append(
          JSON.stringify({ ...line, level: 'error', message: 'log lines were lost', lines: this.#lost }),
        )
        this.#lost = 0
      }
      // The line's own three win over fields of the same name.
      this.#file.append(JSON.stringify({ ...line, ...fields, ...line }))
    } catch {
      this.#lost += 1 // a full disk must not stop the node, and there is nowhere left to say it
    }
  }
}

export function forPeople(level: LogLevel, time: string, message: string, fields: Fields, hasColors: boolean): string {
  const paint = (code: number, text: string): string => (hasColors ? `\u001b[${code}m${text}\u001b[0m` : text)
  const clock = paint(2, time.slice(11, 23))
  const mark = paint({ debug: 2, info: 32, warn: 33, error: 31 }[level], `[${level.toUpperCase()}]`)
  const details = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) =>
      paint(2, `${printable(name)}=${printable(typeof value === 'string' ? value : JSON.stringify(value))}`),
    )
  return [clock, mark, printable(message), ...details].join(' ')
}

/** One line without control characters: what a peer sends must not move the cursor or forge another line. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}|\p{Cf}|\u2028|\u2029/gu, character => {
    return `\\u${(character.codePointAt(0) as number).toString(16).padStart(4, '0')}`
  })
}
