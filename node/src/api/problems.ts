/** What the API answers when it does not do what was asked: RFC 9457 problem details with a code of a closed list. */
import { DecodeError, type Hash, type Ledger } from '@claw-network/protocol'
import type { Refusal } from './node.ts'

interface ProblemCode {
  readonly status: number
  /** The same request may succeed later without change. */
  readonly retryable?: true
  /** The sentence of the reference documentation, and the detail where the place of the problem has nothing to add. */
  readonly doc: string
}

/** The API's own codes; those of the ledger and the mempool come on top with status 422, or as `statusOf` says. */
export const apiCodes = {
  malformed: { status: 400, doc: 'The request is not what the reference says; `field` names the place.' },
  foreign_host: {
    status: 403,
    doc: 'The Host header names neither this machine nor a configured name, or another port.',
  },
  foreign_origin: { status: 403, doc: 'The request comes from a web page of another origin.' },
  wrong_method: { status: 405, doc: 'The path exists, but not with this method; the Allow header names those it has.' },
  unknown_path: { status: 404, doc: 'There is no such path; /api/docs lists all of them.' },
  credential_is_missing: {
    status: 401,
    doc: 'Send the passphrase in the body, or Authorization: Bearer with the content of api.cookie (or the API token, or an agent token).',
  },
  credential_is_wrong: {
    status: 401,
    doc: 'The bearer credential is neither the API token nor the cookie of this run, nor an agent token.',
  },
  token_has_ended: { status: 401, doc: 'The agent token was revoked or has expired; ask its owner for another one.' },
  scope_is_missing: { status: 403, doc: 'The agent token has not the scope that this path needs.' },
  owner_is_needed: { status: 403, doc: 'This is for the owner of the node alone; no agent token is enough.' },
  not_your_identity: { status: 403, doc: 'The agent token acts for another identity; leave did out.' },
  read_only: { status: 403, doc: 'The node was started with api.readonly and takes no writes.' },
  body_is_not_json: { status: 415, doc: 'Send the body as Content-Type: application/json, not compressed.' },
  body_is_too_large: { status: 413, doc: 'A body has at most 1 MiB.' },
  not_found: { status: 404, doc: 'The path exists, but there is nothing under this name.' },
  identity_is_unknown: {
    status: 404,
    doc: 'The node holds no key of this identity; GET /api/identity lists those it has.',
  },
  identity_is_locked: { status: 401, doc: 'Send the passphrase in the body, or unlock the identity first.' },
  key_is_missing: {
    status: 404,
    doc: 'Another key signs for the identity now, and this node does not hold it; sign where that key is, or unlock with the passphrase of the wallet whose 24 words it comes from.',
  },
  wallet_is_another: {
    status: 409,
    doc: 'The identity is not from the 24 words of this node; rotate its key where those are, or make a key yourself and send identity.rotate.',
  },
  passphrase_is_missing: {
    status: 401,
    doc: 'Send the passphrase of the node’s wallet; only a local network needs none.',
  },
  passphrase_is_wrong: { status: 401, doc: 'The passphrase does not open this identity.' },
  too_many_attempts: {
    status: 429,
    retryable: true,
    doc: 'Too many wrong passphrases; the Retry-After header says how long to wait.',
  },
  exceeds_limit_per_tx: {
    status: 403,
    doc: 'The transaction spends more than limits.maxTransferPerTx, or perTx of the agent token, allows.',
  },
  exceeds_limit_per_day: {
    status: 403,
    doc: 'With this transaction the last 24 hours would spend more than limits.maxTransferPerDay, or perDay of the agent token, allows.',
  },
  exceeds_limit_total: { status: 403, doc: 'With this transaction the agent token would spend more than its total.' },
  payee_is_not_allowed: {
    status: 403,
    doc: 'Somebody would get Tokens, or might come to get them, who is not among the payees of the agent token.',
  },
  approval_is_needed: {
    status: 403,
    retryable: true,
    doc: 'The transaction takes more than approvalAbove of the agent token and waits for its owner, under the id in `approval`. The same request with the same Idempotency-Key gives the transaction once it is approved.',
  },
  approval_was_refused: { status: 403, doc: 'The owner refused it.' },
  approval_is_decided: { status: 409, doc: 'It was approved or refused already, or is this very moment.' },
  too_many_approvals: {
    status: 429,
    retryable: true,
    doc: 'Too many requests wait for an approval: 100 of one agent token, 1,000 of all.',
  },
  too_many_tokens: { status: 429, doc: 'At most 1,000 agent tokens are live at a time; revoke some.' },
  signature_is_wrong: { status: 422, doc: 'The signature does not belong to these signing bytes and this key.' },
  idempotency_key_is_reused: {
    status: 422,
    doc: 'The Idempotency-Key came with another request before; take a new one.',
  },
  idempotency_key_is_in_flight: {
    status: 409,
    retryable: true,
    doc: 'The first request with this Idempotency-Key is not answered yet; try again in a moment.',
  },
  too_many_keys: {
    status: 429,
    retryable: true,
    doc: 'The node remembers no more idempotency keys; try later or send none.',
  },
  too_many_streams: { status: 429, retryable: true, doc: 'Too many event streams are open; close some.' },
  node_is_syncing: {
    status: 503,
    retryable: true,
    doc: 'The node does not know the current state yet; GET /api/node/status tells how far it is.',
  },
  internal_error: { status: 500, retryable: true, doc: 'A fault of the node. Its log tells more under the requestId.' },
} as const satisfies { readonly [code: string]: ProblemCode }

