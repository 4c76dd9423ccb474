/** Web pages against a node of a `local` network, which trusts everything else on this machine. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { noChromium, startChromium } from '../helpers/chromium.ts'
import { type Daemon, DaemonNetwork } from '../helpers/daemons.ts'

const skip = noChromium()
const script = readFileSync(new URL('../helpers/foreign-page.js', import.meta.url), 'utf8')
const html = `<!doctype html><title>A foreign page</title><body><script>${script}</script>`
const payee = 'did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'

const reads = ['/api/wallet/balance', '/api/identity', '/api/node/config', '/api/events', '/api/docs', '/health']
const writes = [
  { path: '/api/wallet/transfer', body: { to: payee, amount: 5 } },
  { path: '/api/identity/lock', body: { did: '' } },
]

let network: DaemonNetwork
let daemon: Daemon
let browser: Browser
let foreign: Server
/** Where the node is, and where the foreign page is, on another port. */
let node: string
let elsewhere: number

before(async () => {
  if (skip !== false) return
  network = await DaemonNetwork.found({ nodes: 1 })
  daemon = network.daemon(1)
  await daemon.start()
  node = `http://127.0.0.1:${daemon.apiPort}`
  writes[1] = { path: '/api/identity/lock', body: { did: daemon.did } }
  foreign = createServer((_request, response) => response.setHeader('content-type', 'text/html').end(html))
  elsewhere = await listening(foreign)
  browser = await startChromium({ hosts: { 'evil.example': '127.0.0.1' } })
})

after(async () => {
  await browser?.close()
  foreign?.close()
  await network?.destroy()
})

test('the attack reads and writes on a server without a guard', { skip, timeout: 60_000 }, async t => {
  const arrived = new Set<string>()
  const naive = createServer((request, response) => {
    arrived.add(`${request.method} ${request.headers['content-type']?.split(';')[0]} ${request.url}`)
    const { origin } = request.headers
    if (origin !== undefined) response.setHeader('access-control-allow-origin', origin)
    response.setHeader('access-control-allow-credentials', 'true')
    response.setHeader('access-control-allow-headers', 'content-type, x-mine')
    response.setHeader('access-control-allow-methods', 'PUT')
    response.setHeader('content-type', request.url === '/api/events' ? 'text/event-stream' : 'text/plain')
    response.end('a secret')
  })
  const port = await listening(naive)
  t.after(() => naive.close())
  const { seen } = await attackFrom(`http://127.0.0.1:${elsewhere}/`, `http://127.0.0.1:${port}`)
  const waysToRead = ['fetch cors', 'fetch with a header', 'XMLHttpRequest', 'EventSource', 'script', 'POST json']
  for (const way of waysToRead)
    assert.ok(
      seen.some(({ name }) => name.startsWith(way)),
      `${way} sees nothing`,
    )
  for (const type of ['application/json', 'text/plain', 'multipart/form-data', 'application/x-www-form-urlencoded']) {
    assert.ok(arrived.has(`POST ${type} /api/wallet/transfer`), `no ${type} arrives`)
  }
})

test('a page of another port changes nothing and reads nothing', { skip, timeout: 60_000 }, async () => {
  const before = await state()
  const { seen, attempts } = await attackFrom(`http://127.0.0.1:${elsewhere}/`, node)
  assert.deepEqual(seen, [])
  assert.ok(attempts > 80)
  assert.deepEqual(await state(), before)
})

test('a page of another name changes nothing and reads nothing', { skip, timeout: 60_000 }, async () => {
  const before = await state()
  const { seen } = await attackFrom(`http://evil.example:${elsewhere}/`, node)
  assert.deepEqual(seen, [])
  assert.deepEqual(await state(), before)
})

