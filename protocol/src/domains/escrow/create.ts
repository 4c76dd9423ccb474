/** An escrow begins, and gets money (L50, L51, L54). */
import { hash, type Hash } from '../../crypto/hash.ts'
import { address, addressOf, did } from '../../crypto/keys.ts'
import { amount, describe, enumeration, optional, struct, timestamp, tokenSum } from '../../lib/codec.ts'
import { scheduleDeadline } from '../../ledger/deadlines.ts'
import { transaction } from '../../ledger/domain.ts'
import { type Lock, lock } from '../accounts/index.ts'
import { weightOf } from './conditions.ts'
import { escrowAt, refusals } from './opened.ts'
import {
  conditionOf,
  escrowTerms,
  namedIn,
  payeesOf,
  putEscrow,
  refundRules,
  releaseRules,
  rulesWeightMax,
  type Terms,
} from './rows.ts'

/** What all deposits of an escrow may add up to: sums of Tokens stay below 2^53, also when the same come in twice. */
const depositedMax = BigInt(Number.MAX_SAFE_INTEGER)

export const create = transaction({
  kind: 'escrow.create',
  doc: 'Locks Tokens for a beneficiary until a rule releases them; its id is the id of this transaction.',
  path: '/api/wallet/escrow',
  command: 'escrow create <beneficiary> <amount>',
  example:
    'escrow create did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK 500 --release-rules \'[{"id": "rule-1"}]\'',
  body: struct({
    beneficiary: describe(address, 'Who is to be paid: an address (claw1…) or a DID'),
    amount: describe(tokenSum, 'Tokens to lock now; 0 to fund it later'),
    releaseRules: describe(releaseRules, 'What pays the beneficiary or somebody else, 1 to 16 rules'),
    refundRules: optional(describe(refundRules, 'What lets the depositor have it back, at most 16 rules')),
    arbiter: optional(describe(did, 'Who may release and refund besides, on his own judgement')),
    expiresAt: optional(describe(timestamp, 'When it ends, in milliseconds since 1970')),
    onExpiry: optional(
      describe(enumeration('refund', 'release'), 'Who has what is held when it ends; the depositor if left out'),
    ),
  }),
  rejections: {
    beneficiary_is_depositor: 'The beneficiary is the depositor; name somebody else.',
    arbiter_is_party: 'The arbiter is the depositor or the beneficiary; name somebody else, or nobody.',
    rule_to_is_depositor: 'A release rule pays the depositor; what gives the money back belongs into refundRules.',
    rule_ids_repeat: 'Two rules have the same id; ids are unique across releaseRules and refundRules.',
    rules_are_too_large: 'The rules have more than 64 conditions and DIDs together.',
    expiresAt_is_missing: 'An escrow with amount 0 needs expiresAt, so that it ends where nobody funds it.',
    expiresAt_is_past: 'expiresAt must be later than now.',
    funds_are_short: 'The available balance is lower than the amount plus the fee.',
  },
  spends: ({ amount }) => amount,
  parties: given => [
    ...payeesOf(given),
    ...[...(given.arbiter === undefined ? [] : [given.arbiter]), ...namedIn(given)].map(addressOf),
  ],
  apply(draft, { amount, ...given }, { id, sender, account, timeMs, height }) {
    const { beneficiary, arbiter, expiresAt } = given
    const terms: Terms = { depositor: sender, refundRules: [], onExpiry: 'refund', ...given }
    const rules = [...terms.releaseRules, ...terms.refundRules]
    if (beneficiary === account) return 'beneficiary_is_depositor'
    if (arbiter === sender || (arbiter !== undefined && addressOf(arbiter) === beneficiary)) return 'arbiter_is_party'
    if (payeesOf(terms).includes(account)) return 'rule_to_is_depositor'
    if (new Set(rules.map(rule => rule.id)).size < rules.length) return 'rule_ids_repeat'
    const weight = rules.reduce((sum, rule) => sum + weightOf(conditionOf(rule, terms)), 0)
    if (weight > rulesWeightMax) return 'rules_are_too_large'
    if (expiresAt === undefined && amount === 0n) return 'expiresAt_is_missing'
    if (expiresAt !== undefined && expiresAt <= timeMs) return 'expiresAt_is_past'
    if (amount > 0n && !lock(draft, account, amount, lockOf(id, terms))) return 'funds_are_short'

    escrowTerms.set(draft, id, terms)
    putEscrow(
      draft,
      id,
      { state: amount > 0n ? 'funded' : 'open', deposited: amount, released: 0n, refunded: 0n, events: 0 },
      { kind: 'create', id, by: sender, amount, timeMs, height },
    )
    if (expiresAt !== undefined) scheduleDeadline(draft, { timeMs: expiresAt, id, domain: 'escrow' })
    return
  },
})

export const fund = transaction({
  kind: 'escrow.fund',
  doc: 'Locks more Tokens in an escrow.',
  path: '/api/wallet/escrow/:id/fund',
  command: 'escrow fund <id> <amount>',
  example: `escrow fund 0x${'5a'.repeat(32)} 100`,
  body: struct({
    id: describe(hash, 'The escrow'),
    amount: describe(amount, 'Tokens to lock besides'),
    resourcePrev: optional(describe(hash, 'The escrow’s head; rejected where it is another by now')),
  }),
  rejections: {
    ...refusals,
    sender_is_not_depositor: 'Only the depositor funds an escrow.',
    deposits_are_too_large: 'All deposits of an escrow together are at most 2^53 - 1; create another.',
    funds_are_short: 'The available balance is lower than the amount plus the fee.',
  },
  spends: ({ amount }) => amount,
  apply(draft, { id, amount, resourcePrev }, { id: by, sender, account, timeMs, height }) {
    const found = escrowAt(draft, id, { timeMs, resourcePrev })
    if (typeof found === 'string') return found
    const { terms, escrow } = found
    if (sender !== terms.depositor) return 'sender_is_not_depositor'
    if (escrow.deposited + amount > depositedMax) return 'deposits_are_too_large'
    if (!lock(draft, account, amount, lockOf(id, terms))) return 'funds_are_short'

    putEscrow(
      draft,
      id,
      { ...escrow, state: 'funded', deposited: escrow.deposited + amount },
      { kind: 'fund', id: by, by: sender, amount, timeMs, height },
    )
    return
  },
})

function lockOf(object: Hash, terms: Terms): Lock {
  return { object, payees: payeesOf(terms) }
}
