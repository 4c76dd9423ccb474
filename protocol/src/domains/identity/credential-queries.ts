import { hash } from '../../crypto/hash.ts'
import { did } from '../../crypto/keys.ts'
import { describe, enumeration, type Infer, list, optional, struct, timestamp, uint } from '../../lib/codec.ts'
import { present } from '../../lib/assert.ts'
import { query } from '../../ledger/domain.ts'
import type { View } from '../../ledger/state.ts'
import { capabilityText } from './credential.ts'
import { credentialCounts, type CredentialRow, credentials, nthCredential } from './credential-rows.ts'

const limitMax = 200
const limitDefault = 20

const status = enumeration('valid', 'not_yet_valid', 'expired', 'revoked')

const capability = struct({
  credential: describe(hash, 'Hash of the canonical credential without its proof'),
  capability: capabilityText,
  issuer: did,
  subject: did,
  type: describe(enumeration('claim', 'attestation'), 'claim: said of oneself; attestation: said by somebody else'),
  status,
  validFrom: optional(timestamp),
  validUntil: optional(timestamp),
  revokedAtMs: optional(timestamp),
  height: describe(uint(), 'The block that registered it'),
  txHash: describe(hash, 'The transaction that holds the whole credential'),
})

export const capabilities = query({
  path: '/api/identity/:did/capabilities',
  command: 'identity capabilities [did]',
  example: 'identity capabilities did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
  doc: 'The capability credentials of an identity, the last registered first.',
  input: struct({
    did: describe(did, 'Whose capabilities'),
    limit: optional(describe(uint(limitMax, 1), `Most credentials to show; ${limitDefault} where it is left out`)),
    offset: optional(describe(uint(), 'Credentials to skip')),
  }),
  output: struct({
    count: describe(uint(), 'Credentials of this identity'),
    capabilities: list(capability, limitMax),
  }),
  read(view, { did: subject, limit = limitDefault, offset = 0 }, { timeMs }) {
    const count = credentialCounts.get(view, subject) ?? 0
    const last = count - 1 - offset
    const shown = Math.max(0, Math.min(limit, last + 1))
    return {
      count,
      capabilities: Array.from({ length: shown }, (_, index) => entryOf(view, subject, last - index, timeMs)),
    }
  },
})

function entryOf(view: View, subject: CredentialRow['subject'], nth: number, timeMs: number) {
  const credential = present(nthCredential(view, subject, nth), 'lists have no gaps')
  const { transaction: txHash, ...row } = present(credentials.get(view, credential), 'what is listed has a row')
  const type = row.issuer === row.subject ? ('claim' as const) : ('attestation' as const)
  return { credential, ...row, type, status: statusOf(row, timeMs), txHash }
}

/** L74: at `validUntil` itself it is not valid any more. */
function statusOf(
  { validFrom, validUntil, revokedAtMs }: Omit<CredentialRow, 'transaction'>,
  timeMs: number,
): Infer<typeof status> {
  if (revokedAtMs !== undefined) return 'revoked'
  if (validUntil !== undefined && timeMs >= validUntil) return 'expired'
  return validFrom !== undefined && timeMs < validFrom ? 'not_yet_valid' : 'valid'
}
