/** Puts the routes on Fastify: guard, strict body, answer, problem. Its own validation and coercion stay unused. */
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { DecodeError, type Json } from '@claw-network/protocol'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { type Audit, type AuditRemarks, stranger } from './audit.ts'
import { bodyBytesMax, challenge, type Guard } from './guard.ts'
import { type KeySlot, requestHash } from './idempotency.ts'
import { parseJson } from './json.ts'
import { callerOf, guest, type Principal } from './principal.ts'
import { malformed, Problem, problemBody } from './problems.ts'
import { fieldsOf, waitField } from './request-fields.ts'
import type { ApiContext, Call, JsonRoute, Route, RouteAccess } from './route.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    readonly access?: RouteAccess
  }
  interface FastifyRequest {
    /** Absent until the guard knows. */
    principal: Principal
    remarks: AuditRemarks
  }
}

/** What a wrong credential costs. */
const wrongCredentialMs = 250
/** How long a request may take to arrive. */
const requestTimeoutMs = 30_000
/** What `?wait=final` waits, and the most that `Prefer: wait=…` may. */
const waitSecondsDefault = 30
const waitSecondsMax = 120

export interface HttpAppDependencies {
  readonly context: ApiContext
  readonly guard: Guard
  readonly audit: Audit
  /** Whether a connection came through the Unix socket. */
  readonly isOwnSocket: (socket: Socket) => boolean
}

export function httpApp(routes: readonly Route[], dependencies: HttpAppDependencies): FastifyInstance {
  const { context, guard, audit, isOwnSocket } = dependencies
  const { clock, log } = context.node
  const run = randomBytes(4).toString('hex')
  let requests = 0
  const nextRequestId = (): string => `${run}-${(++requests).toString(36)}`
  const refuse = (error: Error, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const problem = problemOf(error)
    if (problem.status === 500) {
      log.error('a request failed', {
        requestId: request.id,
        path: pathOf(request),
        error: error.stack ?? String(error),
      })
    }
    return sendProblem(reply, problem)
  }

  const app = Fastify({
    bodyLimit: bodyBytesMax,
    requestTimeout: requestTimeoutMs,
    return503OnClosing: false,
    genReqId: nextRequestId,
    routerOptions: { maxParamLength: 1_024 },
    frameworkErrors: (error, request, reply) => void refuse(error, request, reply),
    clientErrorHandler: (error, socket) => refuseBytes(error, socket, nextRequestId()),
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, parseJson(body as Buffer))
  })
  app.decorateRequest('principal')
  app.addHook('onRequest', (request, _reply, done) => {
    request.remarks = {}
    done()
  })
  app.setErrorHandler(async (error: Error, request, reply) => {
    try {
      await recordRequest(request, problemOf(error).code, audit)
    } catch (failure) {
      // A refusal that is not on record is a fault of the node, whatever it was.
      return refuse(failure as Error, request, reply)
    }
    return refuse(error, request, reply)
  })
  app.setNotFoundHandler(request => {
    throw Problem.of('unknown_path', {
      detail: `${pathOf(request)}: there is no such path; /api/docs lists all of them.`,
    })
  })

  app.addHook('onRequest', (request, _reply, done) => {
    try {
      const { method, headers, raw, routeOptions } = request
      const access = routeOptions.config.access ?? 'read'
      const path = routeOptions.url ?? ''
      const knock = { method, headers, access, path, viaSocket: isOwnSocket(raw.socket) }
      request.principal = guard.identify(knock)
      guard.admit(request.principal, knock)
    } catch (error) {
      const isWrongGuess = error instanceof Problem && error.code === 'credential_is_wrong'
      if (isWrongGuess) clock.after(wrongCredentialMs, () => done(error))
      else done(error as Error)
      return
    }
    done()
  })

  for (const route of routes) {
    const { method, path: url, access } = route
    app.route({
      method,
      url,
      config: { access },
      exposeHeadRoute: method === 'GET' && !('open' in route),
      handler: (request, reply) => {
        if (!('open' in route)) return answer(route, request, reply, dependencies)
        const input = route.input.fromJson(fieldsOf(route, request))
        route.open(context, input, { headers: request.headers, response: reply.raw })
        reply.hijack()
        return
      },
    })
  }
  refuseOtherMethods(app, routes)
  // A person opens the address that the node prints.
  app.get('/', { exposeHeadRoute: false }, (_request, reply) => reply.redirect('/api/docs'))
  return app
}

