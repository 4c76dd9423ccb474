/** `devnet up|down|status`: a real network of several nodes on this machine. */
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { uint, walletEntropyBytes } from '@claw-network/protocol'
import type { NodeStatus } from '@claw-network/sdk'
import { Call } from './arguments.ts'
import type { Command, Shell } from './command.ts'
import { CliError, type ExitCode, exitCodes } from './exit-codes.ts'
import { valueOf } from './values.ts'

const group = 'Networks'
const nodesDefault = 4
const nodesMax = 16
const basePortDefault = 9600
/** The API of node n is at the base port plus this plus n. */
const apiPortOffset = 100
const basePortMax = 65_535 - apiPortOffset - nodesMax
const readyMsMax = 60_000
const lookMs = 100

export const devnetCommands: readonly Command[] = [
  {
    usage: 'devnet up',
    group,
    doc: 'Starts a network of real nodes on this machine, each a funded validator with its own home and ports.',
    examples: ['devnet up --nodes 4', '--node 2 balance'],
    options: [
      { name: 'nodes', value: 'N', doc: `How many, at most ${nodesMax}; by default ${nodesDefault}` },
      {
        name: 'base-port',
        value: 'PORT',
        doc: `Node n takes PORT+n for its peers and PORT+${apiPortOffset}+n for its API; by default ${basePortDefault}`,
      },
    ],
    run: up,
  },
  {
    usage: 'devnet status',
    group,
    doc: 'Shows how the nodes of the devnet are.',
    examples: ['devnet status'],
    options: [],
    run: status,
  },
  {
    usage: 'devnet down',
    group,
    doc: 'Stops the nodes of the devnet; the next "devnet up" goes on with their chain.',
    examples: ['devnet down', 'devnet down --delete'],
    options: [{ name: 'delete', doc: 'Delete their directories too, with keys and chain' }],
    run: down,
  },
]

interface DevnetNode {
  readonly home: string
  readonly apiUrl: string
  /** Absent while the node does not answer. */
  readonly status?: NodeStatus
}

async function up(call: Call, shell: Shell): Promise<ExitCode> {
  const { messages, output } = shell
  const count = valueOf(call, 'nodes', uint(nodesMax, 1), messages)
  const basePort = valueOf(call, 'base-port', uint(basePortMax, 1024), messages) ?? basePortDefault
  const known = homesOf(shell)
  if (known.length > 0 && count !== undefined && count !== known.length) {
    throw new CliError(exitCodes.conflict, 'devnet_exists', messages.devnetExists(known.length))
  }
  // The configuration is what is written last.
  if (!known.every(home => existsSync(join(home, 'config.yaml')))) {
    throw new CliError(exitCodes.conflict, 'devnet_is_unfinished', messages.devnetIsUnfinished(baseOf(shell)))
  }
  const homes = known.length > 0 ? known : await found({ count: count ?? nodesDefault, basePort }, shell)

  const { runningPid } = await import('../pid-file.ts')
  const { startInBackground } = await import('../background.ts')
  const missing = homes.filter(home => runningPid(home) === undefined)
  output.progress(messages.devnetStarts(missing.length))
  await Promise.all(
    missing.map(home => {
      const crashFile = join(home, 'logs', 'crash.log')
      return startInBackground({ argv: [], environment: environmentOf(home, shell), crashFile })
    }),
  )
  const nodes = await allReady(homes, shell)
  show(nodes, shell)
  output.say(messages.devnetIsUp(nodes.length, nodes.at(-1)?.status?.did ?? ''))
  return exitCodes.ok
}

async function status(_call: Call, shell: Shell): Promise<ExitCode> {
  const homes = homesOf(shell)
  if (homes.length === 0) throw noDevnet(shell)
  show(await Promise.all(homes.map(home => nodeAt(home, shell))), shell)
  return exitCodes.ok
}

async function down(call: Call, shell: Shell): Promise<ExitCode> {
  const { output, messages } = shell
  const homes = homesOf(shell)
  if (homes.length === 0) throw noDevnet(shell)
  const { runningPid } = await import('../pid-file.ts')
  const { endProcess } = await import('./processes.ts')
  const pids = homes.map(home => runningPid(home)).filter(pid => pid !== undefined)
  await Promise.all(pids.map(pid => endProcess(pid, messages)))
  if (call.has('delete')) rmSync(baseOf(shell), { recursive: true })
  output.data('devnet-down', { stopped: pids.length, deleted: call.has('delete') }, () => '')
  output.say(messages.devnetIsDown(pids.length))
  return exitCodes.ok
}

