/** Agent tokens: credentials that act for one identity within limits. Only hashes of them are kept. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { join } from 'node:path'
import {
  address,
  bytes,
  DecodeError,
  did,
  enumeration,
  type Infer,
  list,
  optional,
  struct,
  text,
  timestamp,
  tokenSum,
} from '@claw-network/protocol'
import type { Clock } from '../ports.ts'
import { readPrivateFile, replacePrivateFile } from '../private-files.ts'
import { Problem } from './problems.ts'
import { scopes } from './scopes.ts'

/** How the text of every agent token begins. */
export const tokenPrefix = 'clawt_'

const liveTokensMax = 1_000
/** How many that have ended are still listed. */
const endedTokensMax = 1_000
export const payeesMax = 1_000

/** What a token allows, as its owner says it. */
export const grantFields = {
  name: optional(text(64, 1)),
  did,
  scopes: list(enumeration(...scopes), scopes.length),
  perTx: optional(tokenSum),
  perDay: optional(tokenSum),
  total: optional(tokenSum),
  payees: optional(list(address, payeesMax)),
  approvalAbove: optional(tokenSum),
  expiresAt: optional(timestamp),
}
const grant = struct(grantFields)
export type Grant = Infer<typeof grant>

export const tokenId = text(12, 12)

const entry = struct({
  id: tokenId,
  hash: bytes(32, 32),
  createdAt: timestamp,
  revokedAt: optional(timestamp),
  ...grantFields,
})
export type AgentToken = Infer<typeof entry>
const file = list(entry, liveTokensMax + endedTokensMax)

export class AgentTokens {
  readonly #path: string
  readonly #clock: Clock
  readonly #byId: Map<string, AgentToken>
  /** The disk refused a revocation that is in force. */
  #isBehind = false

  static open({ directory }: { readonly directory: string }, { clock }: { readonly clock: Clock }): AgentTokens {
    const path = join(directory, 'tokens.json')
    const kept = readPrivateFile(path)
    return new AgentTokens(path, { clock, entries: kept === undefined ? [] : entriesOf(path, kept) })
  }

  private constructor(
    path: string,
    { clock, entries }: { readonly clock: Clock; readonly entries: readonly AgentToken[] },
  ) {
    this.#path = path
    this.#clock = clock
    this.#byId = new Map(entries.map(token => [token.id, token]))
  }

  /** The token whose text this is, live or not. The id in it is no secret; the rest is compared in constant time. */
  identify(credential: string): AgentToken | undefined {
    const [, id = ''] = /^clawt_([0-9a-f]{12})_[\w-]{43}$/.exec(credential) ?? []
    const token = this.#byId.get(id)
    const isRight = timingSafeEqual(hashOfText(credential), token?.hash ?? nobodysHash)
    return isRight ? token : undefined
  }

  get(id: string): AgentToken | undefined {
    return this.#byId.get(id)
  }

  /** In the order in which they were made. */
  all(): readonly AgentToken[] {
    return [...this.#byId.values()]
  }

  isLive(id: string): boolean {
    const token = this.#byId.get(id)
    return token !== undefined && this.statusOf(token) === 'live'
  }

  statusOf({ id }: AgentToken): 'live' | 'expired' | 'revoked' {
    const token = this.#byId.get(id)
    if (token === undefined || token.revokedAt !== undefined) return 'revoked'
    return token.expiresAt !== undefined && token.expiresAt <= this.#clock.nowMs() ? 'expired' : 'live'
  }

  /** Makes a token, durably; its text is told this once. */
  create(granted: Grant): { readonly token: AgentToken; readonly text: string } {
    if (this.all().filter(({ id }) => this.isLive(id)).length >= liveTokensMax) throw Problem.of('too_many_tokens')
    const id = randomBytes(6).toString('hex')
    const made = `${tokenPrefix}${id}_${randomBytes(32).toString('base64url')}`
    const token = { ...granted, id, hash: hashOfText(made), createdAt: this.#clock.nowMs() }
    this.#write([...this.all(), token])
    return { token, text: made }
  }

  /** Undefined where there is no such token. Durable once it returns, and in force at once. */
  revoke(id: string): AgentToken | undefined {
    const token = this.#byId.get(id)
    if (token === undefined || (token.revokedAt !== undefined && !this.#isBehind)) return token
    const revoked = { ...token, revokedAt: token.revokedAt ?? this.#clock.nowMs() }
    // In force even where the disk fails.
    this.#byId.set(id, revoked)
    this.#isBehind = true
    this.#write(this.all())
    return revoked
  }

  #write(tokens: readonly AgentToken[]): void {
    const ended = tokens.filter(token => this.#byId.has(token.id) && !this.isLive(token.id))
    const forgotten = new Set(ended.slice(0, Math.max(0, ended.length - endedTokensMax)))
    const left = tokens.filter(token => !forgotten.has(token))
    replacePrivateFile(this.#path, `${JSON.stringify(file.toJson(left))}\n`)
    this.#isBehind = false
    for (const { id } of forgotten) this.#byId.delete(id)
    for (const token of left) this.#byId.set(token.id, token)
  }
}

const nobodysHash = randomBytes(32)

function hashOfText(credential: string): Uint8Array {
  return createHash('sha256').update(credential).digest()
}

function entriesOf(path: string, kept: string): readonly AgentToken[] {
  try {
    return file.fromJson(JSON.parse(kept))
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof DecodeError)) throw error
    throw new Error(`${path}: ${error.message}. The file is damaged: remove it, and make the agent tokens anew`)
  }
}
