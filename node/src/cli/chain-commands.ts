/** `history`, `tx`, `block`: what happened on the chain. */
import { address, formatAddress, uint } from '@claw-network/protocol'
import type { BlockAnswer, HistoryEntry, TransactionAnswer } from '@claw-network/sdk'
import type { Call } from './arguments.ts'
import type { Command, Shell } from './command.ts'
import { CliError, type ExitCode, exitCodes } from './exit-codes.ts'
import { linesOf } from './domain-commands.ts'
import { valueOf } from './values.ts'

const group = 'Chain'
const limitMax = 200

export const chainCommands: readonly Command[] = [
  {
    usage: 'history [address]',
    group,
    doc: 'Shows what touched an account, newest first; by default the node’s own.',
    examples: ['history', 'history did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK --limit 5'],
    options: [
      { name: 'limit', value: 'N', doc: `Most entries to show, at most ${limitMax}; by default 20` },
      { name: 'offset', value: 'N', doc: 'Entries to skip' },
      { name: 'cursor', value: 'TEXT', doc: 'Go on after the page that gave this cursor' },
    ],
    run: history,
  },
  {
    usage: 'tx <hash>',
    group,
    doc: 'Shows a transaction and what became of it.',
    examples: ['tx 0x5f2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f00f'],
    options: [],
    run: transaction,
  },
  {
    usage: 'block [height]',
    group,
    doc: 'Shows a final block, by height or hash; by default the latest.',
    examples: ['block 12', 'block'],
    options: [],
    run: block,
  },
]

async function history(call: Call, { connect, output, messages }: Shell): Promise<ExitCode> {
  const of = valueOf(call, 'address', address, messages)
  const limit = valueOf(call, 'limit', uint(limitMax, 1), messages)
  const offset = valueOf(call, 'offset', uint(1_000_000), messages)
  const cursor = call.text('cursor')
  const client = await connect()
  const answer = await client.history({
    ...(of === undefined ? {} : { of: formatAddress(of) }),
    ...(limit === undefined ? {} : { limit }),
    ...(offset === undefined ? {} : { offset }),
    ...(cursor === undefined ? {} : { cursor }),
  })
  output.data('history', answer, () =>
    output.table(['time', 'block', 'change', 'what', 'transaction'], answer.entries.map(lineOf)),
  )
  if (answer.entries.length === 0) output.say(messages.historyIsEmpty())
  if (answer.cursor !== undefined) output.say(messages.historyGoesOn(answer.cursor))
  return exitCodes.ok
}

async function transaction(call: Call, { connect, output, messages }: Shell): Promise<ExitCode> {
  const client = await connect()
  const answer: TransactionAnswer | undefined = await client.transaction(call.text('hash') as string)
  if (answer === undefined) throw new CliError(exitCodes.notFound, 'not_found', messages.transactionIsUnknown())
  output.data('transaction', answer, () => output.record(linesOf(answer)))
  return exitCodes.ok
}

async function block(call: Call, { connect, output, messages }: Shell): Promise<ExitCode> {
  const client = await connect()
  const answer: BlockAnswer | undefined = await client.block(call.text('height') ?? 'latest')
  if (answer === undefined) throw new CliError(exitCodes.notFound, 'not_found', messages.blockIsUnknown())
  output.data('block', answer, () => {
    const { height, blockHash, timeMs, transactionCount, transactions, commit } = answer
    const head = output.record([
      ['height', String(height)],
      ['blockHash', blockHash],
      ['time', new Date(timeMs).toISOString()],
      ['round', String(commit.round)],
      ['signers', String(commit.signers.length)],
      ['transactions', String(transactionCount)],
    ])
    if (transactions.length === 0) return head
    const rows = transactions.map(({ txHash, status, kind = '', address: from = '' }) => [txHash, status, kind, from])
    return `${head}\n\n${output.table(['transaction', 'status', 'kind', 'from'], rows)}`
  })
  return exitCodes.ok
}

function lineOf({ timeMs, height, change, kind, status, code, txHash }: HistoryEntry): readonly string[] {
  const what = kind ?? 'reward'
  return [
    new Date(timeMs).toISOString(),
    String(height),
    change > 0 ? `+${change}` : String(change),
    status === 'failed' ? `${what} (${code ?? status})` : what,
    txHash ?? '',
  ]
}
