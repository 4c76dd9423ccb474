/** The types of all transactions and queries, taken from the domains' tables: a new one needs no line here. */
import type { domains, Infer } from '@claw-network/protocol'
import type { JsonInput, JsonOutput } from './json-form.ts'

type Domain = (typeof domains)[number]
type Kind = Domain['transactions'][number]
type Query = Domain['queries'][number]

/** Such as `wallet.transfer`. */
export type KindName = Kind['kind']
/** What the transaction says, as JSON. */
export type BodyOf<K extends KindName> = JsonInput<Infer<Extract<Kind, { readonly kind: K }>['body']>>

/** A query is named by its path, such as `/api/wallet/balance`. */
export type QueryPath = Query['path']
export type InputOf<P extends QueryPath> = JsonInput<Infer<Extract<Query, { readonly path: P }>['input']>>
export type OutputOf<P extends QueryPath> = JsonOutput<Infer<Extract<Query, { readonly path: P }>['output']>> & {
  /** The block whose state was read. */
  readonly asOfHeight: number
}
