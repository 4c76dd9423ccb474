/** One node of a simulated network: the real chain code between simulated doors, from start to crash to start. */
import { BlockSync } from '@claw-network/node/chain/block-sync'
import { Chain } from '@claw-network/node/chain/chain'
import { Driver } from '@claw-network/node/chain/driver'
import { Mempool, mempoolDefaults } from '@claw-network/node/chain/mempool'
import { Relay } from '@claw-network/node/chain/relay'
import { type ConsensusKey, Signer } from '@claw-network/node/chain/signer'
import type { ChainStore, HeightRecord } from '@claw-network/node/chain-store'
import type { Clock, Disk, Log, PeerId, Transport } from '@claw-network/node/ports'
import { MemoryStore } from '@claw-network/node/store/memory'
import { chainIdOf, type Genesis, type Hash, type Ledger, type Prng } from '@claw-network/protocol'
import type { SimClock, Timeline } from './clock.ts'
import { SimDisk } from './disk.ts'
import type { Network } from './network.ts'
import { type CrashPoint, Power, PowerLoss } from './power.ts'
import type { SignatureScheme } from './signatures.ts'
import type { Trace } from './trace.ts'

const writeMsMax = 8

export interface NodeWatch {
  decided(by: SimNode, record: HeightRecord): void
  toldFinal(by: SimNode, transactionId: Hash, height: number): void
  /** The node stopped itself, or could not start. */
  stopped(node: SimNode, error: unknown): void
  crashed(node: SimNode): void
}

export interface NodeOptions {
  readonly id: PeerId
  readonly genesis: Genesis
  readonly key: ConsensusKey
}

export interface NodeDependencies {
  readonly ledger: Ledger
  readonly scheme: SignatureScheme
  readonly timeline: Timeline
  readonly clock: SimClock
  readonly network: Network
  readonly prng: Prng
  readonly trace: Trace
  readonly watch: NodeWatch
  /** Puts something between the node and its network: a traitor, or a listener. */
  readonly between: (transport: Transport, running: () => Running) => Transport
}

/** A node between start and crash. */
export interface Running {
  readonly power: Power
  readonly chain: Chain
  readonly mempool: Mempool
  readonly relay: Relay
  readonly driver: Driver
  readonly sync: BlockSync
}

export class SimNode {
  readonly id: PeerId
  readonly key: ConsensusKey
  readonly clock: SimClock
  disk = new SimDisk()
  readonly store = new MemoryStore()
  readonly #genesis: Genesis
  readonly #deps: NodeDependencies
  /** Why it stopped itself, or could not start, when it last ran. */
  #fault: unknown
  #power: Power | undefined
  #running: Running | undefined

  constructor({ id, key, genesis }: NodeOptions, dependencies: NodeDependencies) {
    this.id = id
    this.key = key
    this.clock = dependencies.clock
    this.#genesis = genesis
    this.#deps = dependencies
    Signer.create(this.disk, key)
  }

  get isUp(): boolean {
    return this.#power !== undefined
  }

  get fault(): unknown {
    return this.#fault
  }

  /** Undefined while it is down or starting. */
  get running(): Running | undefined {
    return this.#running
  }

