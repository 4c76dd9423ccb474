/** How the API shows a transaction: in answers to writes, in look-ups, blocks and events. */
import {
  address,
  did,
  describe,
  enumeration,
  hash,
  type Hash,
  type Infer,
  type Json,
  optional,
  struct,
  text,
  timestamp,
  tokenSum,
  type Transaction,
  uint,
} from '@claw-network/protocol'
import { jsonObject } from './json.ts'
import type { Outcome } from './outcomes.ts'
import type { Rejections } from './problems.ts'

const status = describe(
  enumeration('broadcast', 'final', 'failed', 'unknown'),
  'broadcast: waits for a block; final: for ever; failed: had no effect, code says why; unknown: not decided while the request waited',
)

export const transactionAnswer = struct({
  txHash: describe(hash, 'The id of the transaction'),
  status,
  kind: optional(text(64, 1)),
  did: optional(describe(did, 'Who sent it')),
  address: optional(describe(address, 'The account it is sent from')),
  nonce: optional(uint()),
  fee: optional(tokenSum),
  payload: optional(describe(jsonObject, 'The fields of this kind of transaction, DIDs resolved to addresses')),
  height: optional(describe(uint(), 'The block that holds it')),
  index: optional(describe(uint(), 'Its place in that block')),
  blockHash: optional(hash),
  timeMs: optional(describe(timestamp, 'The time of that block')),
  code: optional(describe(text(64, 1), 'Why it failed')),
  detail: optional(describe(text(1024), 'The same as a sentence')),
  by: optional(describe(hash, 'The transaction that took its place')),
})
export type TransactionAnswer = Infer<typeof transactionAnswer>

/** `outcome` may be undefined for a transaction that nobody knows any more. */
export function transactionAnswerOf(
  id: Hash,
  outcome: Outcome | undefined,
  rejections: Rejections,
  hasWaited: boolean,
): TransactionAnswer {
  if (outcome === undefined) return { txHash: id, status: 'unknown' }
  if (outcome.status === 'broadcast') {
    return { txHash: id, status: hasWaited ? 'unknown' : 'broadcast', ...contentOf(outcome.transaction) }
  }
  if (outcome.status === 'final') {
    return { txHash: id, status: 'final', ...contentOf(outcome.transaction), ...outcome.place }
  }
  const failure = { status: 'failed', code: outcome.code, detail: rejections.sentence(outcome.code) } as const
  return 'place' in outcome
    ? { txHash: id, ...contentOf(outcome.transaction), ...outcome.place, ...failure }
    : { txHash: id, ...failure, ...(outcome.by && { by: outcome.by }) }
}

/** Who, in which order, at what fee, and what. */
export function contentOf({
  envelope,
  account,
  kind,
}: Transaction): Pick<TransactionAnswer, 'kind' | 'did' | 'address' | 'nonce' | 'fee' | 'payload'> {
  return {
    kind: kind.kind,
    did: envelope.sender,
    address: account,
    nonce: envelope.nonce,
    fee: envelope.fee,
    payload: kind.body.toJson(envelope.payload) as { [field: string]: Json },
  }
}
