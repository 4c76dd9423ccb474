/** What the guard of a running node refuses, for every path of its own OpenAPI document: no list of paths stands here. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { auditFileIn, verifyAudit } from '../../node/src/audit-log.ts'
import type { OpenApi, Operation } from '../../node/src/api/openapi.ts'
import { type Daemon, DaemonNetwork, type NetworkOptions } from '../helpers/daemons.ts'
import { type ApiPlace, call, type HttpAnswer, type HttpCall } from '../helpers/http-call.ts'

type Body = { readonly [field: string]: unknown }

interface Path {
  readonly method: string
  readonly path: string
  readonly operation: Operation
  /** Its example, without the passphrase in it. */
  readonly body: Body
}

/** A running node and what opens it. */
interface Subject {
  readonly daemon: Daemon
  readonly place: ApiPlace
  readonly cookie: string
  readonly passphrase: string
  readonly paths: readonly Path[]
  readonly tokens: { readonly [name in 'reader' | 'other' | 'revoked']: string }
}

interface Attempt {
  readonly claim: string
  readonly request: (path: Path, subject: Subject) => HttpCall
  /** The statuses that refuse it; undefined where the document says that this is open to everybody. */
  readonly refusal: (path: Path, subject: Subject) => readonly number[] | undefined
}

const json = (body: Body): HttpCall => ({ method: 'POST', body })
const bearer = (token: string): { authorization: string } => ({ authorization: `Bearer ${token}` })
const accessOf = ({ operation }: Path): string => operation['x-access']
const isWrite = (path: Path): boolean => accessOf(path) === 'write' || accessOf(path) === 'owner'

/** With the owner's credential, so that nothing but the header is wrong. */
function withHeaders(claim: string, status: number, headers: HttpCall['headers']): Attempt {
  return {
    claim,
    request: ({ body }, { cookie }) => ({ ...json(body), headers: { ...bearer(cookie), ...headers } }),
    refusal: () => [status],
  }
}

function asForm(type: string, encode: (body: Body) => string): Attempt {
  return {
    claim: `as a form post of type ${type}`,
    request: ({ body }, { cookie }) => ({
      method: 'POST',
      body: encode(body),
      headers: { ...bearer(cookie), 'content-type': type },
    }),
    refusal: () => [415],
  }
}

function withMethod(method: string): Attempt {
  return {
    claim: `by ${method}`,
    request: (_, { cookie }) => ({ method, headers: bearer(cookie) }),
    refusal: ({ path }, { paths }) =>
      paths.some(other => other.path === path && other.method === method.replace('HEAD', 'GET')) ? undefined : [405],
  }
}

const fields = (body: Body): string =>
  new URLSearchParams(Object.entries(body).map(([name, value]) => [name, String(value)])).toString()