  async start(): Promise<void> {
    if (this.#power !== undefined) return
    this.#fault = undefined
    const { network, scheme, ledger, watch, trace, timeline } = this.#deps
    trace.note(timeline.nowMs, `${this.id} starts`)
    const transport = network.attach(this.id)
    const power = new Power(() => {
      network.detach(transport)
      this.#power = undefined
      this.#running = undefined
      this.disk.lose(this.#deps.prng)
      trace.note(timeline.nowMs, `${this.id} loses power`)
      watch.crashed(this)
    })
    const running = (): Running => {
      if (this.#running === undefined) throw new PowerLoss('no power')
      return this.#running
    }

    const clock = this.#poweredClock(power)
    const log = this.#log()
    const doors = poweredTransport(this.#deps.between(transport, running), power)
    const store = this.#poweredStore(power)
    const disk = poweredDisk(this.disk, power)
    this.#power = power
    try {
      const chain = await Chain.open(this.#genesis, { ledger, store, signatures: scheme })
      const mempool = new Mempool(mempoolDefaults, { view: () => chain.view })
      const relay = new Relay({ chain, mempool, transport: doors, signatures: scheme, clock, log })
      const signer = new Signer(chainIdOf(this.#genesis), this.key, disk)
      const driver = new Driver({
        chain,
        mempool,
        relay,
        transport: doors,
        signatures: scheme,
        disk,
        clock,
        log,
        signer,
        onPeerHeight: (peer, height) => sync.onPeerHeight(peer, height),
        onFatal: error => {
          if (power.isOn) this.#stop(error)
        },
      })
      const sync: BlockSync = new BlockSync({ chain, driver, relay, transport: doors, clock, log })
      this.#running = { power, chain, mempool, relay, driver, sync }
      chain.onDecided(({ receipts }, { height }) => {
        for (const { transaction } of receipts) watch.toldFinal(this, transaction.id, height)
      })
      relay.start()
      driver.start()
      sync.start()
    } catch (error) {
      // It may lose power while it starts, as at any other time.
      if (error instanceof PowerLoss) return
      network.detach(transport)
      this.#stop(error)
    }
  }

  #stop(error: unknown): void {
    this.#fault = error
    this.#deps.watch.stopped(this, error)
  }

  crash(): void {
    this.#power?.cut()
  }

  /** Crashes the node when it comes to `point` for the `passes`-th time. */
  arm(point: CrashPoint, passes: number): void {
    this.#power?.arm(point, passes)
  }

  /** Takes back `arm`. */
  disarm(): void {
    this.#power?.disarm()
  }

  #poweredClock(power: Power): Clock {
    const { clock } = this
    return {
      nowMs: () => clock.nowMs(),
      after: (delayMs, task) =>
        clock.after(delayMs, () => {
          if (power.isOn) unlessPowerLoss(task)
        }),
    }
  }

  #poweredStore(power: Power): ChainStore {
    const { store } = this
    return {
      view: store.view,
      tree: store.tree,
      chainId: () => store.chainId(),
      tip: () => store.tip(),
      begin: record => store.begin(record),
      append: async record => {
        power.at('before store append')
        await this.#writing(power)
        await store.append(record)
        this.#deps.watch.decided(this, record)
        await this.#writing(power)
        power.at('after store append')
      },
      decidedAt: height => store.decidedAt(height),
      outcomeAt: height => store.outcomeAt(height),
      validatorsAt: height => store.validatorsAt(height),
      heightOf: blockHash => store.heightOf(blockHash),
      placeOf: transactionId => store.placeOf(transactionId),
    }
  }

  /** A batch takes its time, before it is durable and before its writer knows. */
  #writing(power: Power): Promise<void> {
    const { timeline, prng } = this.#deps
    return new Promise(resolve => {
      timeline.after(prng.between(0, writeMsMax), () => {
        if (power.isOn) resolve()
      })
    })
  }

  #log(): Log {
    const { trace, timeline } = this.#deps
    const note = (level: string) => (message: string, fields?: Record<string, unknown>) =>
      trace.note(timeline.nowMs, `${this.id} ${level}: ${message}`, () => JSON.stringify(fields ?? {}, asText))
    return { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') }
  }
}

function poweredDisk(disk: SimDisk, power: Power): Disk {
  const isRecord = (name: string): boolean => name.startsWith('signer')
  return {
    read: name => {
      power.need()
      return disk.read(name)
    },
    append: (name, bytes) => {
      power.at('before wal append')
      disk.append(name, bytes)
      power.at('after wal append')
    },
    sync: name => {
      power.at(isRecord(name) ? 'before record sync' : 'before wal sync')
      disk.sync(name)
      power.at(isRecord(name) ? 'after record sync' : 'after wal sync')
    },
    truncate: (name, length) => {
      power.need()
      disk.truncate(name, length)
    },
    writeAt: (name, offset, bytes) => {
      power.at('before record write')
      disk.writeAt(name, offset, bytes)
    },
    remove: name => {
      power.at('before wal remove')
      disk.remove(name)
      power.at('after wal remove')
    },
  }
}

function poweredTransport(transport: Transport, power: Power): Transport {
  return {
    id: transport.id,
    peers: () => transport.peers(),
    publish: (topic, payload) => {
      power.at('before send')
      transport.publish(topic, payload)
      power.at('after send')
    },
    onGossip: (topic, handler) => transport.onGossip(topic, handler),
    request: (peer, name, payload) => {
      power.need()
      return transport.request(peer, name, payload)
    },
    onRequest: (name, handler) => transport.onRequest(name, handler),
    onPeer: handler => transport.onPeer(handler),
    penalize: (peer, reason) => {
      if (power.isOn) transport.penalize(peer, reason)
    },
  }
}

function unlessPowerLoss(task: () => void): void {
  try {
    task()
  } catch (error) {
    // A crash in the middle of a task is what we are here for; everything else is a bug.
    if (!(error instanceof PowerLoss)) throw error
  }
}

function asText(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  return value instanceof Uint8Array ? `${value.length} bytes` : value
}
