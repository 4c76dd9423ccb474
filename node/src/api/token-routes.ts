/** The routes about agent tokens: made, listed and revoked. */
import {
  address,
  addressOf,
  DecodeError,
  describe,
  did,
  enumeration,
  type Infer,
  list,
  optional,
  struct,
  text,
  timestamp,
  tokenSum,
  uint,
} from '@claw-network/protocol'
import type { Principal } from './principal.ts'
import { Problem } from './problems.ts'
import { type ApiContext, jsonRoute, type Route } from './route.ts'
import { scopes } from './scopes.ts'
import { type AgentToken, grantFields, tokenId } from './tokens.ts'

const expiresInSecondsMax = 10 * 365 * 24 * 60 * 60

const said = {
  name: describe(grantFields.name, 'For people'),
  scopes: describe(
    list(enumeration(...scopes), scopes.length),
    'What it may write; a path belongs to the scope that its part after /api names. With `read` alone it writes nothing',
  ),
  perTx: describe(grantFields.perTx, 'Tokens that one transaction may take, fee included'),
  perDay: describe(grantFields.perDay, 'Tokens that 24 hours may take, fees included'),
  total: describe(grantFields.total, 'Tokens that it may take in all, fees included'),
  payees: describe(grantFields.payees, 'The only accounts that may come to have the Tokens'),
  approvalAbove: describe(grantFields.approvalAbove, 'A transaction that takes more Tokens waits for an approval'),
  expiresAt: describe(grantFields.expiresAt, 'When it ends, in milliseconds since 1970-01-01 UTC'),
}

const shown = struct({
  id: tokenId,
  did,
  address,
  status: enumeration('live', 'expired', 'revoked'),
  createdAt: timestamp,
  ...said,
  spentLastDay: describe(tokenSum, 'Tokens taken in the last 24 hours'),
  spentTotal: tokenSum,
  leftToday: optional(tokenSum),
  leftTotal: optional(tokenSum),
})

const create = jsonRoute({
  method: 'POST',
  path: '/api/tokens',
  tag: 'tokens',
  access: 'owner',
  doc: 'Makes a credential with which an agent acts for one identity of this node, within limits.',
  input: struct({
    did: optional(describe(did, 'For which identity; the node’s own where it is left out')),
    ...said,
    expiresInSeconds: optional(describe(uint(expiresInSecondsMax, 1), 'The same as expiresAt, counted from now')),
  }),
  answer: struct({
    token: describe(text(128), 'Shown this once: send it as Authorization: Bearer'),
    ...shown.fields,
  }),
  tellsSecret: true,
  codes: ['identity_is_unknown', 'too_many_tokens'],
  example: { scopes: ['wallet', 'market'], perTx: 10, perDay: 100, approvalAbove: 50, expiresInSeconds: 2_592_000 },
  handle(context, { did: named, expiresInSeconds, ...granted }, { principal, note }) {
    const { sender, tokens, node } = context
    const nowMs = node.clock.nowMs()
    if (granted.scopes.length === 0) throw new DecodeError(`must name some of ${scopes.join(', ')}`).within('scopes')
    if (granted.expiresAt !== undefined && expiresInSeconds !== undefined) {
      throw new DecodeError('stands beside expiresAt; leave one of them out').within('expiresInSeconds')
    }
    if (granted.expiresAt !== undefined && granted.expiresAt <= nowMs) {
      throw new DecodeError('is over already').within('expiresAt')
    }
    const { token, text: secret } = tokens.create({
      ...granted,
      did: sender.identity(named, principal),
      ...(expiresInSeconds !== undefined && { expiresAt: nowMs + expiresInSeconds * 1000 }),
    })
    note({ did: token.did, about: token.id })
    return { token: secret, ...shownOf(token, context) }
  },
})

const all = jsonRoute({
  method: 'GET',
  path: '/api/tokens',
  tag: 'tokens',
  access: 'private',
  doc: 'The agent tokens with what is left of them; an agent sees its own only.',
  input: struct({}),
  answer: struct({ tokens: list(shown, 10_000) }),
  handle(context, _, { principal }) {
    const visible = context.tokens.all().filter(({ id }) => maySee(principal, id))
    return { tokens: visible.map(token => shownOf(token, context)) }
  },
})

const revoke = jsonRoute({
  method: 'POST',
  path: '/api/tokens/:id/revoke',
  tag: 'tokens',
  access: 'owner',
  doc: 'Ends an agent token at once and for good; what it asked for and was not sent yet is refused.',
  input: struct({ id: tokenId }),
  answer: shown,
  codes: ['not_found'],
  example: { id: '9f3c0a51b2de' },
  async handle(context, { id }, { note }) {
    const token = context.tokens.revoke(id)
    if (token === undefined) throw Problem.of('not_found', { field: 'id' })
    await context.orders.approvals.refuseAll(id)
    note({ did: token.did, about: id })
    return shownOf(token, context)
  },
})

export const tokenRoutes: readonly Route[] = [create, all, revoke]

/** Whether what belongs to an agent token is shown to somebody. */
export function maySee(principal: Principal, token: string): boolean {
  return principal.role === 'owner' || (principal.role === 'agent' && principal.token.id === token)
}

function shownOf(token: AgentToken, { tokens, orders }: ApiContext): Infer<typeof shown> {
  const { hash: _, revokedAt: __, ...granted } = token
  const { lastDay, total } = orders.spending.spentBy(token.id)
  return {
    ...granted,
    address: addressOf(token.did),
    status: tokens.statusOf(token),
    spentLastDay: lastDay,
    spentTotal: total,
    ...(token.perDay !== undefined && { leftToday: left(token.perDay, lastDay) }),
    ...(token.total !== undefined && { leftTotal: left(token.total, total) }),
  }
}

function left(limit: bigint, spent: bigint): bigint {
  return limit > spent ? limit - spent : 0n
}
