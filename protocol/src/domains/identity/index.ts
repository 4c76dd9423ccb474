/** Identity: who stands behind a DID, and which keys may act for it. */
import type { Domain } from '../../ledger/domain.ts'
import { attest, revokeCredential } from './attest.ts'
import { authorize, refusals } from './authority.ts'
import { charge, countFee, excesses } from './budget.ts'
import { capabilities } from './credential-queries.ts'
import { credentialViolations } from './credential-rows.ts'
import { granted, grantViolations } from './grant-queries.ts'
import { grant, revoke } from './grants.ts'
import { resolve } from './queries.ts'
import { rotate } from './rotation.ts'
import { update } from './update.ts'
import { workload } from './workload.ts'

export {
  type Credential,
  credentialBytesMax,
  credentialStatement,
  readCredential,
  signCredential,
} from './credential.ts'
export { rotationMessage } from './rotation.ts'
export { keyOf, rotationsOf } from './rows.ts'

export const identityDomain = {
  name: 'identity',
  doc: 'DIDs, the keys that act for them, and what is publicly known of them.',
  transactions: [update, rotate, grant, revoke, attest, revokeCredential],
  queries: [resolve, granted, capabilities],
  admissions: { ...refusals, ...excesses },
  authorize,
  enter: countFee,
  charge,
  violations: view => [...grantViolations(view), ...credentialViolations(view)],
  workload,
} satisfies Domain
