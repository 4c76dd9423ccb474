/** What agents asked for that their owner must approve first. Like all of it, durable through orders.ts. */
import { randomBytes } from 'node:crypto'
import {
  address,
  type Address,
  did,
  hash,
  type Hash,
  type Infer,
  list,
  optional,
  struct,
  text,
  timestamp,
  tokenSum,
  uint,
  type UnionOf,
} from '@claw-network/protocol'
import type { Clock } from '../ports.ts'
import { type Claim, claim } from './idempotency.ts'
import { jsonObject } from './json.ts'
import { Problem } from './problems.ts'
import { tokenId } from './tokens.ts'

const keptForMs = 7 * 24 * 60 * 60_000
const waitingMax = 1_000
const waitingPerTokenMax = 100

export const approvalId = text(16, 16)

/** A request that waits, as its owner reads it and as it is sent once approved. */
export const approvalFields = {
  id: approvalId,
  token: tokenId,
  did,
  kind: text(64, 1),
  payload: jsonObject,
  nonce: optional(uint(Number.MAX_SAFE_INTEGER, 1)),
  fee: optional(tokenSum),
  prev: optional(hash),
  validUntil: optional(timestamp),
  tokens: tokenSum,
  payees: list(address, 10_000),
  askedAt: timestamp,
}
const asked = struct({
  ...approvalFields,
  /** Of a request with an Idempotency-Key, which may come again for the answer. */
  claim: optional(claim),
})
type Asked = Infer<typeof asked>

export const approvalLines = {
  asked,
  refused: struct({ approval: approvalId }),
  approved: struct({ approval: approvalId, transaction: hash }),
}
export type ApprovalLine = UnionOf<typeof approvalLines>

export interface Approval {
  readonly asked: Asked
  readonly status: 'waiting' | 'approved' | 'refused'
  /** Of the transaction that was made of it. */
  readonly transaction?: Hash
}

export interface ApprovalsDependencies {
  readonly clock: Clock
  /** Returns once the line is durable. */
  readonly write: (line: ApprovalLine) => Promise<void>
}

export class Approvals {
  readonly #deps: ApprovalsDependencies
  /** In the order in which they were asked for. */
  readonly #byId = new Map<string, Approval>()
  readonly #inDecision = new Set<string>()

  constructor(dependencies: ApprovalsDependencies) {
    this.#deps = dependencies
  }

