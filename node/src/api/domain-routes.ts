/** The routes of the domains: one per kind of transaction and one per query. No domain is known here by name. */
import {
  type AnyQuery,
  type AnyTransactionKind,
  assert,
  describe,
  did,
  type Domain,
  hash,
  type Ledger,
  optional,
  type QueryContext,
  struct,
  text,
  timestamp,
  tokenSum,
  uint,
} from '@claw-network/protocol'
import { exampleOf } from './examples.ts'
import type { ApiNode } from './node.ts'
import { owner, type Principal } from './principal.ts'
import { Problem } from './problems.ts'
import { jsonRoute, type Route } from './route.ts'
import type { SendFields } from './sender.ts'
import { transactionAnswer, transactionAnswerOf } from './transaction-answer.ts'

export const passphrase = describe(text(1024, 1), 'Opens the identity for this request only')

/** What every transaction may say besides its payload; all of it may be left out. */
export const sendFields = {
  did: optional(describe(did, 'Who sends it; the node’s own identity where it is left out')),
  passphrase: optional(passphrase),
  nonce: optional(
    describe(uint(Number.MAX_SAFE_INTEGER, 1), 'The place in the sender’s order; the next one where it is left out'),
  ),
  fee: optional(describe(tokenSum, 'Tokens for the validators; the network’s lowest fee where it is left out')),
  prev: optional(describe(hash, 'Only if this is still the sender’s last final transaction')),
  validUntil: optional(describe(timestamp, 'Not in a block after this time, in milliseconds since 1970-01-01 UTC')),
}

export function domainRoutes(ledger: Ledger): Route[] {
  return ledger.domains.flatMap(domain => [
    ...domain.queries.map(query => queryRoute(domain, query)),
    ...domain.transactions.map(kind => transactionRoute(domain, kind)),
  ])
}

/** What a query may know of the node. */
export function queryContextOf(
  { chain, mempool, wallet, clock, begun }: ApiNode,
  principal: Principal = owner.socket,
): QueryContext {
  const self = principal.role === 'agent' ? principal.token.did : wallet.identities()[0]?.did
  return {
    height: chain.tip.height,
    timeMs: Math.max(clock.nowMs(), chain.tip.timeMs + 1),
    pending: account => mempool.pending(account),
    begun,
    ...(self !== undefined && { self }),
  }
}

function transactionRoute(domain: Domain, kind: AnyTransactionKind): Route {
  const names = Object.keys(kind.body.fields)
  const taken = names.find(name => Object.hasOwn(sendFields, name))
  assert(taken === undefined, `${kind.kind}: the field ${taken} is one that every transaction has`)

  return jsonRoute({
    method: 'POST',
    path: kind.path,
    tag: domain.name,
    // Who could change who may sign could do away with all limits.
    access: kind.empowersKeys ? 'owner' : 'write',
    doc: kind.doc,
    input: struct({ ...kind.body.fields, ...sendFields }),
    answer: transactionAnswer,
    waits: true,
    codes: [...Object.keys(kind.rejections), ...(kind.statements === undefined ? [] : ['signature_is_wrong' as const])],
    example: exampleOf(kind, kind.body),
    async handle({ sender, outcomes, rejections }, input, call) {
      const fields = input as SendFields & { readonly [name: string]: unknown }
      const payload = Object.fromEntries(names.filter(name => name in fields).map(name => [name, fields[name]]))
      const id = await sender.send(kind, payload, fields, call)
      const outcome = await outcomes.settled(id, call.waitMs, call.signal)
      return transactionAnswerOf(id, outcome, rejections, call.waitMs > 0)
    },
  })
}

function queryRoute(domain: Domain, query: AnyQuery): Route {
  return jsonRoute({
    method: 'GET',
    path: query.path,
    tag: domain.name,
    access: 'read',
    doc: query.doc,
    input: query.input,
    answer: query.output,
    codes: ['not_found'],
    example: exampleOf(query, query.input),
    handle({ node }, input, { principal }) {
      const answer = query.read(node.chain.view, input, queryContextOf(node, principal))
      if (answer === undefined) throw Problem.of('not_found')
      return answer
    },
  })
}
