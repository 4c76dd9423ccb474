import { did, type Did } from '../../crypto/keys.ts'
import { describe, enumeration, type Infer, list, optional, struct, timestamp, tokenSum } from '../../lib/codec.ts'
import { query } from '../../ledger/domain.ts'
import type { RangeView, View } from '../../ledger/state.ts'
import { present } from '../../lib/assert.ts'
import { leftOf, periodStartOf } from './budget.ts'
import { type Grant, grants, grantsMax, identities, identityOf, isLive, limits, signingKey } from './rows.ts'

const entry = struct({
  key: describe(signingKey, 'The session key'),
  status: describe(enumeration('waiting', 'live', 'over'), 'waiting until notBefore, over from notAfter on'),
  ...limits,
  notBefore: describe(timestamp, 'From when it may sign'),
  notAfter: describe(timestamp, 'From when it may not sign any more'),
  periodEnds: describe(timestamp, 'When the period ends that runs now, and the next begins'),
  spent: describe(tokenSum, 'Tokens taken in this period, fees included'),
  spentInAll: describe(tokenSum, 'Tokens taken since it was granted'),
  left: describe(tokenSum, 'What one transaction may take now, fee included; 0 while it is not live'),
  leftInPeriod: describe(tokenSum, 'What it may take until the period ends; 0 while it is not live'),
  leftInAll: optional(describe(tokenSum, 'What is left of total, where there is one')),
})

export const granted = query({
  path: '/api/identity/:did/grants',
  command: 'identity grants [did]',
  example: 'identity grants did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
  doc: 'The session keys of an identity, with what each has taken and may still take.',
  input: struct({ did: describe(did, 'Whose session keys') }),
  output: struct({ grants: list(entry, grantsMax) }),
  read: (view, { did: subject }, { timeMs }) => ({ grants: entriesOf(view, subject, timeMs) }),
})

/** Always nothing: each grant is listed once, and none was exceeded. */
export function grantViolations(view: RangeView): readonly string[] {
  const rows = [...grants.rows(view)]
  const listed = [...identities.rows(view)].reduce((sum, identity) => sum + identity.grants.length, 0)
  const exceeded = rows.filter(
    ({ spent, budget, spentInAll, total }) => spent > budget || (total !== undefined && spentInAll > total),
  )
  return [
    ...(rows.length === listed ? [] : [`${rows.length} grants, ${listed} listed`]),
    ...(exceeded.length === 0 ? [] : [`${exceeded.length} grants are exceeded`]),
  ]
}

function entriesOf(view: View, subject: Did, timeMs: number): readonly Infer<typeof entry>[] {
  return identityOf(view, subject).grants.map(key => {
    const grant = present(grants.get(view, { did: subject, key }), 'each granted key has its row')
    const { periodStartMs: _start, spent: _spent, ...said } = grant
    const status = statusOf(grant, timeMs)
    const { spent, inPeriod, inAll, now } = leftOf(grant, timeMs)
    return {
      key,
      ...said,
      status,
      periodEnds: Math.min(periodStartOf(grant, timeMs) + grant.periodMs, Number.MAX_SAFE_INTEGER),
      spent,
      left: status === 'live' ? now : 0n,
      leftInPeriod: status !== 'live' ? 0n : inAll !== undefined && inAll < inPeriod ? inAll : inPeriod,
      ...(inAll !== undefined && { leftInAll: inAll }),
    }
  })
}

function statusOf(grant: Grant, timeMs: number): 'waiting' | 'live' | 'over' {
  if (timeMs < grant.notBefore) return 'waiting'
  return isLive(grant, timeMs) ? 'live' : 'over'
}