function answer(
  route: JsonRoute<unknown, unknown>,
  request: FastifyRequest,
  reply: FastifyReply,
  { context, audit }: HttpAppDependencies,
): Promise<FastifyReply> | FastifyReply {
  const { principal } = request
  const fields = fieldsOf(route, request)
  const needsRight = route.access === 'write' || route.access === 'owner'
  if (needsRight && principal === guest && !Object.hasOwn(fields, 'passphrase')) {
    throw Problem.of('credential_is_missing', { field: 'passphrase', headers: challenge })
  }
  const input = route.input.fromJson(fields)
  const waitMs = waitMsOf(route, request, reply)

  if (route.method === 'GET') {
    const value = route.handle(context, input, callOf(request, reply, waitMs))
    const send = (found: unknown): FastifyReply =>
      sendJson(reply, {
        ...jsonOf(route, found),
        ...(route.access === 'read' && { asOfHeight: context.node.chain.tip.height }),
      })
    return value instanceof Promise ? value.then(send) : send(value)
  }
  const work = async (slot?: KeySlot): Promise<JsonObject> =>
    jsonOf(route, await route.handle(context, input, callOf(request, reply, waitMs, slot)))
  const key = idempotencyKeyOf(route, request)
  const run = (given: string): Promise<JsonObject> => {
    const asked = requestHash(route.method, pathOf(request), fields)
    return context.orders.keys.run({ caller: callerOf(principal), key: given, request: asked }, work)
  }
  return (key === undefined ? work() : run(key)).then(async json => {
    await recordRequest(request, 'ok', audit)
    return sendJson(reply, json)
  })
}

/** Returns once the audit log has it, where it belongs there: writes that are no foreign page's, and wrong credentials. */
async function recordRequest(request: FastifyRequest, outcome: string, audit: Audit): Promise<void> {
  const { method, remarks, routeOptions } = request
  const { access = 'read' } = routeOptions.config
  const principal = request.principal as Principal | undefined
  const isWrite = method === 'POST' && (access === 'write' || access === 'submit' || access === 'owner')
  const isGuess = outcome === 'credential_is_wrong' || outcome === 'token_has_ended'
  const isOurs = principal !== undefined || outcome === 'credential_is_missing'
  if (!isGuess && !(isWrite && isOurs)) return
  const isGuestsOwn = outcome === 'ok' && access !== 'submit'
  const what = `${method} ${routeOptions.url ?? 'an unknown path'}`
  await audit.record({ who: whoOf(principal, isGuestsOwn), what, ...remarks, outcome })
}

/** What a guest wrote, he wrote with a passphrase. */
function whoOf(principal: Principal | undefined, isGuestsOwn: boolean): string {
  if (principal?.role === 'owner') return principal.via
  if (principal?.role === 'agent') return `agent:${principal.token.id}`
  return principal?.role === 'guest' && isGuestsOwn ? 'passphrase' : stranger
}

type JsonObject = { readonly [name: string]: Json }

/** Every answer is a struct. */
function jsonOf(route: JsonRoute<unknown, unknown>, value: unknown): JsonObject {
  return route.answer.toJson(value) as JsonObject
}

function sendJson(reply: FastifyReply, json: JsonObject): FastifyReply {
  return withCommonHeaders(reply).header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(json))
}

function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return withCommonHeaders(reply)
    .code(problem.status)
    .headers(problem.headers)
    .header('content-type', 'application/problem+json')
    .send(JSON.stringify(problemBody(problem, reply.request.id)))
}

function withCommonHeaders(reply: FastifyReply): FastifyReply {
  return reply
    .header('cache-control', 'no-store')
    .header('x-content-type-options', 'nosniff')
    .header('x-request-id', reply.request.id)
}

