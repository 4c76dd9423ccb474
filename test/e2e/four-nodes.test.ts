import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { DaemonNetwork } from '../helpers/daemons.ts'
import { until } from '../helpers/network.ts'

describe('four daemons that know one address', () => {
  let network: DaemonNetwork

  before(async () => {
    network = await DaemonNetwork.found({ nodes: 4 })
    await network.start()
  })
  after(() => network.destroy())

  it('a transfer on node 1 is final on node 4 with the same block hash', async () => {
    const [first, , , fourth] = network.daemons
    const paid = await first!.post('/api/wallet/transfer?wait=final', { to: fourth!.did, amount: 100 })
    assert.equal(paid.status, 200, JSON.stringify(paid.body))
    assert.equal(paid.body.status, 'final')
    await network.untilAgreed()
    const there = await fourth!.get(`/api/tx/${paid.body.txHash}`)
    assert.equal(there.body.status, 'final')
    const [here, far] = await Promise.all(
      [first, fourth].map(daemon => daemon!.get(`/api/blocks/${there.body.height}`)),
    )
    assert.equal(here!.body.blockHash, far!.body.blockHash)
    const balance = await fourth!.get('/api/wallet/balance')
    assert.ok(balance.body.available >= 1_000_100)
  })

  it('status tells true figures', async () => {
    await network.untilAgreed()
    for (const daemon of network.daemons) {
      const { body } = await daemon.get('/api/node/status')
      const latest = await daemon.get('/api/blocks/latest')
      assert.equal(body.blockHeight, latest.body.height)
      assert.equal(body.peers, 3)
      assert.equal(body.synced, true)
      assert.equal(body.network, 'local')
      assert.equal(body.did, daemon.did)
      assert.equal((await daemon.get('/api/node/peers')).body.peers.length, 3)
    }
  })

  it('of two transfers with one nonce at two nodes exactly one is applied, and the loser learns why', async () => {
    const [first, second, third] = network.daemons
    const { body: account } = await first!.get('/api/wallet/balance')
    // The second node holds another key, so the rival is prepared and signed at the first and sent to both.
    const rivals = await Promise.all(
      [second, third].map(async payee => {
        const prepared = await first!.post('/api/tx/prepare', {
          kind: 'wallet.transfer',
          nonce: account.nonce + 1,
          payload: { to: payee!.did, amount: 7 },
        })
        assert.equal(prepared.status, 200, JSON.stringify(prepared.body))
        return prepared.body
      }),
    )
    assert.notEqual(rivals[0].txHash, rivals[1].txHash)
    const { signWithHome } = await import('../helpers/signing.ts')
    const signed = await Promise.all(rivals.map(rival => signWithHome(first!.home, rival)))
    const answers = await Promise.all([
      second!.post('/api/tx?wait=final', signed[0]),
      third!.post('/api/tx?wait=final', signed[1]),
    ])
    const statuses = answers.map(answer => answer.body.status ?? answer.body.code)
    assert.equal(statuses.filter(status => status === 'final').length, 1, JSON.stringify(answers))
    const winner = answers.find(answer => answer.body.status === 'final')!
    const loser = answers.find(answer => answer !== winner)!
    assert.match(JSON.stringify(loser.body), /nonce_is_(used|taken)/)
    assert.match(JSON.stringify(loser.body), new RegExp(winner.body.txHash))

    await network.untilAgreed()
    for (const daemon of network.daemons) {
      const states = await Promise.all(
        rivals.map(async rival => (await daemon.get(`/api/tx/${rival.txHash}`)).body.status ?? 'none'),
      )
      assert.equal(states.filter(state => state === 'final').length, 1, states.join())
    }
  })

  it('with two killed the chain stops and says so, and goes on when one returns', async () => {
    const [first, second, third, fourth] = network.daemons
    await Promise.all([third!.end('SIGKILL'), fourth!.end('SIGKILL')])
    const sent = await first!.post('/api/wallet/transfer', { to: second!.did, amount: 5 })
    assert.equal(sent.body.status, 'broadcast')
    await until(
      'node 1 says that it is degraded',
      async () => (await first!.get('/api/node/status')).body.degraded?.length > 0,
      30_000,
    )
    assert.notEqual((await first!.get(`/api/tx/${sent.body.txHash}`)).body.status, 'final')

    await third!.start()
    await until(
      'the payment is final with three of four',
      async () => (await first!.get(`/api/tx/${sent.body.txHash}`)).body.status === 'final',
      60_000,
    )
    await fourth!.start()
    await network.untilConnected(network.daemons)
    await network.untilAgreed()
    assert.deepEqual((await first!.get('/api/node/status')).body.degraded, [])
  })
})
