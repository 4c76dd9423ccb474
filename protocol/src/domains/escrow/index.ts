/** Escrow: Tokens that wait for a rule. */
import type { Domain } from '../../ledger/domain.ts'
import { approve } from './approve.ts'
import { create, fund } from './create.ts'
import { refund, release } from './pay.ts'
import { expire } from './payment.ts'
import { listing, show } from './queries.ts'
import { violations } from './violations.ts'
import { workload } from './workload.ts'

export const escrowDomain = {
  name: 'escrow',
  doc: 'Tokens that a rule, a party or the time pays out.',
  transactions: [create, fund, release, refund, approve],
  queries: [show, listing],
  violations,
  workload,
  deadline: expire,
} satisfies Domain
