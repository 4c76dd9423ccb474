import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { consensusMessage } from '@claw-network/node/chain/wire'
import { domains, Ledger, signBytes, toBytes, toHex } from '@claw-network/protocol'
import { Story } from '../../test/helpers/network-story.ts'
import { calmPlan } from './plan.ts'
import { crashPoints } from './power.ts'

/** For nodes of whom something else than honesty is expected. */
const suspected = (number: number) => new Map([[number, new Set<never>()]])

describe('a divided network', () => {
  test('two against two decide nothing, and go on when they meet again', async () => {
    const story = await Story.begin()
    await story.untilAllDecide(2)
    story.divide([0, 1], [2, 3])
    await story.pass(500)
    const before = Math.max(...story.heights)
    await story.pass(60_000)
    assert.ok(
      story.heights.every(height => height <= before),
      `${story.heights.join(', ')} are not beyond ${before}`,
    )
    story.reunite()
    await story.untilAllDecide(before + 3)
    story.end()
  })

  test('three go on without the fourth, which catches up', async () => {
    const story = await Story.begin()
    story.divide([0, 1, 2], [3])
    await story.untilAllDecide(20, [0, 1, 2])
    assert.equal(story.heights[3], 0)
    story.reunite()
    await story.untilAllDecide(22)
    story.end()
  })

  test('it makes no difference whether nodes notice that they are cut off', async () => {
    for (const noticesPartitions of [true, false]) {
      const story = await Story.begin({ network: { forwards: true, noticesPartitions } })
      await story.untilAllDecide(1)
      story.divide([0, 2], [1, 3])
      await story.pass(5_000)
      story.reunite()
      await story.untilAllDecide(Math.max(...story.heights) + 2)
      story.end()
    }
  })
})

describe('nodes that crash', () => {
  test('two of four killed: no decision; one returns: decisions; the other returns: it has them too', async () => {
    const story = await Story.begin()
    await story.untilAllDecide(2)
    story.crash(1, 2)
    await story.pass(1_000)
    const before = Math.max(...story.heights)
    await story.pass(30_000)
    assert.equal(Math.max(...story.heights), before)
    await story.start(2)
    await story.untilAllDecide(before + 3, [0, 2, 3])
    await story.start(1)
    await story.untilAllDecide(before + 5)
    story.end()
  })

  for (const point of crashPoints) {
    test(`a node that loses power ${point} comes back and decides with the others`, async () => {
      for (const passes of [1, 2, 5]) {
        const story = await Story.begin({ seed: passes })
        await story.untilAllDecide(1)
        await story.crashAt(1, point, passes)
        await story.pass(200)
        await story.start(1)
        await story.untilAllDecide(Math.max(...story.heights) + 2)
        story.end()
      }
    })

    test(`all nodes lose power ${point} and the network goes on where it was`, async () => {
      for (const passes of [1, 2, 3]) {
        const story = await Story.begin({ seed: passes })
        await story.untilAllDecide(1)
        const payment = story.pay(0)
        for (const node of [0, 1, 2, 3]) story.cluster.apply({ type: 'arm', node, point, passes })
        await story.pass(5_000)
        const before = Math.max(...story.heights)
        story.cluster.heal()
        await story.untilAllDecide(before + 2)
        const places = story.cluster.nodes.map(({ store }) => store.placeOf(payment.id)?.height)
        assert.equal(new Set(places).size, 1, 'a payment is final everywhere or lost everywhere')
        story.end()
      }
    })
  }

  test('a network of one validator goes on after a crash', async () => {
    const story = await Story.begin({ stakes: [100n] })
    await story.untilAllDecide(3)
    for (const point of crashPoints) {
      await story.crashAt(0, point)
      await story.start(0)
      await story.untilAllDecide((story.heights[0] ?? 0) + 2)
    }
    story.end()
  })
})

