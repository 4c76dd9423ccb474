/** Real transports on loopback, for tests. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openTransport } from '../../node/src/network/libp2p.ts'
import type { NetworkTransport, TransportOptions } from '../../node/src/network/transport.ts'
import type { Clock, Log } from '../../node/src/ports.ts'

export const testChainId = 'c1'.repeat(32)

/** Every delay is divided by `haste`. */
export function realClock(haste = 1): Clock {
  return {
    nowMs: () => Date.now(),
    after(delayMs, task) {
      const timer = setTimeout(task, delayMs / haste)
      return () => clearTimeout(timer)
    },
  }
}

/** Time that passes only when a test says so. */
export class StepClock implements Clock {
  #nowMs = 1_800_000_000_000
  readonly #tasks = new Set<{ readonly atMs: number; readonly task: () => void }>()

  nowMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, task: () => void): () => void {
    const entry = { atMs: this.#nowMs + delayMs, task }
    this.#tasks.add(entry)
    return () => this.#tasks.delete(entry)
  }

  /** Runs what is due in order, and lets promises settle between. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await settled()
    for (;;) {
      const next = [...this.#tasks].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined) break
      this.#tasks.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.task()
      await settled()
    }
    this.#nowMs = endMs
  }
}

function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

export interface LoggedLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: Record<string, unknown>
}

export function memoryLog(lines: LoggedLine[] = []): Log {
  const at =
    (level: LoggedLine['level']) =>
    (message: string, fields: Record<string, unknown> = {}) => {
      lines.push({ level, message, fields })
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** Resolves as soon as the condition holds; fails with `claim` when it does not within the time. */
export async function until(
  claim: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 10_000,
): Promise<void> {
  const start = performance.now()
  while (!(await condition())) {
    if (performance.now() - start > withinMs) throw new Error(`not within ${withinMs} ms: ${claim}`)
    await sleep(5)
  }
}

/** Opens transports, and at the end closes them and removes what they wrote. */
export class TestNetwork {
  readonly #started = new Set<NetworkTransport>()
  readonly #directories: string[] = []

  async directory(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'clawnet-network-'))
    this.#directories.push(directory)
    return directory
  }

  /** A transport that is not started. */
  async open(
    options: Partial<TransportOptions> = {},
    clock = realClock(),
    log = memoryLog(),
  ): Promise<NetworkTransport> {
    const directory = options.directory ?? (await this.directory())
    return openTransport(
      {
        chainId: testChainId,
        listen: ['/ip4/127.0.0.1/tcp/0'],
        bootstrap: [],
        keyFile: join(directory, 'peer.key'),
        directory,
        local: true,
        agent: 'test/1',
        ...options,
      },
      { clock, log },
    )
  }

  async start(
    options: Partial<TransportOptions> = {},
    clock = realClock(),
    log = memoryLog(),
  ): Promise<NetworkTransport> {
    const transport = await this.open(options, clock, log)
    this.#started.add(transport)
    await transport.start()
    return transport
  }

  async stop(transport: NetworkTransport): Promise<void> {
    this.#started.delete(transport)
    await transport.stop()
  }

  async close(): Promise<void> {
    await Promise.all([...this.#started].map(transport => transport.stop()))
    this.#started.clear()
    for (const directory of this.#directories) await rm(directory, { recursive: true, force: true })
  }
}

export function addressOf(transport: NetworkTransport): string {
  const address = transport.addresses()[0]
  if (address === undefined) throw new Error('the transport does not listen')
  return address
}

export async function connected(...transports: readonly NetworkTransport[]): Promise<void> {
  await until('all are connected with all', () =>
    transports.every(one => transports.every(other => one === other || one.peers().some(peer => peer.id === other.id))),
  )
}
