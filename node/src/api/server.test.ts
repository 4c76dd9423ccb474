import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { passphrase, TestApiNode } from '../../../test/helpers/api-node.ts'
import { call } from '../../../test/helpers/http-call.ts'
import { ApiServer, ApiStartError } from './server.ts'

let node: TestApiNode
beforeEach(async () => {
  node = await TestApiNode.start({ network: 'local' })
})
afterEach(() => node.stop())

describe('starting', () => {
  test('an address that other machines reach needs a token', async () => {
    await node.api.stop()
    const start = (host: string, token?: string): Promise<ApiServer> =>
      ApiServer.start({ ...options(), host, ...(token && { token }) }, node.node)
    for (const host of ['0.0.0.0', '::', '192.168.1.1', 'node.example']) {
      await assert.rejects(
        start(host),
        (error: Error) => error instanceof ApiStartError && /api\.token/.test(error.message),
      )
    }
    await node.restartApi()
  })

  test('a port that is taken is named, and nothing is left open', async () => {
    await node.api.stop()
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise(resolve => other.once('listening', resolve))
    const { port } = other.address() as { port: number }
    await assert.rejects(
      ApiServer.start({ ...options(), port }, node.node),
      new RegExp(`port ${port} .* is in use.*--api-port`),
    )
    assert.ok(!existsSync(node.socketPath) && !existsSync(join(node.directory, 'api.cookie')))
    other.close()
    await node.restartApi()
  })

  test('a socket left by a killed run is replaced', async () => {
    await node.api.stop()
    writeFileSync(node.socketPath, '')
    await node.restartApi()
    assert.equal((await call(node, '/health', { viaSocket: true })).status, 200)
  })

  test('without room for the path of the socket the port serves', async () => {
    await node.restartApi({ socketPath: join(node.directory, 'x'.repeat(120)) })
    assert.equal((await call(node, '/health')).status, 200)
    assert.match(node.complaints[0]?.message ?? '', /too long/)
  })

  test('the cookie is readable by its owner only', () => {
    assert.equal(statSync(join(node.directory, 'api.cookie')).mode & 0o777, 0o600)
  })
})

describe('stopping', () => {
  test('answers who waits, closes the socket and leaves no file that grants anything', async () => {
    await node.wallet.unlock(node.did, passphrase, 60_000)
    const body = { to: node.names.stranger, amount: 1 }
    const waiting = call(node, '/api/wallet/transfer?wait=final', { body })
    while (node.mempool.size === 0) await new Promise(setImmediate)
    const start = performance.now()
    await node.api.stop()
    assert.ok(performance.now() - start < 2_000)
    assert.equal((await waiting).json['status'], 'unknown')
    assert.ok(!existsSync(node.socketPath) && !existsSync(join(node.directory, 'api.cookie')))
    await assert.rejects(call(node, '/health'), { code: 'ECONNREFUSED' })
    await node.restartApi()
  })

  test('does not wait for who keeps a connection open and says nothing', async () => {
    const { hostname, port } = new URL(node.url)
    const silent = request({
      hostname,
      port,
      method: 'POST',
      path: '/api/tx',
      headers: { 'content-type': 'application/json', 'content-length': 10 },
    })
    silent.on('error', () => {})
    await new Promise<void>(resolve => silent.on('socket', socket => socket.on('connect', resolve)))
    silent.write('{')
    await call(node, '/health')
    const start = performance.now()
    await node.api.stop()
    assert.ok(performance.now() - start < 5_000)
    await node.restartApi()
  })
})

