/** Requests to a node: JSON both ways, problems as errors, and safe repeats when the connection is lost. */
import { toJsonText } from './json-form.ts'
import { ConnectionError, ProblemError, problemOf } from './problem.ts'

/** The part of `fetch` that is used here, so that a test or a Unix socket can stand in for it. */
export type Fetch = (
  url: string,
  init: {
    readonly method: string
    readonly headers: Record<string, string>
    readonly body?: string
    readonly signal: AbortSignal
  },
) => Promise<HttpResponse>

export interface HttpResponse {
  readonly status: number
  readonly body: ReadableStream<Uint8Array> | null
  text(): Promise<string>
}

export interface HttpOptions {
  /** Such as `http://127.0.0.1:9528`. */
  readonly url: string
  /** Sent as a bearer token: the node's API token, its cookie, or an agent's token. */
  readonly token?: string
  /** How often a request is sent before a lost connection becomes a ConnectionError. */
  readonly attempts: number
}

export interface Write {
  readonly body: unknown
  /** Without it the request is sent once. */
  readonly idempotencyKey?: string
  readonly headers?: Record<string, string>
  /** How long the answer may take. */
  readonly timeoutMs: number
}

/** Longer than any wait that a read may ask for. */
const readTimeoutMs = 40_000
const firstRetryDelayMs = 200

export class Http {
  readonly #options: HttpOptions
  readonly #fetch: Fetch

  constructor(options: HttpOptions, dependencies: { readonly fetch: Fetch }) {
    this.#options = { ...options, url: options.url.replace(/\/+$/, '') }
    this.#fetch = dependencies.fetch
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<unknown> {
    return this.#json(path, { method: 'GET', headers, timeoutMs: readTimeoutMs })
  }

  /** Undefined where the node answers that there is no such thing. */
  async find(path: string, headers?: Record<string, string>): Promise<unknown> {
    try {
      return await this.get(path, headers)
    } catch (error) {
      if (error instanceof ProblemError && error.code === 'not_found') return undefined
      throw error
    }
  }

  async post(path: string, { body, idempotencyKey, headers, timeoutMs }: Write): Promise<unknown> {
    return this.#json(path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
        ...headers,
      },
      body: toJsonText(body),
      timeoutMs,
    })
  }

  /** The open answer of a stream, once its head is there. */
  async stream(
    path: string,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array>> {
    const response = await this.#send(path, { method: 'GET', headers, signal }).catch((error: unknown) => {
      throw new ConnectionError(this.#options.url + path, error)
    })
    if (response.status >= 400) throw new ProblemError(problemOf(response.status, await response.text()))
    if (response.body === null) throw new ConnectionError(this.#options.url + path, 'the answer has no body')
    return response.body
  }

  async #json(
    path: string,
    request: { method: string; headers: Record<string, string>; body?: string; timeoutMs: number },
  ): Promise<unknown> {
    const { timeoutMs, ...init } = request
    for (let attempt = 1; ; attempt++) {
      const mayRepeat = init.method === 'GET' || init.headers['idempotency-key'] !== undefined
      const isLast = !mayRepeat || attempt >= this.#options.attempts
      try {
        const response = await this.#send(path, { ...init, signal: AbortSignal.timeout(timeoutMs) })
        const text = await response.text()
        if (response.status < 400) return JSON.parse(text)

        const problem = problemOf(response.status, text)
        // The first sending of this very request is still at work.
        if (problem.code !== 'idempotency_key_is_in_flight' || isLast) throw new ProblemError(problem)
      } catch (error) {
        if (error instanceof ProblemError) throw error
        // Reads change nothing and most writes carry a key, so these may be sent again.
        if (isLast) throw new ConnectionError(this.#options.url + path, error, init.headers['idempotency-key'])
      }
      await pause(firstRetryDelayMs * 2 ** (attempt - 1))
    }
  }

  #send(path: string, init: Parameters<Fetch>[1]): Promise<HttpResponse> {
    const { token, url } = this.#options
    const credential = token === undefined ? {} : { authorization: `Bearer ${token}` }
    return this.#fetch(url + path, { ...init, headers: { accept: 'application/json', ...credential, ...init.headers } })
  }
}

export function pause(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(done, delayMs)
    function done(): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    signal?.addEventListener('abort', done)
  })
}

/** What a path or a query can carry. */
export type PlainField = string | number | bigint | boolean

/** The part of an address after its path; fields that are undefined are left out. */
export function queryText(fields: { readonly [field: string]: PlainField | undefined }): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) query.set(name, String(value))
  return query.size === 0 ? '' : `?${query}`
}
