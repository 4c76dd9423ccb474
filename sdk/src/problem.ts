/** What goes wrong between a client and its node. */

/** The body of an RFC 9457 problem answer. */
export interface Problem {
  /** From the closed list in the reference documentation, such as `funds_are_short`. */
  readonly code: string
  readonly status: number
  /** Names the field and the fix, for people. */
  readonly detail: string
  /** The field of the request that is wrong, where it is one. */
  readonly field?: string
  /** Whether the same request may succeed later. */
  readonly retryable: boolean
  readonly requestId?: string
  /** With `approval_is_needed`: where the owner decides, and where the agent looks for the decision. */
  readonly approval?: string
}

/** The node answered, and the answer is no. */
export class ProblemError extends Error implements Problem {
  override readonly name = 'ProblemError'
  readonly code: string
  readonly status: number
  readonly detail: string
  readonly field?: string
  readonly retryable: boolean
  readonly requestId?: string
  readonly approval?: string

  constructor(problem: Problem) {
    super(problem.detail)
    this.code = problem.code
    this.status = problem.status
    this.detail = problem.detail
    this.retryable = problem.retryable
    if (problem.field !== undefined) this.field = problem.field
    if (problem.requestId !== undefined) this.requestId = problem.requestId
    if (problem.approval !== undefined) this.approval = problem.approval
  }
}

/**
 * No answer came, after all attempts. What was read is unknown; a write may or may not have happened, and repeating it
 * with the same `idempotencyKey` is safe.
 */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
  readonly url: string
  /** Of the write that has no answer. */
  readonly idempotencyKey?: string

  constructor(url: string, cause: unknown, idempotencyKey?: string) {
    super(`no answer from ${url}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.url = url
    if (idempotencyKey !== undefined) this.idempotencyKey = idempotencyKey
  }
}

/** The node's terms for a transaction are not what the wallet's owner agreed to; nothing was signed. */
export class TermsError extends Error {
  override readonly name = 'TermsError'
}

/** The problem in an error answer; proxies and other servers answer without one. */
export function problemOf(status: number, text: string): Problem {
  const fields = objectIn(text)
  const { code, detail, field, retryable, requestId, approval } = fields
  return {
    code: typeof code === 'string' ? code : 'not_a_node_answer',
    status,
    detail:
      typeof detail === 'string' ? detail : `the server answered ${status}, which does not look like a clawnet node`,
    retryable: retryable === true,
    ...(typeof field === 'string' ? { field } : {}),
    ...(typeof requestId === 'string' ? { requestId } : {}),
    ...(typeof approval === 'string' ? { approval } : {}),
  }
}

function objectIn(text: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {}
  } catch {
    // Not JSON: answered for by the fallback texts of the caller.
    return {}
  }
}
