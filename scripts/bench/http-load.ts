/** Many requests at once over kept connections, as cheap for the machine as Node allows. */
import { Agent, request } from 'node:http'

export interface Reply {
  readonly status: number
  readonly body: string
  readonly elapsedMs: number
}

export function loadAgent(connections: number): Agent {
  return new Agent({ keepAlive: true, maxSockets: connections, maxTotalSockets: connections })
}

export function send(
  agent: Agent,
  url: { port: number; path: string; method?: string },
  body?: string,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const start = performance.now()
    const call = request(
      {
        agent,
        host: '127.0.0.1',
        method: body === undefined ? 'GET' : 'POST',
        ...url,
        ...(body !== undefined && {
          headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        }),
      },
      answer => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('error', reject)
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            body: Buffer.concat(chunks).toString(),
            elapsedMs: performance.now() - start,
          }),
        )
      },
    )
    call.on('error', reject)
    call.end(body)
  })
}

/** GET requests/s of one path over some connections, for `forMs`. */
export async function getsPerSecond(
  port: number,
  path: string,
  { connections = 16, forMs = 3_000 } = {},
): Promise<number> {
  const agent = loadAgent(connections)
  const end = performance.now() + forMs
  let count = 0
  const start = performance.now()
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < end) {
        const { status } = await send(agent, { port, path })
        if (status !== 200) throw new Error(`${path} answered ${status}`)
        count += 1
      }
    }),
  )
  agent.destroy()
  return (count * 1000) / (performance.now() - start)
}
