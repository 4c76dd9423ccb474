/** Networks of real `clawnetd` processes in temporary homes, spoken to over their Unix sockets. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatAddress, formatDid, type Genesis, mnemonicOf, walletEntropyBytes } from '@claw-network/protocol'
import { createKeys, type Founder, foundLocalNetwork, settle } from '../../node/src/home.ts'
import type { SettingValues } from '../../node/src/config/settings.ts'
import { until } from './network.ts'
import { type Secret, secretBytes, SecretSearch, secretText } from './secret-search.ts'

const daemonBin = fileURLToPath(new URL('../../node/bin/clawnetd.js', import.meta.url))

export interface Answer {
  readonly status: number
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  readonly body: any
}

export interface NetworkOptions {
  readonly nodes: number
  /** Changes the genesis before it is written. */
  readonly adjust?: (genesis: Genesis) => Genesis
  /** Address each node listens on for others; by default loopback at a free port. */
  readonly listen?: (index: number) => Promise<string> | string
  /** The API's TCP port of every node; by default a free one each. */
  readonly apiPort?: number
  /** Over those that tests have by default. */
  readonly settings?: Partial<SettingValues>
  /** Put before the daemon's command line, such as `ip netns exec NAME`. */
  readonly wrapper?: (index: number) => readonly string[]
}

/** One daemon with its home; it can be killed and started again. */
export class Daemon {
  readonly home: string
  readonly did: string
  readonly address: string
  readonly apiPort: number
  readonly #wrapper: readonly string[]
  readonly #walletEntropy: Uint8Array
  /** Every agent token that it made. */
  readonly #tokens: string[] = []
  #process: ChildProcess | undefined
  #output = ''

  constructor(
    home: string,
    founder: Founder,
    options: {
      readonly apiPort: number
      readonly wrapper: readonly string[]
      readonly walletEntropy: Uint8Array
    },
  ) {
    this.home = home
    this.did = formatDid(founder.did)
    this.address = formatAddress(founder.address)
    this.apiPort = options.apiPort
    this.#wrapper = options.wrapper
    this.#walletEntropy = options.walletEntropy
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  get isRunning(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null
  }

  /** What the process printed so far, for failures. */
  get output(): string {
    return this.#output
  }

  /** Starts the process; resolves when the API answers. */
  async start(): Promise<void> {
    const [command, ...args] = [...this.#wrapper, process.execPath, daemonBin, '--foreground']
    const child = spawn(command as string, args, {
      env: { ...process.env, CLAWNET_HOME: this.home },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#process = child
    this.#output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8')
      stream?.on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-20_000)
      })
    }
    await until(
      `the node in ${this.home} answers`,
      async () => {
        if (!this.isRunning)
          throw new Error(`clawnetd ended with ${child.exitCode ?? child.signalCode}:\n${this.#output}`)
        return (await this.get('/api/node/status').catch(() => undefined))?.status === 200
      },
      30_000,
    )
  }

