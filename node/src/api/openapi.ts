/** The OpenAPI 3.1 document of a table of routes. */
import type { Json, JsonSchema } from '@claw-network/protocol'
import { apiCodes, type Rejections, statusOf } from './problems.ts'
import { waitField } from './request-fields.ts'
import type { Route, RouteAccess } from './route.ts'
import { type Scope, scopeOf } from './scopes.ts'

export interface OpenApi {
  readonly openapi: '3.1.1'
  readonly info: {
    readonly title: string
    readonly version: string
    readonly description: string
    readonly license: Json
  }
  readonly servers: readonly { readonly url: string; readonly description: string }[]
  readonly security: readonly { readonly [scheme: string]: readonly string[] }[]
  readonly tags: readonly { readonly name: string }[]
  readonly paths: { readonly [path: string]: { readonly [method: string]: Operation } }
  readonly components: {
    readonly securitySchemes: { readonly [name: string]: Json }
    readonly schemas: { readonly Problem: JsonSchema }
  }
  /** Every code of a problem answer. */
  readonly 'x-problem-codes': { readonly [code: string]: { readonly status: number; readonly description: string } }
}

export interface Operation {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly summary: string
  /** Who may call it: see the description of the document. */
  readonly 'x-access': RouteAccess
  /** Which scope an agent token needs for it. */
  readonly 'x-scope'?: Scope
  readonly security?: OpenApi['security']
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly required: true; readonly content: { readonly [type: string]: Content } }
  readonly responses: {
    readonly [status: string]: { readonly description: string; readonly content: { readonly [type: string]: Content } }
  }
  /** Codes of this operation besides those every operation can answer with. */
  readonly 'x-problem-codes'?: readonly string[]
}

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required: boolean
  readonly description?: string
  readonly schema: JsonSchema
  readonly example?: Json
}

interface Content {
  readonly schema: JsonSchema
  readonly example?: Json
}

const description = [
  'The API of your own node. It listens on this machine only, and on the Unix socket clawnetd.sock in the node’s directory.',
  'Reading needs no credential. Writing needs one of: the passphrase of the identity in the body; an unlocked identity together with the',
  'cookie (`Authorization: Bearer` and the content of api.cookie, which is new at every start); the API token, where one is set: then every',
  'request needs it or another credential; an agent token, within its limits. On a `local` network an unlocked identity is enough. The Unix',
  'socket needs no credential.',
  '',
  'The `x-access` of an operation says what it needs. `public`: nothing. `read`: nothing, unless an API token is set. `private`: a',
  'credential; an agent sees what is its own. `submit`: like `read`, for transactions that somebody else has signed already; an agent token',
  'needs the scope of the kind. `write`: one of the credentials above; an agent token needs the scope in `x-scope`. `owner`: the same, but no',
  'agent token is enough. A read-only node refuses `submit`, `write` and `owner`.',
  '',
  'An agent token (`POST /api/tokens`) acts for one identity: without `did` that one is meant, and no other may be. What its transactions take',
  'is counted by effect, fees included. What takes more than `approvalAbove` waits for its owner: the answer is `approval_is_needed`, and the',
  'same request with the same `Idempotency-Key` gives the transaction once it is approved.',
  '',
  'All amounts are integers of Tokens. Bodies are JSON in UTF-8 of at most 1 MiB; unknown fields, fields given twice and numbers that are',
  'not plain integers are refused. Where an address is asked for, a DID will do. Answers to reads carry `asOfHeight`, the block they are as of.',
  '',
  'A write answers as soon as the transaction waits for a block. With `?wait=final`, or `Prefer: wait=30` for so many seconds, it answers when',
  'the transaction is decided. With an `Idempotency-Key` the same request can be sent again, for a day and across restarts: it gives the',
  'same answer and makes one transaction.',
  '',
  'What goes wrong is answered as a problem (RFC 9457) with a `code` of a closed list and a `detail` that names the field and the fix.',
].join('\n')

const waitParameter: Parameter = {
  name: waitField,
  in: 'query',
  required: false,
  description: 'Answer when the transaction is decided, at most 30 seconds later',
  schema: { type: 'string', enum: ['final'] },
}
const preferParameter: Parameter = {
  name: 'Prefer',
  in: 'header',
  required: false,
  description: '`wait=30`: the same for so many seconds, at most 120',
  schema: { type: 'string' },
}
const keyParameter: Parameter = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The same request with the same key again gives the same answer and makes no second transaction',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
}

/** Codes in the order in which they are documented: the API's own, then those of transactions. */
export function openapiOf(
  routes: readonly Route[],
  { version, rejections }: { readonly version: string; readonly rejections: Rejections },
): OpenApi {
  const paths: { [path: string]: { [method: string]: Operation } } = {}
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route, routes) }
  }
  return {
    openapi: '3.1.1',
    info: { title: 'clawnet node', version, description, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: 'http://127.0.0.1:9528', description: 'The node on this machine' }],
    security: [{}, { bearer: [] }],
    tags: [...new Set(routes.map(({ tag }) => tag))].map(name => ({ name })),
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'The content of api.cookie, the API token, or an agent token',
        },
      },
      schemas: { Problem: problemSchema },
    },
    'x-problem-codes': Object.fromEntries([
      ...Object.entries(apiCodes).map(([code, { status, doc }]) => [code, { status, description: doc }]),
      ...[...rejections.codes].map(([code, sentence]) => [code, { status: statusOf(code), description: sentence }]),
    ]),
  }
}