/** Makes the homes of a new network; answers with them in order. */
async function found(
  plan: { readonly count: number; readonly basePort: number },
  shell: Shell,
): Promise<readonly string[]> {
  const { createKeys, foundLocalNetwork, settle } = await import('../home.ts')
  const { messages, output } = shell
  const numbers = Array.from({ length: plan.count }, (_, index) => index + 1)
  const ports = numbers.map(number => ({ p2p: plan.basePort + number, api: plan.basePort + apiPortOffset + number }))
  for (const port of ports.flatMap(({ p2p, api }) => [p2p, api])) {
    if (!(await isFree(port))) throw new CliError(exitCodes.conflict, 'port_is_taken', messages.portIsTaken(port))
  }

  output.progress(messages.devnetIsMade(plan.count))
  const homes = numbers.map(number => join(baseOf(shell), `node-${number}`))
  const founders = await Promise.all(
    homes.map(home => createKeys(home, { walletEntropy: randomBytes(walletEntropyBytes) })),
  )
  const genesis = foundLocalNetwork('devnet', founders, Date.now())
  const bootstrap = `/ip4/127.0.0.1/tcp/${plan.basePort + 1}`
  homes.forEach((home, index) => {
    settle(home, genesis, {
      'p2p.port': ports[index]?.p2p ?? 0,
      'p2p.bootstrap': index === 0 ? [] : [bootstrap],
      'p2p.mdns': false,
      'api.port': ports[index]?.api ?? 0,
    })
  })
  return homes
}

/** Waits until every node is synced, connected to all others, and as far as the furthest one was at first. */
async function allReady(homes: readonly string[], shell: Shell): Promise<readonly DevnetNode[]> {
  const { output, messages } = shell
  let height: number | undefined
  for (const endsAtMs = Date.now() + readyMsMax; ; await pause(lookMs)) {
    const nodes = await Promise.all(homes.map(home => nodeAt(home, shell)))
    const answers = nodes.flatMap(({ status: is }) => is ?? [])
    height ??= Math.max(...answers.map(({ blockHeight }) => blockHeight))
    const ready = answers.filter(
      ({ synced, peers, degraded, blockHeight }) =>
        synced && peers >= homes.length - 1 && degraded.length === 0 && blockHeight >= (height ?? 0),
    )
    if (ready.length === homes.length) return nodes
    if (Date.now() > endsAtMs) {
      throw new CliError(exitCodes.notReady, 'not_ready', messages.devnetNotReady(ready.length, homes.length))
    }
    output.progress(messages.devnetBecomesReady(ready.length, homes.length))
  }
}

async function nodeAt(home: string, shell: Shell): Promise<DevnetNode> {
  const { configOf } = await import('../home.ts')
  const { connect, statusOf } = await import('./connection.ts')
  const environment = environmentOf(home, shell)
  const apiUrl = `http://127.0.0.1:${configOf(home, environment).values['api.port']}`
  const is = await statusOf(await connect(new Call(new Map()), { home, environment }, shell.messages))
  return { home, apiUrl, ...(is === undefined ? {} : { status: is }) }
}

function show(nodes: readonly DevnetNode[], { output }: Shell): void {
  output.data(
    'devnet',
    {
      nodes: nodes.map(({ home, apiUrl, status: is }, index) => ({
        node: index + 1,
        home,
        apiUrl,
        isRunning: is !== undefined,
        ...(is === undefined
          ? {}
          : {
              did: is.did ?? null,
              address: is.address ?? null,
              synced: is.synced,
              blockHeight: is.blockHeight,
              peers: is.peers,
              degraded: [...is.degraded],
            }),
      })),
    },
    () =>
      output.table(
        ['node', 'state', 'block', 'peers', 'api', 'did'],
        nodes.map(({ apiUrl, status: is }, index) => [
          String(index + 1),
          is === undefined ? 'stopped' : is.degraded.length > 0 ? 'degraded' : is.synced ? 'ready' : 'syncing',
          is === undefined ? '-' : String(is.blockHeight),
          is === undefined ? '-' : String(is.peers),
          apiUrl,
          is?.did ?? '-',
        ]),
      ),
  )
}

function baseOf({ home }: Shell): string {
  return join(home, 'devnet')
}

/** The homes of the network that is there, in order; none where there is no network. */
function homesOf(shell: Shell): readonly string[] {
  const base = baseOf(shell)
  if (!existsSync(base)) return []
  const numbers = readdirSync(base).flatMap(name => /^node-(\d+)$/.exec(name)?.slice(1).map(Number) ?? [])
  return numbers.toSorted((a, b) => a - b).map(number => join(base, `node-${number}`))
}

/** The user's own settings are for the user's own node. */
function environmentOf(home: string, { environment }: Shell): Readonly<Record<string, string | undefined>> {
  const foreign = Object.entries(environment).filter(([variable]) => !variable.startsWith('CLAWNET_'))
  return { ...Object.fromEntries(foreign), CLAWNET_HOME: home }
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const server = createServer()
  server.once('error', () => resolve(false))
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  return promise
}

function noDevnet({ messages, home }: Shell): CliError {
  return new CliError(exitCodes.notFound, 'no_devnet', messages.noDevnet(home))
}
