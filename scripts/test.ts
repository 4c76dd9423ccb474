/**
 * `npm test`: everything. `npm run check`: what is quick. `npm run test:unit`: unit tests only.
 * Runs one step after the other, tells how each went, and ends with the line `N passed, N failed`.
 */
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'

interface Step {
  readonly name: string
  readonly command: readonly string[]
  /** The output ends with the summary of node's test runner; other steps count as one test. */
  readonly isTestRun?: true
}

const root = fileURLToPath(new URL('..', import.meta.url))
const bin = (name: string): string => `${root}node_modules/.bin/${name}`
const fromSource = '--conditions=clawnet-source'
/** A step that takes longer hangs. */
const stepMinutesMax = 25

const checks: readonly Step[] = [
  { name: 'build', command: [bin('tsc'), '-b'] },
  { name: 'format', command: [bin('biome'), 'format', '.'] },
  { name: 'types of tests', command: [bin('tsc'), '-p', 'tsconfig.tests.json'] },
  { name: 'lint', command: [bin('oxlint'), '--type-aware', '--deny-warnings'] },
  { name: 'dead code', command: [bin('knip')] },
  testRun('tidy', ['test/*.test.ts'], []),
]

const unitTests: readonly Step[] = [
  // Pure code keeps no handles and shares no state, so one process serves all files.
  testRun('unit: protocol, sdk', ['protocol/src/**/*.test.ts', 'sdk/src/**/*.test.ts'], ['--test-isolation=none']),
  testRun(
    'unit: node, scripts',
    ['node/src/**/*.test.ts', 'scripts/**/*.test.ts'],
    [`--test-concurrency=${availableParallelism()}`],
  ),
]

const long: readonly Step[] = [
  testRun('simulator and planted bugs', ['sim/src/*.test.ts'], [`--test-concurrency=${availableParallelism()}`]),
  { name: 'simulation: 2,000 seeds', command: [process.execPath, fromSource, 'sim/src/main.ts', '--seeds', '2000'] },
  // Real processes and the whole machine: one file at a time.
  testRun('e2e', ['test/e2e/*.test.ts'], ['--test-concurrency=1']),
]

const plans: { readonly [name: string]: readonly Step[] } = {
  unit: unitTests,
  check: [...checks, ...unitTests],
  all: [...checks, ...unitTests, ...long],
}

const asked = process.argv[2] ?? 'all'
const plan = plans[asked]
if (plan === undefined) {
  console.error(`there is no plan "${asked}"; there are ${Object.keys(plans).join(', ')}`)
  process.exit(2)
}

let passed = 0
let failed = 0
for (const step of plan) {
  const start = performance.now()
  const { code, output } = await run(step)
  const counts = step.isTestRun ? countsIn(output, code) : { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1 }
  passed += counts.passed
  failed += counts.failed
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  console.log(
    `${counts.failed === 0 ? '✔' : '✖'} ${step.name}: ${counts.passed} passed, ${counts.failed} failed in ${seconds} s`,
  )
  if (counts.failed > 0) console.log(failureIn(output))
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

function testRun(name: string, patterns: readonly string[], options: readonly string[]): Step {
  // Explicit files: a directory would silently run fewer.
  const files = patterns.flatMap(pattern => globSync(pattern, { cwd: root, exclude: ['**/node_modules/**'] })).sort()
  return {
    name,
    command: [process.execPath, fromSource, '--test', '--test-reporter=spec', ...options, ...files],
    isTestRun: true,
  }
}

function run({ command }: Step): Promise<{ code: number; output: string }> {
  const [file, ...args] = command
  return new Promise((resolve, reject) => {
    const child = spawn(file as string, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    const timer = setTimeout(() => child.kill('SIGKILL'), stepMinutesMax * 60_000)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8')
      stream.on('data', (text: string) => {
        output += text
      })
    }
    child.on('error', reject)
    child.on('close', code => {
      clearTimeout(timer)
      resolve({ code: code ?? 1, output })
    })
  })
}

/** A run that died before its summary, or that ran nothing, has failed. */
function countsIn(output: string, code: number): { passed: number; failed: number } {
  const last = (name: string): number =>
    Number([...output.matchAll(new RegExp(`^ℹ ${name} (\\d+)$`, 'gm'))].at(-1)?.[1] ?? 0)
  const counts = { passed: last('pass'), failed: last('fail') + last('cancelled') }
  const isSound = counts.passed > 0 && (code === 0 || counts.failed > 0)
  return isSound ? counts : { ...counts, failed: counts.failed + 1 }
}

function failureIn(output: string): string {
  const at = output.lastIndexOf('failing tests:')
  return (at >= 0 ? output.slice(at) : output).split('\n').slice(0, 200).join('\n')
}
