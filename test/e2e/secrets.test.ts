/** A node is used, rightly and wrongly; then whatever it wrote and said is searched for the secrets it was given. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { entropyOf } from '@claw-network/protocol'
import { freePort } from '../helpers/daemons.ts'
import { type ApiPlace, call, type HttpAnswer, type HttpCall } from '../helpers/http-call.ts'
import { until } from '../helpers/network.ts'
import { type Secret, secretBytes, SecretSearch, secretText } from '../helpers/secret-search.ts'

const bin = (name: string): string => fileURLToPath(new URL(`../../node/bin/${name}.js`, import.meta.url))
const payee = 'did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'
const directory = mkdtempSync(join(tmpdir(), 'clawnet-secrets-'))
const home = join(directory, 'home')
const passphrase = 'velvet Kettle "9041" & zeppelin'
const mistyped = 'velvet Kettle "9042" & zeppelin'
const apiToken = 'api-Token-7c1b9e55f0aa4d3c8812'

/** Everything that went to a terminal, a pipe or a caller. */
const said: { readonly by: string; readonly text: string }[] = []
let environment: Record<string, string>
let place: ApiPlace
let node: ChildProcess
let mnemonic = ''
const secrets: Secret[] = [
  secretText('passphrase', passphrase),
  secretText('mistyped passphrase', mistyped),
  secretText('API token', apiToken),
]

before(async () => {
  const [api, p2p] = [await freePort(), await freePort()]
  place = { url: `http://127.0.0.1:${api}`, socketPath: join(home, 'clawnetd.sock') }
  environment = {
    CLAWNET_HOME: home,
    CLAWNET_API_PORT: String(api),
    CLAWNET_P2P_PORT: String(p2p),
    CLAWNET_API_TOKEN: apiToken,
    CLAWNET_LOGGING_LEVEL: 'debug',
  }
  writeFileSync(join(directory, 'passphrase'), `${passphrase}\n`, { mode: 0o600 })
  writeFileSync(join(directory, 'mistyped'), `${mistyped}\n`, { mode: 0o600 })
  writeFileSync(join(directory, 'token'), `${apiToken}\n`, { mode: 0o600 })
})

after(() => {
  node?.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true })
})

test('a node is made, used and misused', { timeout: 120_000 }, async () => {
  const made = await run('clawnet', ['init', '--mnemonic-fd', '3', '--passphrase-file', join(directory, 'passphrase')])
  assert.equal(made.code, 0)
  mnemonic = made.words
  assert.equal(mnemonic.trim().split(' ').length, 24)
  secrets.push(secretBytes('entropy of the wallet', entropyOf(mnemonic.trim())))

  for (const run of ['first', 'second']) {
    await start(run)
    await use()
    await misuse()
    await stop()
  }
})

test('no file outside of keys/ has a secret in it, but for the cookie of a node that runs', () => {
  const search = new SecretSearch(secrets, mnemonic)
  const { files, found } = search.below(home, file => file.startsWith('keys/'))
  assert.deepEqual(found, [])
  assert.ok(files > 8, `${files} files`)
  assert.equal(existsSync(join(home, 'api.cookie')), false)
  for (const log of ['logs/node.log', 'logs/audit.log']) assert.ok(readFileSync(join(home, log)).length > 1_000, log)
})

test('nothing that was printed or answered has a secret in it', () => {
  const search = new SecretSearch(secrets, mnemonic)
  assert.ok(said.length > 100)
  assert.deepEqual(
    said.flatMap(({ by, text }) => search.in(text).map(name => `${by}: ${name} in ${text.slice(0, 300)}`)),
    [],
  )
})

test('the search finds what is there', () => {
  const search = new SecretSearch(secrets, mnemonic)
  for (const { name, forms } of secrets) {
    for (const form of forms) assert.ok(search.in(Buffer.concat([Buffer.from('x'), form])).includes(name))
  }
  const four = mnemonic.split(' ').slice(5, 9)
  assert.deepEqual(search.in(four.map((word, index) => `${index + 6}. ${word}`).join('\n')), ['words of the mnemonic'])
  writeFileSync(join(home, 'logs', 'leak.log'), `said ${passphrase}`)
  assert.deepEqual(search.below(home, file => file.startsWith('keys/')).found, ['logs/leak.log: passphrase'])
})

