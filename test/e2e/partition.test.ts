import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DaemonNetwork } from '../helpers/daemons.ts'
import { Namespaces } from '../helpers/namespaces.ts'
import { until } from '../helpers/network.ts'

test('a network cut 2 : 2 stops, and after it is healed goes on without a fork', async t => {
  const machines = new Namespaces(4)
  t.after(() => machines.destroy())
  const network = await DaemonNetwork.found({
    nodes: 4,
    listen: index => `/ip4/${machines.address(index)}/tcp/9527`,
    wrapper: index => ['ip', 'netns', 'exec', machines.name(index)],
  })
  t.after(() => network.destroy())
  await network.start()
  const [first, , third] = network.daemons

  const before = await first!.post('/api/wallet/transfer?wait=final', { to: third!.did, amount: 1 })
  assert.equal(before.body.status, 'final', JSON.stringify(before.body))
  await network.untilAgreed()

  machines.cut([2, 3])
  // One payment on each side: neither side may decide.
  const sent = await Promise.all(
    [first, third].map(daemon => daemon!.post('/api/wallet/transfer', { to: network.daemons[1]!.did, amount: 2 })),
  )
  await until(
    'both sides say that they are degraded',
    async () => {
      const states = await Promise.all([first, third].map(daemon => daemon!.get('/api/node/status')))
      return states.every(state => state.body.degraded.length > 0)
    },
    40_000,
  )
  for (const [index, daemon] of [first, third].entries()) {
    const state = await daemon!.get(`/api/tx/${sent[index]!.body.txHash}`)
    assert.notEqual(state.body.status, 'final')
  }

  machines.heal()
  await until(
    'both payments are final everywhere',
    async () => {
      const states = await Promise.all(
        network.daemons.flatMap(daemon => sent.map(answer => daemon.get(`/api/tx/${answer.body.txHash}`))),
      )
      return states.every(state => state.body.status === 'final')
    },
    90_000,
  )
  await network.untilAgreed()
})
