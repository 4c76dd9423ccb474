/** The routes about what waits for its owner's approval. */
import {
  describe,
  DecodeError,
  enumeration,
  hash,
  type Infer,
  list,
  optional,
  present,
  struct,
  text,
  timestamp,
} from '@claw-network/protocol'
import { approvalFields, type Approval, approvalId } from './approvals.ts'
import { passphrase } from './domain-routes.ts'
import type { Principal } from './principal.ts'
import { Problem } from './problems.ts'
import { type ApiContext, type Call, jsonRoute, type Route } from './route.ts'
import { maySee } from './token-routes.ts'
import type { AgentToken } from './tokens.ts'

const shown = struct({
  ...approvalFields,
  tokenName: optional(text(64)),
  status: enumeration('waiting', 'approved', 'refused'),
  expiresAt: describe(timestamp, 'Until when it waits, and is listed'),
  txHash: optional(describe(hash, 'The transaction that was made of it')),
})

const all = jsonRoute({
  method: 'GET',
  path: '/api/approvals',
  tag: 'approvals',
  access: 'private',
  doc: 'What agents asked for above approvalAbove of their tokens, the oldest first; an agent sees its own only.',
  input: struct({ status: optional(enumeration('waiting', 'approved', 'refused')) }),
  answer: struct({ approvals: list(shown, 100_000) }),
  example: { status: 'waiting' },
  handle(context, { status }, { principal }) {
    const visible = context.orders.approvals
      .all()
      .filter(entry => maySee(principal, entry.asked.token) && (status === undefined || entry.status === status))
    return { approvals: visible.map(entry => shownOf(entry, context)) }
  },
})

const one = jsonRoute({
  method: 'GET',
  path: '/api/approvals/:id',
  tag: 'approvals',
  access: 'private',
  doc: 'One of them.',
  input: struct({ id: approvalId }),
  answer: shown,
  codes: ['not_found'],
  example: { id: '2f6b0c9d41e8a735' },
  handle: (context, { id }, { principal }) => shownOf(found(context, id, principal), context),
})

const approve = jsonRoute({
  method: 'POST',
  path: '/api/approvals/:id/approve',
  tag: 'approvals',
  access: 'owner',
  doc: 'Makes and sends the transaction now, within the limits of the agent token.',
  input: struct({ id: approvalId, passphrase: optional(passphrase) }),
  answer: shown,
  codes: ['not_found', 'approval_is_decided', 'token_has_ended', 'identity_is_locked'],
  example: { id: '2f6b0c9d41e8a735' },
  async handle(context, { id, passphrase: given }, call) {
    const { sender, orders, tokens, node } = context
    call.note({ about: id })
    await orders.approvals.decide(id, async asked => {
      const token = tokens.get(asked.token)
      if (token === undefined || !tokens.isLive(token.id)) throw Problem.of('token_has_ended')
      const kind = node.chain.ledger.kinds.get(asked.kind)
      if (kind === undefined) throw new DecodeError(`${asked.kind} is not known any more`).within('kind')
      const fields = { ...asked, ...(given !== undefined && { passphrase: given }) }
      const payload = kind.body.fromJson(asked.payload)
      const send = async (keySlot?: Call['keySlot']): Promise<{ txHash: string }> => {
        const ofAgent = callOf(call, token, id)
        const txHash = await sender.send(kind, payload, fields, { ...ofAgent, ...(keySlot && { keySlot }) })
        return { txHash }
      }
      await (asked.claim === undefined ? send() : orders.keys.run(asked.claim, send))
    })
    return shownOf(present(orders.approvals.get(id), 'what was decided is listed'), context)
  },
})

const refuse = jsonRoute({
  method: 'POST',
  path: '/api/approvals/:id/refuse',
  tag: 'approvals',
  access: 'owner',
  doc: 'Refuses it: nothing is sent, and the agent is told.',
  input: struct({ id: approvalId }),
  answer: shown,
  codes: ['not_found', 'approval_is_decided'],
  example: { id: '2f6b0c9d41e8a735' },
  async handle(context, { id }, { note }) {
    const { approvals } = context.orders
    note({ about: id })
    await approvals.decide(id, () => approvals.refuse(id))
    return shownOf(present(approvals.get(id), 'what was decided is listed'), context)
  },
})

export const approvalRoutes: readonly Route[] = [all, one, approve, refuse]

function found({ orders }: ApiContext, id: string, principal: Principal): Approval {
  const approval = orders.approvals.get(id)
  if (approval === undefined || !maySee(principal, approval.asked.token)) throw Problem.of('not_found', { field: 'id' })
  return approval
}

/** The agent's call once more, as far as the owner can make it: he waits, and he is gone, himself. */
function callOf(call: Call, token: AgentToken, approval: string): Call {
  return {
    principal: { role: 'agent', token },
    note: call.note,
    waitMs: call.waitMs,
    get signal() {
      return call.signal
    },
    approval,
  }
}

function shownOf(approval: Approval, { tokens, orders }: ApiContext): Infer<typeof shown> {
  const { claim: _, ...asked } = approval.asked
  const name = tokens.get(asked.token)?.name
  return {
    ...asked,
    ...(name !== undefined && { tokenName: name }),
    status: approval.status,
    expiresAt: orders.approvals.endOf(approval),
    ...(approval.transaction !== undefined && { txHash: approval.transaction }),
  }
}
