/** `clawnetd` and `clawnet` as processes, the way a newcomer and an operator use them. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort } from '../helpers/daemons.ts'
import { until } from '../helpers/network.ts'

const bin = (name: string): string => fileURLToPath(new URL(`../../node/bin/${name}.js`, import.meta.url))
const source = '--conditions=clawnet-source'
const directory = mkdtempSync(join(tmpdir(), 'clawnet-e2e-'))
after(() => rmSync(directory, { recursive: true, force: true }))
const payee = 'did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

type Environment = Record<string, string>

function run(program: string, argv: readonly string[], environment: Environment): Promise<Ended> {
  return new Promise(resolve => {
    const options = { env: { ...process.env, ...environment }, timeout: 60_000 }
    execFile(process.execPath, [source, bin(program), ...argv], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr })
    })
  })
}

/** A home with a local network of its own, at free ports. */
async function newcomer(name: string, t: { after: (task: () => unknown) => void }): Promise<Environment> {
  const environment: Environment = {
    CLAWNET_HOME: join(directory, name),
    CLAWNET_P2P_PORT: String(await freePort()),
    CLAWNET_API_PORT: String(await freePort()),
  }
  t.after(() => {
    const pid = pidIn(environment)
    if (pid !== undefined) process.kill(pid, 'SIGKILL')
  })
  const words = join(directory, `${name}.words`)
  const made = await new Promise<number | null>(resolve => {
    const child = spawn(
      '/bin/sh',
      ['-c', `"$0" ${source} "$1" init --mnemonic-fd 3 3>"$2"`, process.execPath, bin('clawnet'), words],
      {
        env: { ...process.env, ...environment },
        stdio: 'ignore',
      },
    )
    child.once('exit', resolve)
  })
  assert.equal(made, 0)
  assert.equal(readFileSync(words, 'utf8').trim().split(' ').length, 24)
  return environment
}

