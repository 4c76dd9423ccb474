/** The words of a command line, matched with what a command declares. */
import { type Command, globalOptions, type Option } from './command.ts'
import { CliError, exitCodes } from './exit-codes.ts'
import type { Messages } from './messages.ts'
import { parseUsage } from './usage.ts'
import { closest } from '../spelling.ts'

/** A command line that was understood. Options and arguments share one space of names. */
export class Call {
  readonly #values: ReadonlyMap<string, readonly string[]>

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  text(name: string): string | undefined {
    return this.#values.get(name)?.[0]
  }

  texts(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }
}

export interface Split {
  /** Words that are no options, in order. */
  readonly words: readonly string[]
  /** Options by name, switches with an empty text. */
  readonly options: ReadonlyMap<string, readonly string[]>
}

/**
 * Splits a command line into words and options: `--name value`, `--name=value`, switches, and `--` before words that
 * begin with a dash. Negative numbers are words. Throws CliError for an option that is not in the table.
 */
export function splitWords(argv: readonly string[], known: readonly Option[], messages: Messages): Split {
  const words: string[] = []
  const options = new Map<string, string[]>()
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] as string
    if (word === '--') {
      words.push(...argv.slice(i + 1))
      break
    }
    if (!/^-[^\d]/.test(word)) {
      words.push(word)
      continue
    }
    const [flag, inline] = cut(shortForms.get(word) ?? word)
    const option = known.find(candidate => `--${candidate.name}` === flag)
    if (option === undefined) throw unknownOption(flag, known, messages)
    if (option.value === undefined && inline !== undefined) throw usageError(messages.optionTakesNoValue(flag))
    const value = option.value === undefined ? '' : (inline ?? argv[++i])
    if (value === undefined) throw usageError(messages.optionNeedsValue(flag, option.value ?? ''))
    const given = options.get(option.name) ?? []
    if (given.length > 0 && option.value !== undefined && !option.isRepeatable) {
      throw usageError(messages.optionGivenTwice(flag))
    }
    options.set(option.name, [...given, value])
  }
  return { words, options }
}

/** Gives the words after the command's own their names. Throws CliError where one is missing or left over. */
export function callOf(command: Command, rest: readonly string[], options: Split['options'], messages: Messages): Call {
  const { words, positionals } = parseUsage(command.usage)
  for (const name of options.keys()) {
    const isKnown = [...globalOptions, ...command.options].some(option => option.name === name)
    if (!isKnown) throw usageError(messages.optionNotHere(`--${name}`, words.join(' ')))
  }
  const values = new Map(options)
  let used = 0
  for (const { name, isOptional, isRest } of positionals) {
    const taken = isRest ? rest.slice(used) : rest.slice(used, used + 1)
    if (taken.length === 0 && !isOptional) throw usageError(messages.argumentMissing(name, command.usage))
    if (taken.length > 0) values.set(name, taken)
    used += taken.length
  }
  if (used < rest.length) {
    throw usageError(messages.argumentTooMany(rest[used] as string, command.usage))
  }
  return new Call(values)
}

export function usageError(message: string): CliError {
  return new CliError(exitCodes.usage, 'usage', message)
}

const shortForms = new Map([
  ['-h', '--help'],
  ['-V', '--version'],
  ['-q', '--quiet'],
  ['-f', '--follow'],
])

function cut(word: string): [flag: string, inline: string | undefined] {
  const equals = word.indexOf('=')
  return equals < 0 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)]
}

function unknownOption(flag: string, known: readonly Option[], messages: Messages): CliError {
  // Arguments can be read by every user of the machine and stay in the shell's history.
  if (flag === '--passphrase') return usageError(messages.passphraseOnCommandLine())
  if (flag === '--token') return usageError(messages.tokenOnCommandLine())
  const suggestion = closest(
    flag,
    known.map(option => `--${option.name}`),
  )
  return usageError(messages.optionUnknown(flag, suggestion))
}
