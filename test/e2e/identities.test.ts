/** The identities of a local node: all of them sign, before and after rotations, restarts and kills. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Answer, type Daemon, DaemonNetwork } from '../helpers/daemons.ts'

let network: DaemonNetwork
let daemon: Daemon
let agent: string

before(async () => {
  network = await DaemonNetwork.found({ nodes: 1 })
  await network.start()
  daemon = network.daemon(1)
})
after(() => network.destroy())

function pay(did: string, to: string, amount: number): Promise<Answer> {
  return daemon.post('/api/wallet/transfer?wait=final', { did, to, amount })
}

async function identities(): Promise<readonly { did: string; key?: string; isUnlocked: boolean; holdsKey: boolean }[]> {
  return (await daemon.get('/api/identity')).body.identities
}

test('a second agent is made and pays without any passphrase, beside the first', async () => {
  const made = await daemon.post('/api/identity', {})
  assert.equal(made.status, 200, JSON.stringify(made.body))
  agent = made.body.did
  assert.equal((await pay(daemon.did, agent, 1000)).body.status, 'final')
  const both = await Promise.all([pay(agent, daemon.did, 1), pay(daemon.did, agent, 1)])
  assert.deepEqual(
    both.map(({ body }) => body.status),
    ['final', 'final'],
  )
})

test('after kill -9 in the middle of a rotation the identity signs, with one key or the other', async () => {
  for (const waitMs of [0, 5, 50, 2000]) {
    const before = (await identities()).find(({ did }) => did === agent)
    const asked = daemon.post(`/api/identity/${agent}/rotate`, {}).catch(() => undefined) // the kill may cut it off
    await new Promise(resolve => setTimeout(resolve, waitMs))
    await daemon.end('SIGKILL')
    await asked
    await daemon.start()

    const now = (await identities()).find(({ did }) => did === agent)
    assert.deepEqual([now?.isUnlocked, now?.holdsKey], [true, true], `killed after ${waitMs} ms`)
    if (waitMs === 2000) assert.notEqual(now?.key, before?.key)
    assert.equal((await pay(agent, daemon.did, 1)).body.status, 'final')
  }
  const rotated = await daemon.post(`/api/identity/${agent}/rotate?wait=final`, {})
  assert.equal(rotated.body.status, 'final', JSON.stringify(rotated.body))
  assert.equal((await pay(agent, daemon.did, 1)).body.status, 'final')
})

test('a node that starts has guessed at nothing, so that no passphrase has to wait', () => {
  assert.deepEqual(JSON.parse(readFileSync(join(daemon.home, 'keys', 'attempts.json'), 'utf8')), {})
})