/** What an owner and his agents do. */
async function use(): Promise<void> {
  const owner = { authorization: `Bearer ${apiToken}` }
  const pay = { to: payee, amount: 3 }
  const done = async (path: string, options: HttpCall): Promise<HttpAnswer> => {
    const answer = await ask(path, options)
    assert.equal(answer.status, 200, answer.text)
    return answer
  }
  await done('/api/wallet/transfer', { body: { ...pay, passphrase }, headers: { ...owner, 'idempotency-key': 'once' } })
  await done('/api/wallet/transfer', { body: { ...pay, passphrase }, headers: { ...owner, 'idempotency-key': 'once' } })
  await done('/api/identity/unlock', { body: { passphrase, seconds: 60 }, headers: owner })
  await done('/api/identity', { body: { passphrase }, headers: { ...owner, 'idempotency-key': 'a-second-identity' } })
  for (const grant of [{}, { approvalAbove: 0 }, { expiresInSeconds: 60 }]) {
    // The one answer that tells it.
    const made = await call(place, '/api/tokens', { body: { scopes: ['wallet'], perTx: 50, ...grant }, headers: owner })
    const { token, id } = made.json as { readonly token: string; readonly id: string }
    secrets.push(secretText(`agent token ${id}`, token), secretText(`secret of ${id}`, token.slice(-43)))
    const agent = { authorization: `Bearer ${token}` }
    const paid = await ask('/api/wallet/transfer', { body: { ...pay, passphrase }, headers: agent })
    if ('approvalAbove' in grant) {
      await done(`/api/approvals/${String(paid.json['approval'])}/approve`, { body: { passphrase }, headers: owner })
    }
    await ask('/api/wallet/transfer', { body: { ...pay, amount: 60, passphrase }, headers: agent })
    await ask('/api/tokens', { headers: agent })
    await done(`/api/tokens/${id}/revoke`, { body: {}, headers: owner })
    await ask('/api/wallet/transfer', { body: { ...pay, passphrase }, headers: agent })
  }
  await done('/api/identity/lock', { body: {}, headers: owner })
  for (const path of ['/api/node/config', '/api/tokens', '/api/approvals', '/api/identity', '/api/wallet/history']) {
    await done(path, { headers: owner })
  }
  const file = ['--token-file', join(directory, 'token')]
  const lines: readonly (readonly string[])[] = [
    ['transfer', payee, '2', '--passphrase-file', join(directory, 'passphrase')],
    ['transfer', payee, '2', '--passphrase-file', join(directory, 'mistyped'), '--json'],
    ['config', 'show', '--effective', '--origin'],
    ['status', ...file],
    ['audit', 'list'],
    ['audit', 'verify'],
    ['logs', '--level', 'debug'],
  ]
  await Promise.all(lines.map(argv => run('clawnet', argv)))
}