export type ApiCode = keyof typeof apiCodes

export interface ProblemDetails {
  /** Names the field and the fix. */
  readonly detail?: string
  readonly field?: string | undefined
  /** The transaction that is in the way. */
  readonly by?: Hash | undefined
  /** The approval that it waits for, or waited for. */
  readonly approval?: string
  readonly headers?: { readonly [name: string]: string }
}

/** Thrown anywhere below a handler; the server turns it into the answer. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: string
  readonly status: number
  readonly retryable: boolean
  readonly field: string | undefined
  readonly by: Hash | undefined
  readonly approval: string | undefined
  readonly headers: { readonly [name: string]: string }

  /** Of the API's own codes. `malformed` and the like must bring a detail. */
  static of(code: ApiCode, details: ProblemDetails = {}): Problem {
    const { status, doc, retryable }: ProblemCode = apiCodes[code]
    return new Problem(code, status, retryable ?? false, details.detail ?? doc, details)
  }

  /** Of a code of the ledger or the mempool. */
  static rejection(code: string, sentence: string, details: ProblemDetails = {}): Problem {
    return new Problem(code, statusOf(code), retryableRejections.has(code), sentence, details)
  }

  private constructor(code: string, status: number, retryable: boolean, detail: string, details: ProblemDetails) {
    const { field } = details
    super(field === undefined || detail.includes(field) ? detail : `${field}: ${detail}`)
    this.code = code
    this.status = status
    this.retryable = retryable
    this.field = field
    this.by = details.by
    this.approval = details.approval
    this.headers = details.headers ?? {}
  }
}

/** The body of the answer. The type is an address at this node, where the reference explains the code. */
export function problemBody(
  problem: Problem,
  requestId: string,
): { readonly [member: string]: string | number | boolean } {
  const { code, status, message, field, by, approval, retryable } = problem
  return {
    type: `/api/docs#${code}`,
    title: titleOf(code),
    status,
    code,
    detail: message,
    ...(field && { field }),
    ...(by && { by: `0x${by}` }),
    ...(approval && { approval }),
    retryable,
    requestId,
  }
}

/** `funds_are_short` reads "Funds are short". */
export function titleOf(code: string): string {
  const words = code.replaceAll('_', ' ')
  return words.slice(0, 1).toUpperCase() + words.slice(1)
}

export function malformed(error: DecodeError, whole = 'the body'): Problem {
  const { field, problem } = error
  return Problem.of('malformed', { detail: `${field === '' ? whole : field}: ${problem}`, field: field || undefined })
}

/** The sentences of all ways in which a transaction fails. */
export class Rejections {
  readonly codes: ReadonlyMap<string, string>

  constructor(ledger: Ledger, mempoolCodes: { readonly [code: string]: string }) {
    this.codes = new Map([...Object.entries(mempoolCodes), ...ledger.codes])
  }

  sentence(code: string): string {
    return this.codes.get(code) ?? titleOf(code)
  }

  /** Of a transaction that was refused; `fields` are those of the request. */
  problem({ code, by }: Refusal, fields: Iterable<string>): Problem {
    // Codes are made of the field's own name where they are about one: nonce_is_used, stale_prev, amount_is_zero.
    const words = new Set(code.split('_'))
    const field = [...fields].find(name => words.has(name))
    return Problem.rejection(code, this.sentence(code), { field, by })
  }
}

/** 409 where another transaction came first, 404 where there is no such thing, 429 and 503 where waiting helps, else 422. */
export function statusOf(code: string): number {
  if (code === 'nonce_is_too_far') return 429
  if (code === 'mempool_is_full') return 503
  // A key that may not sign is not a thing that was looked for.
  if (code.endsWith('_is_unknown') && code !== 'signer_is_unknown') return 404
  return code.startsWith('nonce_') || code.startsWith('stale_') || code === 'already_known' ? 409 : 422
}

const retryableRejections: ReadonlySet<string> = new Set(['nonce_is_too_far', 'mempool_is_full'])
