/** Finds the node and speaks to it: over its Unix socket where there is one, else over loopback. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { join } from 'node:path'
import { ClawnetClient, ConnectionError, type Fetch, type NodeStatus, ProblemError } from '@claw-network/sdk'
import { type Call, usageError } from './arguments.ts'
import { request } from './http-request.ts'
import type { Messages } from './messages.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The node named by `--api` or CLAWNET_API, else the one that lives in `home`. */
export async function connect(
  call: Call,
  { home, environment }: { readonly home: string; readonly environment: Environment },
  messages: Messages,
): Promise<ClawnetClient> {
  const remote = call.text('api') ?? environment['CLAWNET_API']
  if (remote !== undefined && !/^https?:\/\/[^/\s]/.test(remote)) throw usageError(messages.apiUrlIsWrong(remote))
  const tokenFile = call.text('token-file') ?? environment['CLAWNET_TOKEN_FILE']
  const cookie = remote === undefined ? cookieIn(home) : undefined
  const token = tokenFile === undefined ? cookie : tokenIn(tokenFile, messages)

  const socketPath = join(home, 'clawnetd.sock')
  const isNear =
    remote === undefined && (isSocket(socketPath) || (isMeant(call, home, environment) && !hasCookie(home)))
  const url = remote ?? (isNear ? 'http://127.0.0.1:9528' : await urlOf(home, environment))
  const fetch: Fetch = (address, init) => request(address, init, isNear ? socketPath : undefined)
  // One attempt: somebody waits, and can decide better than we whether to try again.
  return new ClawnetClient({ url, attempts: 1, ...(token === undefined ? {} : { token }) }, { fetch })
}

/** Undefined while nobody answers, or the node says that it is not there yet. */
export async function statusOf(client: ClawnetClient): Promise<NodeStatus | undefined> {
  try {
    return await client.status()
  } catch (error) {
    if (error instanceof ConnectionError || (error instanceof ProblemError && error.retryable)) return undefined
    throw error
  }
}

/**
 * Whether it must be the node of this very directory: then another one, which happens to have the port, is no answer.
 * Somebody without a node of their own may ask whichever runs here.
 */
function isMeant(call: Call, home: string, environment: Environment): boolean {
  const isNamed = call.has('home') || call.has('node') || (environment['CLAWNET_HOME'] ?? '') !== ''
  return isNamed || existsSync(join(home, 'config.yaml'))
}

/** A node that serves its API has one, even where it could open no socket. */
function hasCookie(home: string): boolean {
  return existsSync(join(home, 'api.cookie'))
}

/** The secret of the running node, for those who may read its directory; another node has no use for it. */
function cookieIn(home: string): string | undefined {
  try {
    return readFileSync(join(home, 'api.cookie'), 'utf8').trim()
  } catch {
    // Not running, or not ours to read: the node says what is missing, if anything.
    return undefined
  }
}

function tokenIn(file: string, messages: Messages): string {
  let token: string
  try {
    token = readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw usageError(messages.cannotRead(file, error instanceof Error ? error.message : String(error)))
  }
  if (token === '') throw usageError(messages.tokenFileIsEmpty(file))
  return token
}

function isSocket(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isSocket() === true
}

/** Where the configuration of this home puts the API. */
async function urlOf(home: string, environment: Environment): Promise<string> {
  const { configOf } = await import('../home.ts')
  const { values } = configOf(home, environment)
  const host = values['api.host'] === '0.0.0.0' ? '127.0.0.1' : values['api.host']
  return `http://${isIPv6(host) ? `[${host}]` : host}:${values['api.port']}`
}
