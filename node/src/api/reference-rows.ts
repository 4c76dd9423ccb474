/** What the reference page and docs/reference/http.md both show of the OpenAPI document. */
import type { Json, JsonSchema } from '@claw-network/protocol'
import type { OpenApi, Operation } from './openapi.ts'

export interface ReferenceEntry {
  readonly method: string
  readonly path: string
  readonly operation: Operation
  readonly request: readonly FieldRow[]
  readonly answer: readonly FieldRow[]
  /** A command line that calls it. */
  readonly curl: string
}

export interface FieldRow {
  /** `transactions[].payload`, indented by its dots. */
  readonly name: string
  readonly type: string
  readonly isRequired: boolean
  readonly doc: string
  /** Where a request says it: in the path, the query string, a header or the body. */
  readonly place?: string
}

export function entriesByTag(openapi: OpenApi): ReadonlyMap<string, readonly ReferenceEntry[]> {
  const entries = Object.entries(openapi.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => entryOf(method.toUpperCase(), path, operation, openapi)),
  )
  return new Map(
    openapi.tags.map(({ name }) => [name, entries.filter(({ operation }) => operation.tags.includes(name))]),
  )
}

function entryOf(method: string, path: string, operation: Operation, { servers }: OpenApi): ReferenceEntry {
  const parameters = operation.parameters ?? []
  const body = operation.requestBody?.content['application/json']
  const success = operation.responses['200']?.content['application/json']
  const isHeader = (place: string): boolean => place === 'header'
  const rowsOf = (some: typeof parameters): FieldRow[] =>
    some.map(({ name, schema, required, description, in: place }) => ({
      name,
      type: typeOf(schema),
      isRequired: required,
      doc: description ?? '',
      place: place === 'query' ? 'query' : place,
    }))
  return {
    method,
    path,
    operation,
    request: [
      ...rowsOf(parameters.filter(parameter => !isHeader(parameter.in))),
      ...(body ? fieldRows(body.schema).map(row => ({ ...row, place: 'body' })) : []),
      ...rowsOf(parameters.filter(parameter => isHeader(parameter.in))),
    ],
    answer: success ? fieldRows(success.schema) : [],
    curl: curlOf(method, path, operation, servers[0]?.url ?? ''),
  }
}

/** The fields of an object, those of objects in it below them. */
function fieldRows(schema: JsonSchema, prefix = ''): FieldRow[] {
  const required = new Set((schema['required'] ?? []) as readonly string[])
  return Object.entries((schema['properties'] ?? {}) as { readonly [name: string]: JsonSchema }).flatMap(
    ([name, field]) => {
      const isList = field['type'] === 'array'
      const inner = (isList ? field['items'] : field) as JsonSchema
      const full = `${prefix}${name}${isList ? '[]' : ''}`
      const doc = (field['description'] ?? '') as string
      return [
        { name: full, type: typeOf(inner), isRequired: required.has(name), doc },
        ...(inner['type'] === 'object' ? fieldRows(inner, `${full}.`) : []),
      ]
    },
  )
}

function typeOf({ type, pattern, enum: names }: JsonSchema): string {
  if (Array.isArray(names)) return names.map(name => JSON.stringify(name)).join(' | ')
  if (typeof pattern === 'string' && pattern.startsWith('^0x')) return 'hex'
  return typeof type === 'string' ? type : 'one of several'
}

function curlOf(method: string, path: string, operation: Operation, base: string): string {
  const parameters = operation.parameters ?? []
  const filled = parameters
    .filter(parameter => parameter.in === 'path')
    .reduce((text, { name, example }) => text.replace(`{${name}}`, shown(example, name)), path)
  const query = parameters
    .filter(parameter => parameter.in === 'query' && parameter.example !== undefined)
    .map(({ name, example }) => `${name}=${encodeURIComponent(shown(example, name))}`)
  const url = `${base}${filled}${query.length > 0 ? `?${query.join('&')}` : ''}`
  if (method === 'GET') return `curl -s '${url}'`
  const body = JSON.stringify(operation.requestBody?.content['application/json']?.example ?? {})
  return `curl -s '${url}' \\\n  -H 'Content-Type: application/json' \\\n  -d '${body}'`
}

function shown(example: Json | undefined, name: string): string {
  return typeof example === 'string' || typeof example === 'number' ? String(example) : `{${name}}`
}
