/** `npm run bench [name …]`: the rows of docs/performance.md that are asked for, by default all. */
import { availableParallelism, cpus } from 'node:os'
import type { Row } from './bench/figures.ts'
import { accounts } from './bench/accounts.ts'
import { oneDaemon } from './bench/daemon.ts'
import { fourNodes } from './bench/four-nodes.ts'
import { oneNode } from './bench/one-node.ts'

const benches: { readonly [name: string]: () => Promise<readonly Row[]> } = {
  'one-node': oneNode,
  accounts,
  daemon: oneDaemon,
  'four-nodes': fourNodes,
}

const asked = process.argv.slice(2)
const unknown = asked.find(name => !Object.hasOwn(benches, name))
if (unknown !== undefined) {
  console.error(`there is no bench "${unknown}"; there are ${Object.keys(benches).join(', ')}`)
  process.exit(2)
}

console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} threads, Node ${process.version}\n`)
console.log('| what | figure | against | goal |\n|---|---|---|---|')
for (const [name, bench] of Object.entries(benches)) {
  if (asked.length > 0 && !asked.includes(name)) continue
  for (const { what, figure, ratio = '', goal } of await bench()) {
    console.log(`| ${what} | ${figure} | ${ratio} | ${goal} |`)
  }
}
