/** Grows a chain in the directory of its first argument until it is killed; says each height once it is durable. */
import { LevelStore } from '../../node/src/store/level-store.ts'
import { grow, openGrowingChain } from './growing-chain.ts'

const run = await openGrowingChain(await LevelStore.open(process.argv[2] as string))
for (;;) {
  const { block } = await grow(run)
  process.stdout.write(`${block.header.height}\n`)
}
