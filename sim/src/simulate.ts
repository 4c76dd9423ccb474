/** One run: trouble, then peace, then a look at what is left. */
import { present, type Transaction } from '@claw-network/protocol'
import type { Sights, Violation } from './checkers.ts'
import { Cluster } from './cluster.ts'
import type { Plan } from './plan.ts'

export interface Outcome {
  readonly seed: number
  readonly violation: Violation | undefined
  /** Equal for equal runs. */
  readonly trace: string
  readonly events: number
  readonly heights: number
  readonly sights: Sights
  /** What became of transactions, and how often. */
  readonly deeds: ReadonlyMap<string, number>
  readonly simulatedMs: number
  /** From the end of the trouble to the decision of all that was asked of the network then. */
  readonly recoveredMs: number
}

/** The longest that a healed network may take to decide what is asked of it. */
export const recoveryMsMax = 15_000

export async function simulate(plan: Plan, print?: (line: string) => void): Promise<Outcome> {
  const cluster = await Cluster.open(plan, print)
  const { checks, timeline } = cluster
  for (const { atMs, ...fault } of plan.faults) timeline.after(atMs, () => cluster.apply(fault))
  for (let count = 0; count < plan.submissions; count += 1) {
    timeline.after(cluster.draw(plan.busyMs), () => cluster.submitSomething())
  }
  await cluster.run(plan.healsAtMs)
  await recover(cluster)
  if (checks.violation === undefined) cluster.checkNodes()
  return {
    seed: plan.seed,
    violation: checks.violation,
    trace: cluster.trace.hash,
    events: cluster.events,
    heights: checks.height,
    sights: checks.sights,
    deeds: checks.tally(),
    simulatedMs: timeline.nowMs,
    recoveredMs: timeline.nowMs - plan.healsAtMs,
  }
}

/** Every honest node is asked for one more transaction, and all honest nodes must make all of them final in time. */
async function recover(cluster: Cluster): Promise<void> {
  const { checks, timeline } = cluster
  cluster.heal()
  // Who starts now is up before anything else happens.
  await cluster.run(timeline.nowMs)
  const probes: Transaction[] = []
  cluster.nodes.forEach((node, number) => {
    if (!cluster.isHonest(number)) return
    const client = cluster.probeClient(number)
    const probe = cluster.submit(number, nonce => cluster.workload.pay(client, nonce), client)
    if (probe === undefined) checks.fail('liveness', `${node.id} does not take a sound transaction`)
    else probes.push(probe)
  })
  const isFinal = (): boolean =>
    cluster.honest.every(({ store }) => probes.every(({ id }) => store.placeOf(id) !== undefined))
  const isDone = await cluster.run(timeline.nowMs + recoveryMsMax, isFinal)
  if (isDone || checks.violation !== undefined) return
  const tips = cluster.honest.map(({ id, store, running }) => {
    const round = running?.driver.current.round
    return `${id} at ${present(store.tip(), 'it has begun').height}, round ${round}`
  })
  checks.fail('liveness', `${recoveryMsMax} ms after the network healed: ${tips.join('; ')}`)
}
