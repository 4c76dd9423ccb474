import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Trait } from './byzantine.ts'
import { Cluster } from './cluster.ts'
import { calmPlan, planOf } from './plan.ts'
import { simulate } from './simulate.ts'

test('the same seed gives the same run, whatever ran before', async () => {
  const seeds = [3, 7, 100]
  const traces = new Map<number, string>()
  for (const seed of seeds) traces.set(seed, (await simulate(planOf(seed))).trace)
  for (const seed of seeds.toReversed()) assert.equal((await simulate(planOf(seed))).trace, traces.get(seed))
  assert.equal(new Set(traces.values()).size, seeds.length)
})

test('a run is the same whether somebody reads its trace or not', async () => {
  const lines: string[] = []
  const read = await simulate(planOf(8), line => lines.push(line))
  assert.equal((await simulate(planOf(8))).trace, read.trace)
  assert.ok(lines.length > 100)
  for (const line of lines) assert.match(line, /^ *\d+\.\d{3} {2}\S/)
})

test('a calm network decides all that it is asked for', async () => {
  for (const scheme of ['keyed-hash', 'ed25519'] as const) {
    const { violation, heights, recoveredMs } = await simulate({ ...calmPlan, scheme })
    assert.equal(violation, undefined)
    assert.ok(heights > 1)
    assert.ok(recoveredMs < 2_000)
  }
})

const conspiracies: readonly (readonly Trait[])[] = [['equivocates'], ['equivocates', 'forgets'], ['forges'], ['lies']]

test('a third of the power in the hands of traitors can fork the network, and what they signed names them', async () => {
  let forks = 0
  for (let seed = 1; seed <= 20; seed += 1) {
    const params = { ...calmPlan.params, idleBlockIntervalMs: 200 }
    const traitors = new Map([0, 1].map(number => [number, new Set<Trait>(['equivocates'])]))
    const cluster = await Cluster.open({ ...calmPlan, seed, params, traitors })
    await cluster.run(5_000)
    if (cluster.checks.violation === undefined) continue
    assert.equal(cluster.checks.violation.rule, 'agreement')
    assert.deepEqual(cluster.checks.doubleSigners, new Set([0, 1]))
    forks += 1
  }
  assert.ok(forks > 0, 'some of the networks are forked')
})

test('less than a third can not, whatever they do', async () => {
  for (const [index, traits] of conspiracies.entries()) {
    for (let seed = 1; seed <= 5; seed += 1) {
      const params = { ...calmPlan.params, idleBlockIntervalMs: 200 }
      const traitors = new Map([[index % 4, new Set(traits)]])
      const { violation } = await simulate({ ...calmPlan, seed, params, traitors })
      assert.equal(violation, undefined)
    }
  }
})
