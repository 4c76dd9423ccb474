/** Accounts: balances, the order of an account's transactions, fees, issuance. */
import { genesisSupply } from '../../ledger/genesis.ts'
import type { Domain } from '../../ledger/domain.ts'
import { enter, admissions, admit } from './admission.ts'
import { accountAt } from './money.ts'
import { balance } from './queries.ts'
import { distribute } from './rewards.ts'
import { accounts, supply } from './rows.ts'
import { transfer } from './transfer.ts'
import { workload } from './workload.ts'

export { accountAt, type Lock, lock, pay, payLocked, promise, unlock } from './money.ts'
export { supply } from './rows.ts'
export type { Account } from './rows.ts'

export const accountsDomain = {
  name: 'accounts',
  doc: 'Balances and payments.',
  transactions: [transfer],
  queries: [balance],
  admissions,
  genesis(draft, genesis) {
    for (const { address, balance: available } of genesis.accounts) {
      accounts.set(draft, address, { ...accountAt(draft, address), available })
    }
    for (const { address, stake } of genesis.validators) {
      const owner = accountAt(draft, address)
      accounts.set(draft, address, { ...owner, locked: owner.locked + stake })
    }
    supply.set(draft, 0, { issued: genesisSupply(genesis), burned: 0n })
  },
  admit,
  enter,
  endBlock: distribute,
  holdings(view) {
    let sum = 0n
    for (const { available, locked } of accounts.rows(view)) sum += available + locked
    return sum
  },
  workload,
} satisfies Domain