/** Secrets where they do not belong, and answers of every kind of refusal. */
async function misuse(): Promise<void> {
  const cookie = readFileSync(join(home, 'api.cookie'), 'utf8').trim()
  secrets.push(secretText('cookie', cookie))
  const agent = `clawt_0123456789ab_${'Zk3'.repeat(14)}q`
  for (const secret of [passphrase, mistyped, apiToken, cookie, mnemonic.trim(), agent]) {
    const quoted = JSON.stringify(secret)
    const bodies: readonly unknown[] = [
      { to: payee, amount: 1, passphrase: [secret] },
      { to: payee, amount: 'one', passphrase: secret },
      { to: payee, amount: 1, did: secret },
      { to: secret, amount: 1 },
      { to: payee, amount: 1, fee: secret, passphrase: secret },
      { to: payee, amount: 1, passphrase: { passphrase: secret } },
      secret,
      [secret],
      `{"to":"${payee}","amount":1,"passphrase":${quoted}`,
      `{"to":"${payee}","amount":1,"passphrase":${quoted},"passphrase":${quoted}}`,
      `{"passphrase":${quoted}]`,
      `{"passphrase":'${secret}'}`,
      Buffer.concat([Buffer.from(`{"passphrase":${quoted},"x":"`), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
    ]
    for (const viaSocket of [true, false]) {
      const headers = viaSocket ? {} : { authorization: `Bearer ${cookie}` }
      for (const body of bodies) await ask('/api/wallet/transfer', { body, headers, viaSocket })
      await ask('/api/identity/unlock', { body: { passphrase: secret, seconds: 'x' }, headers, viaSocket })
      await ask('/api/tokens', { body: { scopes: [secret] }, headers, viaSocket })
      await ask(`/api/wallet/balance?passphrase=${encodeURIComponent(secret)}`, { headers, viaSocket })
      await ask(`/api/wallet/balance?did=${encodeURIComponent(secret)}`, { headers, viaSocket })
      await ask(`/api/tx/${encodeURIComponent(secret)}`, { headers, viaSocket })
      await ask(`/api/tokens/${encodeURIComponent(secret)}/revoke`, { body: {}, headers, viaSocket })
      // Names that the caller chose are repeated to him, and to nobody else.
      await call(place, `/api/${encodeURIComponent(secret)}`, { headers, viaSocket })
      await call(place, '/api/wallet/transfer', { body: { [secret]: 1 }, headers, viaSocket })
      await ask('/api/wallet/transfer', {
        body: secret,
        headers: { ...headers, 'content-type': 'text/plain' },
        viaSocket,
      })
    }
    if (/[^\x21-\x7e ]/.test(secret)) continue
    for (const name of ['idempotency-key', 'prefer', 'cookie', 'x-passphrase', 'last-event-id', 'origin', 'referer']) {
      const headers = { authorization: `Bearer ${cookie}`, [name]: secret }
      await ask('/api/wallet/transfer', { body: { to: payee, amount: 0 }, headers })
    }
    for (const name of ['host', 'content-type']) {
      await call(place, '/api/wallet/transfer', { body: { to: payee, amount: 0 }, headers: { [name]: secret } })
    }
  }
  // One guess each over the network, at 250 ms and more.
  await ask('/api/wallet/balance', { headers: { authorization: `Bearer ${agent}` } })
  await ask('/api/wallet/balance', {
    headers: { authorization: `Basic ${Buffer.from(`x:${passphrase}`).toString('base64')}` },
  })
  await ask('/api/identity/unlock', { body: { passphrase: mistyped }, viaSocket: true })
}

async function ask(path: string, options: HttpCall): Promise<HttpAnswer> {
  const answer = await call(place, path, options)
  said.push({ by: `answer of ${path.split('?')[0]}`, text: `${JSON.stringify(answer.headers)}\n${answer.text}` })
  return answer
}

async function start(name: string): Promise<void> {
  node = spawn(process.execPath, [bin('clawnetd'), '--foreground'], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [node.stdout, node.stderr]) {
    stream?.setEncoding('utf8')
    stream?.on('data', (text: string) => said.push({ by: `clawnetd, ${name} run`, text }))
  }
  await until(
    'the node answers',
    async () => {
      assert.equal(node.exitCode, null, JSON.stringify(said.slice(-5)))
      const answer = await call(place, '/api/node/status', { viaSocket: true }).catch(() => undefined)
      return answer?.json['synced'] === true
    },
    30_000,
  )
}

async function stop(): Promise<void> {
  const ended = new Promise(resolve => node.once('exit', resolve))
  node.kill('SIGTERM')
  await ended
}

/** Runs a command line; what comes out of descriptor 3 is kept apart. */
async function run(
  program: string,
  argv: readonly string[],
): Promise<{ readonly code: number; readonly words: string }> {
  const child = spawn(process.execPath, [bin(program), ...argv], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  const texts = await Promise.all(
    [child.stdout, child.stderr, child.stdio[3]].map(async stream => {
      let text = ''
      for await (const chunk of stream as AsyncIterable<Buffer>) text += chunk.toString()
      return text
    }),
  )
  const [stdout = '', stderr = '', words = ''] = texts
  said.push({ by: `${program} ${argv[0]}`, text: stdout }, { by: `${program} ${argv[0]}`, text: stderr })
  if (child.exitCode === null) await new Promise(resolve => child.once('exit', resolve))
  return { code: child.exitCode ?? -1, words }
}
