import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Prng } from '@claw-network/protocol'
import { type Daemon, DaemonNetwork } from '../helpers/daemons.ts'
import { until } from '../helpers/network.ts'

/** `npm test` kills a few times; CLAWNET_TEST_KILLS=50 is the whole exercise. */
const kills = Number(process.env['CLAWNET_TEST_KILLS'] ?? 6)
const seed = Number(process.env['CLAWNET_TEST_SEED'] ?? 20_260_202)

test(`after kill -9 of any node under load, ${kills} times, nothing that was final is lost and nobody signs twice`, async t => {
  const prng = new Prng(seed)
  const network = await DaemonNetwork.found({ nodes: 4 })
  t.after(() => network.destroy())
  await network.start()

  const finals: string[] = []
  let busy = true
  const load = network.daemons.map(async (daemon, index) => {
    while (busy) {
      const to = network.daemons[(index + 1) % 4]!.did
      // A killed node answers nothing; what it did not answer `final` is not promised.
      const paid = await daemon.post('/api/wallet/transfer?wait=final', { to, amount: 1 }).catch(() => undefined)
      if (paid?.body?.status === 'final') finals.push(paid.body.txHash)
      else await new Promise(resolve => setTimeout(resolve, 50))
    }
  })

  for (let kill = 1; kill <= kills; kill += 1) {
    const victim = prng.pick(network.daemons)
    const others = network.daemons.filter(daemon => daemon !== victim)
    await new Promise(resolve => setTimeout(resolve, prng.below(1_500)))
    await victim.end('SIGKILL')
    const height = await heightOf(others[0]!)
    await until('the other three go on', async () => (await heightOf(others[0]!)) >= height + 2, 30_000)
    await victim.start()
    await until(
      'the killed node has caught up',
      async () => (await heightOf(victim)) + 2 >= (await heightOf(others[0]!)),
      30_000,
    )
    t.diagnostic(`kill ${kill} of ${kills}: height ${await heightOf(victim)}, ${finals.length} final payments`)
  }
  busy = false
  await Promise.all(load)
  await network.untilAgreed()

  assert.ok(finals.length > kills, `only ${finals.length} payments were final`)
  let sum: number | undefined
  for (const daemon of network.daemons) {
    for (const hash of finals) {
      const found = await daemon.get(`/api/tx/${hash}`)
      assert.equal(found.body.status, 'final', `${hash} on ${daemon.home}`)
    }
    const balances = await Promise.all(
      network.daemons.map(
        async ({ address }) => (await daemon.get(`/api/wallet/balance?address=${address}`)).body.balance,
      ),
    )
    const total = balances.reduce((left, right) => left + right, 0)
    sum ??= total
    assert.equal(total, sum)
    const status = await daemon.get('/api/node/status')
    assert.deepEqual(status.body.degraded, [])
    assert.doesNotMatch(
      network.read(network.daemons.indexOf(daemon) + 1, 'logs/node.log').toString(),
      /two conflicting/,
    )
  }
  // Every founder got as much to spend as to stake, and fees go to validators.
  assert.equal(sum, 4 * 2_000_000)
})

async function heightOf(daemon: Daemon): Promise<number> {
  return (await daemon.get('/api/node/status')).body.blockHeight
}