describe('the reference', () => {
  test('has every path, and every path of it answers', async () => {
    const document = (await call(node, '/api/openapi.json')).json as {
      openapi: string
      paths: { [path: string]: { [method: string]: { operationId: string } } }
    }
    assert.equal(document.openapi, '3.1.1')
    const seed = {
      get: [
        '/api/node/status',
        '/api/node/peers',
        '/api/identity',
        '/api/identity/{did}',
        '/api/wallet/balance',
        '/api/wallet/history',
      ],
      post: ['/api/wallet/transfer'],
    }
    for (const [method, paths] of Object.entries(seed)) {
      for (const path of paths) assert.ok(document.paths[path]?.[method], `${method} ${path}`)
    }
    const ids = Object.values(document.paths).flatMap(methods =>
      Object.values(methods).map(({ operationId }) => operationId),
    )
    assert.equal(new Set(ids).size, ids.length, 'operation ids are distinct')
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const method of Object.keys(methods)) {
        if (path === '/api/events') continue
        const { json, status } = await call(node, path.replace(/\{\w+\}/g, 'x'), method === 'post' ? { body: {} } : {})
        assert.ok(status !== 405 && json['code'] !== 'unknown_path', `${method} ${path}: ${status}`)
      }
    }
  })

  test('is a page that loads and runs nothing', async () => {
    const { headers, text, status } = await call(node, '/api/docs')
    assert.equal(status, 200)
    const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(text) ?? []
    const digest = createHash('sha256').update(style).digest('base64')
    assert.equal(
      headers['content-security-policy'],
      `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    )
    assert.doesNotMatch(text, /<script|<link|<img|<iframe|@import|url\(| on\w+=| style=/)
    assert.match(text, /id="funds_are_short"/)
    for (const [, anchor] of text.matchAll(/href="#([^"]+)"/g)) assert.ok(text.includes(`id="${anchor}"`), anchor)
  })
})

test('answers to reads say as of which block they are, and are never cached', async () => {
  const { json, headers } = await call(node, '/api/wallet/balance')
  assert.equal(json['asOfHeight'], 0)
  assert.equal(headers['cache-control'], 'no-store')
  assert.equal(headers['x-content-type-options'], 'nosniff')
})

test('the status has the fields of the description, with true figures', async () => {
  node.conditionOver = { synced: false, targetHeight: 7, degraded: ['no peer is connected'] }
  const { json } = await call(node, '/api/node/status')
  const { did, synced, blockHeight, peers, network, targetHeight, degraded } = json
  assert.deepEqual(
    { did, synced, blockHeight, peers, network, targetHeight, degraded },
    {
      did: node.names.did,
      synced: false,
      blockHeight: 0,
      peers: 0,
      network: 'local',
      targetHeight: 7,
      degraded: ['no peer is connected'],
    },
  )
  assert.equal((await call(node, '/health')).json['status'], 'degraded')
})

test('HEAD is answered like GET without the body', async () => {
  const { status, text, headers } = await call(node, '/api/node/status', { method: 'HEAD' })
  assert.equal(status, 200)
  assert.equal(text, '')
  assert.ok(Number(headers['content-length']) > 100)
})

test('a method that a path does not have is answered with those it has', async () => {
  const allowed = async (method: string, path: string): Promise<unknown> => {
    const { status, headers } = await call(node, path, { method })
    return [status, headers.allow]
  }
  assert.deepEqual(await allowed('DELETE', '/api/node/status'), [405, 'GET, HEAD'])
  assert.deepEqual(await allowed('HEAD', '/api/wallet/transfer'), [405, 'POST'])
  assert.deepEqual(await allowed('HEAD', '/api/events'), [405, 'GET'])
  assert.deepEqual(await allowed('PUT', '/api/identity'), [405, 'GET, HEAD, POST'])
})

test('a history is paged by offset and by cursor alike, newest first', async () => {
  node.decide()
  await node.wallet.unlock(node.did, passphrase, 60_000)
  for (let amount = 1; amount <= 7; amount += 1) {
    const body = { to: node.names.stranger, amount }
    assert.equal((await call(node, '/api/wallet/transfer?wait=final', { body })).json['status'], 'final')
  }
  type Page = { entries: { change: number; height: number; txHash: string }[]; cursor?: string }
  const page = async (query: string): Promise<Page> =>
    (await call(node, `/api/wallet/history?address=${node.names.stranger}&${query}`)).json as unknown as Page
  const all = await page('limit=200')
  assert.deepEqual(
    all.entries.map(({ change }) => change),
    [7, 6, 5, 4, 3, 2, 1],
  )
  assert.equal(all.cursor, undefined)
  assert.deepEqual((await page('limit=3&offset=2')).entries, all.entries.slice(2, 5))
  const pages: Page['entries'] = []
  let cursor = ''
  for (;;) {
    const { entries, cursor: next } = await page(`limit=3${cursor}`)
    pages.push(...entries)
    if (next === undefined) break
    cursor = `&cursor=${next}`
  }
  assert.deepEqual(pages, all.entries)
})

test('a block is found by height, by hash and as the latest, page by page', async () => {
  await node.wallet.unlock(node.did, passphrase, 60_000)
  const bodies = Array.from({ length: 5 }, (_, index) => ({ to: node.names.stranger, amount: index + 1 }))
  await Promise.all(bodies.map(body => call(node, '/api/wallet/transfer', { body })))
  node.decide()
  const last = await call(node, '/api/wallet/transfer?wait=final', { body: { to: node.names.stranger, amount: 6 } })
  const height = Number(last.json['height'])
  const byHeight = (await call(node, `/api/blocks/${height}`)).json
  assert.deepEqual((await call(node, `/api/blocks/${String(byHeight['blockHash'])}`)).json, byHeight)
  assert.deepEqual((await call(node, '/api/blocks/latest')).json, byHeight)

  const first = (await call(node, '/api/blocks/1')).json
  const count = Number(first['transactionCount'])
  const transactions = first['transactions'] as { txHash: string; index: number }[]
  assert.deepEqual(
    transactions.map(({ index }) => index),
    Array.from({ length: count }, (_, index) => index),
  )
  const paged = (await call(node, '/api/blocks/1?limit=2&offset=1')).json
  assert.deepEqual(paged['transactions'], transactions.slice(1, 3))
  const { asOfHeight: _, ...found } = (await call(node, `/api/tx/${transactions[0]?.txHash}`)).json
  assert.deepEqual(found, transactions[0])
})

function options(): Parameters<typeof ApiServer.start>[0] {
  const { directory, socketPath } = node
  return { host: '127.0.0.1', port: 0, hostNames: [], socketPath, directory, readonly: false, limits: {} }
}
