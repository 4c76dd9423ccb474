/** A whole network on one timeline, and the checks that watch it. */
import type { GossipTopic, PeerId, Transport } from '@claw-network/node/ports'
import {
  addressOf,
  chainIdOf,
  type Did,
  type Genesis,
  ledger,
  present,
  Prng,
  type PublicKey,
  type RangeView,
  toHex,
  type Transaction,
} from '@claw-network/protocol'
import { Traitor } from './byzantine.ts'
import { Checks, inFull } from './checkers.ts'
import { SimClock, Timeline } from './clock.ts'
import { describe, statementIn } from './describe.ts'
import { fairWeather, Network } from './network.ts'
import { type NodeWatch, type Running, SimNode } from './node.ts'
import type { Fault, Plan } from './plan.ts'
import { PowerLoss } from './power.ts'
import { type SignatureScheme, schemeOf } from './signatures.ts'
import { Trace } from './trace.ts'
import { type Client, clientOf, Workload } from './workload.ts'

/** Where simulated time begins. */
const startMs = Date.UTC(2030, 0, 1)
const balance = 10_000n

/** Clients that make the load; besides them, one per node that nobody else uses, and one for the traitors' secrets. */
const loadClients = 4

export class Cluster {
  readonly plan: Plan
  readonly timeline = new Timeline()
  readonly trace: Trace
  readonly checks: Checks
  readonly network: Network
  readonly nodes: readonly SimNode[]
  readonly workload: Workload
  readonly clients: readonly Client[]
  readonly #prng: Prng
  /** The place in the validator set of each node. */
  readonly #indices: readonly number[]
  #isHealed = false
  #secrets = 0
  #events = 0

  static async open(plan: Plan, print?: (line: string) => void): Promise<Cluster> {
    const scheme = schemeOf(plan.scheme)
    const keys = plan.stakes.map((_, index) => scheme.keyOf(new Uint8Array(32).fill(index + 1)))
    const clients = Array.from({ length: loadClients + keys.length + 1 }, (_, number) => clientOf(scheme, number))
    const genesis: Genesis = {
      network: 'local',
      name: 'simulation',
      timeMs: startMs,
      params: plan.params,
      accounts: clients.map(({ address }) => ({ address, balance })),
      validators: keys.map(({ publicKey }, index) => ({
        address: addressOf(toHex(publicKey) as Did),
        consensusKey: toHex(publicKey) as PublicKey,
        stake: present(plan.stakes[index], 'a key per stake'),
      })),
    }
    const skews = plan.faults.map(fault => (fault.type === 'clock' ? Math.abs(fault.skewMs) : 0))
    const timeErrorMsMax = plan.params.timePrecisionMs + Math.max(0, ...skews)
    const checks = await Checks.open({ genesis, ledger, scheme, timeErrorMsMax })
    const cluster = new Cluster(plan, { genesis, scheme, clients, checks, trace: new Trace(print) })
    for (const node of cluster.nodes) void node.start()
    await drained()
    return cluster
  }

