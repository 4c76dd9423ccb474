import type { WorkloadDraw, WorkloadOrder } from '../../ledger/domain.ts'

/** Mostly sound transfers, some that the payer cannot cover. */
export function workload(draw: WorkloadDraw): WorkloadOrder | undefined {
  const to = draw.accounts[draw.below(draw.accounts.length)]
  if (to === undefined) return
  const amount = draw.below(20) === 0 ? 1_000_000_000_000n : BigInt(1 + draw.below(50))
  return { kind: 'wallet.transfer', payload: { to, amount } }
}
