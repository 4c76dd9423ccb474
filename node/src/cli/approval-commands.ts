/** `approvals`, `approve`, `refuse`: what agents asked for above the limit that their tokens have without asking. */
import type { Approval } from '@claw-network/sdk'
import type { Call } from './arguments.ts'
import { type Command, passphraseOptions, type Shell } from './command.ts'
import { unlocking } from './domain-commands.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'

const group = 'Agents'

export const approvalCommands: readonly Command[] = [
  {
    usage: 'approvals',
    group,
    doc: 'Lists what agents asked for and only their owner can let through, the oldest first.',
    examples: ['approvals', 'approvals --all'],
    options: [{ name: 'all', doc: 'Also what was decided in the last seven days' }],
    run: listApprovals,
  },
  {
    usage: 'approve <id>',
    group,
    doc: 'Makes and sends what an agent asked for, still within the limits of its token.',
    examples: ['approve 2f6b0c9d41e8a735'],
    options: passphraseOptions,
    run: approve,
  },
  {
    usage: 'refuse <id>',
    group,
    doc: 'Refuses what an agent asked for.',
    examples: ['refuse 2f6b0c9d41e8a735'],
    options: [],
    run: refuse,
  },
]

async function listApprovals(call: Call, { connect, output, messages }: Shell): Promise<ExitCode> {
  const client = await connect()
  const approvals = await client.approvals(call.has('all') ? {} : { status: 'waiting' })
  output.data('approvals', { approvals: approvals.map(approval => ({ ...approval })) }, () =>
    output.table(
      ['id', 'status', 'agent', 'kind', 'tokens', 'payees', 'asked', 'fields'],
      approvals.map(approval => [
        approval.id,
        approval.status,
        approval.tokenName ?? approval.token,
        approval.kind,
        String(approval.tokens),
        approval.payees.join(','),
        new Date(approval.askedAt).toISOString(),
        JSON.stringify(approval.payload),
      ]),
    ),
  )
  if (approvals.length === 0) output.say(messages.noApproval())
  return exitCodes.ok
}

async function approve(call: Call, shell: Shell): Promise<ExitCode> {
  const client = await shell.connect()
  const id = call.text('id') as string
  const approval = await unlocking(call, shell, passphrase => client.approve(id, passphrase))
  show(approval, shell)
  if (approval.txHash !== undefined) shell.output.say(shell.messages.isApproved(approval.txHash))
  return exitCodes.ok
}

async function refuse(call: Call, shell: Shell): Promise<ExitCode> {
  show(await (await shell.connect()).refuse(call.text('id') as string), shell)
  shell.output.say(shell.messages.isRefused())
  return exitCodes.ok
}

function show(approval: Approval, { output }: Shell): void {
  const { id, status, kind, tokens, payees, txHash } = approval
  output.data('approval', approval, () =>
    output.record([
      ['id', id],
      ['status', status],
      ['kind', kind],
      ['tokens', String(tokens)],
      ['payees', payees.join(',')],
      ...(txHash === undefined ? [] : [['txHash', txHash] as const]),
    ]),
  )
}