function callOf(request: FastifyRequest, reply: FastifyReply, waitMs: number, keySlot?: KeySlot): Call {
  return {
    principal: request.principal,
    note(remarks) {
      request.remarks = { ...request.remarks, ...remarks }
    },
    waitMs,
    get signal() {
      const gone = new AbortController()
      if (reply.raw.destroyed) gone.abort()
      else reply.raw.once('close', () => gone.abort())
      return gone.signal
    },
    ...(keySlot && { keySlot }),
  }
}

/** `?wait=final`, or `Prefer: wait=30` (RFC 7240). */
function waitMsOf(route: JsonRoute<unknown, unknown>, { query, headers }: FastifyRequest, reply: FastifyReply): number {
  if (route.waits === undefined) return 0
  const asked = (query as { readonly [name: string]: unknown })[waitField]
  if (asked !== undefined && asked !== 'final')
    throw new DecodeError('must be "final", or leave it out').within(waitField)
  const { prefer } = headers
  const [, preferred] = /(?:^|[\s,;])wait=(\d{1,6})(?=$|[\s,;])/i.exec(typeof prefer === 'string' ? prefer : '') ?? []
  if (preferred !== undefined) {
    const seconds = Math.min(Number(preferred), waitSecondsMax)
    reply.header('preference-applied', `wait=${seconds}`)
    return seconds * 1000
  }
  return asked === undefined ? 0 : waitSecondsDefault * 1000
}

/** Undefined also for what may be repeated without one: others could fill the memory of keys with that. */
function idempotencyKeyOf(
  { access, tellsSecret }: JsonRoute<unknown, unknown>,
  { headers }: FastifyRequest,
): string | undefined {
  const key = headers['idempotency-key']
  if (key === undefined) return
  if (tellsSecret) throw new DecodeError('is not taken here: no answer with a secret is kept').within('Idempotency-Key')
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new DecodeError('must have 1 to 255 visible ASCII characters').within('Idempotency-Key')
  }
  return access === 'write' || access === 'owner' ? key : undefined
}

/** A path that exists, called with a method it does not have. */
function refuseOtherMethods(app: FastifyInstance, routes: readonly Route[]): void {
  const methodsOf = new Map<string, string[]>()
  for (const route of routes) {
    const known = methodsOf.get(route.path) ?? []
    known.push(route.method, ...(route.method === 'GET' && !('open' in route) ? ['HEAD'] : []))
    methodsOf.set(route.path, known)
  }
  for (const [url, known] of methodsOf) {
    const allow = known.join(', ')
    app.route({
      method: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'].filter(method => !known.includes(method)),
      url,
      exposeHeadRoute: false,
      // Before the body is read.
      onRequest: (request, _reply, done) =>
        done(
          Problem.of('wrong_method', {
            detail: `${request.method}: ${pathOf(request)} knows ${allow}.`,
            headers: { allow },
          }),
        ),
      handler: () => {},
    })
  }
}

function problemOf(error: Error): Problem {
  if (error instanceof Problem) return error
  if (error instanceof DecodeError) return malformed(error)
  const status =
    'statusCode' in error && 'code' in error && String(error.code).startsWith('FST_') ? error.statusCode : 500
  if (status === 413) return Problem.of('body_is_too_large')
  if (status === 415) return Problem.of('body_is_not_json', { field: 'Content-Type' })
  if (typeof status === 'number' && status < 500)
    return Problem.of('malformed', { detail: `request: ${error.message.slice(0, 200)}` })
  return Problem.of('internal_error')
}

/** Answers bytes that are not HTTP, or came too slowly. */
function refuseBytes(error: Error & { readonly code?: string }, socket: Socket, requestId: string): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const detail =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? 'request: its head has more than 16 KiB.'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? `request: it did not arrive within ${requestTimeoutMs / 1000} seconds.`
        : 'request: it is not HTTP/1.1.'
  const body = JSON.stringify(problemBody(Problem.of('malformed', { detail }), requestId))
  const head = ['HTTP/1.1 400 Bad Request', 'content-type: application/problem+json', 'connection: close']
  socket.end(`${head.join('\r\n')}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
}

function pathOf({ url }: { readonly url: string }): string {
  return url.split('?', 1)[0] ?? url
}
