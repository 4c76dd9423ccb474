/** Decides which requests come through, in this order: Host, browser headers, method, credential, right, type, size. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { guest, owner, type OwnerProof, type Principal } from './principal.ts'
import { Problem } from './problems.ts'
import type { RouteAccess } from './route.ts'
import { scopeOf } from './scopes.ts'
import { type AgentTokens, tokenPrefix } from './tokens.ts'

export const bodyBytesMax = 1024 * 1024

const loopbackNames = ['localhost', '127.0.0.1', '[::1]']

export interface GuardOptions {
  /** Names besides the loopback ones under which the API may be called, without port. */
  readonly hostNames: readonly string[]
  readonly token?: string
  readonly readonly: boolean
  /** On a local network whoever reaches the API may use unlocked identities. */
  readonly trustsLoopback: boolean
}

/** What the guard looks at. */
export interface Knock {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  /** It came through the Unix socket, which only the node's own user can open. */
  readonly viaSocket: boolean
  /** Of the route it is for; a path that does not exist is guarded like a read. */
  readonly access: RouteAccess
  readonly path: string
}

export interface GuardDependencies {
  /** What this run of the node wrote into `api.cookie`. */
  readonly cookie: string
  readonly tokens: AgentTokens
}

export class Guard {
  readonly #options: GuardOptions
  readonly #credentials: readonly (readonly [proof: OwnerProof, fingerprint: Uint8Array])[]
  readonly #tokens: AgentTokens
  #hosts: ReadonlySet<string> = new Set()

  constructor(options: GuardOptions, { cookie, tokens }: GuardDependencies) {
    this.#options = options
    this.#tokens = tokens
    const { token } = options
    this.#credentials = [
      ['cookie', fingerprint(cookie)],
      ...(token === undefined ? [] : [['token', fingerprint(token)] as const]),
    ]
  }

  /** Before it is called, only the Unix socket is served. */
  listensOn(port: number): void {
    const names = [...loopbackNames, ...this.#options.hostNames].map(name => name.toLowerCase())
    this.#hosts = new Set([...names.map(name => `${name}:${port}`), ...(port === 80 ? names : [])])
  }

  /** Who knocks. Throws a Problem for web pages of others and for wrong credentials. */
  identify(knock: Knock): Principal {
    const { method, headers, viaSocket } = knock
    if (!viaSocket) this.#checkHost(headers.host)
    checkBrowserHeaders(headers)
    if (method === 'OPTIONS')
      throw Problem.of('wrong_method', { detail: 'OPTIONS: the API takes no requests of other origins.' })
    if (headers.upgrade !== undefined) {
      throw Problem.of('malformed', {
        field: 'Upgrade',
        detail: 'Upgrade: the API speaks HTTP/1.1 only; leave it out.',
      })
    }
    return this.#principalOf(knock)
  }

  /** Throws a Problem where he may not do that, or says it in another way than JSON. */
  admit(principal: Principal, knock: Knock): void {
    const { method, headers, access } = knock
    if (this.#options.readonly && method === 'POST' && access !== 'read') throw Problem.of('read_only')
    checkRight(principal, knock)
    if (method === 'POST') checkBody(headers)
  }

  #checkHost(host: string | undefined): void {
    if (host !== undefined && this.#hosts.has(host.toLowerCase())) return
    throw Problem.of('foreign_host', {
      field: 'Host',
      detail: `Host: ${JSON.stringify(host ?? '')} is not a name of this node; allowed are ${[...this.#hosts].join(', ')} (setting api.hostNames).`,
    })
  }

  #principalOf({ headers, viaSocket, access }: Knock): Principal {
    const { token, trustsLoopback } = this.#options
    if (headers.authorization !== undefined) {
      const [, credential] = /^Bearer +(\S+)$/i.exec(headers.authorization) ?? []
      const known = credential === undefined ? undefined : this.#holderOf(credential)
      // Through the socket only the node's own user comes, and an old cookie does no harm there; but who shows the token
      // of an agent means to be bound by it.
      if (known !== undefined) return known
      if (!viaSocket || credential?.startsWith(tokenPrefix))
        throw Problem.of('credential_is_wrong', { field: 'Authorization', headers: challenge })
    }
    if (viaSocket) return owner.socket
    if (token !== undefined && access !== 'public') {
      throw Problem.of('credential_is_missing', {
        field: 'Authorization',
        detail: 'Authorization: this node has an API token; send "Bearer" and the token.',
        headers: challenge,
      })
    }
    return trustsLoopback && token === undefined ? owner.loopback : guest
  }

  /** Looks at all of them, in constant time. Throws a Problem for an agent token that has ended. */
  #holderOf(credential: string): Principal | undefined {
    const given = fingerprint(credential)
    const [proof] = this.#credentials.filter(([, known]) => timingSafeEqual(known, given))
    const token = this.#tokens.identify(credential)
    if (proof !== undefined) return owner[proof[0]]
    if (token === undefined) return
    if (!this.#tokens.isLive(token.id)) throw tokenHasEnded()
    return { role: 'agent', token }
  }
}

