/** `token new|list|revoke`: credentials with which agents act for one identity each, within limits. */
import { address, did, formatAddress, formatDid, list, text, timestamp, tokenSum } from '@claw-network/protocol'
import type { AgentToken, TokenGrant } from '@claw-network/sdk'
import { type Call, usageError } from './arguments.ts'
import type { Command, Shell } from './command.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { valueOf } from './values.ts'

const group = 'Agents'
const payeesMax = 1_000

export const tokenCommands: readonly Command[] = [
  {
    usage: 'token new',
    group,
    doc: 'Makes a token with which an agent acts for one identity of this node, within limits; prints it this once.',
    examples: [
      'token new --scope wallet --per-tx 10 --per-day 100 --approval-above 5 --expires 30d',
      'token new --scope read --name monitor --quiet',
    ],
    options: [
      { name: 'did', value: 'DID', doc: 'The identity it acts for; by default the node’s first one' },
      { name: 'name', value: 'TEXT', doc: 'What people call it' },
      {
        name: 'scope',
        value: 'LIST',
        doc: 'What it may write: wallet, identity, market, contracts, reputation; with read alone nothing (required)',
      },
      { name: 'per-tx', value: 'N', doc: 'Tokens that one transaction may take, fee included' },
      { name: 'per-day', value: 'N', doc: 'Tokens that 24 hours may take, fees included' },
      { name: 'total', value: 'N', doc: 'Tokens that it may take in all, fees included' },
      {
        name: 'payees',
        value: 'LIST',
        doc: 'The only ones who may come to have Tokens; separated by commas, or @FILE',
      },
      { name: 'approval-above', value: 'N', doc: 'What takes more Tokens waits for "clawnet approve"' },
      { name: 'expires', value: 'TIME', doc: 'When it ends; like 2027-01-31, or 30d or 2h from now' },
    ],
    run: create,
  },
  {
    usage: 'token list',
    group,
    doc: 'Lists the agent tokens with what is left of them.',
    examples: ['token list'],
    options: [],
    run: listTokens,
  },
  {
    usage: 'token revoke <id>',
    group,
    doc: 'Ends an agent token at once and for good.',
    examples: ['token revoke 9f3c0a51b2de'],
    options: [],
    run: revoke,
  },
]

async function create(call: Call, { connect, output, messages }: Shell): Promise<ExitCode> {
  const grant = grantIn(call, messages)
  const subject = valueOf(call, 'did', did, messages)
  const client = await connect()
  const made = await client.createToken({ ...grant, ...(subject && { did: formatDid(subject) }) })
  output.data('token', made, () => made.token)
  output.say(messages.tokenIsMade(made.id, made.did))
  return exitCodes.ok
}

function grantIn(call: Call, messages: Shell['messages']): TokenGrant {
  const tokens = (name: string): number | undefined => {
    const value = valueOf(call, name, tokenSum, messages)
    return value === undefined ? undefined : Number(value)
  }
  const scopes = valueOf(call, 'scope', list(text(32, 1), 16), messages)
  if (scopes === undefined) throw usageError(messages.optionRequired('--scope'))
  const given = {
    name: valueOf(call, 'name', text(64, 1), messages),
    perTx: tokens('per-tx'),
    perDay: tokens('per-day'),
    total: tokens('total'),
    payees: valueOf(call, 'payees', list(address, payeesMax), messages)?.map(formatAddress),
    approvalAbove: tokens('approval-above'),
    expiresAt: valueOf(call, 'expires', timestamp, messages),
  }
  return { scopes, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) }
}

async function listTokens(_call: Call, { connect, output, messages }: Shell): Promise<ExitCode> {
  const tokens = await (await connect()).tokens()
  output.data('tokens', { tokens: tokens.map(token => ({ ...token })) }, () =>
    output.table(
      ['id', 'name', 'did', 'scopes', 'status', 'per tx', 'today', 'total', 'expires'],
      tokens.map(token => [
        token.id,
        token.name ?? '-',
        token.did,
        token.scopes.join(','),
        token.status,
        String(token.perTx ?? '-'),
        spent(token.spentLastDay, token.perDay),
        spent(token.spentTotal, token.total),
        token.expiresAt === undefined ? '-' : new Date(token.expiresAt).toISOString(),
      ]),
    ),
  )
  if (tokens.length === 0) output.say(messages.noToken())
  return exitCodes.ok
}

/** `12/100`: what went of what may. */
function spent(gone: number, limit: number | undefined): string {
  return limit === undefined ? String(gone) : `${gone}/${limit}`
}

async function revoke(call: Call, { connect, output }: Shell): Promise<ExitCode> {
  const token: AgentToken = await (await connect()).revokeToken(call.text('id') as string)
  const { id, did: subject, status } = token
  output.data('token', token, () =>
    output.record([
      ['id', id],
      ['did', subject],
      ['status', status],
    ]),
  )
  return exitCodes.ok
}
