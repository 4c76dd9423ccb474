/** The HTTP API of a node: listens on a port of this machine and on a Unix socket, and closes without losing answers. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, isIPv6, type Socket } from 'node:net'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { replacePrivateFile } from '../private-files.ts'
import { Audit } from './audit.ts'
import { EventStreams } from './events.ts'
import { Guard } from './guard.ts'
import { httpApp } from './http-app.ts'
import type { ApiNode, ApiOptions } from './node.ts'
import { openapiOf } from './openapi.ts'
import { Orders } from './orders.ts'
import { Outcomes } from './outcomes.ts'
import { Rejections } from './problems.ts'
import { renderReferencePage } from './reference-page.ts'
import { apiRoutes } from './routes.ts'
import { Sender } from './sender.ts'
import { AgentTokens } from './tokens.ts'

/** The API cannot be served as it is set up; the message says what to do. */
export class ApiStartError extends Error {
  override readonly name = 'ApiStartError'
}

/** How long requests may take to end once the server stops. */
const stopGraceMs = 3_000
const connectionsMax = 1_024
/** Longer paths do not fit the address of a Unix socket on every system. */
const socketPathBytesMax = 103

export class ApiServer {
  /** Where the API answers: `http://127.0.0.1:9528`. */
  readonly url: string
  readonly #stop: () => Promise<void>

  /** Throws ApiStartError where the address cannot be served. */
  static async start(options: ApiOptions, node: ApiNode): Promise<ApiServer> {
    const { host, token, directory } = options
    if (!isLoopback(host) && token === undefined) {
      throw new ApiStartError(`api.host ${host} is reachable by other machines: set api.token, or take 127.0.0.1`)
    }
    const { clock, log, chain, mempool } = node
    const closers: (() => Promise<unknown> | void)[] = []
    const stop = async (): Promise<void> => {
      for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close()
    }

    try {
      const tokens = AgentTokens.open(options, { clock })
      const orders = await Orders.open(options, { chain, clock })
      closers.push(() => orders.close())
      const audit = await Audit.open(options, { clock })
      const warnOfAudit = (error: unknown): void => log.error('the end of this run is not in the audit log', { error })
      closers.push(async () => {
        // A disk that refuses these lines must not keep the rest from closing.
        await audit.record({ who: 'node', what: 'stop', outcome: 'ok' }).catch(warnOfAudit)
        await audit.close().catch(warnOfAudit)
      })
      await audit.record({ who: 'node', what: 'start', about: node.version, outcome: 'ok' })

      const rejections = new Rejections(chain.ledger, node.mempoolCodes)
      const routes = apiRoutes(chain.ledger)
      const outcomes = new Outcomes({ chain, mempool, clock })
      const events = new EventStreams({ chain, rejections, clock })
      const sender = new Sender({ node, outcomes, orders, tokens, rejections })
      sender.resume()
      const openapi = openapiOf(routes, { version: node.version, rejections })
      const reference = { openapi: JSON.stringify(openapi), page: renderReferencePage(openapi) }

      const cookie = randomBytes(32).toString('base64url')
      const cookiePath = join(directory, 'api.cookie')
      replacePrivateFile(cookiePath, `${cookie}\n`)
      closers.push(() => rmSync(cookiePath, { force: true }))
      const hostNames = [...options.hostNames, urlHost(host)]
      const guard = new Guard({ ...options, hostNames, trustsLoopback: node.network === 'local' }, { cookie, tokens })
      guard.listensOn(options.port)

      const ownSockets = new WeakSet<Socket>()
      const context = { node, rejections, outcomes, sender, tokens, orders, events, reference }
      const app = httpApp(routes, { context, guard, audit, isOwnSocket: socket => ownSockets.has(socket) })
      app.server.maxConnections = connectionsMax
      await app.ready()

      const servers = [app.server]
      if (options.socketPath !== undefined) {
        const server = createServer((request, response) => app.routing(request, response))
        server.on('connection', socket => ownSockets.add(socket))
        if (await listenOnSocket(server, options.socketPath, node)) servers.push(server)
      }
      closers.push(async () => {
        events.close()
        outcomes.close()
        const cancel = clock.after(stopGraceMs, () => {
          for (const server of servers) server.closeAllConnections()
        })
        await Promise.all([app.close(), ...servers.slice(1).map(closed)])
        cancel()
      })
      guard.listensOn(await listenOnPort(app, options))

      const { port } = app.server.address() as AddressInfo
      const url = `http://${urlHost(host)}:${port}`
      log.info('the API answers', { url })
      return new ApiServer(url, stop)
    } catch (error) {
      await stop()
      throw error
    }
  }

  private constructor(url: string, stop: () => Promise<void>) {
    this.url = url
    this.#stop = stop
  }

  /** Ends event streams, answers what is under way and closes. */
  async stop(): Promise<void> {
    await this.#stop()
  }
}

async function listenOnPort(app: FastifyInstance, { host, port }: ApiOptions): Promise<number> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EADDRINUSE') {
      throw new ApiStartError(`port ${port} of ${host} is in use: stop the other program, or set api.port (--api-port)`)
    }
    if (code === 'EACCES' || code === 'EADDRNOTAVAIL') {
      throw new ApiStartError(`cannot listen on port ${port} of ${host} (${code}): set api.host or api.port`)
    }
    throw error
  }
  return (app.server.address() as AddressInfo).port
}

/** False where the system has no room for the path: then the port and the cookie serve. */
async function listenOnSocket(server: Server, path: string, { log }: ApiNode): Promise<boolean> {
  if (Buffer.byteLength(path) > socketPathBytesMax) {
    log.warn('no Unix socket: its path is too long', { path, bytesMax: socketPathBytesMax })
    return false
  }
  // The node is the only one in this directory, so what is there was left by a run that was killed.
  rmSync(path, { force: true })
  // The socket is made within `listen`, so nobody else can open it even for a moment.
  const mask = process.umask(0o177)
  try {
    server.listen(path)
  } finally {
    process.umask(mask)
  }
  await once(server, 'listening')
  return true
}

/** Resolves once the last request is answered. */
async function closed(server: Server): Promise<void> {
  const done = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  await done
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** How others write the address: the wildcard is this machine. */
function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return isIPv6(host) ? `[${host}]` : host
}
