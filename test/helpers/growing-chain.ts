/** A chain that never runs out of money, for tests of what keeps it. */
import type { Candidate } from '../../node/src/chain/chain.ts'
import type { ChainStore } from '../../node/src/chain-store.ts'
import { actor } from './actors.ts'
import { ChainRun } from './chain-run.ts'

const names = ['alice', 'bob', 'carol'] as const

export function openGrowingChain(store?: ChainStore): Promise<ChainRun> {
  const balances = Object.fromEntries(names.map(name => [name, 1_000_000_000n]))
  return ChainRun.open({ balances }, store)
}

/** One more block, with payments to accounts that change and to new ones, and one that is rejected. */
export async function grow(run: ChainRun): Promise<Candidate> {
  const height = run.chain.tip.height + 1
  const payments = names.flatMap(name =>
    [1, 2, 3, 4].map(step =>
      run.transfer(name, {
        to: actor(`payee ${(height * step) % 97}`),
        amount: 1n,
        nonce: run.account(name).nonce + step,
      }),
    ),
  )
  const tooMuch = run.transfer('alice', { amount: 2_000_000_000n, nonce: run.account('alice').nonce + 5 })
  return run.decide([...payments, tooMuch])
}
