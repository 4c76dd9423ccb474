/** Decides which requests come through, in this order: Host, browser headers, method, credential, right, type, size. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { Problem } from './problems.ts'
import type { RouteAccess } from './route.ts'

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
}

/** `owner` may use unlocked identities; a `guest` must show a passphrase in the body to write. */
export type Visitor = 'owner' | 'guest'

export class Guard {
  readonly #options: GuardOptions
  readonly #credentials: readonly Uint8Array[]
  #hosts: ReadonlySet<string> = new Set()

  /** `cookie` is what this run of the node wrote into `api.cookie`. */
  constructor(options: GuardOptions, { cookie }: { readonly cookie: string }) {
    this.#options = options
    this.#credentials = [cookie, ...(options.token === undefined ? [] : [options.token])].map(fingerprint)
  }

  /** Before it is called, only the Unix socket is served. */
  listensOn(port: number): void {
    const names = [...loopbackNames, ...this.#options.hostNames].map(name => name.toLowerCase())
    this.#hosts = new Set([...names.map(name => `${name}:${port}`), ...(port === 80 ? names : [])])
  }

  /** Throws a Problem for a request that does not come through. */
  admit(knock: Knock): Visitor {
    const { method, headers, viaSocket, access } = knock
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
    const visitor = this.#identify(knock)
    if (this.#options.readonly && (access === 'write' || access === 'submit')) throw Problem.of('read_only')
    if (method === 'POST') checkBody(headers)
    return visitor
  }

  #checkHost(host: string | undefined): void {
    if (host !== undefined && this.#hosts.has(host.toLowerCase())) return
    throw Problem.of('foreign_host', {
      field: 'Host',
      detail: `Host: ${JSON.stringify(host ?? '')} is not a name of this node; allowed are ${[...this.#hosts].join(', ')} (setting api.hostNames).`,
    })
  }

  #identify({ headers, viaSocket, access }: Knock): Visitor {
    const { token, trustsLoopback } = this.#options
    if (viaSocket) return 'owner'
    if (headers.authorization !== undefined) {
      const [, credential] = /^Bearer +(\S+)$/i.exec(headers.authorization) ?? []
      if (credential === undefined || !this.#isKnown(credential)) {
        throw Problem.of('credential_is_wrong', { field: 'Authorization', headers: challenge })
      }
      return 'owner'
    }
    if (token !== undefined && access !== 'public') {
      throw Problem.of('credential_is_missing', {
        field: 'Authorization',
        detail: 'Authorization: this node has an API token; send "Bearer" and the token.',
        headers: challenge,
      })
    }
    return trustsLoopback && token === undefined ? 'owner' : 'guest'
  }

  /** Looks at all of them, in constant time. */
  #isKnown(credential: string): boolean {
    const given = fingerprint(credential)
    return this.#credentials.map(known => timingSafeEqual(known, given)).includes(true)
  }
}

/** What a 401 must carry (RFC 9110). */
export const challenge = { 'www-authenticate': 'Bearer' } as const

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
