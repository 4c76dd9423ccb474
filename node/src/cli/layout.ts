/** Answers as people read them: names under each other, tables for lists of objects. */
import type { Json, JsonSchema } from '@claw-network/protocol'
import { fieldsOf, type Output, width } from './output.ts'

type Fields = { readonly [name: string]: Json | undefined }
type Line = readonly [name: string, value: string]

/** Where a terminal does not say how wide it is. */
const columnsDefault = 100

/** One line per field for programs; on a terminal nested objects line by line, dates, and lists of objects as tables. */
export function layout(answer: object, schema: JsonSchema, output: Output): string {
  if (!output.isTerminal) return output.record(fieldsOf(answer))
  const fields = Object.entries(answer as Fields)
  const tables = fields.filter(([, value]) => isListOfObjects(value))
  const rest = Object.fromEntries(fields.filter(([, value]) => !isListOfObjects(value)))
  const lines = linesOf(rest, schema)
  return [
    ...(lines.length > 0 ? [output.record(lines)] : []),
    ...tables.map(([name, value]) =>
      section(name, value as readonly Fields[], propertyOf(schema, name)['items'] as JsonSchema | undefined, output),
    ),
  ].join('\n\n')
}

/** A table where it fits the terminal, else one block of lines per object. */
function section(name: string, rows: readonly Fields[], schema: JsonSchema = {}, output: Output): string {
  const lines = rows.map(row => linesOf(row, schema))
  const headings = [...new Set(lines.flatMap(line => line.map(([heading]) => heading)))]
  const cells = lines.map(line => headings.map(heading => new Map(line).get(heading) ?? ''))
  const widths = headings.map((heading, column) =>
    Math.max(width(heading), ...cells.map(row => width(row[column] ?? ''))),
  )
  const fits = widths.reduce((sum, one) => sum + one + 2, 0) <= (output.columns ?? columnsDefault)
  const title = output.bold(`${name} (${rows.length})`)
  return fits
    ? `${title}\n${output.table(headings, cells)}`
    : [title, ...lines.map(line => output.record(line))].join('\n\n')
}

/** Nested objects by `name.name`; what has no value is left out. */
function linesOf(fields: Fields, schema: JsonSchema, head = ''): readonly Line[] {
  return Object.entries(fields).flatMap(([name, value]): readonly Line[] => {
    if (value === undefined || value === null) return []
    const property = propertyOf(schema, name)
    if (isObject(value)) return linesOf(value, property, `${head}${name}.`)
    return [[head + name, textOf(value, property, name)]]
  })
}

function textOf(value: Json, { format }: JsonSchema, name: string): string {
  if (typeof value === 'number' && format === 'unix-ms') return dateOf(value)
  if (typeof value === 'number' && name.endsWith('Ms')) return spanOf(value)
  if (!Array.isArray(value)) return plain(value)
  const items = value as readonly Json[]
  if (items.some(item => typeof item === 'object')) return JSON.stringify(items)
  return items.length === 0 ? '-' : items.map(plain).join(', ')
}

function plain(value: Json): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** A time beyond what a date can say stays a number. */
function dateOf(timeMs: number): string {
  const date = new Date(timeMs)
  return Number.isNaN(date.getTime()) ? String(timeMs) : date.toISOString()
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

/** The two largest units of a length of time: `29d 23h`. */
function spanOf(ms: number): string {
  const first = units.findIndex(([, unitMs]) => ms >= unitMs)
  if (first < 0) return `${ms}ms`
  let left = ms
  const parts = units.slice(first, first + 2).map(([unit, unitMs]) => {
    const count = Math.floor(left / unitMs)
    left -= count * unitMs
    return count === 0 ? '' : `${count}${unit}`
  })
  return parts.filter(part => part !== '').join(' ')
}

function propertyOf({ properties }: JsonSchema, name: string): JsonSchema {
  const property = isObject(properties) ? properties[name] : undefined
  return isObject(property) ? (property as JsonSchema) : {}
}

function isListOfObjects(value: Json | undefined): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isObject)
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