  /** Puts a request on the list, durably; the answer tells the agent where it stands. */
  async ask(request: Omit<Asked, 'id' | 'askedAt'>): Promise<Problem> {
    const waiting = this.all().filter(({ status }) => status === 'waiting')
    const ofToken = waiting.filter(entry => entry.asked.token === request.token)
    if (waiting.length >= waitingMax || ofToken.length >= waitingPerTokenMax) throw Problem.of('too_many_approvals')
    const entry = { ...request, id: randomBytes(8).toString('hex'), askedAt: this.#deps.clock.nowMs() }
    this.#byId.set(entry.id, { asked: entry, status: 'waiting' })
    await this.#deps.write({ type: 'asked', value: entry })
    return isNeeded(entry)
  }

  /**
   * What became of a request that comes once more: the id of its transaction; undefined for one that did not wait. Throws
   * a Problem where it still waits or was refused.
   */
  outcomeOf(claimed: Claim | undefined): Hash | undefined {
    if (claimed === undefined) return
    const found = this.all().find(
      entry => entry.asked.claim?.caller === claimed.caller && entry.asked.claim.key === claimed.key,
    )
    if (found === undefined) return
    if (found.asked.claim?.request !== claimed.request) {
      throw Problem.of('idempotency_key_is_reused', { field: 'Idempotency-Key' })
    }
    if (found.status === 'waiting') throw isNeeded(found.asked)
    if (found.status === 'refused') throw Problem.of('approval_was_refused', { approval: found.asked.id })
    return found.transaction
  }

  get(id: string): Approval | undefined {
    this.#forget()
    return this.#byId.get(id)
  }

  all(): readonly Approval[] {
    this.#forget()
    return [...this.#byId.values()]
  }

  /** Until when it waits, and is listed. */
  endOf({ asked: { askedAt } }: Approval): number {
    return askedAt + keptForMs
  }

  /** Runs the decision of one that waits; two at once would send it twice. */
  async decide<T>(id: string, work: (asked: Asked) => Promise<T>): Promise<T> {
    const approval = this.get(id)
    if (approval === undefined) throw Problem.of('not_found', { field: 'id' })
    if (approval.status !== 'waiting' || this.#inDecision.has(id)) {
      throw Problem.of('approval_is_decided', { approval: id })
    }
    this.#inDecision.add(id)
    try {
      return await work(approval.asked)
    } finally {
      this.#inDecision.delete(id)
    }
  }

  async refuse(id: string): Promise<void> {
    this.restore({ type: 'refused', value: { approval: id } })
    await this.#deps.write({ type: 'refused', value: { approval: id } })
  }

  /** Of a token that was revoked; one that is being approved is refused by that. */
  async refuseAll(token: string): Promise<void> {
    const waiting = this.all().filter(entry => entry.status === 'waiting' && entry.asked.token === token)
    const free = waiting.filter(entry => !this.#inDecision.has(entry.asked.id))
    await Promise.all(free.map(entry => this.refuse(entry.asked.id)))
  }

  /** Its transaction is durable, by a line of its own. */
  approved(id: string, transaction: Hash): void {
    this.restore({ type: 'approved', value: { approval: id, transaction } })
  }

  /** Its transaction never left: it waits again. */
  reopen(id: string): void {
    const found = this.#byId.get(id)
    if (found !== undefined) this.#byId.set(id, { asked: found.asked, status: 'waiting' })
  }

  restore(line: ApprovalLine): void {
    if (line.type === 'asked') {
      if (!this.#byId.has(line.value.id)) this.#byId.set(line.value.id, { asked: line.value, status: 'waiting' })
      return
    }
    const found = this.#byId.get(line.value.approval)
    if (found === undefined) return
    const { asked: entry } = found
    this.#byId.set(
      entry.id,
      line.type === 'refused'
        ? { asked: entry, status: 'refused' }
        : { asked: entry, status: 'approved', transaction: line.value.transaction },
    )
  }

  lines(): readonly ApprovalLine[] {
    return this.all().flatMap(({ asked: entry, status, transaction }): ApprovalLine[] => {
      const first = { type: 'asked', value: entry } as const
      if (status === 'refused') return [first, { type: 'refused', value: { approval: entry.id } }]
      if (transaction === undefined) return [first]
      return [first, { type: 'approved', value: { approval: entry.id, transaction } }]
    })
  }

  #forget(): void {
    const before = this.#deps.clock.nowMs() - keptForMs
    for (const [
      id,
      {
        asked: { askedAt },
      },
    ] of this.#byId) {
      if (askedAt >= before) break
      if (!this.#inDecision.has(id)) this.#byId.delete(id)
    }
  }
}

/** Throws a Problem where the transaction would take more by now, or for others, than what waits for approval says. */
export function checkApproved(
  { id, tokens, payees }: Asked,
  now: { readonly tokens: bigint; readonly payees: readonly Address[] },
): void {
  const isAsAsked = now.tokens <= tokens && now.payees.every(payee => payees.includes(payee))
  if (isAsAsked) return
  throw Problem.of('approval_is_needed', {
    approval: id,
    detail:
      `The transaction would take ${now.tokens} Tokens by now, for ${now.payees.length} accounts; asked for were ` +
      `${tokens}, for ${payees.length}: refuse it, and have it asked for again.`,
  })
}

function isNeeded({ id, tokens }: Asked): Problem {
  return Problem.of('approval_is_needed', {
    approval: id,
    detail: `The transaction takes ${tokens} Tokens: its owner must approve it first (approval ${id}).`,
  })
}
