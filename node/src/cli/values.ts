/** The texts of a command line as values, judged by the same codecs as everything else. */
import { readFileSync } from 'node:fs'
import { type Codec, DecodeError, type Json, type JsonSchema } from '@claw-network/protocol'
import { type Call, usageError } from './arguments.ts'
import type { Messages } from './messages.ts'

/** The option's or argument's value; undefined where the call does not give it. Throws CliError that names it. */
export function valueOf<T>(call: Call, name: string, codec: Codec<T>, messages: Messages): T | undefined {
  const text = call.text(name)
  if (text === undefined) return undefined
  const json = jsonOf(text, codec.schema, name, messages)
  try {
    return codec.fromJson(json)
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    throw usageError(messages.valueIsWrong(name, error.problem, text))
  }
}

/**
 * The text as the JSON its schema asks for: times as dates or spans from now, lists with commas, anything from a file by
 * `@name`. What does not fit stays a text, for the codec to explain. Throws CliError where it is to be JSON and is none.
 */
export function jsonOf(text: string, schema: JsonSchema, name: string, messages: Messages): Json {
  switch (inputOf(schema, name)) {
    case 'text':
      return text
    case 'time':
      return timeMsOf(text) ?? fail(messages.timeIsWrong(name, text))
    case 'span':
      return integerOf(text) ?? spanMsOf(text) ?? fail(messages.spanIsWrong(name, text))
    case 'number':
      return integerOf(text) ?? text
    case 'switch':
      return text === 'true' || text === 'false' ? text === 'true' : text
    case 'list':
      return listOf(text, schema, name, messages)
    case 'json':
      return parsed(contentOf(text, name, messages), name, messages)
  }
}

/** What stands for the value in the help. */
export function placeholderOf(schema: JsonSchema, name: string): string {
  if (Array.isArray(schema['enum'])) return schema['enum'].filter(one => typeof one === 'string').join('|')
  return placeholders[inputOf(schema, name)]
}

/** How to write a value that takes more than its name; empty for others. */
export function hintOf(schema: JsonSchema, name: string): string {
  const hint = hints[inputOf(schema, name)]
  return hint === undefined ? '' : `; ${hint}`
}

/** `validUntil` is `--valid-until`. */
export function optionNameOf(field: string): string {
  return field.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
}

type Input = 'text' | 'time' | 'span' | 'number' | 'switch' | 'list' | 'json'

const placeholders: { readonly [K in Input]: string } = {
  text: 'TEXT',
  time: 'TIME',
  span: 'SPAN',
  number: 'N',
  switch: 'true|false',
  list: 'LIST',
  json: 'JSON',
}

const hints: { readonly [K in Input]?: string } = {
  time: 'like 2027-01-31, 2027-01-31T09:30Z, or 30d or 2h from now',
  span: 'like 30s, 2h or 7d',
  list: 'separated by commas, or @FILE',
  json: 'JSON, or @FILE',
}

function inputOf(schema: JsonSchema, name: string): Input {
  const { type, format, items } = schema
  if (type === 'string') return 'text'
  if (type === 'boolean') return 'switch'
  if (type === 'integer') return format === 'unix-ms' ? 'time' : name.endsWith('Ms') ? 'span' : 'number'
  return type === 'array' && isPlain(items) ? 'list' : 'json'
}

function isPlain(items: Json | undefined): boolean {
  const type = (items as JsonSchema | undefined)?.['type']
  return type === 'string' || type === 'integer'
}

function listOf(text: string, { items }: JsonSchema, name: string, messages: Messages): Json {
  const content = contentOf(text, name, messages).trim()
  if (content.startsWith('[')) return parsed(content, name, messages)
  if (content === '') return []
  // A file may have one to a line.
  return content.split(/[,\n]/).map(item => jsonOf(item.trim(), items as JsonSchema, name, messages))
}

/** `@name` stands for what is in that file. */
function contentOf(text: string, name: string, messages: Messages): string {
  if (!text.startsWith('@')) return text
  const file = text.slice(1)
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw usageError(messages.valueFileIsUnreadable(name, file, reasonOf(error)))
  }
}

function parsed(text: string, name: string, messages: Messages): Json {
  try {
    return JSON.parse(text) as Json
  } catch (error) {
    throw usageError(messages.valueIsNoJson(name, reasonOf(error)))
  }
}

function integerOf(text: string): number | undefined {
  return /^-?\d+$/.test(text) ? Number(text) : undefined
}

const unitMs: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
}

function spanMsOf(text: string): number | undefined {
  const [, count, unit = ''] = /^(\d{1,9})([smhdw])$/.exec(text) ?? []
  const ms = unitMs[unit]
  return count === undefined || ms === undefined ? undefined : Number(count) * ms
}

/** A number is what the node takes; a span counts from now; a date without a zone would mean something else elsewhere. */
function timeMsOf(text: string): number | undefined {
  const span = spanMsOf(text)
  if (span !== undefined) return Date.now() + span
  if (/^\d+$/.test(text)) return Number(text)
  const [, date, time = 'T00:00', zone] =
    /^(\d{4}-\d{2}-\d{2})(?:(T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:\d{2}))?$/.exec(text) ?? []
  if (date === undefined) return undefined
  const local = Date.parse(`${date}${time}Z`)
  // Date.parse takes 30 February for 2 March.
  if (Number.isNaN(local) || !new Date(local).toISOString().startsWith(date)) return undefined
  const timeMs = Date.parse(`${date}${time}${zone ?? 'Z'}`)
  return Number.isNaN(timeMs) ? undefined : timeMs
}

function fail(message: string): never {
  throw usageError(message)
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
