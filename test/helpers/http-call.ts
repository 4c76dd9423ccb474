/** One HTTP request, with every header as the test says and none that it does not. */
import { type IncomingHttpHeaders, request } from 'node:http'

export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body as JSON; empty where it is none. */
  readonly json: { readonly [field: string]: unknown }
}

export interface HttpCall {
  readonly method?: string
  readonly headers?: { readonly [name: string]: string | undefined }
  /** Sent as it is; anything but text and bytes as JSON. */
  readonly body?: unknown
  readonly viaSocket?: boolean
}

/** Where a node answers. */
export interface ApiPlace {
  readonly url: string
  readonly socketPath: string
}

export async function call(node: ApiPlace, path: string, options: HttpCall = {}): Promise<HttpAnswer> {
  const { body, viaSocket = false, method = body === undefined ? 'GET' : 'POST' } = options
  const { hostname, port } = new URL(node.url)
  const payload =
    body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
  const headers: Record<string, string> = {}
  const wanted = { ...(body !== undefined && { 'content-type': 'application/json' }), ...options.headers }
  for (const [name, value] of Object.entries(wanted)) if (value !== undefined) headers[name] = value
  return new Promise((resolve, reject) => {
    const sent = request(
      { method, path, headers, agent: false, ...(viaSocket ? { socketPath: node.socketPath } : { hostname, port }) },
      response => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8')
          const isJson = /json/.test(response.headers['content-type'] ?? '') && text !== ''
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            json: isJson ? (JSON.parse(text) as { [field: string]: unknown }) : {},
          })
        })
      },
    )
    sent.on('error', reject)
    sent.end(payload)
  })
}
