/** `logs`: what the node wrote down, and what it writes from now on. */
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { enumeration } from '@claw-network/protocol'
import { type Call, usageError } from './arguments.ts'
import type { Command, Shell } from './command.ts'
import { CliError, type ExitCode, exitCodes } from './exit-codes.ts'
import { valueOf } from './values.ts'

const levels = ['debug', 'info', 'warn', 'error'] as const
type Level = (typeof levels)[number]

/** How often the file is looked at while following. */
const lookMs = 200
/** Full files the node keeps: `node.log.1` to `node.log.9`. */
const agesMax = 9
const linesDefault = 50
const secondsPerUnit: { readonly [unit: string]: number } = { s: 1, m: 60, h: 3600, d: 86_400 }

export const logCommand: Command = {
  usage: 'logs',
  group: 'Node',
  doc: 'Shows what the node logged; with --follow it goes on as the node writes.',
  examples: ['logs --follow', 'logs --since 10m --level warn'],
  options: [
    { name: 'follow', doc: 'Go on until interrupted' },
    {
      name: 'since',
      value: 'TIME',
      doc: `Begin at a time (2026-01-31T12:00:00Z) or so long ago (90s, 10m, 2h, 1d); by default the last ${linesDefault} lines`,
    },
    { name: 'level', value: levels.join('|'), doc: 'Only lines of this level and above' },
  ],
  run: logs,
}

async function logs(call: Call, shell: Shell): Promise<ExitCode> {
  const { messages, home, environment } = shell
  const level = valueOf(call, 'level', enumeration(...levels), messages) ?? 'debug'
  const sinceMs = sinceIn(call, shell)
  const { configOf } = await import('../home.ts')
  const path = configOf(home, environment).values['logging.file']
  if (path === null) throw new CliError(exitCodes.notFound, 'no_log_file', messages.noLogFile())
  const isWanted = (line: Line): boolean =>
    levels.indexOf(line.level) >= levels.indexOf(level) && Date.parse(line.time) >= (sinceMs ?? 0)
  const { forPeople } = await import('../log.ts')
  const show = (line: Line): void => {
    const { time, level: of, message, ...fields } = line
    shell.output.line(
      shell.output.options.isJson ? JSON.stringify(line) : forPeople(of, time, message, fields, shell.output.hasColor),
    )
  }

  const tail = new Tail(path)
  const older = sinceMs === undefined ? [] : olderLines(path)
  const known = [...older, ...tail.read()].filter(isWanted)
  for (const line of sinceMs === undefined ? known.slice(-linesDefault) : known) show(line)
  if (known.length === 0 && !call.has('follow')) shell.output.say(messages.logIsEmpty(path))
  while (call.has('follow')) {
    await pause(lookMs)
    for (const line of tail.read()) if (isWanted(line)) show(line)
  }
  return exitCodes.ok
}

interface Line {
  readonly time: string
  readonly level: Level
  readonly message: string
  readonly [field: string]: unknown
}

/** Reads what was added to a file since the last time, across its rotation. */
class Tail {
  readonly #path: string
  #handle: number | undefined
  #inode = 0
  #at = 0
  /** The beginning of a line that is being written. */
  #rest = Buffer.alloc(0)

  constructor(path: string) {
    this.#path = path
  }

  /** Complete lines only; the rest waits for its end. */
  read(): readonly Line[] {
    const lines = this.#more()
    const stats = statSync(this.#path, { throwIfNoEntry: false })
    if (stats === undefined || (stats.ino === this.#inode && stats.size >= this.#at)) return lines
    // Set aside, or begun anew: what was open has been read to its end.
    if (this.#handle !== undefined) closeSync(this.#handle)
    this.#handle = openSync(this.#path, 'r')
    this.#inode = stats.ino
    this.#at = 0
    this.#rest = Buffer.alloc(0)
    return [...lines, ...this.#more()]
  }

  #more(): readonly Line[] {
    if (this.#handle === undefined) return []
    const chunk = Buffer.alloc(65_536)
    const parts: Buffer[] = []
    for (let read = readSync(this.#handle, chunk, 0, chunk.length, this.#at); read > 0; ) {
      parts.push(Buffer.from(chunk.subarray(0, read)))
      this.#at += read
      read = readSync(this.#handle, chunk, 0, chunk.length, this.#at)
    }
    const bytes = Buffer.concat([this.#rest, ...parts])
    const end = bytes.lastIndexOf('\n') + 1
    this.#rest = bytes.subarray(end)
    return linesIn(bytes.toString('utf8', 0, end).split('\n'))
  }
}

function olderLines(path: string): readonly Line[] {
  const lines: Line[] = []
  for (let age = agesMax; age > 0; age--) {
    const file = `${path}.${age}`
    if (existsSync(file)) lines.push(...linesIn(readFileSync(file, 'utf8').split('\n')))
  }
  return lines
}

function linesIn(texts: readonly string[]): readonly Line[] {
  return texts.flatMap(text => {
    try {
      return [JSON.parse(text) as Line]
    } catch {
      // The empty text after the last line, or a line that a crash cut in two.
      return []
    }
  })
}

function sinceIn(call: Call, { messages }: Shell): number | undefined {
  const text = call.text('since')
  if (text === undefined) return undefined
  const [, count, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  if (count !== undefined) return Date.now() - Number(count) * (secondsPerUnit[unit] ?? 0) * 1000
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(time)) throw usageError(messages.valueIsWrong('since', messages.sinceExpected(), text))
  return time
}