const problemSchema: JsonSchema = {
  type: 'object',
  properties: {
    type: { type: 'string', description: 'Where this code is explained' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', description: 'One of the closed list' },
    detail: { type: 'string', description: 'What is wrong and what to do' },
    field: { type: 'string', description: 'The field it is about' },
    by: { type: 'string', description: 'The transaction that is in the way' },
    approval: { type: 'string', description: 'The approval that it waits for, or waited for' },
    retryable: { type: 'boolean', description: 'The same request may succeed later' },
    requestId: { type: 'string', description: 'Under this id the node’s log tells more' },
  },
  required: ['type', 'title', 'status', 'code', 'detail', 'retryable', 'requestId'],
}

function operationOf(route: Route, routes: readonly Route[]): Operation {
  const { method, access, example = {} } = route
  const inPath = namesInPath(route.path)
  const fields = Object.entries(route.input.fields)
  const parameterOf = ([name, { schema, isOptional }]: (typeof fields)[number]): Parameter => ({
    name,
    in: inPath.has(name) ? 'path' : 'query',
    required: isOptional !== true,
    ...(typeof schema['description'] === 'string' && { description: schema['description'] }),
    schema,
    ...(example[name] !== undefined && { example: example[name] }),
  })
  const waits = 'waits' in route
  const parameters = [
    ...fields.filter(([name]) => method === 'GET' || inPath.has(name)).map(parameterOf),
    ...(waits ? [waitParameter, preferParameter] : []),
    ...((access === 'write' || access === 'owner') && !('tellsSecret' in route) ? [keyParameter] : []),
  ]
  return {
    operationId: operationIdOf(route, routes),
    tags: [route.tag],
    summary: route.doc,
    'x-access': access,
    ...(access === 'write' && { 'x-scope': scopeOf(route.path) }),
    ...(access === 'public' && { security: [] }),
    ...(access === 'private' && { security: [{ bearer: [] }] }),
    ...(parameters.length > 0 && { parameters }),
    ...(method === 'POST' && {
      requestBody: {
        required: true,
        content: {
          'application/json': { schema: without(inPath, route.input.schema), example: exampleBody(example, inPath) },
        },
      },
    }),
    responses: {
      200: { description: 'Done', content: contentOf(route) },
      default: {
        description: 'Not done',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
    ...(route.codes && { 'x-problem-codes': route.codes }),
  }
}

function contentOf(route: Route): { [type: string]: Content } {
  if ('open' in route)
    return { [route.mediaType]: { schema: { type: route.mediaType === 'application/json' ? 'object' : 'string' } } }
  const { schema } = route.answer
  if (route.method !== 'GET' || route.access !== 'read') return { 'application/json': { schema } }
  const properties = schema['properties'] as { readonly [field: string]: Json }
  const required = (schema['required'] ?? []) as readonly Json[]
  const asOfHeight = { type: 'integer', minimum: 0, description: 'The last final block when this was read' }
  return {
    'application/json': {
      schema: { ...schema, properties: { ...properties, asOfHeight }, required: [...required, 'asOfHeight'] },
    },
  }
}

/** `POST /api/wallet/escrow/:id/release` is `postWalletEscrowRelease`. */
function operationIdOf({ method, path }: Route, routes: readonly Route[]): string {
  const words = path.split(/[/.]/).filter(word => word !== '' && word !== 'api' && !word.startsWith(':'))
  const plain = path.replace(/\/:\w+/g, '')
  const isTaken = routes.some(route => route.method === method && route.path === plain)
  const needsNames = path.includes(':') && (method === 'GET' || isTaken)
  const named = needsNames ? [...words, 'by', ...namesInPath(path)] : words
  return method.toLowerCase() + named.map(word => word.slice(0, 1).toUpperCase() + word.slice(1)).join('')
}

function namesInPath(path: string): ReadonlySet<string> {
  return new Set([...path.matchAll(/:(\w+)/g)].map(([, name]) => name as string))
}

function without(names: ReadonlySet<string>, schema: JsonSchema): JsonSchema {
  const properties = Object.entries(schema['properties'] as { readonly [field: string]: Json })
  const required = (schema['required'] ?? []) as readonly string[]
  const left = required.filter(name => !names.has(name))
  return {
    type: 'object',
    properties: Object.fromEntries(properties.filter(([name]) => !names.has(name))),
    ...(left.length > 0 && { required: left }),
    additionalProperties: false,
  }
}

function exampleBody(
  example: { readonly [field: string]: Json },
  inPath: ReadonlySet<string>,
): { [field: string]: Json } {
  return Object.fromEntries(Object.entries(example).filter(([name]) => !inPath.has(name)))
}
