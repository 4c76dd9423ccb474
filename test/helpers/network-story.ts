/** Tells a simulated network what happens to it, step by step, for tests that read like the story they tell. */
import assert from 'node:assert/strict'
import { present, type Transaction } from '../../protocol/src/index.ts'
import { Cluster } from '../../sim/src/cluster.ts'
import { calmPlan, type Plan } from '../../sim/src/plan.ts'
import type { CrashPoint } from '../../sim/src/power.ts'
import type { SimNode } from '../../sim/src/node.ts'

export class Story {
  readonly cluster: Cluster

  /** Four validators that make a block at least every 300 ms. */
  static async begin(changes: Partial<Plan> = {}, print?: (line: string) => void): Promise<Story> {
    const params = { ...calmPlan.params, idleBlockIntervalMs: 300 }
    return new Story(await Cluster.open({ ...calmPlan, params, ...changes }, print))
  }

  private constructor(cluster: Cluster) {
    this.cluster = cluster
  }

  node(number: number): SimNode {
    return this.cluster.node(number)
  }

  /** What each node has decided. */
  get heights(): readonly number[] {
    return this.cluster.nodes.map(({ store }) => store.tip()?.height ?? 0)
  }

  async pass(ms: number): Promise<void> {
    await this.cluster.run(this.cluster.timeline.nowMs + ms)
    this.assertSound()
  }

  async until(claim: string, condition: () => boolean, withinMs = 30_000): Promise<void> {
    const isSo = await this.cluster.run(this.cluster.timeline.nowMs + withinMs, condition)
    this.assertSound()
    assert.ok(isSo, `${claim}: not within ${withinMs} ms, heights are ${this.heights.join(', ')}`)
  }

  async untilAllDecide(height: number, numbers: readonly number[] = [...this.cluster.nodes.keys()]): Promise<void> {
    await this.until(`${numbers.join(', ')} decide ${height}`, () =>
      numbers.every(number => (this.heights[number] ?? 0) >= height),
    )
  }

  crash(...numbers: readonly number[]): void {
    for (const node of numbers) this.cluster.apply({ type: 'crash', node })
  }

  async crashAt(number: number, point: CrashPoint, passes = 1): Promise<void> {
    this.cluster.apply({ type: 'arm', node: number, point, passes })
    await this.until(`node ${number} crashes ${point}`, () => !this.node(number).isUp)
  }

  async start(...numbers: readonly number[]): Promise<void> {
    for (const number of numbers) void this.node(number).start()
    await this.pass(0)
  }

  divide(...groups: readonly (readonly number[])[]): void {
    this.cluster.apply({ type: 'divide', groups })
  }

  reunite(): void {
    this.cluster.apply({ type: 'reunite' })
  }

  /** The node takes a payment of a client that nobody else uses. */
  pay(number: number): Transaction {
    const client = this.cluster.probeClient(number)
    const paid = this.cluster.submit(number, nonce => this.cluster.workload.pay(client, nonce), client)
    return present(paid, `node ${number} takes a sound payment`)
  }

  /** No rule was broken so far. */
  assertSound(): void {
    assert.equal(this.cluster.checks.violation, undefined)
  }

  /** No rule was broken, and what the nodes stored is what was decided. */
  end(): void {
    this.cluster.checkNodes()
    this.assertSound()
  }
}
