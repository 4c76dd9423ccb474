/** Fees and the block subsidy go to who signed the last commit, by power (docs/spec/ledger.md, L17 and L18). */
import type { Address } from '../../crypto/keys.ts'
import type { BlockContext } from '../../ledger/domain.ts'
import type { Params } from '../../ledger/params.ts'
import type { Draft } from '../../ledger/state.ts'
import { credit, issue } from './money.ts'

export function distribute(draft: Draft, { height, params, fees, signers, proposer }: BlockContext): void {
  const subsidy = subsidyAt(params, height)
  const reward = fees + subsidy
  if (reward === 0n) return

  if (subsidy > 0n) issue(draft, subsidy)
  const power = signers.reduce((sum, signer) => sum + signer.power, 0n)
  const shares = new Map<Address, bigint>()
  const add = (to: Address, amount: bigint): void => {
    shares.set(to, (shares.get(to) ?? 0n) + amount)
  }
  let left = reward
  for (const signer of signers) {
    const share = (reward * signer.power) / power
    add(signer.address, share)
    left -= share
  }
  // What integer shares leave over goes to the proposer.
  add(proposer.address, left)
  for (const [to, amount] of shares) if (amount > 0n) credit(draft, to, amount)
}

/** Halves every `subsidyHalvingBlocks`, and ends at 0. */
export function subsidyAt(params: Params, height: number): bigint {
  return params.subsidy >> BigInt(Math.floor((height - 1) / params.subsidyHalvingBlocks))
}
