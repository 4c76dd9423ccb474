/** The program `clawnetd`: flags and configuration to a running node, in the background or the foreground. */
import { dirname, join } from 'node:path'
import { formatDid } from '@claw-network/protocol'
import { BackgroundError, hasStarter, startInBackground, type StartReport, tellStarter } from './background.ts'
import { type Config, ConfigError, loadConfig, placeIn, processSurroundings } from './config/config.ts'
import { daemonHelp, parseDaemonFlags, UsageError } from './config/daemon-flags.ts'
import { type RunningNode, startNode } from './daemon.ts'
import { NodeLog } from './log.ts'
import { machineClock as clock } from './machine.ts'
import { removePid, writePid } from './pid-file.ts'
import { DatabaseLockedError } from './store/database.ts'
import { version } from './version.ts'

const exitFailure = 1
const exitUsage = 2
/** sysexits.h calls it EX_TEMPFAIL: another node runs on this data. */
const exitLocked = 75
/** Longest a stop may take before the process ends all the same; everything is safe against that. */
const stopMsMax = 10_000
const failedExitMs = 1_000

/** What a node that runs in the foreground says after the banner. */
export type Greeting = (node: RunningNode, report: StartReport) => string

/** Runs one command line of clawnetd to its end. */
export async function main(
  argv: readonly string[],
  greeting: Greeting = (_node, report) => news(report),
): Promise<number> {
  try {
    const surroundings = processSurroundings()
    const flags = parseDaemonFlags(argv, placeIn(surroundings))
    if (flags.action === 'help') return print(daemonHelp())
    if (flags.action === 'version') return print(`clawnetd ${version}\n`)

    const config = loadConfig(surroundings, flags)
    for (const warning of config.warnings) process.stderr.write(`clawnetd: ${warning}\n`)
    if (flags.action === 'check-config') return print('The configuration is right.\n')

    if (flags.foreground || isSupervised()) return await runInForeground(config, greeting)
    const report = await startInBackground({ argv, environment: process.env, crashFile: crashFileOf(config) })
    return print(banner(report) + news(report))
  } catch (error) {
    const [exitCode, message] = failureOf(error)
    tellStarter({ type: 'failed', message, exitCode })
    process.stderr.write(`clawnetd: ${message}\n`)
    // Whatever the failed start left open must not keep a dead node running.
    setTimeout(() => process.exit(exitCode), failedExitMs).unref()
    return exitCode
  }
}

/** Where the background lets the runtime say why it died. */
export function crashFileOf({ values }: Config): string | null {
  const file = values['logging.file']
  return file === null ? null : join(dirname(file), 'crash.log')
}

/** Runs the node until a signal ends it. */
async function runInForeground(config: Config, greeting: Greeting): Promise<number> {
  const { home, values } = config
  const isForPeople = !hasStarter()
  const log = new NodeLog(
    {
      level: values['logging.level'],
      file: values['logging.file'],
      ...(isForPeople && { terminal: terminalOf(process.stderr) }),
    },
    { clock },
  )
  process.on('uncaughtException', error => {
    // Whatever state we are in, the disk holds a good one: end, and let who watches us start again.
    log.error('ended by a fault of the node', { error })
    process.exit(exitFailure)
  })

  const signalled = nextSignal()
  const node = await startNode(config, { log })
  writePid(home)
  const report = reportOf(node, config)
  if (isForPeople) print(banner(report) + greeting(node, report))
  tellStarter({ type: 'started', report })

  log.info('stopping', { signal: await signalled })
  setTimeout(() => {
    log.error('did not stop in time', { stopMsMax })
    process.exit(exitFailure)
  }, stopMsMax).unref()
  await node.stop()
  removePid(home)
  log.info('stopped')
  log.close()
  // Libraries leave timers that would hold the process for seconds; there is nothing left to wait for.
  process.exit(0)
}

function reportOf(node: RunningNode, { values }: Config): StartReport {
  return {
    pid: process.pid,
    network: values.network,
    listen: values['p2p.listen'],
    blockHeight: node.chain.tip.height,
    peers: node.transport.peers().length,
    ...(node.did !== undefined && { did: formatDid(node.did) }),
    ...(node.apiUrl !== undefined && { apiUrl: node.apiUrl }),
  }
}

const line = '━'.repeat(41)

function banner({ did, listen, apiUrl, network }: StartReport): string {
  return `${[
    line,
    `clawnetd v${version}`,
    line,
    `DID:     ${did ?? '(none: run "clawnet init")'}`,
    ...listen.map(address => `P2P:     ${address}`),
    `API:     ${apiUrl ?? '(off)'}`,
    `Network: ${network}`,
    line,
  ].join('\n')}\n`
}

function news({ peers, blockHeight, apiUrl }: StartReport): string {
  const lines = [`[INFO] Connected to ${peers} peers`, `[INFO] Block #${blockHeight}`]
  if (apiUrl !== undefined) lines.push('[INFO] The API answers; "clawnet status" says how the node is')
  return `${lines.join('\n')}\n`
}

/** A supervisor or a container wants the process itself, not a child of it. */
function isSupervised(): boolean {
  return process.pid === 1 || process.env['INVOCATION_ID'] !== undefined || process.env['JOURNAL_STREAM'] !== undefined
}

function terminalOf(stream: NodeJS.WriteStream): { write: (text: string) => void; hasColors: boolean } {
  const isPlain = (process.env['NO_COLOR'] ?? '') !== ''
  return { write: text => void stream.write(text), hasColors: stream.isTTY && !isPlain }
}

/** The first signal that asks the node to stop; a second one ends the process at once. */
function nextSignal(): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => resolve(signal))
  return promise
}

function failureOf(error: unknown): [exitCode: number, message: string] {
  if (error instanceof UsageError) return [exitUsage, error.message]
  if (error instanceof ConfigError) return [exitUsage, error.problems.join('\nclawnetd: ')]
  if (error instanceof DatabaseLockedError) return [exitLocked, error.message]
  if (error instanceof BackgroundError) return [error.exitCode, error.message]
  return [exitFailure, error instanceof Error ? error.message : String(error)]
}

function print(text: string): 0 {
  process.stdout.write(text)
  return 0
}
