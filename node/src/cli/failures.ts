/** What was thrown, as the end of a command. */
import { DecodeError } from '@claw-network/protocol'
import { ConnectionError, ProblemError } from '@claw-network/sdk'
import { CliError, type ExitCode, exitCodeOf, exitCodes } from './exit-codes.ts'
import type { Messages } from './messages.ts'
import type { Failure } from './output.ts'
import { BackgroundError } from '../background.ts'

export function failureOf(error: unknown, messages: Messages): Failure {
  if (error instanceof CliError) {
    return { exitCode: error.exitCode, code: error.code, message: error.message }
  }
  if (error instanceof ProblemError) {
    const { code, detail, field, retryable, approval } = error
    const message = code === 'identity_is_locked' ? messages.identityIsLocked() : detail
    return {
      exitCode: exitCodeOf(error),
      code,
      message,
      retryable,
      ...(field === undefined ? {} : { field }),
      ...(approval === undefined ? {} : { approval }),
    }
  }
  if (error instanceof ConnectionError) return lost(error, messages)
  if (error instanceof BackgroundError) {
    return { exitCode: error.exitCode as ExitCode, code: 'does_not_start', message: error.message }
  }
  if (error instanceof DecodeError) {
    return { exitCode: exitCodes.usage, code: 'malformed', message: error.message, ...fieldOf(error) }
  }
  return {
    exitCode: exitCodes.failure,
    code: 'failure',
    message: error instanceof Error ? error.message : String(error),
  }
}

function lost(error: ConnectionError, messages: Messages): Failure {
  const wasNeverSent = ['ECONNREFUSED', 'ENOENT', 'ENOTFOUND', 'EHOSTUNREACH'].includes(systemCodeOf(error) ?? '')
  if (wasNeverSent || error.idempotencyKey === undefined) {
    return {
      exitCode: exitCodes.noDaemon,
      code: 'no_daemon',
      message: noDaemonAt(socketOf(error) ?? new URL(error.url).origin, messages),
      retryable: true,
    }
  }
  const { idempotencyKey } = error
  const message = messages.outcomeUnknown(idempotencyKey)
  return { exitCode: exitCodes.unknown, code: 'outcome_unknown', message, retryable: true, idempotencyKey }
}

function noDaemonAt(where: string, messages: Messages): string {
  const [, node] = /devnet\/node-(\d+)\/clawnetd\.sock$/.exec(where) ?? []
  return node === undefined ? messages.noDaemon(where) : messages.noDevnetNode(Number(node))
}

function fieldOf({ field }: DecodeError): { field?: string } {
  return field === '' ? {} : { field }
}

/** The error code of the system behind a failed request, such as ECONNREFUSED. */
function systemCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  if ('code' in error && typeof error.code === 'string' && /^E[A-Z]+$/.test(error.code)) return error.code
  return systemCodeOf(error.cause)
}

/** The Unix socket behind a failed request. */
function socketOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  if ('syscall' in error && error.syscall === 'connect' && 'address' in error && !('port' in error)) {
    return String(error.address)
  }
  return socketOf(error.cause)
}
