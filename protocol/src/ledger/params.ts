/** The parameters of a network. They live in the state; presets are written into a genesis file, never read from code later. */
import { hashIn, type Hash } from '../crypto/hash.ts'
import { describe, type Infer, struct, toBytes, tokenSum, uint } from '../lib/codec.ts'
import { table, type View } from './state.ts'
import { present } from '../lib/assert.ts'

/** Most bytes of one signed transaction, on every network (docs/spec/ledger.md, L12). */
export const transactionBytesMax = 65_536

/** Most that a network may choose for `blockBytesMax` (L25). */
const blockBytesLimit = 2_097_152

export const params = struct({
  feeMin: describe(tokenSum, 'Lowest fee of a transaction, in Tokens'),
  blockIntervalMs: describe(uint(60_000, 20), 'Least time between blocks, in milliseconds'),
  idleBlockIntervalMs: describe(uint(3_600_000), 'Time after which an idle network makes an empty block; 0 for never'),
  blockBytesMax: describe(uint(blockBytesLimit, transactionBytesMax), 'Most bytes of transactions in a block'),
  subsidy: describe(tokenSum, 'New Tokens per block before the first halving; may be 0'),
  subsidyHalvingBlocks: describe(uint(1_000_000_000, 1), 'Blocks until the subsidy halves'),
  timePrecisionMs: describe(uint(60_000, 1), 'How far the clocks of two validators may be apart'),
  messageDelayMs: describe(uint(600_000, 1), 'Longest time a proposal may travel'),
  proposeTimeoutMs: describe(uint(60_000, 50), 'Wait for a proposal in round 0'),
  voteTimeoutMs: describe(uint(60_000, 50), 'Wait for the rest of the votes in round 0'),
  timeoutStepMs: describe(uint(60_000, 1), 'What each further round adds to its time-outs'),
})
export type Params = Infer<typeof params>

const common: Omit<Params, 'blockIntervalMs' | 'idleBlockIntervalMs'> = {
  feeMin: 1n,
  blockBytesMax: 1_048_576,
  subsidy: 0n,
  subsidyHalvingBlocks: 12_614_400,
  timePrecisionMs: 500,
  messageDelayMs: 10_000,
  proposeTimeoutMs: 3_000,
  voteTimeoutMs: 1_000,
  timeoutStepMs: 500,
}

/** What `clawnet genesis new` and `clawnet init --network local` start from. */
export const presets: { readonly [network in 'mainnet' | 'testnet' | 'local']: Params } = {
  mainnet: { ...common, blockIntervalMs: 1_000, idleBlockIntervalMs: 10_000, subsidy: 10n },
  testnet: { ...common, blockIntervalMs: 1_000, idleBlockIntervalMs: 10_000, subsidy: 10n },
  local: { ...common, blockIntervalMs: 200, idleBlockIntervalMs: 0 },
}

export const paramsTable = table('params', uint(0), params)

/** The parameters in force for the block that is built on this state. */
export function paramsOf(view: View): Params {
  return present(paramsTable.get(view, 0), 'a state has parameters')
}

export function paramsHashOf(value: Params): Hash {
  return hashIn('clawnet/params/1', toBytes(params, value))
}
