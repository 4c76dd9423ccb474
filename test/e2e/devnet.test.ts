/** `clawnet devnet`: four daemons from one command line. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort } from '../helpers/daemons.ts'

const bin = fileURLToPath(new URL('../../node/bin/clawnet.js', import.meta.url))

test('devnet up makes four nodes that agree, survives a killed one, and goes away', { timeout: 180_000 }, async t => {
  const home = mkdtempSync(join(tmpdir(), 'clawnet-devnet-'))
  const clawnet = (...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
    new Promise(resolve => {
      execFile(
        process.execPath,
        ['--conditions=clawnet-source', bin, ...argv, '--json'],
        { env: { ...process.env, CLAWNET_HOME: home }, timeout: 120_000 },
        (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
      )
    })
  const pids = (): number[] =>
    [1, 2, 3, 4].flatMap(number => {
      const file = join(home, 'devnet', `node-${number}`, 'clawnetd.pid')
      return existsSync(file) ? [Number(readFileSync(file, 'utf8'))] : []
    })
  const isAlive = (pid: number): boolean => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }
  t.after(() => {
    for (const pid of pids()) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
    rmSync(home, { recursive: true, force: true })
  })

  assert.equal((await clawnet('devnet', 'status')).code, 8)
  const basePort = Math.min(await freePort(), 60_000)
  const up = await clawnet('devnet', 'up', '--nodes', '4', '--base-port', String(basePort))
  assert.equal(up.code, 0, up.stderr)
  const { nodes } = JSON.parse(up.stdout)
  assert.equal(nodes.length, 4)
  for (const [index, node] of nodes.entries()) {
    assert.equal(node.apiUrl, `http://127.0.0.1:${basePort + 101 + index}`)
    assert.deepEqual([node.isRunning, node.synced, node.peers], [true, true, 3])
  }
  assert.equal(new Set(nodes.map(({ did }: { did: string }) => did)).size, 4)
  // Only the first node is known to the others beforehand.
  const bootstraps = [1, 2, 3, 4].map(number =>
    readFileSync(join(home, 'devnet', `node-${number}`, 'config.yaml'), 'utf8'),
  )
  assert.ok(!bootstraps[0]?.includes('/ip4/127.0.0.1/tcp/'))
  for (const config of bootstraps.slice(1)) assert.ok(config.includes(`- /ip4/127.0.0.1/tcp/${basePort + 1}\n`))

  const paid = JSON.parse((await clawnet('--node', '1', 'transfer', nodes[3].did, '100')).stdout)
  assert.equal(paid.status, 'final')
  const waited = await clawnet('--node', '4', 'wait', '--for', `tx:${paid.txHash}`, '--timeout', '20')
  assert.equal(JSON.parse(waited.stdout).blockHash, paid.blockHash)

  const [, , third] = pids()
  process.kill(third as number, 'SIGKILL')
  const still = JSON.parse((await clawnet('--node', '2', 'transfer', nodes[3].did, '5')).stdout)
  assert.equal(still.status, 'final')
  const down = await clawnet('devnet', 'status')
  assert.deepEqual(
    JSON.parse(down.stdout).nodes.map(({ isRunning }: { isRunning: boolean }) => isRunning),
    [true, true, false, true],
  )
  assert.equal((await clawnet('devnet', 'up', '--nodes', '5')).code, 9)
  const again = await clawnet('devnet', 'up')
  assert.equal(again.code, 0, again.stderr)
  assert.ok(JSON.parse(again.stdout).nodes[2].blockHeight >= still.height)

  const running = pids()
  assert.equal(running.length, 4)
  assert.equal(JSON.parse((await clawnet('devnet', 'down', '--delete')).stdout).stopped, 4)
  assert.deepEqual(running.filter(isAlive), [])
  assert.equal(existsSync(join(home, 'devnet')), false)
  assert.equal((await clawnet('devnet', 'down')).code, 8)
})