  private constructor(
    plan: Plan,
    parts: { genesis: Genesis; scheme: SignatureScheme; clients: readonly Client[]; checks: Checks; trace: Trace },
  ) {
    const { genesis, scheme, clients, checks, trace } = parts
    const { timeline } = this
    const prng = new Prng(plan.seed ^ 0x51ed270b)
    this.plan = plan
    this.trace = trace
    this.checks = checks
    this.clients = clients
    this.#prng = prng.fork()
    this.workload = new Workload(
      { clients, traders: clients.slice(0, loadClients) },
      { ledger, chainId: chainIdOf(genesis), prng: prng.fork() },
    )
    this.network = new Network(plan.network, {
      timeline,
      trace,
      describe,
      prng: prng.fork(),
      watch: {
        blamed: (by, whom, reason) => {
          trace.note(timeline.nowMs, `${by} blames ${whom}: ${reason}`)
          const isFriend = this.isHonest(numberOf(by)) && this.isHonest(numberOf(whom))
          if (isFriend) checks.fail('blame', `${by} blames ${whom}: ${reason}`)
        },
        failed: (at, what, error) => {
          if (this.isHonest(numberOf(at))) checks.fail('error', `${what} failed at ${at}: ${inFull(error)}`)
        },
      },
    })
    const watch = this.#watch()
    this.nodes = plan.stakes.map((_, number) => {
      const id = `n${number}` as PeerId
      const key = scheme.keyOf(new Uint8Array(32).fill(number + 1))
      const clock = new SimClock({ startMs, skewMs: 0 }, timeline)
      const between = (transport: Transport, running: () => Running): Transport =>
        this.#between(number, transport, running, prng.fork())
      const deps = { ledger, scheme, timeline, clock, network: this.network, prng: prng.fork(), trace, watch, between }
      return new SimNode({ id, key, genesis }, deps)
    })
    const { validators } = checks
    this.#indices = this.nodes.map(({ key }) =>
      validators.findIndex(validator => validator.publicKey === toHex(key.publicKey)),
    )
  }

  get events(): number {
    return this.#events
  }

  get honest(): readonly SimNode[] {
    return this.nodes.filter((_, number) => this.isHonest(number))
  }

  node(number: number): SimNode {
    return present(this.nodes[number], 'a node of this number')
  }

  isHonest(number: number): boolean {
    return !this.plan.traitors.has(number)
  }

  /** The client that probes the network through this node and is used for nothing else. */
  probeClient(number: number): Client {
    return present(this.clients[loadClients + number], 'a client per node')
  }

  /** A random number below `bound`, of the run's own. */
  draw(bound: number): number {
    return this.#prng.below(bound)
  }

  /** Runs until nothing is left to do before `untilMs`, or a rule is broken, or `isDone`. */
  async run(untilMs: number, isDone: () => boolean = () => false): Promise<boolean> {
    while (this.checks.violation === undefined) {
      if (isDone()) return true
      if (!this.#step(untilMs)) return isDone()
      await drained()
    }
    return false
  }

  apply(fault: Fault): void {
    this.trace.note(this.timeline.nowMs, `-- ${fault.type}`, () => JSON.stringify(fault))
    switch (fault.type) {
      case 'crash':
        return this.node(fault.node).crash()
      case 'arm':
        return this.node(fault.node).arm(fault.point, fault.passes)
      case 'divide':
        return this.network.divide(fault.groups.map(group => group.map(number => this.node(number).id)))
      case 'reunite':
        return this.network.reunite()
      case 'weather':
        this.network.weather = fault.weather
        return
      case 'clock':
        this.node(fault.node).clock.skewMs = fault.skewMs
    }
  }

  /** From here on nothing fails any more; who is down comes back. Traitors stay traitors. */
  heal(): void {
    this.trace.note(this.timeline.nowMs, '-- heal')
    this.#isHealed = true
    this.network.weather = fairWeather
    this.network.reunite()
    for (const node of this.nodes) {
      node.disarm()
      node.clock.skewMs = 0
      void node.start()
    }
  }

  /** A client hands a transaction to a node; undefined where the node is down or does not take it. */
  submit(
    number: number,
    make: (nextNonce: number) => Transaction | undefined,
    client: Client,
  ): Transaction | undefined {
    const running = this.node(number).running
    const transaction = running && make(running.mempool.nextNonce(client.address))
    if (transaction === undefined) return
    const refusal = unlessPowerLoss(() => running?.relay.submit(transaction))
    this.trace.note(
      this.timeline.nowMs,
      `n${number} gets ${transaction.id.slice(0, 6)} ${transaction.envelope.kind}: ${refusal?.code ?? 'ok'}`,
    )
    return refusal === undefined ? transaction : undefined
  }

  /** A random transaction of a random client; now and then another node gets one with the same nonce. */
  submitSomething(): void {
    const client = this.#prng.pick(this.clients.slice(0, loadClients))
    const number = this.#prng.below(this.nodes.length)
    const first = this.submit(number, nonce => this.workload.draw(client, nonce, this.#stateAt(number)), client)
    if (first === undefined || !this.#prng.chance(200)) return
    this.submit(
      (number + 1) % this.nodes.length,
      () => this.workload.pay(client, first.envelope.nonce, this.#stateAt(number).view),
      client,
    )
  }

  #stateAt(number: number): { readonly view: RangeView; readonly nowMs: number } {
    return { view: this.node(number).store.view, nowMs: startMs + this.timeline.nowMs }
  }

  /** What the honest nodes have stored and whom they accuse. */
  checkNodes(): void {
    const honest = new Set(this.honest.map(({ key }) => toHex(key.publicKey) as PublicKey))
    for (const { id, store, running } of this.honest) {
      this.checks.checkStore(id, store)
      this.checks.checkEvidence(id, running?.driver.evidence ?? [], honest)
    }
  }

  #step(untilMs: number): boolean {
    try {
      const hasMore = this.timeline.step(untilMs)
      if (hasMore) this.#events += 1
      return hasMore
    } catch (error) {
      this.checks.fail('error', `a timer threw: ${inFull(error)}`)
      return false
    }
  }

  #watch(): NodeWatch {
    const { checks, timeline } = this
    return {
      decided: (by, record) => {
        this.trace.note(
          timeline.nowMs,
          `${by.id} decides ${record.block.header.height} ${record.blockHash.slice(0, 6)}`,
        )
        if (this.isHonest(numberOf(by.id))) checks.decided(by.id, record, startMs + timeline.nowMs)
      },
      toldFinal: (by, transactionId, height) => {
        if (this.isHonest(numberOf(by.id))) checks.toldFinal(transactionId, height)
      },
      stopped: (node, error) => {
        this.trace.note(timeline.nowMs, `${node.id} stops: ${String(error)}`)
        if (this.isHonest(numberOf(node.id))) checks.fail('halt', `${node.id} stopped: ${inFull(error)}`)
      },
      crashed: node => {
        if (this.plan.downMs === undefined) return
        const [least, most] = this.plan.downMs
        timeline.after(this.#isHealed ? 0 : this.#prng.between(least, most), () => void node.start())
      },
    }
  }

  /** What stands between a node and the network: a listener, or the mind of a traitor. */
  #between(number: number, transport: Transport, running: () => Running, prng: Prng): Transport {
    const { checks, network, plan } = this
    const traits = plan.traitors.get(number)
    const index = present(this.#indices[number], 'every node is a validator')
    const { key } = this.node(number)
    const fellows = [...plan.traitors.keys()].map(fellow => this.node(fellow).id).filter(id => id !== transport.id)
    if (traits === undefined) return this.#listening(transport, index)
    return new Traitor(
      { traits, index, key, chainId: checks.chainId, fellows },
      {
        transport,
        network,
        running,
        prng,
        spoke: spoken => checks.spoke(spoken),
        secretTransaction: isForged => {
          const secret = present(this.clients.at(-1), 'the last client is the traitors’')
          this.#secrets += 1
          if (!isForged) return this.workload.pay(secret, this.#secrets)
          const victim = present(this.clients[0], 'there are clients')
          return this.workload.forge(victim, running().mempool.nextNonce(victim.address), secret)
        },
      },
    )
  }

  #listening(transport: Transport, index: number): Transport {
    const publish = (topic: GossipTopic, payload: Uint8Array): void => {
      transport.publish(topic, payload)
      const statement = statementIn(topic, payload)
      if (statement !== undefined) this.checks.spoke({ validator: index, isHonest: true, statement })
    }
    return {
      id: transport.id,
      peers: () => transport.peers(),
      publish,
      onGossip: (topic, handler) => transport.onGossip(topic, handler),
      request: (peer, name, payload) => transport.request(peer, name, payload),
      onRequest: (name, handler) => transport.onRequest(name, handler),
      onPeer: handler => transport.onPeer(handler),
      penalize: (peer, reason) => transport.penalize(peer, reason),
    }
  }
}

/** Lets everything run that waits for a promise, and for nothing else. */
function drained(): Promise<void> {
  return new Promise(resolve => {
    setImmediate(resolve)
  })
}

function numberOf(id: PeerId): number {
  return Number(id.slice(1))
}

function unlessPowerLoss<T>(task: () => T): T | undefined {
  try {
    return task()
  } catch (error) {
    if (error instanceof PowerLoss) return
    throw error
  }
}