const attempts: readonly Attempt[] = [
  {
    claim: 'without a credential',
    request: ({ body }) => json(body),
    refusal: (path, { daemon }) => (isWrite(path) || hasApiToken(daemon) ? [401] : undefined),
  },
  {
    claim: 'with a wrong token',
    request: ({ body }) => ({ ...json(body), headers: bearer('0'.repeat(43)) }),
    refusal: () => [401],
  },
  {
    claim: 'with an agent token that nobody made',
    request: ({ body }) => ({ ...json(body), headers: bearer(`clawt_000000000000_${'0'.repeat(43)}`) }),
    refusal: () => [401],
  },
  {
    claim: 'with an agent token that was revoked',
    request: ({ body }, { tokens }) => ({ ...json(body), headers: bearer(tokens.revoked) }),
    refusal: () => [401],
  },
  {
    claim: 'with a credential of another scheme',
    request: ({ body }, { cookie }) => ({ ...json(body), headers: { authorization: `Basic ${cookie}` } }),
    refusal: () => [401],
  },
  {
    claim: 'with the token of an agent that may only read',
    request: ({ body }, { tokens }) => ({ ...json(body), headers: bearer(tokens.reader) }),
    refusal: path => (isWrite(path) ? [403] : undefined),
  },
  {
    claim: 'with the token of the agent of another identity',
    request: (path, { daemon, tokens }) => ({
      ...json(accessOf(path) === 'write' ? { ...path.body, did: daemon.did } : path.body),
      headers: bearer(tokens.other),
    }),
    refusal: path => (isWrite(path) ? [403] : undefined),
  },
  withHeaders('from a foreign origin', 403, { origin: 'http://evil.example' }),
  withHeaders('from another port of this machine', 403, { origin: 'http://127.0.0.1:1' }),
  withHeaders('from a page without an origin', 403, { origin: 'null' }),
  withHeaders('as the browser marks requests of other sites', 403, { 'sec-fetch-site': 'cross-site' }),
  withHeaders('as the browser marks requests of other ports', 403, { 'sec-fetch-site': 'same-site' }),
  withHeaders('referred by a foreign page', 403, { referer: 'http://evil.example/page' }),
  withHeaders('to a foreign host', 403, { host: 'evil.example' }),
  withHeaders('to another port', 403, { host: '127.0.0.1:1' }),
  withHeaders('as an upgrade', 400, { connection: 'upgrade', upgrade: 'websocket' }),
  withHeaders('compressed', 415, { 'content-encoding': 'gzip' }),
  asForm('application/x-www-form-urlencoded', fields),
  asForm('text/plain', body => JSON.stringify(body)),
  asForm('multipart/form-data; boundary=b', body => `--b\r\n\r\n${JSON.stringify(body)}\r\n--b--\r\n`),
  {
    claim: 'as JSON without a type',
    request: ({ body }, { cookie }) => ({
      method: 'POST',
      body: Buffer.from(JSON.stringify(body)),
      headers: { ...bearer(cookie), 'content-type': undefined },
    }),
    refusal: () => [415],
  },
  ...['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'].map(withMethod),
  {
    claim: 'by OPTIONS, as a preflight',
    request: () => ({
      method: 'OPTIONS',
      headers: { 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
    }),
    refusal: () => [405],
  },
]

const networks: { readonly [name: string]: Partial<NetworkOptions> } = {
  'a network that trusts nobody on loopback': { adjust: genesis => ({ ...genesis, network: 'testnet' }) },
  'a local network with an API token': { settings: { 'api.token': 'a-token-of-32-characters-at-least' } },
}

for (const [name, options] of Object.entries(networks)) {
  describe(`on ${name}`, () => {
    let network: DaemonNetwork
    let subject: Subject
    before(async () => {
      network = await DaemonNetwork.found({ nodes: 1, ...options })
      await network.start()
      subject = await opened(network.daemon(1))
    })
    after(() => network?.destroy())

    for (const attempt of attempts) {
      test(`no write comes through ${attempt.claim}, and nothing changes`, async () => {
        const { place, paths, daemon } = subject
        const before = await state(daemon)
        const posts = paths.filter(({ method }) => method === 'POST')
        assert.ok(posts.filter(isWrite).length > 10)
        await Promise.all(
          posts.map(async path => {
            const answer = await call(place, path.path, attempt.request(path, subject))
            const refusal = attempt.refusal(path, subject)
            const told = `${path.method} ${path.path}: ${answer.status} ${answer.text.slice(0, 200)}`
            if (refusal !== undefined) assert.ok(refusal.includes(answer.status), told)
            assert.equal(letsPagesIn(answer), false, told)
          }),
        )
        assert.deepEqual(await state(daemon), before)
      })
    }

    test('no foreign page reads, whatever it asks for', async () => {
      const { place, paths, cookie } = subject
      const foreign = [
        { origin: 'http://evil.example' },
        { 'sec-fetch-site': 'cross-site' },
        { referer: 'https://evil.example/' },
        { host: 'evil.example' },
        { host: `evil.example:${new URL(place.url).port}` },
      ]
      for (const { path } of paths.filter(({ method }) => method === 'GET')) {
        for (const headers of foreign) {
          const answer = await call(place, path, { headers: { ...bearer(cookie), ...headers } })
          assert.equal(answer.status, 403, path)
          assert.equal(letsPagesIn(answer), false, path)
        }
      }
    })

    test('what needs a credential to be read is not read without one, and nothing with a wrong one', async () => {
      const { place, paths, daemon } = subject
      const reads = paths.filter(({ method }) => method === 'GET')
      await Promise.all(
        reads.map(async path => {
          const isOpen = accessOf(path) === 'public' || (accessOf(path) === 'read' && !hasApiToken(daemon))
          if (!isOpen) assert.equal((await call(place, path.path)).status, 401, path.path)
          assert.equal((await call(place, path.path, { headers: bearer('wrong') })).status, 401, path.path)
        }),
      )
    })

    test('with the owner’s credential the same requests are refused by nobody', async () => {
      const { place, paths, cookie, passphrase } = subject
      for (const path of paths.filter(isWrite)) {
        const body = { ...path.body, ...(takesPassphrase(path) && { passphrase }) }
        const answer = await call(place, path.path, { ...json(body), headers: bearer(cookie) })
        const told = `${path.path}: ${answer.status} ${answer.text.slice(0, 300)}`
        assert.ok(![400, 401, 403, 405, 415, 500].includes(answer.status), told)
      }
    })

    test('all of it is on record, in a chain that holds', () => {
      const { lines, faults } = verifyAudit(auditFileIn(subject.daemon.home))
      assert.deepEqual(faults, [])
      assert.ok(lines > 100)
    })
  })
}

/** Unlocks the node, gives it a second identity and agents, and leaves an approval waiting. */
async function opened(daemon: Daemon): Promise<Subject> {
  const passphrase = readFileSync(join(daemon.home, 'keys', 'local.passphrase'), 'utf8').trim()
  const cookie = readFileSync(join(daemon.home, 'api.cookie'), 'utf8').trim()
  const place = { url: `http://127.0.0.1:${daemon.apiPort}`, socketPath: join(daemon.home, 'clawnetd.sock') }
  const done = async (path: string, body: Body) => {
    const answer = await daemon.post(path, body)
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    return answer.body
  }
  await done('/api/identity/unlock', { passphrase, seconds: 3_600 })
  const { did: other } = await done('/api/identity', { passphrase })
  const all = ['wallet', 'identity', 'market', 'contracts', 'reputation']
  const reader = await done('/api/tokens', { scopes: ['read'] })
  const foreign = await done('/api/tokens', { scopes: all, did: other })
  const revoked = await done('/api/tokens', { scopes: all })
  await done(`/api/tokens/${revoked.id}/revoke`, {})
  const asking = await done('/api/tokens', { scopes: all, approvalAbove: 0 })
  const waits = await daemon.post('/api/wallet/transfer', { to: other, amount: 5 }, bearer(asking.token))
  assert.equal(waits.body.code, 'approval_is_needed')

  const ids: { readonly [tag: string]: string } = { tokens: reader.id, approvals: waits.body.approval }
  const document = (await daemon.get('/api/openapi.json')).body as OpenApi
  const paths = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]): Path => {
      const parameters = operation.parameters?.filter(({ in: where }) => where === 'path') ?? []
      const filled = parameters.reduce((text, { name, example }) => {
        const value = (name === 'id' && ids[operation.tags[0] ?? '']) || (name === 'did' ? daemon.did : example)
        assert.ok(typeof value === 'string' || typeof value === 'number', `${path} has no example of ${name}`)
        return text.replace(`{${name}}`, String(value))
      }, path)
      const example = operation.requestBody?.content['application/json']?.example ?? {}
      const { passphrase: _, ...body } = example as Body
      return { method: method.toUpperCase(), path: filled, operation, body }
    }),
  )
  const tokens = { reader: reader.token, other: foreign.token, revoked: revoked.token }
  return { daemon, place, cookie, passphrase, paths, tokens }
}

