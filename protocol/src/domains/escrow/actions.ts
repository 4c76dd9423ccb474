/** Who can do what with an escrow now, and what is missing for the rest: for people and agents, not a rule itself. */
import { type Address, address, addressOf, did, type Did, formatDid } from '../../crypto/keys.ts'
import { boolean, describe, enumeration, type Infer, list, optional, struct, text, tokenSum } from '../../lib/codec.ts'
import { toHex } from '../../lib/bytes.ts'
import { formatDateTime } from '../../lib/date-time.ts'
import type { View } from '../../ledger/state.ts'
import { accountAt } from '../accounts/index.ts'
import { type Condition, type Evidence, holds, signersOf } from './conditions.ts'
import type { OpenEscrow } from './opened.ts'
import { payableBy } from './payment.ts'
import { conditionOf, heldOf, namedIn, payeesOf, progressOf, type Rule, ruleId, rulesWeightMax } from './rows.ts'

const kinds = ['escrow.fund', 'escrow.release', 'escrow.refund', 'escrow.approve'] as const
export const actionsMax = 1_024
/** Approved amounts of one rule that are looked at, the latest. */
const amountsMax = 8
const year10000Ms = 253_402_300_800_000

export const action = struct({
  role: enumeration('depositor', 'beneficiary', 'arbiter', 'payee', 'signer'),
  did: optional(describe(did, 'Who, where the escrow knows the DID')),
  address: describe(address, 'The account of who can do this'),
  kind: enumeration(...kinds),
  ruleId: optional(describe(ruleId, 'The rule to name; none is needed where it is left out')),
  upTo: describe(tokenSum, 'Most Tokens that this can move'),
  isExact: describe(boolean, 'Only exactly so many, because others have approved just that'),
  to: optional(describe(address, 'Who gets them')),
  missing: describe(list(text(512), rulesWeightMax), 'What does not hold yet; empty where it can be done now'),
})
export type Action = Infer<typeof action>

interface Party {
  readonly role: Action['role']
  readonly address: Address
  readonly did?: Did
}

export function actionsOf(view: View, found: OpenEscrow, timeMs: number): readonly Action[] {
  const { terms, escrow } = found
  const held = heldOf(escrow)
  const depositor = addressOf(terms.depositor)
  return partiesOf(found)
    .flatMap((party): Action[] => {
      const { role } = party
      const act = (kind: Action['kind'], upTo: bigint, to?: Address): Action => ({
        ...party,
        kind,
        upTo,
        isExact: false,
        ...(to !== undefined && { to }),
        missing: [],
      })
      const gives = role === 'depositor' || role === 'arbiter'
      const givesBack = role === 'beneficiary' || role === 'arbiter'
      return [
        ...(role === 'depositor' ? [act('escrow.fund', accountAt(view, party.address).available)] : []),
        ...(gives && held > 0n ? [act('escrow.release', held, terms.beneficiary)] : []),
        ...(givesBack && held > 0n ? [act('escrow.refund', held, depositor)] : []),
        ...terms.releaseRules.flatMap(rule =>
          byRule(view, found, rule, party, timeMs, {
            kind: 'escrow.release',
            to: rule.to ?? terms.beneficiary,
          }),
        ),
        ...terms.refundRules.flatMap(rule =>
          byRule(view, found, rule, party, timeMs, { kind: 'escrow.refund', to: depositor }),
        ),
      ]
    })
    .slice(0, actionsMax)
}

/** What a condition lacks, as sentences; none where it holds. */
export function missingIn(of: Condition, evidence: Evidence): readonly string[] {
  if (holds(of, evidence)) return []
  const { type, value } = of
  switch (type) {
    case 'sig':
      return [`the signature of ${formatDid(value)}`]
    case 'kOf': {
      const more = value.k - value.dids.filter(evidence.consents).length
      return [`${more} more of ${value.k} signatures`]
    }
    case 'preimage':
      return [`the preimage of 0x${toHex(value)}`]
    case 'after':
      return [`after ${dateOf(value)}`]
    case 'before':
      return [`before ${dateOf(value)}, which has passed`]
    case 'and':
      return value.flatMap(part => missingIn(part, evidence))
    case 'or':
      return [`one of: ${value.map(part => missingIn(part, evidence).join(' and ')).join('; ')}`.slice(0, 500)]
  }
}

/** One line per role; somebody who only signs or is paid has one however many rules say so. */
function partiesOf({ terms }: OpenEscrow): readonly Party[] {
  const { depositor, beneficiary, arbiter } = terms
  const signers = [...new Set(namedIn(terms))]
  const known = new Map(
    [depositor, ...(arbiter === undefined ? [] : [arbiter]), ...signers].map(each => [addressOf(each), each]),
  )
  const party = (role: Action['role'], own: Address): Party => {
    const owner = known.get(own)
    return { role, address: own, ...(owner !== undefined && { did: owner }) }
  }
  const parties = [
    party('depositor', addressOf(depositor)),
    party('beneficiary', beneficiary),
    ...(arbiter === undefined ? [] : [party('arbiter', addressOf(arbiter))]),
    ...payeesOf(terms).map(payee => party('payee', payee)),
    ...signers.map(signer => party('signer', addressOf(signer))),
  ]
  const seen = new Set<Address>()
  return parties.filter(each => !seen.has(each.address) && seen.add(each.address))
}

/** What a party can do by one rule: pay, also where others have approved an amount; or approve. */
function byRule(
  view: View,
  found: OpenEscrow,
  rule: Rule,
  party: Party,
  timeMs: number,
  { kind, to }: { readonly kind: 'escrow.release' | 'escrow.refund'; readonly to: Address },
): Action[] {
  const { terms, id } = found
  const when = conditionOf(rule, terms)
  const signers = signersOf(when)
  const isSigner = party.did !== undefined && signers.includes(party.did)
  // Whoever has a part in the escrow may use any rule; it is told to those for whom the rule is.
  const isOther = party.role === 'payee' || party.role === 'signer'
  if (isOther && !isSigner && rule.to !== party.address) return []

  const { approvals } = progressOf(view, id, rule)
  const most = payableBy(view, found, rule)
  const base = { ...party, ruleId: rule.id, to }
  const judged = (approved: bigint | undefined): readonly string[] =>
    missingIn(when, {
      timeMs,
      consents: signer =>
        signer === party.did || approvals.some(({ did, amount }) => did === signer && amount === approved),
    })
  const alone = judged(undefined)
  const amounts = [...new Set(approvals.map(({ amount }) => amount))]
    .filter(amount => amount <= most)
    .slice(-amountsMax)
  const pays: Action[] =
    alone.length === 0 || amounts.length === 0
      ? [{ ...base, kind, upTo: most, isExact: false, missing: alone }]
      : amounts.map(amount => ({ ...base, kind, upTo: amount, isExact: true, missing: judged(amount) }))
  const approves: Action[] =
    isSigner && signers.length > 1 ? [{ ...base, kind: 'escrow.approve', upTo: most, isExact: false, missing: [] }] : []
  return most > 0n ? [...pays, ...approves] : approves
}

function dateOf(timeMs: number): string {
  return timeMs < year10000Ms ? formatDateTime(timeMs) : `${timeMs} ms after 1970`
}