describe('a node that must not go on', () => {
  test('stops when its disk is an old copy and the chain shows what it signed since', async () => {
    const story = await Story.begin({ traitors: suspected(1) })
    await story.untilAllDecide(2)
    const backup = story.node(1).disk.copy()
    await story.untilAllDecide(6)
    story.crash(1)
    story.node(1).disk = backup
    await story.start(1)
    assert.match(String(story.node(1).fault), /the record is an old copy/)
    const before = Math.max(...story.heights)
    await story.untilAllDecide(before + 3, [0, 2, 3])
    assert.ok((story.heights[1] ?? 0) < before + 3)
    story.end()
  })

  test('stops before its next vote when the block that shows its old signature comes later', async () => {
    const story = await Story.begin({ traitors: suspected(1) })
    await story.untilAllDecide(2)
    const backup = story.node(1).disk.copy()
    await story.untilAllDecide(3)
    story.divide([0, 1, 2, 3].filter(number => number !== 1))
    story.crash(1)
    story.node(1).disk = backup
    story.reunite()
    await story.start(1)
    await story.untilAllDecide(8, [0, 2, 3])
    assert.match(String(story.node(1).fault), /the record is an old copy/)
    story.end()
  })

  test('stops when the log is gone that its last vote rests on', async () => {
    const story = await Story.begin({ traitors: suspected(1) })
    await story.untilAllDecide(2)
    await story.crashAt(1, 'after record sync', 2)
    const { disk } = story.node(1)
    for (const name of disk.names()) if (name.startsWith('wal')) disk.remove(name)
    await story.start(1)
    assert.match(String(story.node(1).fault), /WalError: wal-\d+ is missing: this node has voted/)
    await story.untilAllDecide(6, [0, 2, 3])
    story.end()
  })

  test('stops when it computes another state than more than two thirds', async () => {
    const story = await Story.begin({ traitors: suspected(2) })
    await story.untilAllDecide(2)
    const { chain } = story.node(2).running ?? assert.fail('it runs')
    const generous = new Ledger(
      domains.map(domain => (domain.name === 'accounts' ? { ...domain, enter: () => undefined } : domain)),
    )
    Object.defineProperty(chain, 'ledger', { value: generous })
    story.pay(0)
    await story.until('it stops', () => story.node(2).fault !== undefined)
    assert.match(String(story.node(2).fault), /final, but this node finds it invalid/)
    await story.untilAllDecide(6, [0, 1, 3])
    story.end()
  })
})

describe('a traitor', () => {
  test('can not have blocks decided faster than the interval', async () => {
    const params = { ...calmPlan.params, blockIntervalMs: 1_000, idleBlockIntervalMs: 0 }
    const story = await Story.begin({ params, traitors: suspected(3) })
    const { checks, network, timeline } = story.cluster
    const { key, running, id: traitor } = story.node(3)
    const { chain } = running ?? assert.fail('it runs')
    const validator = checks.validators.findIndex(({ publicKey }) => publicKey === toHex(key.publicKey))
    const hurry = (): void => {
      const statement = { type: 'prevote', height: chain.tip.height + 1, round: 0 } as const
      const vote = { ...statement, validator, signature: key.sign(signBytes(chain.chainId, statement)) }
      const payload = toBytes(consensusMessage, { type: 'vote', value: vote })
      for (const { id } of story.cluster.honest) network.gossip(traitor, id, 'votes', payload)
    }
    chain.onDecided(() => timeline.after(1, hurry))
    hurry()
    await story.pass(20_000)
    const height = story.heights[0] ?? 0
    assert.ok(height > 10 && height <= 20, `${height} blocks in 20 s`)
    story.end()
  })
})

describe('clients', () => {
  test('of two transactions with one nonce at two nodes one becomes final, everywhere the same', async () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const story = await Story.begin({ seed })
      const { cluster } = story
      const client = cluster.probeClient(0)
      const rivals = [0, 2].map(number => cluster.submit(number, () => cluster.workload.pay(client, 1), client))
      await story.untilAllDecide(4)
      for (const { store } of cluster.nodes) {
        const final = rivals.filter(rival => rival !== undefined && store.placeOf(rival.id) !== undefined)
        assert.equal(final.length, 1)
      }
      await story.pass(2_000)
      for (const { running } of cluster.nodes) assert.equal(running?.mempool.size, 0)
      story.end()
    }
  })

  test('a transaction that waits for an earlier nonce makes no blocks', async () => {
    const story = await Story.begin({ params: { ...calmPlan.params, idleBlockIntervalMs: 0 } })
    const { cluster } = story
    const client = cluster.probeClient(0)
    const second = cluster.submit(0, () => cluster.workload.pay(client, 2), client)
    await story.pass(10_000)
    assert.deepEqual(story.heights, [0, 0, 0, 0])
    const first = cluster.submit(1, () => cluster.workload.pay(client, 1), client)
    await story.until('both are final', () =>
      cluster.nodes.every(({ store }) => [first, second].every(sent => sent && store.placeOf(sent.id) !== undefined)),
    )
    story.end()
  })

  test('an idle network makes no blocks where none are wanted', async () => {
    const story = await Story.begin({ params: { ...calmPlan.params, idleBlockIntervalMs: 0 } })
    await story.pass(60_000)
    assert.deepEqual(story.heights, [0, 0, 0, 0])
    story.pay(3)
    await story.untilAllDecide(1)
    await story.pass(10_000)
    assert.deepEqual(story.heights, [1, 1, 1, 1])
    story.end()
  })
})