function pidIn({ CLAWNET_HOME: home = '' }: Environment): number | undefined {
  const file = join(home, 'clawnetd.pid')
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined
  return pid !== undefined && isAlive(pid) ? pid : undefined
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('a newcomer inits, starts in the background, pays, stops and starts again', async t => {
  const home = await newcomer('newcomer', t)
  const clawnet = (...argv: string[]): Promise<Ended> => run('clawnet', argv, home)

  const started = await run('clawnetd', [], home)
  assert.equal(started.code, 0, started.stderr)
  assert.match(
    started.stdout,
    /^━{41}\nclawnetd v\d+\.\d+\.\d+\n━{41}\nDID: {5}did:claw:z6Mk\w+\nP2P: {5}\/ip4\/127\.0\.0\.1\/tcp\/\d+\nAPI: {5}http:\/\/127\.0\.0\.1:\d+\nNetwork: local\n/,
  )

  const paid = JSON.parse((await clawnet('transfer', payee, '100', '--json')).stdout)
  assert.equal(paid.status, 'final')
  assert.equal(JSON.parse((await clawnet('balance', payee, '--json')).stdout).available, 100)

  const second = await run('clawnetd', [], home)
  assert.equal(second.code, 75, second.stderr)
  assert.match(second.stderr, /in use by another node/)

  // The way without the socket, as on systems that have none.
  unlinkSync(join(home['CLAWNET_HOME'] as string, 'clawnetd.sock'))
  assert.equal((await clawnet('status')).code, 0)

  const pid = pidIn(home) as number
  assert.equal((await clawnet('stop')).code, 0)
  assert.equal(isAlive(pid), false)
  assert.equal((await clawnet('stop')).code, 3)
  assert.equal((await clawnet('balance')).code, 3)

  assert.equal((await run('clawnetd', [], home)).code, 0)
  const history = JSON.parse((await clawnet('history', '--json')).stdout)
  assert.ok(history.entries.some((entry: { txHash?: string }) => entry.txHash === paid.txHash))
  assert.match((await clawnet('logs')).stdout, /the API answers/)
})

test('after kill -9 the node starts again, and stop ends the new process', async t => {
  const home = await newcomer('killed', t)
  await run('clawnetd', [], home)
  const killed = pidIn(home) as number
  process.kill(killed, 'SIGKILL')
  await until('the process is gone', () => !isAlive(killed))
  assert.equal((await run('clawnet', ['stop'], home)).code, 3)

  assert.equal((await run('clawnetd', [], home)).code, 0)
  const fresh = pidIn(home) as number
  assert.notEqual(fresh, killed)
  assert.equal((await run('clawnet', ['stop'], home)).code, 0)
  assert.equal(isAlive(fresh), false)
})

test('stop never signals a process that took over the number of a killed node', {
  skip: process.platform !== 'linux',
}, async t => {
  const home = await newcomer('stale', t)
  const bystander = spawn('sleep', ['60'], { stdio: 'ignore' })
  t.after(() => bystander.kill())
  writeFileSync(join(home['CLAWNET_HOME'] as string, 'clawnetd.pid'), `${bystander.pid}\n`)
  assert.equal((await run('clawnet', ['stop'], home)).code, 3)
  assert.equal(bystander.exitCode, null)
  assert.equal(bystander.signalCode, null)
})

test('under a supervisor the node stays in the foreground, and a signal ends it in order', async t => {
  const home = await newcomer('supervised', t)
  const child: ChildProcess = spawn(process.execPath, [source, bin('clawnetd')], {
    env: { ...process.env, ...home, INVOCATION_ID: 'x' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: Buffer) => (output += text.toString()))
  await until('the node answers', async () => (await run('clawnet', ['status'], home)).code === 0, 30_000)
  assert.equal(pidIn(home), child.pid)
  const ended = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  assert.equal(await ended, 0)
  assert.match(output, /stopping.*signal=SIGTERM[^]*stopped/)
  assert.equal(existsSync(join(home['CLAWNET_HOME'] as string, 'clawnetd.pid')), false)
})

test('what keeps a node from starting is said by the command that was typed', async t => {
  const nowhere = { CLAWNET_HOME: join(directory, 'nowhere') }
  const noGenesis = await run('clawnetd', [], nowhere)
  assert.equal(noGenesis.code, 1)
  assert.match(noGenesis.stderr, /^clawnetd: no genesis file for mainnet: .*"clawnet init --network local"/)
  assert.equal((await run('clawnetd', ['--foreground'], nowhere)).code, 1)

  const home = await newcomer('refused', t)
  const unknown = await run('clawnetd', ['--foregroud'], home)
  assert.equal(unknown.code, 2)
  assert.match(unknown.stderr, /did you mean --foreground\?/)
  assert.equal((await run('clawnetd', ['--api-port', '70000'], home)).code, 2)
  assert.equal((await run('clawnetd', ['--api-host', '0.0.0.0'], home)).code, 2)
  assert.equal((await run('clawnetd', ['--check-config'], home)).stdout, 'The configuration is right.\n')
  const config = join(home['CLAWNET_HOME'] as string, 'config.yaml')
  writeFileSync(config, readFileSync(config, 'utf8').replace('network: local', 'network: moon\nnodes: 4'))
  const wrong = await run('clawnetd', ['--check-config'], home)
  assert.equal(wrong.code, 2)
  assert.match(
    wrong.stderr,
    /clawnetd: .*config\.yaml:\d+: network must be[^]*clawnetd: .*config\.yaml:\d+: nodes is not a setting/,
  )
})

test('a port that is taken is named', async t => {
  const home = await newcomer('taken', t)
  const other = createServer()
  await new Promise<void>(resolve => other.listen(Number(home['CLAWNET_API_PORT']), '127.0.0.1', () => resolve()))
  t.after(() => other.close())
  const { code, stderr } = await run('clawnetd', [], home)
  assert.equal(code, 1)
  assert.match(stderr, new RegExp(`${home['CLAWNET_API_PORT']}`))
})

test('an older Node passes the command on to the one that npm installed', async t => {
  const older = await olderNode()
  if (older === undefined) return t.skip('this machine has no older Node')
  const { code, stdout } = await new Promise<Ended>(resolve => {
    execFile(older, [bin('clawnet'), '--nonsense', '--version'], (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout: out, stderr: err })
    })
  })
  // Both the arguments and the exit code came through.
  assert.equal(code, existsSync(fileURLToPath(new URL('../../node/dist/cli/main.js', import.meta.url))) ? 2 : 1)
  assert.equal(stdout, '')
})

/** The first Node before 24 on the path. */
async function olderNode(): Promise<string | undefined> {
  for (const place of (process.env['PATH'] ?? '').split(delimiter)) {
    const candidate = join(place, 'node')
    if (!existsSync(candidate)) continue
    const version = await new Promise<string>(resolve =>
      execFile(candidate, ['--version'], (_error, stdout) => resolve(stdout)),
    )
    if (Number(/^v(\d+)/.exec(version)?.[1] ?? 24) < 24) return candidate
  }
  return undefined
}
