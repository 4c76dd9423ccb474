/** A transport in a process of its own, which a test may stop, stall and kill. Started by `NetworkProcess`. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { GossipTopic, Peer } from '../../node/src/ports.ts'
import type { TransportOptions } from '../../node/src/network/transport.ts'
import { memoryLog, realClock } from './network.ts'

type Order =
  | { readonly do: 'start'; readonly options: TransportOptions }
  | { readonly do: 'peers' }
  /** The texts of all gossip so far. */
  | { readonly do: 'heard' }
  | { readonly do: 'usage' }
  | { readonly do: 'publish'; readonly topic: GossipTopic; readonly text: string; readonly bytes: number }
  | { readonly do: 'stall'; readonly ms: number }
  | { readonly do: 'stop' }

interface Answers {
  start: { readonly id: string; readonly addresses: readonly string[] }
  peers: readonly Peer[]
  heard: readonly string[]
  usage: { readonly cpuMs: number; readonly rssBytes: number }
  publish: null
  stall: null
  stop: null
}

export class NetworkProcess {
  readonly #child: ChildProcess

  constructor() {
    this.#child = fork(fileURLToPath(import.meta.url), [], { execArgv: ['--conditions=clawnet-source'] })
  }

  async order<O extends Order>(order: O): Promise<Answers[O['do']]> {
    const answer = once(this.#child, 'message')
    this.#child.send(order)
    return ((await answer) as [Answers[O['do']]])[0]
  }

  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(name)
  }

  /** The exit code, once the process ended by itself. */
  async exited(): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode
    const [code] = (await once(this.#child, 'exit')) as [number | null]
    return code
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.exited()
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await obey()

async function obey(): Promise<void> {
  const { openTransport } = await import('../../node/src/network/libp2p.ts')
  const heard: string[] = []
  let transport: Awaited<ReturnType<typeof openTransport>> | undefined
  const running = () => transport ?? assertNever('not started')

  const perform = async (order: Order): Promise<Answers[Order['do']]> => {
    switch (order.do) {
      case 'start':
        transport = await openTransport(order.options, { clock: realClock(), log: memoryLog() })
        for (const topic of ['votes', 'proposals', 'transactions'] as const) {
          transport.onGossip(topic, payload => {
            heard.push(Buffer.from(payload).toString().split('\0')[0] ?? '')
            return 'accept'
          })
        }
        await transport.start()
        return { id: transport.id, addresses: transport.addresses() }
      case 'peers':
        return running().peers()
      case 'heard':
        return heard
      case 'usage': {
        const { user, system } = process.cpuUsage()
        return { cpuMs: (user + system) / 1_000, rssBytes: process.memoryUsage().rss }
      }
      case 'publish': {
        const payload = Buffer.alloc(order.bytes)
        payload.write(order.text)
        running().publish(order.topic, payload)
        return null
      }
      case 'stall':
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, order.ms)
        return null
      case 'stop':
        await running().stop()
        return null
    }
  }

  process.on('message', (order: Order) => {
    void perform(order).then(answer => {
      process.send?.(answer)
      if (order.do === 'stop') process.disconnect()
    })
  })
}

function assertNever(problem: string): never {
  throw new Error(problem)
}
