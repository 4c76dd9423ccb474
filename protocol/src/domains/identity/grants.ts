/** An owner gives session keys budgets and takes them back (L45). */
import type { Did, PublicKey } from '../../crypto/keys.ts'
import { describe, optional, struct, timestamp } from '../../lib/codec.ts'
import { transaction } from '../../ledger/domain.ts'
import type { Draft } from '../../ledger/state.ts'
import { grants, grantsMax, identityOf, isLive, limits, putIdentity, signingKey } from './rows.ts'

export const grant = transaction({
  kind: 'identity.grant',
  doc: 'Lets a session key sign for the identity within a budget that every validator enforces.',
  path: '/api/identity/grant',
  command: 'identity grant <key>',
  example:
    'identity grant did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK --per-tx 50 --budget 200 --period-ms 86400000 --not-after 1893456000000',
  needsOwnKey: true,
  empowersKeys: true,
  body: struct({
    key: describe(signingKey, 'The session key: 0x…, or the DID that was born with it'),
    perTx: describe(limits.perTx, 'Tokens that one transaction may take, fee included'),
    budget: describe(limits.budget, 'Tokens that it may take in a period, fees included'),
    periodMs: describe(
      limits.periodMs,
      'Length of a period, from one second to 366 days; the first begins at notBefore',
    ),
    total: optional(describe(limits.budget, 'Tokens that it may take in all, fees included')),
    payees: describe(limits.payees, 'Who may come to have Tokens, at most 32 addresses or DIDs; everybody if left out'),
    kinds: describe(
      limits.kinds,
      'Kinds of transactions that it may sign, at most 32; if left out, all that do not need the own key',
    ),
    notBefore: optional(describe(timestamp, 'From when it may sign, in milliseconds since 1970; now if left out')),
    notAfter: describe(timestamp, 'From when it may not sign any more, in milliseconds since 1970'),
  }),
  rejections: {
    key_is_own: 'The identity’s own key needs no grant.',
    budgets_do_not_nest: 'perTx is at most budget, and budget at most total.',
    grant_ends_too_early: 'notAfter must be later than now and than notBefore.',
    grants_are_too_many: 'The identity has 32 session keys that are not over; revoke one first.',
  },
  spends: () => 0n,
  apply(draft, { key, notBefore: begins, ...given }, { sender, timeMs }) {
    const before = identityOf(draft, sender)
    const notBefore = begins ?? timeMs
    if (key === before.key) return 'key_is_own'
    const { perTx, budget, total, notAfter } = given
    if (perTx > budget || (total !== undefined && budget > total)) return 'budgets_do_not_nest'
    if (notAfter <= timeMs || notAfter <= notBefore) return 'grant_ends_too_early'
    const others = before.grants.filter(other => other !== key)
    const ended = others.length < grantsMax ? [] : others.filter(other => !isGranted(draft, sender, other, timeMs))
    if (others.length - ended.length >= grantsMax) return 'grants_are_too_many'

    for (const other of ended) grants.delete(draft, { did: sender, key: other })
    grants.set(
      draft,
      { did: sender, key },
      { ...given, notBefore, periodStartMs: notBefore, spent: 0n, spentInAll: 0n },
    )
    putIdentity(draft, sender, { ...before, grants: [...others.filter(other => !ended.includes(other)), key] })
    return
  },
})

export const revoke = transaction({
  kind: 'identity.revoke',
  doc: 'Ends a session key at once; the identity’s own key may, and so may the session key itself.',
  path: '/api/identity/revoke',
  command: 'identity revoke <key>',
  example: 'identity revoke did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
  body: struct({ key: describe(signingKey, 'The session key: 0x…, or the DID that was born with it') }),
  rejections: {
    key_is_of_another: 'A session key may revoke itself only; sign with the identity’s own key.',
    grant_is_unknown: 'The identity has granted nothing to this key, or has revoked it already.',
  },
  spends: () => 0n,
  apply(draft, { key }, { sender, signer }) {
    const before = identityOf(draft, sender)
    if (signer !== before.key && signer !== key) return 'key_is_of_another'
    if (!before.grants.includes(key)) return 'grant_is_unknown'

    grants.delete(draft, { did: sender, key })
    putIdentity(draft, sender, { ...before, grants: before.grants.filter(other => other !== key) })
    return
  },
})

function isGranted(draft: Draft, did: Did, key: PublicKey, timeMs: number): boolean {
  const granted = grants.get(draft, { did, key })
  return granted !== undefined && isLive(granted, timeMs)
}
