/**
 * `main.ts --seeds 2000` runs many networks, those that once failed (regressions.txt) first; `--from 501 --seeds 100` runs
 * just these, `--stop` ends at the first failure. `main.ts --seed 7` runs one and prints its trace, or with `--quiet` its end.
 * `--deeds` adds what became of the transactions, and how often.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Sights } from './checkers.ts'
import { Deeds } from './deeds.ts'
import { planOf } from './plan.ts'
import { type Outcome, simulate } from './simulate.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string' },
    quiet: { type: 'boolean' },
    stop: { type: 'boolean' },
    deeds: { type: 'boolean' },
  },
})

process.exitCode = values.seed === undefined ? await runMany() : await runOne(Number(values.seed))

async function runOne(seed: number): Promise<number> {
  const outcome = await simulate(planOf(seed), values.quiet ? undefined : line => console.log(line))
  console.log(summaryOf(outcome))
  return outcome.violation === undefined ? 0 : 1
}

async function runMany(): Promise<number> {
  const from = Number(values.from ?? 1)
  const range = Array.from({ length: Number(values.seeds ?? 100) }, (_, index) => from + index)
  const seeds = values.from === undefined ? [...regressions(), ...range] : range
  const startedAtMs = performance.now()
  const failed: Outcome[] = []
  let events = 0
  let heights = 0
  let slowest = 0
  const sights: Sights = { lateDecisions: 0, reproposals: 0, heldLocks: 0, movedLocks: 0 }
  const deeds = new Deeds()
  for (const [index, seed] of seeds.entries()) {
    const outcome = await simulate(planOf(seed))
    events += outcome.events
    heights += outcome.heights
    for (const sight of Object.keys(sights) as (keyof Sights)[]) sights[sight] += outcome.sights[sight]
    deeds.take(outcome.deeds)
    slowest = Math.max(slowest, outcome.recoveredMs)
    if (outcome.violation !== undefined) {
      failed.push(outcome)
      console.log(summaryOf(outcome))
      if (values.stop) break
    }
    if ((index + 1) % 250 === 0) console.log(`${index + 1} of ${seeds.length} seeds, ${failed.length} failed`)
  }
  const seconds = (performance.now() - startedAtMs) / 1000
  console.log(
    `${seeds.length} seeds in ${seconds.toFixed(1)} s: ${heights} heights, ${events} events, ` +
      `${Math.round(events / seconds)} events/s; slowest recovery ${slowest} ms; ${failed.length} failed`,
  )
  console.log(
    `${sights.lateDecisions} heights needed more than one round, ${sights.reproposals} values were proposed again, ` +
      `${sights.heldLocks} locks held, ${sights.movedLocks} moved`,
  )
  if (values.deeds) for (const line of deeds.lines) console.log(line)
  for (const { seed } of failed.slice(0, 10)) console.log(`see it: sim/src/main.ts --seed ${seed}`)
  return failed.length === 0 ? 0 : 1
}

function summaryOf({ seed, violation, trace, events, heights, simulatedMs, recoveredMs }: Outcome): string {
  const verdict = violation === undefined ? 'ok' : `FAILED ${violation.message}`
  return `seed ${seed}: ${verdict} (${heights} heights, ${events} events, ${simulatedMs} ms, recovered in ${recoveredMs} ms, trace ${trace})`
}

/** One seed per line, with what it showed. */
function regressions(): number[] {
  const text = readFileSync(new URL('../regressions.txt', import.meta.url), 'utf8')
  return text.split('\n').flatMap(line => {
    const seed = line.split('#')[0]?.trim()
    return seed ? [Number(seed)] : []
  })
}
