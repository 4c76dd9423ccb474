/** What a run is made of. A seed gives one; a test may write its own. */
import { type Params, presets, Prng } from '@claw-network/protocol'
import { type Trait, traits } from './byzantine.ts'
import { fairWeather, type NetworkOptions, type Weather } from './network.ts'
import { type CrashPoint, crashPoints } from './power.ts'
import type { SchemeName } from './signatures.ts'

export type Fault =
  | { readonly type: 'crash'; readonly node: number }
  /** The node crashes when it comes to `point` for the `passes`-th time. */
  | { readonly type: 'arm'; readonly node: number; readonly point: CrashPoint; readonly passes: number }
  | { readonly type: 'divide'; readonly groups: readonly (readonly number[])[] }
  | { readonly type: 'reunite' }
  | { readonly type: 'weather'; readonly weather: Weather }
  | { readonly type: 'clock'; readonly node: number; readonly skewMs: number }

export interface Plan {
  /** Seeds whatever the plan leaves open: delays, what a crash tears, what clients pay. */
  readonly seed: number
  readonly stakes: readonly bigint[]
  readonly params: Params
  readonly scheme: SchemeName
  readonly network: NetworkOptions
  readonly traitors: ReadonlyMap<number, ReadonlySet<Trait>>
  readonly faults: readonly (Fault & { readonly atMs: number })[]
  /** How long a crashed node stays down, at least and at most; undefined where somebody else starts it. */
  readonly downMs: readonly [number, number] | undefined
  /** Transactions that clients submit at random times before `busyMs`. */
  readonly submissions: number
  readonly busyMs: number
  /** From then on the weather is fair, all are linked and up, and the network must make progress. */
  readonly healsAtMs: number
}

/** Short times, so that a few simulated seconds are many rounds. */
const params: Params = {
  ...presets.local,
  subsidy: 10n,
  subsidyHalvingBlocks: 4,
  blockIntervalMs: 100,
  timePrecisionMs: 100,
  messageDelayMs: 1_000,
  proposeTimeoutMs: 400,
  voteTimeoutMs: 200,
  timeoutStepMs: 100,
}

/** Time-outs that suffice, and such that are too short for slow weather, so that rounds fail half done. */
const hastes: readonly Partial<Params>[] = [
  {},
  { proposeTimeoutMs: 150, voteTimeoutMs: 60, timeoutStepMs: 40 },
  { proposeTimeoutMs: 60, voteTimeoutMs: 50, timeoutStepMs: 20 },
]

/** A network in which nothing fails. */
export const calmPlan: Plan = {
  seed: 1,
  stakes: [100n, 100n, 100n, 100n],
  params,
  scheme: 'keyed-hash',
  network: { forwards: false, noticesPartitions: true },
  traitors: new Map(),
  faults: [],
  downMs: undefined,
  submissions: 10,
  busyMs: 1_500,
  healsAtMs: 1_500,
}

export function planOf(seed: number): Plan {
  const prng = new Prng(seed)
  if (seed % 20 === 5) return marketPlan(seed, prng)
  return prng.chance(750) ? mixedPlan(seed, prng) : lockPlan(seed, prng)
}

/** Anything may happen. */
function mixedPlan(seed: number, prng: Prng): Plan {
  const count = prng.pick([4, 4, 4, 4, 4, 4, 5, 6, 7, 7])
  const isEqual = prng.chance(600)
  const stakes = Array.from({ length: count }, () => (isEqual ? 100n : BigInt(prng.between(50, 150))))
  const healsAtMs = prng.between(1_000, 6_000)
  return {
    seed,
    stakes,
    params: {
      ...params,
      ...prng.pick(hastes),
      subsidy: prng.pick([0n, 10n]),
      idleBlockIntervalMs: prng.chance(500) ? 0 : prng.between(200, 1_000),
    },
    scheme: seed % 100 === 0 ? 'ed25519' : 'keyed-hash',
    network: { forwards: prng.chance(400), noticesPartitions: prng.chance(500) },
    traitors: prng.chance(550) ? traitorsAmong(stakes, prng) : new Map(),
    faults: [...skews(count, prng), ...troubles(count, healsAtMs, prng)],
    downMs: [20, 1_500],
    submissions: prng.between(4, 16),
    busyMs: healsAtMs,
    healsAtMs,
  }
}

