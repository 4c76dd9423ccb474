/** Identity: who stands behind a DID. */
import type { Domain } from '../../ledger/domain.ts'
import { resolve } from './queries.ts'

export const identityDomain = {
  name: 'identity',
  doc: 'DIDs and what is publicly known of them.',
  transactions: [],
  queries: [resolve],
} satisfies Domain