/** What a 401 must carry (RFC 9110). */
export const challenge = { 'www-authenticate': 'Bearer' } as const

export function tokenHasEnded(): Problem {
  return Problem.of('token_has_ended', { field: 'Authorization', headers: challenge })
}

/** What a guest may write, the passphrase in the body says. */
function checkRight(principal: Principal, { access, path, method }: Knock): void {
  if (principal.role === 'guest' && access === 'private') {
    throw Problem.of('credential_is_missing', { field: 'Authorization', headers: challenge })
  }
  if (principal.role !== 'agent') return
  if (access === 'owner') throw Problem.of('owner_is_needed')
  const { scopes } = principal.token
  const needed = access === 'write' && method === 'POST' ? scopeOf(path) : undefined
  if (needed !== undefined && !scopes.includes(needed)) throw scopeIsMissing(needed)
}

export function scopeIsMissing(needed: string): Problem {
  return Problem.of('scope_is_missing', {
    field: 'Authorization',
    detail: `Authorization: this agent token has not the scope ${needed}.`,
  })
}

/** A browser names the page a request comes from; only pages of this very address may call. */
function checkBrowserHeaders({ host, origin, referer, 'sec-fetch-site': site }: IncomingHttpHeaders): void {
  if (origin !== undefined && !isSameOrigin(origin, host)) throw foreignOrigin('Origin')
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw foreignOrigin('Sec-Fetch-Site')
  if (referer !== undefined) {
    const [scheme, , name] = referer.split('/', 3)
    if (!isSameOrigin(`${scheme}//${name}`, host)) throw foreignOrigin('Referer')
  }
}

function isSameOrigin(origin: string, host: string | undefined): boolean {
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`)
}

function foreignOrigin(field: string): Problem {
  return Problem.of('foreign_origin', {
    field,
    detail: `${field}: web pages of other origins may not call this API; call it from a program.`,
  })
}

function checkBody(headers: IncomingHttpHeaders): void {
  const type = headers['content-type'] ?? ''
  if (!/^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i.test(type)) {
    throw Problem.of('body_is_not_json', {
      field: 'Content-Type',
      detail: `Content-Type: is ${JSON.stringify(type.slice(0, 100))}; send the body as application/json.`,
    })
  }
  if (headers['content-encoding'] !== undefined) {
    throw Problem.of('body_is_not_json', {
      field: 'Content-Encoding',
      detail: 'Content-Encoding: send the body as it is, not compressed.',
    })
  }
  if (Number(headers['content-length'] ?? 0) > bodyBytesMax)
    throw Problem.of('body_is_too_large', { headers: { connection: 'close' } })
}

function fingerprint(credential: string): Uint8Array {
  return createHash('sha256').update(credential).digest()
}
