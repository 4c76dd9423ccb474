/** Credentials in the state (L75). */
import { hash, type Hash } from '../../crypto/hash.ts'
import { did } from '../../crypto/keys.ts'
import { type Infer, optional, struct, timestamp, uint } from '../../lib/codec.ts'
import { type Draft, type RangeView, table, type View } from '../../ledger/state.ts'
import { capabilityText } from './credential.ts'

const credential = struct({
  issuer: did,
  subject: did,
  capability: capabilityText,
  validFrom: optional(timestamp),
  validUntil: optional(timestamp),
  /** The transaction that registered it and holds the whole credential. */
  transaction: hash,
  height: uint(),
  revokedAtMs: optional(timestamp),
})
export type CredentialRow = Infer<typeof credential>

export const credentials = table('credentials', hash, credential)

/** How many credentials an identity is the subject of; no row for none. */
export const credentialCounts = table('credentialCounts', did, uint())
const credentialLists = table('credentialLists', struct({ subject: did, nth: uint() }), hash)

export function addCredential(draft: Draft, id: Hash, row: CredentialRow): void {
  const { subject } = row
  const nth = credentialCounts.get(draft, subject) ?? 0
  credentials.set(draft, id, row)
  credentialLists.set(draft, { subject, nth }, id)
  credentialCounts.set(draft, subject, nth + 1)
}

/** The hash of the credential of a subject with this number, counted from 0 in the order of registration. */
export function nthCredential(view: View, subject: CredentialRow['subject'], nth: number): Hash | undefined {
  return credentialLists.get(view, { subject, nth })
}

/** Every credential stands in the list of its subject once, and the lists have no gaps. */
export function credentialViolations(view: RangeView): readonly string[] {
  const total = [...credentials.rows(view)].length
  const listed = [...credentialLists.rows(view)]
  const counted = [...credentialCounts.rows(view)].reduce((sum, count) => sum + count, 0)
  return [
    ...(new Set(listed).size === total && listed.length === total && counted === total
      ? []
      : [`${total} credentials, ${listed.length} listed, ${counted} counted`]),
    ...listed
      .filter(id => credentials.get(view, id) === undefined)
      .map(id => `credential ${id} is listed but has no row`),
  ]
}
