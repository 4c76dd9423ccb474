import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type PeerId, RequestError } from '@claw-network/node/ports'
import { Prng, utf8 } from '@claw-network/protocol'
import { Timeline } from './clock.ts'
import { fairWeather, Network, type NetworkOptions } from './network.ts'
import { Trace } from './trace.ts'

const [a, b, c] = ['n0', 'n1', 'n2'] as unknown as readonly [PeerId, PeerId, PeerId]

function networkOf(options: Partial<NetworkOptions> = {}) {
  const timeline = new Timeline()
  const blamed: string[] = []
  const network = new Network(
    { forwards: false, noticesPartitions: true, ...options },
    {
      timeline,
      prng: new Prng(1),
      trace: new Trace(),
      describe: () => '',
      watch: {
        blamed: (by, whom) => blamed.push(`${by} ${whom}`),
        failed: (_at, _what, error) => assert.fail(String(error)),
      },
    },
  )
  const doors = [a, b, c].map(id => network.attach(id))
  const heard: string[] = []
  for (const door of doors) {
    door.onGossip('votes', (payload, from) => {
      heard.push(`${from}>${door.id}:${Buffer.from(payload).toString()}`)
      return payload[0] === 'x'.charCodeAt(0) ? 'reject' : 'accept'
    })
  }
  const pass = async (ms: number): Promise<void> => {
    const until = timeline.nowMs + ms
    while (timeline.step(until)) await new Promise(resolve => setImmediate(resolve))
  }
  return { network, timeline, doors, heard, blamed, pass }
}

test('what is published reaches all others once, and not the publisher', async () => {
  const { doors, heard, pass } = networkOf()
  doors[0]?.publish('votes', utf8('v'))
  doors[0]?.publish('votes', utf8('v'))
  await pass(1_000)
  assert.deepEqual(heard.sort(), ['n0>n1:v', 'n0>n2:v'])
})

test('accepted messages are passed on where the network gossips, rejected ones are blamed and not', async () => {
  const { network, doors, heard, blamed, pass } = networkOf({ forwards: true })
  network.gossip(a, b, 'votes', utf8('v'))
  network.gossip(a, b, 'votes', utf8('x'))
  await pass(1_000)
  assert.ok(heard.includes('n1>n2:v'))
  assert.ok(!heard.includes('n1>n2:x'))
  assert.deepEqual(blamed, ['n1 n0'])
  assert.equal(doors.length, 3)
})

test('nothing crosses a division, not even what is on its way', async () => {
  const { network, doors, heard, pass } = networkOf()
  doors[0]?.publish('votes', utf8('v'))
  network.divide([[a, b], [c]])
  await pass(1_000)
  assert.deepEqual(heard, ['n0>n1:v'])
  assert.deepEqual(
    doors[0]?.peers().map(peer => peer.id),
    [b],
  )
  network.reunite()
  doors[2]?.publish('votes', utf8('w'))
  await pass(1_000)
  assert.equal(heard.length, 3)
})

test('a question is answered, refused or runs into its deadline', async () => {
  const { network, doors, pass } = networkOf({ noticesPartitions: false })
  doors[1]?.onRequest('status', question => question)
  doors[2]?.onRequest('status', () => {
    throw new Error('a secret of n2')
  })
  const outcomes: string[] = []
  const ask = (peer: PeerId): void => {
    doors[0]?.request(peer, 'status', utf8('q')).then(
      answer => outcomes.push(Buffer.from(answer).toString()),
      (error: RequestError) => outcomes.push(`${error.reason}`),
    )
  }
  ask(b)
  ask(c)
  await pass(100)
  assert.deepEqual(outcomes.sort(), ['q', 'refused'])
  network.divide([[a], [b, c]])
  ask(b)
  await pass(60_000)
  assert.equal(outcomes.at(-1), 'timeout')
  await assert.rejects(() => doors[0]?.request('n9' as PeerId, 'status', utf8('q')) ?? assert.fail(), RequestError)
})

test('in a gust some links are dead in one direction, and later others', async () => {
  const { network, doors, heard, pass } = networkOf()
  network.weather = { ...fairWeather, gusts: 500 }
  for (let number = 0; number < 40; number += 1) {
    doors[0]?.publish('votes', utf8(`v${number}`))
    await pass(100)
  }
  const reached = (peer: PeerId): number => heard.filter(line => line.startsWith(`n0>${peer}`)).length
  for (const peer of [b, c]) assert.ok(reached(peer) > 5 && reached(peer) < 35, `${reached(peer)}`)
})
