import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { passphrase, TestApiNode } from '../../../test/helpers/api-node.ts'
import { call, type HttpAnswer, type HttpCall } from '../../../test/helpers/http-call.ts'

const balance = '/api/wallet/balance'
const transfer = '/api/wallet/transfer'

function refused(answer: HttpAnswer, status: number, code: string, field?: string): void {
  assert.equal(answer.json['code'], code, answer.text)
  assert.equal(answer.status, status)
  assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json/)
  if (field !== undefined) {
    assert.equal(answer.json['field'], field)
    assert.ok(String(answer.json['detail']).includes(field), answer.text)
  }
}

describe('on a network that trusts nobody', () => {
  let node: TestApiNode
  let cookie: string
  const bearer = (credential: string): { authorization: string } => ({ authorization: `Bearer ${credential}` })
  const pay = (options: HttpCall & { fields?: object } = {}): Promise<HttpAnswer> =>
    call(node, transfer, { body: { to: node.names.stranger, amount: 1, ...options.fields }, ...options })

  before(async () => {
    node = await TestApiNode.start({ network: 'testnet', api: { hostNames: ['node.example'] } })
    cookie = await node.cookie()
  })
  after(() => node.stop())

  test('every name of this machine and the configured ones are accepted as Host, with our port only', async () => {
    const { port } = new URL(node.url)
    for (const name of ['127.0.0.1', 'localhost', 'LOCALHOST', '[::1]', 'node.example']) {
      assert.equal((await call(node, balance, { headers: { host: `${name}:${port}` } })).status, 200, name)
    }
    const foreign = [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1',
      `127.0.0.1:1${port}`,
      `127.0.0.2:${port}`,
      `localhost.:${port}`,
      `127.1:${port}`,
      `node.example.evil:${port}`,
    ]
    for (const host of foreign) refused(await call(node, balance, { headers: { host } }), 403, 'foreign_host', 'Host')
  })

  test('a request without a Host is refused', async () => {
    const { port } = new URL(node.url)
    const text = await new Promise<string>((resolve, reject) => {
      let answer = ''
      const socket = connect(Number(port), '127.0.0.1', () => socket.end(`GET ${balance} HTTP/1.0\r\n\r\n`))
      socket.on('data', chunk => (answer += chunk.toString()))
      socket.on('end', () => resolve(answer))
      socket.on('error', reject)
    })
    assert.match(text, /403 Forbidden/)
    assert.match(text, /"code":"foreign_host"/)
  })

  test('web pages of other origins may not call', async () => {
    const { host } = new URL(node.url)
    const foreign: [string, string][] = [
      ['origin', 'https://evil.example'],
      ['origin', 'null'],
      ['origin', `http://${host}.evil.example`],
      ['origin', `http://localhost:${new URL(node.url).port}`],
      ['sec-fetch-site', 'cross-site'],
      ['sec-fetch-site', 'same-site'],
      ['referer', 'https://evil.example/page'],
      ['referer', `http://${host}@evil.example/`],
    ]
    for (const [name, value] of foreign) {
      refused(await call(node, balance, { headers: { [name]: value } }), 403, 'foreign_origin')
      refused(await pay({ headers: { [name]: value, ...bearer(cookie) } }), 403, 'foreign_origin')
    }
    const own = { origin: `http://${host}`, referer: `http://${host}/api/docs`, 'sec-fetch-site': 'same-origin' }
    assert.equal((await call(node, balance, { headers: own })).status, 200)
  })

  test('no preflight is answered and no upgrade', async () => {
    refused(await call(node, transfer, { method: 'OPTIONS' }), 405, 'wrong_method')
    refused(
      await call(node, balance, { headers: { connection: 'Upgrade', upgrade: 'websocket' } }),
      400,
      'malformed',
      'Upgrade',
    )
  })

  test('the checks come in the order Host, browser headers, method, credential, type, size, body', async () => {
    const { host } = new URL(node.url)
    const wrong = {
      host: 'evil.example',
      origin: 'null',
      authorization: 'Bearer no',
      'content-type': 'text/plain',
      'content-length': '2000000',
    }
    const body = 'x'.repeat(2_000_000)
    refused(await call(node, transfer, { method: 'OPTIONS', headers: wrong, body }), 403, 'foreign_host')
    refused(await call(node, transfer, { method: 'OPTIONS', headers: { ...wrong, host }, body }), 403, 'foreign_origin')
    refused(
      await call(node, transfer, { method: 'OPTIONS', headers: { ...wrong, host, origin: undefined }, body }),
      405,
      'wrong_method',
    )
    refused(
      await call(node, transfer, { headers: { ...wrong, host, origin: undefined }, body }),
      401,
      'credential_is_wrong',
    )
    const known = { ...wrong, host, origin: undefined, ...bearer(cookie) }
    refused(await call(node, transfer, { headers: known, body }), 415, 'body_is_not_json')
    refused(
      await call(node, transfer, { headers: { ...known, 'content-type': 'application/json' }, body }),
      413,
      'body_is_too_large',
    )
    refused(await pay({ headers: { ...bearer(cookie) }, body: '{' }), 400, 'malformed')
  })

  test('a wrong credential costs a quarter of a second, whatever it is', async () => {
    for (const authorization of [
      'Bearer no',
      `Bearer ${cookie}x`,
      `Bearer ${cookie.slice(1)}`,
      'Bearer',
      `Basic ${cookie}`,
      '',
    ]) {
      const start = performance.now()
      const answer = await call(node, balance, { headers: { authorization } })
      assert.ok(performance.now() - start >= 245, authorization)
      refused(answer, 401, 'credential_is_wrong', 'Authorization')
      assert.equal(answer.headers['www-authenticate'], 'Bearer')
    }
  })

  test('reading needs no credential, writing does', async () => {
    assert.equal((await call(node, balance)).status, 200)
    refused(await pay(), 401, 'credential_is_missing', 'passphrase')
    refused(await call(node, '/api/identity/lock', { body: {} }), 401, 'credential_is_missing')
  })

  test('the cookie is not enough while the identity is locked, nor is the unlocked identity without the cookie', async () => {
    const withCookie = bearer(cookie)
    refused(await pay({ headers: withCookie }), 401, 'identity_is_locked', 'did')
    await node.wallet.unlock(node.did, passphrase, 60_000)
    refused(await pay(), 401, 'credential_is_missing')
    assert.equal((await pay({ headers: withCookie })).status, 200)
    node.wallet.lock(node.did)
  })

  test('the passphrase in the body is enough, and only the right one', async () => {
    assert.equal((await pay({ fields: { passphrase } })).status, 200)
    refused(await pay({ fields: { passphrase: 'wrong' } }), 401, 'passphrase_is_wrong', 'passphrase')
    const next = await pay({ fields: { passphrase } })
    refused(next, 429, 'too_many_attempts', 'passphrase')
    assert.equal(next.headers['retry-after'], '1')
  })

  test('wrong passphrases of strangers and agents do not lock the owner out', async () => {
    const made = await call(node, '/api/tokens', {
      body: { scopes: ['wallet'], did: node.names.other },
      viaSocket: true,
    })
    const agent = bearer(String(made.json['token']))
    const wrong = { did: node.names.other, to: node.names.stranger, amount: 1, passphrase: 'wrong' }
    assert.equal((await call(node, transfer, { body: wrong, headers: agent })).json['code'], 'passphrase_is_wrong')
    assert.equal((await call(node, transfer, { body: wrong })).json['code'], 'too_many_attempts')
    assert.equal((await call(node, '/api/identity', { body: { passphrase: 'wrong' } })).status, 401)
    const unlock = { did: node.names.other, passphrase }
    assert.equal((await call(node, '/api/identity/unlock', { body: unlock })).json['code'], 'too_many_attempts')
    assert.equal((await call(node, '/api/identity/unlock', { body: unlock, viaSocket: true })).status, 200)
    assert.equal((await call(node, '/api/identity', { body: { passphrase }, viaSocket: true })).status, 200)
    node.wallet.lock(node.other)
  })

  test('who shows an agent token on the Unix socket is never taken for the owner', async () => {
    const made = await call(node, '/api/tokens', { body: { scopes: ['read'] }, viaSocket: true })
    const token = String(made.json['token'])
    const lock = (text: string) =>
      call(node, '/api/identity/lock', { body: {}, headers: bearer(text), viaSocket: true })
    refused(await lock(token), 403, 'owner_is_needed')
    refused(await lock(token.slice(0, -1)), 401, 'credential_is_wrong', 'Authorization')
    await call(node, `/api/tokens/${String(made.json['id'])}/revoke`, { body: {}, viaSocket: true })
    refused(await lock(token), 401, 'token_has_ended', 'Authorization')
    assert.equal((await lock('the cookie of an earlier run')).status, 200)
  })

  test('the Unix socket is open to its owner only, and needs neither Host nor credential', async () => {
    await node.wallet.unlock(node.other, passphrase, 60_000)
    assert.equal(statSync(node.socketPath).mode & 0o777, 0o600)
    const headers = { host: 'anything' }
    const body = { did: node.names.other, to: node.names.stranger, amount: 1 }
    assert.equal((await call(node, transfer, { viaSocket: true, headers, body })).status, 200)
    refused(
      await call(node, transfer, { viaSocket: true, headers: { ...headers, origin: 'https://evil.example' }, body }),
      403,
      'foreign_origin',
    )
  })

  test('the cookie is a new one at every start and gone after the end', async () => {
    await node.restartApi()
    const next = await node.cookie()
    assert.notEqual(next, cookie)
    refused(await call(node, balance, { headers: bearer(cookie) }), 401, 'credential_is_wrong')
    assert.equal((await call(node, balance, { headers: bearer(next) })).status, 200)
    await node.api.stop()
    await assert.rejects(node.cookie(), { code: 'ENOENT' })
    await node.restartApi()
  })
})