/** Whatever a request might change. */
async function state(daemon: Daemon): Promise<unknown> {
  const paths = ['/api/identity', '/api/tokens', '/api/approvals', '/api/wallet/history', '/api/wallet/balance']
  const answers = await Promise.all(paths.map(async path => (await daemon.get(path)).body))
  const { pendingTransactions } = (await daemon.get('/api/node/status')).body
  const { identities } = answers[0]
  const balances = await Promise.all(
    identities.map(
      async ({ did }: { did: string }) => (await daemon.get(`/api/wallet/balance?did=${encodeURIComponent(did)}`)).body,
    ),
  )
  return [...answers, ...balances, pendingTransactions].map(answer => ({ ...answer, asOfHeight: 0 }))
}

function hasApiToken(daemon: Daemon): boolean {
  return readFileSync(join(daemon.home, 'config.yaml'), 'utf8').includes('a-token-of-32')
}

function takesPassphrase({ operation }: Path): boolean {
  const schema = operation.requestBody?.content['application/json']?.schema as
    | { readonly properties?: { readonly passphrase?: unknown } }
    | undefined
  return schema?.properties?.passphrase !== undefined
}

/** A header with which a browser would show the answer to a page of another origin. */
function letsPagesIn({ headers }: HttpAnswer): boolean {
  return Object.keys(headers).some(name => name.startsWith('access-control-'))
}
