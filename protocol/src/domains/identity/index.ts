/** Identity: who stands behind a DID, and which keys may act for it. */
import type { Domain } from '../../ledger/domain.ts'
import { authorize } from './authority.ts'
import { resolve } from './queries.ts'

export { keyOf } from './rows.ts'

export const identityDomain = {
  name: 'identity',
  doc: 'DIDs, the keys that act for them, and what is publicly known of them.',
  transactions: [],
  queries: [resolve],
  authorize,
} satisfies Domain
