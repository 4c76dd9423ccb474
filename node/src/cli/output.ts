/** Where a command's words go: data to standard output, talk to standard error. */
import type { Json } from '@claw-network/protocol'
import type { ExitCode } from './exit-codes.ts'

/** The part of a stream that is used here. */
export interface Sink {
  readonly isTTY?: boolean
  /** Of a terminal: how wide it is. */
  readonly columns?: number
  write(text: string): unknown
}

export interface OutputOptions {
  readonly isJson: boolean
  readonly isQuiet: boolean
  /** Off where NO_COLOR is set. */
  readonly hasColor: boolean
}

/** Why a command ended without doing what was asked. */
export interface Failure {
  readonly exitCode: ExitCode
  /** Stable, for programs. */
  readonly code: string
  /** For people: what is wrong and what to do. */
  readonly message: string
  readonly field?: string
  readonly retryable?: boolean
  /** Of a write without an answer: with it the command can be repeated safely. */
  readonly idempotencyKey?: string
  /** What "clawnet approve" takes, of a write that only the owner can let through. */
  readonly approval?: string
}

export class Output {
  readonly options: OutputOptions
  readonly #data: Sink
  readonly #talk: Sink
  #hasProgress = false

  constructor(options: OutputOptions, sinks: { readonly data: Sink; readonly talk: Sink }) {
    this.options = options
    this.#data = sinks.data
    this.#talk = sinks.talk
  }

  get isTerminal(): boolean {
    return this.#data.isTTY === true
  }

  get columns(): number | undefined {
    return this.#data.columns
  }

  /** The answer of a command: `{"schema": "clawnet.balance.v1", …}` with `--json`, else as `text` shows it. */
  data(schema: string, value: object, text: () => string): void {
    this.#clearProgress()
    const shown = this.options.isJson ? JSON.stringify({ schema: `clawnet.${schema}.v1`, ...value }) : text()
    if (shown !== '') this.#data.write(`${shown}\n`)
  }

  /** The answer to a call for help, which is text in every case. */
  help(text: string): void {
    this.#data.write(`${text}\n`)
  }

  /** One more line of data, as it is: for streams. */
  line(text: string): void {
    this.#clearProgress()
    this.#data.write(`${text}\n`)
  }

  /** The end of a command that failed: a sentence, or JSON on one line. */
  fail(failure: Failure): void {
    this.#clearProgress()
    const { message, ...fields } = failure
    const json = { schema: 'clawnet.error.v1', detail: message, ...fields }
    this.#talk.write(
      this.options.isJson ? `${JSON.stringify(json)}\n` : `clawnet: ${message.split('\n').map(printable).join('\n')}\n`,
    )
  }

  /** What helps a person and no program. */
  say(text: string): void {
    if (this.options.isQuiet) return
    this.#clearProgress()
    this.#talk.write(`${text}\n`)
  }

  /** What must be known even with `--quiet`. */
  warn(text: string): void {
    this.#clearProgress()
    this.#talk.write(`${text}\n`)
  }

  /** One line that the next one replaces; only on a terminal. */
  progress(text: string): void {
    if (this.options.isQuiet || this.#talk.isTTY !== true) return
    this.#talk.write(`\r\u001b[2K${text}`)
    this.#hasProgress = true
  }

  get hasColor(): boolean {
    return this.options.hasColor && this.isTerminal
  }

  bold(text: string): string {
    return this.hasColor ? `\u001b[1m${text}\u001b[22m` : text
  }

  /** Columns under their headings on a terminal; lines of tab-separated cells without headings for programs. */
  table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
    if (rows.length === 0) return ''
    if (!this.isTerminal) return rows.map(row => row.map(printable).join('\t')).join('\n')
    const widths = headings.map((heading, column) =>
      Math.max(width(heading), ...rows.map(row => width(row[column] ?? ''))),
    )
    const line = (cells: readonly string[]): string =>
      cells
        .map((cell, column) => pad(printable(cell), widths[column] ?? 0))
        .join('  ')
        .trimEnd()
    return [this.bold(line(headings)), ...rows.map(line)].join('\n')
  }

  /** `name  value`, one to a line, the values under each other. */
  record(fields: readonly (readonly [name: string, value: string])[]): string {
    if (!this.isTerminal) return fields.map(field => field.map(printable).join('\t')).join('\n')
    const widest = Math.max(0, ...fields.map(([name]) => width(name)))
    return fields.map(([name, value]) => `${pad(printable(name), widest)}  ${printable(value)}`).join('\n')
  }

  #clearProgress(): void {
    if (!this.#hasProgress) return
    this.#talk.write('\r\u001b[2K')
    this.#hasProgress = false
  }
}

/** Text that others wrote, without what could move the cursor, change colours or turn the direction of reading. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '\ufffd')
}

/** A JSON object as lines for people: one level of names, the rest as JSON. */
export function fieldsOf(value: object): readonly (readonly [name: string, value: string])[] {
  return Object.entries(value as { readonly [name: string]: Json | undefined }).flatMap(([name, field]) => {
    if (field === undefined || field === null) return []
    return [[name, typeof field === 'object' ? JSON.stringify(field) : String(field)] as const]
  })
}

/** Columns a text takes on a terminal: ideographs and their punctuation take two. */
export function width(text: string): number {
  let columns = 0
  for (const character of text) {
    const point = character.codePointAt(0) as number
    const isWide =
      (point >= 0x1100 && point <= 0x115f) ||
      (point >= 0x2e80 && point <= 0xa4cf) ||
      (point >= 0xac00 && point <= 0xd7a3) ||
      (point >= 0xf900 && point <= 0xfaff) ||
      (point >= 0xfe30 && point <= 0xfe4f) ||
      (point >= 0xff00 && point <= 0xff60) ||
      (point >= 0x1f300 && point <= 0x3fffd)
    columns += isWide ? 2 : 1
  }
  return columns
}

function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - width(text)))
}
