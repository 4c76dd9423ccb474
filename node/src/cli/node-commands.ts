/** `status`, `stop`, `peers`, `wait`, `config show`: the node itself. */
import { setTimeout as pause } from 'node:timers/promises'
import { uint } from '@claw-network/protocol'
import { type Call, usageError } from './arguments.ts'
import type { Command, Shell } from './command.ts'
import { reportTransaction } from './domain-commands.ts'
import { CliError, type ExitCode, exitCodes } from './exit-codes.ts'
import { SyncProgress } from './sync-progress.ts'
import { valueOf } from './values.ts'

const group = 'Node'
const lookMs = 100

export const nodeCommands: readonly Command[] = [
  {
    usage: 'status',
    group,
    doc: 'Shows who the node is and how it is.',
    examples: ['status', 'status --json'],
    options: [],
    run: showStatus,
  },
  {
    usage: 'peers',
    group,
    doc: 'Lists the nodes this one is connected to.',
    examples: ['peers'],
    options: [],
    run: showPeers,
  },
  {
    usage: 'stop',
    group,
    doc: 'Stops the node and waits until it has ended.',
    examples: ['stop'],
    options: [],
    run: stopNode,
  },
  {
    usage: 'wait',
    group,
    doc: 'Waits until the node answers and is synced, or until a transaction is final.',
    examples: [
      'wait --for ready',
      'wait --for tx:0x5f2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f00f --timeout 10',
    ],
    options: [
      {
        name: 'for',
        value: 'ready|synced|tx:HASH',
        doc: 'What to wait for; by default ready, which is synced and without complaints',
      },
      { name: 'timeout', value: 'SECONDS', doc: 'Longest wait; by default 60' },
    ],
    run: waitFor,
  },
  {
    usage: 'config show',
    group,
    doc: 'Shows the settings of the node, as config.yaml and the environment make them.',
    examples: ['config show --effective --origin'],
    options: [
      { name: 'effective', doc: 'Show defaults too, not only what is set somewhere' },
      { name: 'origin', doc: 'Say where each value comes from' },
    ],
    run: showConfig,
  },
]

async function showStatus(_call: Call, { connect, output, messages }: Shell): Promise<ExitCode> {
  const status = await (await connect()).status()
  output.data('status', status, () =>
    output.record([
      ['did', status.did ?? '-'],
      ['address', status.address ?? '-'],
      ['network', status.network],
      ['synced', status.synced ? 'yes' : `no, ${status.blockHeight} of ${status.targetHeight}`],
      ['block', `${status.blockHeight} (${new Date(status.blockTimeMs).toISOString()})`],
      ['peers', String(status.peers)],
      ['validator', status.validator === undefined ? 'no' : `power ${status.validator.power}`],
      ['version', `${status.version} (${status.type})`],
    ]),
  )
  for (const complaint of status.degraded) output.warn(messages.degraded(complaint))
  return exitCodes.ok
}

async function showPeers(_call: Call, { connect, output, messages }: Shell): Promise<ExitCode> {
  const { peers } = await (await connect()).peers()
  output.data('peers', { peers: peers.map(peer => ({ ...peer })) }, () =>
    output.table(
      ['peer', 'address', 'direction', 'since'],
      peers.map(({ id, address, direction, connectedAtMs }) => [
        id,
        address,
        direction,
        new Date(connectedAtMs).toISOString(),
      ]),
    ),
  )
  if (peers.length === 0) output.say(messages.noPeers())
  return exitCodes.ok
}

async function stopNode(_call: Call, { home, output, messages }: Shell): Promise<ExitCode> {
  const { runningPid } = await import('../pid-file.ts')
  const { endProcess } = await import('./processes.ts')
  const pid = runningPid(home)
  if (pid === undefined) throw new CliError(exitCodes.noDaemon, 'no_daemon', messages.nothingToStop(home))
  await endProcess(pid, messages)
  output.data('stopped', { pid }, () => '')
  output.say(messages.stopped())
  return exitCodes.ok
}

async function waitFor(call: Call, shell: Shell): Promise<ExitCode> {
  const { messages, connect } = shell
  const goal = call.text('for') ?? 'ready'
  const timeoutMs = (valueOf(call, 'timeout', uint(86_400, 1), messages) ?? 60) * 1000
  if (goal === 'ready' || goal === 'synced') return waitForNode(goal, timeoutMs, shell)
  if (!/^tx:0x[0-9a-f]{64}$/.test(goal)) throw usageError(messages.valueIsWrong('for', messages.goalExpected(), goal))
  const client = await connect()
  return reportTransaction(await client.wait(goal.slice('tx:'.length), { timeoutMs }), shell)
}

async function waitForNode(goal: 'ready' | 'synced', timeoutMs: number, shell: Shell): Promise<ExitCode> {
  const { output, messages, connect } = shell
  const progress = new SyncProgress(messages)
  const { statusOf } = await import('./connection.ts')
  for (const endsAtMs = Date.now() + timeoutMs; ; await pause(lookMs)) {
    // Asked anew each time: the node may open its socket meanwhile.
    const status = await statusOf(await connect())
    const isReached = status?.synced === true && (goal === 'synced' || status.degraded.length === 0)
    if (status !== undefined && isReached) {
      output.data('status', status, () => '')
      output.say(messages.isReady(status.blockHeight))
      return exitCodes.ok
    }
    if (Date.now() > endsAtMs) {
      if (status === undefined) throw new CliError(exitCodes.noDaemon, 'no_daemon', messages.noDaemon(shell.home))
      throw new CliError(
        exitCodes.notReady,
        'not_ready',
        status.degraded[0] ?? messages.notReady(status.blockHeight, status.targetHeight),
      )
    }
    if (status !== undefined) output.progress(progress.line(status, Date.now()))
  }
}

async function showConfig(call: Call, { home, environment, output, messages }: Shell): Promise<ExitCode> {
  const { settingsIn } = await import('../home.ts')
  const { settings: all, warnings } = settingsIn(home, environment)
  const settings = all.filter(({ origin }) => call.has('effective') || origin !== 'default')
  const hasOrigin = call.has('origin')
  output.data(
    'config',
    { settings: settings.map(({ key, value, origin }) => ({ key, value, ...(hasOrigin ? { origin } : {}) })) },
    () =>
      output.table(
        ['setting', 'value', ...(hasOrigin ? ['from'] : [])],
        settings.map(({ key, value, origin }) => [
          key,
          typeof value === 'string' ? value : JSON.stringify(value),
          ...(hasOrigin ? [origin] : []),
        ]),
      ),
  )
  for (const warning of warnings) output.warn(warning)
  if (settings.length === 0) output.say(messages.onlyDefaults())
  return exitCodes.ok
}