describe('with an API token', () => {
  let node: TestApiNode
  const token = 'a-token-of-many-characters'
  before(async () => {
    node = await TestApiNode.start({ network: 'local', api: { token } })
  })
  after(() => node.stop())

  test('every request but /health needs it, on local too', async () => {
    for (const path of [
      balance,
      '/api/node/status',
      '/api/docs',
      '/api/openapi.json',
      '/api/events',
      '/no/such/path',
    ]) {
      refused(await call(node, path), 401, 'credential_is_missing', 'Authorization')
    }
    assert.equal((await call(node, '/health')).status, 200)
    assert.equal((await call(node, balance, { headers: { authorization: `Bearer ${token}` } })).status, 200)
    assert.equal((await call(node, balance, { headers: { authorization: `bearer ${token}` } })).status, 200)
    refused(await call(node, '/health', { headers: { authorization: 'Bearer no' } }), 401, 'credential_is_wrong')
  })

  test('the token signs with an unlocked identity', async () => {
    await node.wallet.unlock(node.did, passphrase, 60_000)
    const headers = { authorization: `Bearer ${token}` }
    const answer = await call(node, transfer, { headers, body: { to: node.names.stranger, amount: 1 } })
    assert.equal(answer.status, 200, answer.text)
  })
})

describe('on a local network', () => {
  let node: TestApiNode
  before(async () => {
    node = await TestApiNode.start({ network: 'local' })
  })
  after(() => node.stop())

  test('an unlocked identity is enough to write', async () => {
    const body = { to: node.names.stranger, amount: 1 }
    refused(await call(node, transfer, { body }), 401, 'identity_is_locked')
    await node.wallet.unlock(node.did, passphrase, 60_000)
    assert.equal((await call(node, transfer, { body })).status, 200)
  })
})

test('a read-only node answers questions and takes no writes', async () => {
  const node = await TestApiNode.start({ network: 'local', api: { readonly: true } })
  try {
    assert.equal((await call(node, balance)).status, 200)
    const prepare = { kind: 'wallet.transfer', payload: { to: node.names.stranger, amount: 1 } }
    assert.equal((await call(node, '/api/tx/prepare', { body: prepare })).status, 200)
    for (const path of [transfer, '/api/tx', '/api/identity', '/api/identity/unlock', '/api/identity/lock']) {
      refused(await call(node, path, { body: {} }), 403, 'read_only')
      refused(await call(node, path, { body: {}, viaSocket: true }), 403, 'read_only')
    }
  } finally {
    await node.stop()
  }
})
