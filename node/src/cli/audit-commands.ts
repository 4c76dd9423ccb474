/** `audit list|verify`: who had the node do what; read from its files, whether it runs or not. */
import { formatAddress, formatDid, uint } from '@claw-network/protocol'
import type { AuditLine } from '../audit-log.ts'
import type { Call } from './arguments.ts'
import type { Command, Shell } from './command.ts'
import { CliError, type ExitCode, exitCodes } from './exit-codes.ts'
import { valueOf } from './values.ts'

const group = 'Node'
const linesDefault = 50

export const auditCommands: readonly Command[] = [
  {
    usage: 'audit list',
    group,
    doc: 'Shows who had this node do what, the newest last.',
    examples: ['audit list --limit 200', 'audit list --json'],
    options: [{ name: 'limit', value: 'N', doc: `How many lines; by default ${linesDefault}` }],
    run: listAudit,
  },
  {
    usage: 'audit verify',
    group,
    doc: 'Checks that no line of the audit log was changed or removed, and prints the hash of the last one.',
    examples: ['audit verify'],
    options: [],
    run: verify,
  },
]

async function listAudit(call: Call, { home, output, messages }: Shell): Promise<ExitCode> {
  const { auditFileIn, auditLine, readAudit } = await import('../audit-log.ts')
  const limit = valueOf(call, 'limit', uint(1_000_000, 1), messages) ?? linesDefault
  const path = auditFileIn(home)
  const lines = readAudit(path).slice(-limit)
  output.data('audit', { lines: lines.map(line => auditLine.toJson(line)) }, () =>
    output.table(['time', 'who', 'what', 'on', 'Tokens', 'outcome'], lines.map(rowOf)),
  )
  if (lines.length === 0) output.say(messages.auditIsEmpty(path))
  return exitCodes.ok
}

function rowOf({ timeMs, who, what, did, about, tokens, payees = [], txHash, outcome, times }: AuditLine): string[] {
  const on = [
    ...(did === undefined ? [] : [formatDid(did)]),
    ...(about === undefined ? [] : [about]),
    ...payees.map(payee => `to ${formatAddress(payee)}`),
    ...(txHash === undefined ? [] : [`0x${txHash}`]),
  ]
  const shown = times === undefined ? outcome : `${outcome} (${times})`
  return [new Date(timeMs).toISOString(), who, what, on.join(' '), tokens?.toString() ?? '', shown]
}

async function verify(_call: Call, { home, output, messages }: Shell): Promise<ExitCode> {
  const { auditFileIn, verifyAudit } = await import('../audit-log.ts')
  const path = auditFileIn(home)
  const first = verifyAudit(path)
  // A node that runs may have set a file aside in between; what was tampered with stays so.
  const { lines, head, faults } = first.faults.length === 0 ? first : verifyAudit(path)
  const last = head && { sequence: head.sequence, hash: `0x${head.hash}` }
  output.data('audit_check', { lines, ...(last && { head: last }), faults }, () =>
    last === undefined
      ? ''
      : output.record([
          ['last line', String(last.sequence)],
          ['hash', last.hash],
        ]),
  )
  if (faults.length > 0) {
    const sentences = faults.map(({ file, line, fault }) => messages.auditFault(file, line, fault))
    throw new CliError(exitCodes.failure, 'audit_is_broken', sentences.join('\n'))
  }
  output.say(last === undefined ? messages.auditIsEmpty(path) : messages.auditHolds(lines))
  return exitCodes.ok
}
