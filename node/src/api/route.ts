/** What a path of the API is. Server, OpenAPI document and reference page all read the same table of routes. */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Codec, Json, StructCodec } from '@claw-network/protocol'
import type { AuditRemarks } from './audit.ts'
import type { EventStreams } from './events.ts'
import type { KeySlot } from './idempotency.ts'
import type { ApiNode } from './node.ts'
import type { Orders } from './orders.ts'
import type { Outcomes } from './outcomes.ts'
import type { Principal } from './principal.ts'
import type { Rejections } from './problems.ts'
import type { Sender } from './sender.ts'
import type { AgentTokens } from './tokens.ts'

/**
 * `public`: for everybody. `read`: open on loopback, with the API token where one is set. `private`: needs a credential;
 * an agent sees what is its own. `submit`: like `read`, but refused on a read-only node, and to agents without the scope.
 * `write`: needs a credential, or the passphrase in the body; of agents the scope of the path; refused on a read-only
 * node. `owner`: the same, but no agent token is enough.
 */
export type RouteAccess = 'public' | 'read' | 'private' | 'submit' | 'write' | 'owner'

interface Declared<I> {
  readonly method: 'GET' | 'POST'
  /** `/api/wallet/escrow/:id/release`: `:id` is the field of that name. */
  readonly path: string
  readonly tag: string
  readonly access: RouteAccess
  readonly doc: string
  /** Fields of the path, and of the query string (GET) or the body (POST). */
  readonly input: StructCodec<I>
  /** Codes to document besides those that every route can answer with. */
  readonly codes?: readonly string[]
  /** Fields of a request that works, for the reference. */
  readonly example?: { readonly [field: string]: Json }
}

export interface JsonRoute<I, A> extends Declared<I> {
  readonly answer: Codec<A>
  /** The answer tells a secret, so none is kept for an Idempotency-Key. */
  readonly tellsSecret?: true
  /** The request may wait for the outcome of a transaction: `?wait=final` or `Prefer: wait=30`. */
  readonly waits?: true
  handle(context: ApiContext, input: I, call: Call): A | Promise<A>
}

/** A route that writes its answer itself: a stream of events, a page. */
export interface RawRoute<I> extends Declared<I> {
  readonly method: 'GET'
  readonly mediaType: string
  open(context: ApiContext, input: I, exchange: Exchange): void
}

// Method bivariance lets routes of every input stand in one table.
export type Route = JsonRoute<unknown, unknown> | RawRoute<unknown>

export function jsonRoute<I, A>(declared: JsonRoute<I, A>): Route {
  return declared
}

export function rawRoute<I>(declared: RawRoute<I>): Route {
  return declared
}

/** What handlers work with. */
export interface ApiContext {
  readonly node: ApiNode
  readonly rejections: Rejections
  readonly outcomes: Outcomes
  readonly sender: Sender
  readonly tokens: AgentTokens
  readonly orders: Orders
  readonly events: EventStreams
  readonly reference: { readonly openapi: string; readonly page: string }
}

/** What a handler may know of its request besides the input. */
export interface Call {
  readonly principal: Principal
  /** Adds to the line of this request in the audit log. */
  readonly note: (remarks: AuditRemarks) => void
  /** 0 answers at once. */
  readonly waitMs: number
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal
  /** Present where the request came with an Idempotency-Key. */
  readonly keySlot?: KeySlot
  /** The approval under which it is sent. */
  readonly approval?: string
}

export interface Exchange {
  readonly headers: IncomingHttpHeaders
  readonly response: ServerResponse
}