  /** Ends the process with a signal and waits until it is gone. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process
    if (child === undefined || !this.isRunning) return
    const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
    child.kill(signal)
    await ended
  }

  get(path: string): Promise<Answer> {
    return this.call('GET', path)
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.call('POST', path, body, headers)
  }

  call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body)
    return new Promise((resolve, reject) => {
      const call = request(
        {
          socketPath: join(this.home, 'clawnetd.sock'),
          method,
          path,
          headers: { ...(text !== undefined && { 'content-type': 'application/json' }), ...headers },
          timeout: 60_000,
        },
        answer => {
          let received = ''
          answer.setEncoding('utf8')
          answer.on('data', (chunk: string) => {
            received += chunk
          })
          answer.on('error', reject)
          answer.on('end', () => {
            try {
              const body = received === '' ? undefined : JSON.parse(received)
              if (path === '/api/tokens' && typeof body?.token === 'string') this.#tokens.push(body.token)
              resolve({ status: answer.statusCode ?? 0, body })
            } catch {
              reject(new Error(`not JSON: ${received.slice(0, 200)}`))
            }
          })
        },
      )
      call.on('error', reject)
      call.on('timeout', () => call.destroy(new Error(`${method} ${path} took too long`)))
      call.end(text)
    })
  }

  /** What it wrote outside of its keys, and printed last, that gives one of its secrets away. Its chain is left out. */
  leaks(): readonly string[] {
    const secretIn = (path: string): Secret[] =>
      existsSync(join(this.home, path)) ? [secretText(path, readFileSync(join(this.home, path), 'utf8').trim())] : []
    const secrets = [
      secretBytes('entropy of the wallet', this.#walletEntropy),
      ...['keys/local.passphrase', 'api.cookie'].flatMap(secretIn),
      ...this.#tokens.map(token => secretText('agent token', token)),
    ]
    const search = new SecretSearch(secrets, mnemonicOf(this.#walletEntropy))
    const { found } = search.below(this.home, file => /^(keys\/|data\/|api\.cookie$)/.test(file))
    return [...found, ...search.in(this.#output).map(name => `output: ${name}`)]
  }
}

/** A `local` network in which every node is a validator and funded; all know the first one's address only. */
export class DaemonNetwork {
  readonly daemons: readonly Daemon[]
  readonly #directory: string

  static async found({
    nodes,
    adjust = genesis => genesis,
    listen = freeListenAddress,
    wrapper = () => [],
    settings = {},
    ...options
  }: NetworkOptions) {
    const directory = mkdtempSync(join(tmpdir(), 'clawnet-test-'))
    const homes = Array.from({ length: nodes }, (_, index) => join(directory, `node-${index + 1}`))
    const founders: Founder[] = []
    const wallets = homes.map(() => randomBytes(walletEntropyBytes))
    for (const [index, home] of homes.entries()) {
      founders.push(await createKeys(home, { walletEntropy: wallets[index] as Uint8Array }))
    }
    const genesis = adjust(foundLocalNetwork('test', founders, Date.now()))
    const addresses: string[] = []
    for (const index of homes.keys()) addresses.push(await listen(index))
    const daemons: Daemon[] = []
    for (const [index, home] of homes.entries()) {
      const apiPort = options.apiPort ?? (await freePort())
      settle(home, genesis, {
        'p2p.listen': [addresses[index] as string],
        'p2p.bootstrap': index === 0 ? [] : [addresses[0] as string],
        'p2p.mdns': false,
        'api.port': apiPort,
        'limits.maxTransferPerTx': null,
        'limits.maxTransferPerDay': null,
        'node.dataDir': join(home, 'data'),
        'node.genesis': join(home, 'genesis.json'),
        'logging.file': join(home, 'logs', 'node.log'),
        ...settings,
      })
      const walletEntropy = wallets[index] as Uint8Array
      daemons.push(new Daemon(home, founders[index] as Founder, { apiPort, wrapper: wrapper(index), walletEntropy }))
    }
    return new DaemonNetwork(directory, daemons)
  }

  private constructor(directory: string, daemons: readonly Daemon[]) {
    this.#directory = directory
    this.daemons = daemons
  }

  daemon(number: number): Daemon {
    const daemon = this.daemons[number - 1]
    if (daemon === undefined) throw new Error(`there is no node ${number}`)
    return daemon
  }

  /** Starts all; resolves when each has met all others. */
  async start(): Promise<void> {
    await Promise.all(this.daemons.map(daemon => daemon.start()))
    await this.untilConnected(this.daemons)
  }

  /** Resolves when each of these daemons is connected to all others of them and synced. */
  async untilConnected(daemons: readonly Daemon[]): Promise<void> {
    await until(
      'the nodes have found each other',
      async () => {
        const all = await Promise.all(daemons.map(daemon => daemon.get('/api/node/status').catch(() => undefined)))
        return all.every(answer => answer?.body.peers >= daemons.length - 1 && answer?.body.synced === true)
      },
      30_000,
    )
  }

  /** Resolves when all of these have the same block at the highest height any of them has now. */
  async untilAgreed(daemons: readonly Daemon[] = this.daemons, timeoutMs = 30_000): Promise<void> {
    const heights = await Promise.all(
      daemons.map(async daemon => (await daemon.get('/api/node/status')).body.blockHeight),
    )
    const height = Math.max(...heights)
    if (height === 0) return
    await until(
      `all nodes have block ${height}`,
      async () => {
        const blocks = await Promise.all(
          daemons.map(daemon => daemon.get(`/api/blocks/${height}`).catch(() => undefined)),
        )
        return blocks.every(block => block?.status === 200)
      },
      timeoutMs,
    )
    const hashes = await Promise.all(
      daemons.map(async daemon => (await daemon.get(`/api/blocks/${height}`)).body.blockHash),
    )
    if (new Set(hashes).size !== 1) throw new Error(`nodes disagree on block ${height}: ${hashes.join(', ')}`)
  }

  /** Ends every process and removes every file; fails where one of them told a secret. */
  async destroy(): Promise<void> {
    await Promise.all(this.daemons.map(daemon => daemon.end('SIGKILL')))
    const leaks = this.daemons.flatMap(daemon => daemon.leaks())
    rmSync(this.#directory, { recursive: true, force: true })
    if (leaks.length > 0) throw new Error(`secrets were told: ${leaks.join('; ')}`)
  }

  /** Bytes of a file in a node's home, for tests that look behind the scenes. */
  read(number: number, path: string): Buffer {
    return readFileSync(join(this.daemon(number).home, path))
  }
}

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

async function freeListenAddress(): Promise<string> {
  return `/ip4/127.0.0.1/tcp/${await freePort()}`
}
