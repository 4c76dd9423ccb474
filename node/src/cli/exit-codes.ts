/** How a command ends, for scripts (the table stands in the reference documentation). */
import type { Problem } from '@claw-network/sdk'

export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  noDaemon: 3,
  notReady: 4,
  auth: 5,
  funds: 6,
  limit: 7,
  notFound: 8,
  conflict: 9,
  unknown: 10,
  locked: 75,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** For the reference: what each code means. */
export const exitCodeDocs: readonly (readonly [ExitCode, string])[] = [
  [exitCodes.ok, 'Done.'],
  [exitCodes.failure, 'It failed; the message says why.'],
  [exitCodes.usage, 'The command line is wrong: a misspelt command or option, or a value that cannot be.'],
  [exitCodes.noDaemon, 'No node answers.'],
  [exitCodes.notReady, 'The node answers but is not ready yet: it still starts or syncs.'],
  [exitCodes.auth, 'The passphrase or token is wrong or missing, or the identity is locked.'],
  [exitCodes.funds, 'The account has too few Tokens.'],
  [exitCodes.limit, 'A limit stands in the way, or the request waits for an approval.'],
  [exitCodes.notFound, 'There is no such thing.'],
  [exitCodes.conflict, 'Something else came first: the nonce is used, or what was read has changed.'],
  [exitCodes.unknown, 'No answer came: the write may have happened or not. Ask with "clawnet tx" before repeating it.'],
  [exitCodes.locked, 'Another clawnetd runs on this data directory.'],
]

/** A command that ends here, with a sentence for people. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exitCode: ExitCode
  /** A stable name of what happened, for `--json`. */
  readonly code: string

  constructor(exitCode: ExitCode, code: string, message: string) {
    super(message)
    this.exitCode = exitCode
    this.code = code
  }
}

export function exitCodeOf({ status, code }: Pick<Problem, 'status' | 'code'>): ExitCode {
  if (limitCodes.test(code)) return exitCodes.limit
  if (code === 'too_many_attempts') return exitCodes.auth
  switch (status) {
    case 400:
    case 413:
    case 415:
      return exitCodes.usage
    case 401:
    case 403:
      return exitCodes.auth
    case 404:
      return exitCodes.notFound
    case 409:
      return exitCodes.conflict
    case 422:
      return exitCodeOfRejection(code)
    case 429:
      return exitCodes.limit
    case 503:
      return exitCodes.notReady
    default:
      return exitCodes.failure
  }
}

/** Limits of the node, of an agent token, of a session key's grant; and what only the owner can let through. */
const limitCodes = /^exceeds_|^approval_(is_needed|was_refused)$|^payee_is_not_|^budget_does_not_cover_fee$/

/** Of the code with which a transaction was refused or rejected, in any domain. */
export function exitCodeOfRejection(code: string): ExitCode {
  if (/^funds_|^fee_is_not_covered$/.test(code)) return exitCodes.funds
  if (limitCodes.test(code)) return exitCodes.limit
  if (/^signer_is_unknown$|^grant_is_over$|^grant_has_not_begun$|^needs_own_key$|^kind_is_not_granted$/.test(code)) {
    return exitCodes.auth
  }
  if (/^stale_|^nonce_|^already_|^replaced$/.test(code)) return exitCodes.conflict
  return exitCodes.failure
}