test('a page whose name was rebound to this machine reads nothing but that it is refused', {
  skip,
  timeout: 60_000,
}, async () => {
  const before = await state()
  const rebound = `http://evil.example:${daemon.apiPort}`
  const page = await browser.newPage()
  // The page itself comes from the attacker; after it the name leads to the node, and the browser sees one origin.
  await page.route(`${rebound}/the-page`, route => route.fulfill({ contentType: 'text/html', body: html }))
  const { seen } = await attackIn(page, `${rebound}/the-page`, rebound)
  assert.ok(seen.length > 0)
  for (const { name, text } of seen) assert.match(text, /foreign_host|wrong_method/, name)
  assert.deepEqual(await state(), before)
})

test('navigating to the node from a foreign page shows nothing of it', { skip, timeout: 60_000 }, async () => {
  const before = await state()
  for (const path of reads) {
    const page = await browser.newPage()
    await page.goto(`http://evil.example:${elsewhere}/`)
    const [answer] = await Promise.all([
      page.waitForResponse(response => response.url() === node + path),
      page.evaluate(`void (location.href = ${JSON.stringify(node + path)})`),
    ])
    assert.equal(answer.status(), 403, path)
    await page.close()
  }
  assert.deepEqual(await state(), before)
})

test('the reference of the node is a page without errors that loads nothing else', {
  skip,
  timeout: 60_000,
}, async () => {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
  const problems: string[] = []
  const requested: string[] = []
  page.on('console', message => problems.push(message.text()))
  page.on('pageerror', error => problems.push(error.message))
  page.on('request', request => requested.push(new URL(request.url()).pathname))
  const answer = await page.goto(`${node}/`)
  assert.equal(answer?.status(), 200)
  assert.equal(new URL(page.url()).pathname, '/api/docs')
  assert.equal(await page.title(), 'clawnet node API')
  await page.getByRole('navigation').getByRole('link', { name: 'POST /wallet/transfer', exact: true }).click()
  assert.match(page.url(), /#postWalletTransfer$/)
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 900 })
    assert.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true, `${width} wide`)
  }
  assert.deepEqual(problems, [])
  assert.deepEqual(
    [...new Set(requested)].filter(path => path !== '/favicon.ico'),
    ['/', '/api/docs'],
  )
  await page.getByRole('link', { name: 'OpenAPI document' }).click()
  assert.match(await page.content(), /"openapi":"3\.1\.1"/)
  await page.close()
})

test('a program of this machine may do what no page may', { skip }, async () => {
  const paid = await fetch(`${node}/api/wallet/transfer?wait=final`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ to: payee, amount: 5 }),
  })
  assert.equal(paid.status, 200)
  // Nothing that a page sent came into a block later either.
  const { entries } = (await daemon.get('/api/wallet/history')).body
  const sent = (entries as readonly { txHash?: string; did?: string }[]).filter(({ txHash }) => txHash !== undefined)
  assert.equal(sent.length, 1)
})

interface Seen {
  readonly seen: readonly { readonly name: string; readonly text: string }[]
  readonly attempts: number
}

/** Opens the page at `url` and has it try everything on `target`. */
async function attackFrom(url: string, target: string): Promise<Seen> {
  return attackIn(await browser.newPage(), url, target)
}

async function attackIn(page: Page, url: string, target: string): Promise<Seen> {
  await page.goto(url)
  const plan = JSON.stringify({ target, reads, writes })
  const seen = (await page.evaluate(`attack(${plan})`)) as Seen
  for (const open of page.context().pages()) await open.close()
  return seen
}

/** What a page might have changed. */
async function state(): Promise<unknown> {
  const [balance, status, identity] = await Promise.all(
    ['/api/wallet/balance', '/api/node/status', '/api/identity'].map(async path => (await daemon.get(path)).body),
  )
  const history = (await daemon.get('/api/wallet/history')).body.entries
  return {
    available: balance.available,
    pending: [balance.pending, status.pendingTransactions],
    identities: identity.identities,
    history,
  }
}

async function listening(server: Server): Promise<number> {
  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
}
