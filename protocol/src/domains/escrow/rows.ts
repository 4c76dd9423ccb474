/** Escrows in the state (L56): terms that never change, what became of the money, and what happened. */
import { hash, type Hash } from '../../crypto/hash.ts'
import { address, type Address, addressOf, did, type Did } from '../../crypto/keys.ts'
import {
  amount,
  checked,
  describe,
  enumeration,
  type Infer,
  list,
  optional,
  struct,
  text,
  timestamp,
  tokenSum,
  uint,
} from '../../lib/codec.ts'
import { type Draft, type RangeView, table, type View } from '../../ledger/state.ts'
import { type Condition, condition, signersOf } from './conditions.ts'

/** Rules of each of the two lists. */
const rulesMax = 16
/** Conditions and DIDs of all rules of an escrow together: every action reads them all, for one fee. */
export const rulesWeightMax = 64

export const ruleId = text(64, 1)
const rule = struct({
  id: describe(ruleId, 'Its name in this escrow, 1 to 64 bytes'),
  cap: optional(describe(amount, 'Most that it may pay in all')),
  to: optional(describe(address, 'Whom it pays; the beneficiary where left out')),
  when: optional(describe(condition, 'What must hold; the depositor’s signature where left out')),
})
export type Rule = Infer<typeof rule>

const refundRule = checked(rule, ({ to, when }: Rule) => {
  if (to !== undefined) return 'pays the depositor always: leave to out'
  return when === undefined ? 'needs a condition in when' : undefined
})

export const releaseRules = list(rule, rulesMax, 1)
export const refundRules = list(refundRule, rulesMax)

export const terms = struct({
  depositor: did,
  beneficiary: address,
  arbiter: optional(did),
  releaseRules,
  refundRules: list(rule, rulesMax),
  expiresAt: optional(timestamp),
  onExpiry: enumeration('refund', 'release'),
})
export type Terms = Infer<typeof terms>

export const state = enumeration('open', 'funded', 'released', 'refunded', 'split')
export type EscrowState = Infer<typeof state>

/** `head` is the last transaction that touched it, `events` how many rows it has in `escrowEvents`. */
const escrow = struct({
  state,
  deposited: tokenSum,
  released: tokenSum,
  refunded: tokenSum,
  head: hash,
  events: uint(),
})
export type Escrow = Infer<typeof escrow>

/** What a rule has paid so far, and consents to its next payment: at most one of each DID that it names. */
const ruleProgress = struct({ paid: tokenSum, approvals: list(struct({ did, amount }), rulesWeightMax) })
export type RuleProgress = Infer<typeof ruleProgress>

export const eventKind = enumeration('create', 'fund', 'release', 'refund', 'approve', 'expiry')

/** Something that happened to an escrow; expiry has neither transaction nor author. */
export const event = struct({
  kind: eventKind,
  id: optional(describe(hash, 'The transaction')),
  by: optional(describe(did, 'Who sent it')),
  amount: describe(tokenSum, 'Tokens that came in, went out or were approved; 0 where an approval was taken back'),
  to: optional(describe(address, 'Who was paid')),
  ruleId: optional(describe(ruleId, 'The rule that allowed it')),
  timeMs: timestamp,
  height: uint(),
})
export type EscrowEvent = Infer<typeof event>

export const escrowTerms = table('escrowTerms', hash, terms)
export const escrows = table('escrows', hash, escrow)
const ruleTable = table('escrowRules', struct({ id: hash, ruleId }), ruleProgress)
const events = table('escrowEvents', struct({ id: hash, n: uint() }), event)

export function heldOf({ deposited, released, refunded }: Escrow): bigint {
  return deposited - released - refunded
}

export function isClosed({ state }: Escrow): boolean {
  return state !== 'open' && state !== 'funded'
}

/** A deadline passes at its time, whether or not the ledger has come to it (L29). */
export function isExpired({ expiresAt }: Terms, timeMs: number): boolean {
  return expiresAt !== undefined && timeMs >= expiresAt
}

/** The condition under which a rule pays. */
export function conditionOf({ when }: Rule, { depositor }: Terms): Condition {
  return when ?? { type: 'sig', value: depositor }
}

/** Everybody who may come to have the money, apart from the depositor. */
export function payeesOf({
  beneficiary,
  releaseRules,
}: Pick<Terms, 'beneficiary' | 'releaseRules'>): readonly Address[] {
  return [...new Set([beneficiary, ...releaseRules.flatMap(({ to }) => to ?? [])])]
}

/** Everybody whom conditions name. */
export function namedIn({
  releaseRules,
  refundRules = [],
}: {
  readonly releaseRules: readonly Rule[]
  readonly refundRules?: readonly Rule[]
}): readonly Did[] {
  return [...releaseRules, ...refundRules].flatMap(({ when }) => (when === undefined ? [] : signersOf(when)))
}

/** Whether somebody has any part in an escrow. */
export function isParty(of: Terms, who: Did): boolean {
  const own = addressOf(who)
  return who === of.depositor || who === of.arbiter || payeesOf(of).includes(own) || namedIn(of).includes(who)
}

export function progressOf(view: View, id: Hash, rule: Rule): RuleProgress {
  return ruleTable.get(view, { id, ruleId: rule.id }) ?? { paid: 0n, approvals: [] }
}

export function putProgress(draft: Draft, id: Hash, rule: Rule, progress: RuleProgress): void {
  ruleTable.set(draft, { id, ruleId: rule.id }, progress)
}

export function nthEvent(view: View, id: Hash, n: number): EscrowEvent | undefined {
  return events.get(view, { id, n })
}

/** Writes what became of an escrow, with the event that changed it. */
export function putEscrow(draft: Draft, id: Hash, changed: Omit<Escrow, 'head'>, what: EscrowEvent): void {
  const head = what.id ?? escrows.get(draft, id)?.head ?? id
  events.set(draft, { id, n: changed.events }, what)
  escrows.set(draft, id, { ...changed, head, events: changed.events + 1 })
}

export function* escrowIds(view: RangeView): Iterable<Hash> {
  for (const [key] of view.range(`${escrows.name}/`)) yield key.slice(-64) as Hash
}
