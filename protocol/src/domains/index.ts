/** What the ledger can do: one line per domain, in the order their hooks run. */
import { Ledger } from '../ledger/ledger.ts'
import { accountsDomain } from './accounts/index.ts'
import { escrowDomain } from './escrow/index.ts'
import { identityDomain } from './identity/index.ts'

export const domains = [identityDomain, accountsDomain, escrowDomain] as const

export const ledger = new Ledger(domains)