/** Much is traded, and then the market is quiet for a while: what the ledger does by itself happens in both. */
function marketPlan(seed: number, prng: Prng): Plan {
  const busyMs = prng.between(6_000, 9_000)
  const dividedAtMs = prng.below(busyMs)
  const halves = shuffled(4, prng)
  return {
    ...calmPlan,
    seed,
    params: { ...params, idleBlockIntervalMs: prng.chance(700) ? 0 : 1_000 },
    network: { forwards: false, noticesPartitions: prng.chance(500) },
    faults: [
      ...skews(4, prng),
      { type: 'divide', groups: [halves.slice(0, 2), halves.slice(2)], atMs: dividedAtMs },
      { type: 'reunite', atMs: dividedAtMs + prng.between(500, 2_500) },
      { type: 'crash', node: prng.below(4), atMs: prng.below(busyMs) },
    ],
    downMs: [20, 1_500],
    submissions: prng.between(150, 250),
    busyMs,
    healsAtMs: busyMs + prng.between(3_000, 6_000),
  }
}

/** Rounds that fail half done and a traitor who shows polkas to some: whoever breaks the rules of locking does it here. */
function lockPlan(seed: number, prng: Prng): Plan {
  const healsAtMs = prng.between(2_000, 5_000)
  const traits: readonly Trait[] = prng.chance(700) ? ['splits', 'revives'] : ['forgets', 'equivocates', 'revives']
  const gusty = (atMs: number) =>
    ({
      type: 'weather',
      weather: { ...fairWeather, delayMsMin: 1, delayMsMax: prng.pick([20, 60]), gusts: prng.between(150, 450) },
      atMs,
    }) as const
  return {
    ...calmPlan,
    seed,
    params: { ...params, ...prng.pick(hastes.slice(1)), idleBlockIntervalMs: 200 },
    traitors: new Map([[prng.below(4), new Set(traits)]]),
    faults: [gusty(0), gusty(prng.below(healsAtMs))],
    busyMs: healsAtMs,
    healsAtMs,
  }
}

/** As many as may be: together less than a third of the stake. */
function traitorsAmong(stakes: readonly bigint[], prng: Prng): ReadonlyMap<number, ReadonlySet<Trait>> {
  const total = stakes.reduce((sum, stake) => sum + stake, 0n)
  const traitors = new Map<number, ReadonlySet<Trait>>()
  let power = 0n
  for (const node of shuffled(stakes.length, prng)) {
    const stake = stakes[node] ?? 0n
    if ((power + stake) * 3n >= total) continue
    power += stake
    const some = prng.between(1, 3)
    traitors.set(node, new Set(Array.from({ length: some }, () => prng.pick(traits))))
  }
  return traitors
}

/** Clocks are wrong by less than the precision that the network promises. */
function skews(count: number, prng: Prng): (Fault & { atMs: number })[] {
  return Array.from({ length: count }, (_, node) => ({
    type: 'clock',
    node,
    skewMs: prng.between(-45, 45),
    atMs: 0,
  }))
}

function troubles(count: number, healsAtMs: number, prng: Prng): (Fault & { atMs: number })[] {
  const faults: (Fault & { atMs: number })[] = [{ type: 'weather', weather: weatherFrom(prng), atMs: 0 }]
  const plan = (fault: Fault): void => {
    faults.push({ ...fault, atMs: prng.below(healsAtMs) })
  }
  for (let crashes = prng.below(count); crashes > 0; crashes -= 1) {
    const node = prng.below(count)
    if (prng.chance(300)) plan({ type: 'crash', node })
    else plan({ type: 'arm', node, point: prng.pick(crashPoints), passes: prng.between(1, 6) })
  }
  for (let divisions = prng.pick([0, 0, 1, 1, 2]); divisions > 0; divisions -= 1) {
    const order = shuffled(count, prng)
    const cut = prng.between(1, count - 1)
    plan({ type: 'divide', groups: [order.slice(0, cut), order.slice(cut)] })
    if (prng.chance(700)) plan({ type: 'reunite' })
  }
  if (prng.chance(300)) plan({ type: 'weather', weather: weatherFrom(prng) })
  if (prng.chance(200)) plan({ type: 'clock', node: prng.below(count), skewMs: prng.between(-60_000, 60_000) })
  return faults
}

function weatherFrom(prng: Prng): Weather {
  if (prng.chance(300)) return fairWeather
  return {
    delayMsMin: prng.between(1, 20),
    delayMsMax: prng.pick([30, 80, 250]),
    stragglers: prng.pick([0, 20, 100]),
    lost: prng.pick([0, 20, 100, 300]),
    doubled: prng.pick([0, 50]),
    refused: prng.pick([0, 100]),
    gusts: prng.pick([0, 200, 350, 500]),
  }
}

function shuffled(count: number, prng: Prng): number[] {
  const order = Array.from({ length: count }, (_, node) => node)
  for (let place = count - 1; place > 0; place -= 1) {
    const other = prng.below(place + 1)
    ;[order[place], order[other]] = [order[other] as number, order[place] as number]
  }
  return order
}
