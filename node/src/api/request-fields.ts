/** Gathers the fields of a request from its path, query string and body, before the route's codec judges them. */
import { DecodeError, type Json, type JsonSchema } from '@claw-network/protocol'
import type { Route } from './route.ts'

/** What Fastify has of a request. */
export interface RequestParts {
  readonly params: unknown
  readonly query: unknown
  readonly body: unknown
}

type Texts = { readonly [name: string]: string | readonly string[] }

/** The name that a waiting route keeps for itself. */
export const waitField = 'wait'

export function fieldsOf(route: Route, { params, query, body }: RequestParts): { readonly [name: string]: Json } {
  const fields = Object.create(null) as { [name: string]: Json }
  const convert = (name: string, value: string): Json => fromText(route.input.fields[name]?.schema ?? {}, value)
  for (const [name, value] of Object.entries(params as Texts)) fields[name] = convert(name, value as string)

  for (const [name, value] of Object.entries(query as Texts)) {
    if (name === waitField && 'waits' in route) continue
    if (typeof value !== 'string') throw new DecodeError('is given twice').within(name)
    if (route.method === 'POST') throw new DecodeError('belongs into the body, not into the query string').within(name)
    refuseTwice(fields, name)
    fields[name] = convert(name, value)
  }

  if (route.method === 'GET') return fields
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new DecodeError('must be a JSON object')
  for (const [name, value] of Object.entries(body as { [name: string]: Json })) {
    refuseTwice(fields, name)
    fields[name] = value
  }
  return fields
}

/** A field written as text, in what its schema asks for; text that does not fit is left for the codec to refuse. */
export function fromText({ type }: JsonSchema, value: string): Json {
  if (type === 'integer' && /^(0|-?[1-9]\d*)$/.test(value)) return Number(value)
  if (type === 'boolean' && (value === 'true' || value === 'false')) return value === 'true'
  return value
}

function refuseTwice(fields: { readonly [name: string]: Json }, name: string): void {
  if (Object.hasOwn(fields, name)) throw new DecodeError('stands in the path already').within(name)
}
