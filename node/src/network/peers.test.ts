import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { memoryLog, StepClock } from '../../../test/helpers/network.ts'
import { type PeerId, RequestError } from '../ports.ts'
import { Bans } from './bans.ts'
import { faultsMax, outboundWanted, roundMs, withoutGossipMsMax } from './limits.ts'
import { PeerBook } from './peer-book.ts'
import { type Link, Peers } from './peers.ts'

const directory = mkdtempSync(join(tmpdir(), 'clawnet-policy-'))
after(() => rmSync(directory, { recursive: true }))
let files = 0

function peer(number: number): PeerId {
  return `12D3KooW${String(number).padStart(44, '1')}` as PeerId
}

/** The policy over wires that a test plays with: every dial succeeds unless `unreachable` has the host. */
function setUp(options: { local?: boolean } = {}) {
  const local = options.local ?? false
  const clock = new StepClock()
  const log = memoryLog()
  const number = files++
  const dependencies = { clock, log }
  const book = new PeerBook(
    { path: join(directory, `${number}.peers`), self: peer(0), local, bootstrap: [] },
    dependencies,
  )
  const bans = new Bans({ path: join(directory, `${number}.bans`) }, dependencies)
  const links: Link[] = []
  const dialled: string[] = []
  const disconnected: PeerId[] = []
  const deaf = new Set<PeerId>()
  const state = { ask: (_peer: PeerId): Promise<Uint8Array> => Promise.resolve(new Uint8Array([0x80])) }
  const peers = new Peers(
    { local },
    {
      ...dependencies,
      book,
      bans,
      wires: {
        links: () => links,
        async dial({ id, addresses }) {
          const address = addresses[0] ?? ''
          dialled.push(address)
          if (id === undefined) throw new Error('nobody there')
          joined(id, address, 'outbound')
          return { peer: id, address }
        },
        disconnect(id) {
          disconnected.push(id)
          links.splice(0, links.length, ...links.filter(link => link.peer !== id))
          peers.disconnected(id)
        },
        protect() {},
        hearsGossip: id => !deaf.has(id),
        ask: id => state.ask(id),
      },
    },
  )
  function joined(id: PeerId, address: string, direction: Link['direction']): void {
    links.push({ peer: id, address, direction })
    peers.connected(id)
  }
  return { peers, book, bans, clock, links, dialled, disconnected, deaf, state, joined }
}

test('only two connections of our own go into one neighbourhood, unless the network is local', async () => {
  for (const [local, expected] of [
    [false, 2],
    [true, 5],
  ] as const) {
    const { peers, clock, dialled, links } = setUp({ local })
    for (let number = 1; number <= 5; number++) {
      peers.heard(peer(number), [`/ip4/9.9.${number}.1/tcp/9527`])
    }
    peers.start()
    await clock.advance(5_000)
    assert.equal(links.length, expected)
    assert.ok(dialled.length >= expected)
    await peers.stop()
  }
})

test('as many peers are dialled as are wanted, and one that drops is replaced', async () => {
  const { peers, clock, links } = setUp()
  for (let number = 1; number <= 40; number++) peers.heard(peer(number), [`/ip4/${number}.9.1.1/tcp/9527`])
  peers.start()
  await clock.advance(10_000)
  assert.equal(links.length, outboundWanted)

  const [lost] = links.splice(0, 1)
  assert.ok(lost)
  peers.disconnected(lost.peer)
  await clock.advance(roundMs)
  assert.equal(links.length, outboundWanted)
  await peers.stop()
})

test('a peer that gives no sign of life is disconnected, one that refuses is not', async () => {
  const { peers, clock, joined, disconnected, state } = setUp()
  state.ask = id => Promise.reject(new RequestError(id === peer(1) ? 'timeout' : 'refused', 'no'))
  joined(peer(1), '/ip4/9.9.9.9/tcp/1', 'inbound')
  joined(peer(2), '/ip4/9.9.9.8/tcp/1', 'inbound')
  peers.start()
  await clock.advance(60_000)
  assert.deepEqual(disconnected, [peer(1)])
  await peers.stop()
})

test('a peer that our gossip does not reach is disconnected', async () => {
  const { peers, clock, joined, disconnected, deaf } = setUp()
  joined(peer(1), '/ip4/9.9.9.9/tcp/1', 'inbound')
  joined(peer(2), '/ip4/9.9.9.8/tcp/1', 'inbound')
  deaf.add(peer(1))
  peers.start()
  await clock.advance(withoutGossipMsMax)
  assert.deepEqual(disconnected, [])
  await clock.advance(2 * roundMs)
  assert.deepEqual(disconnected, [peer(1)])
  await peers.stop()
})

test('a peer that tells nonsense about others is banned in the end', async () => {
  const { peers, clock, joined, bans, state } = setUp()
  state.ask = () => Promise.resolve(new Uint8Array([1, 2, 3]))
  joined(peer(1), '/ip4/9.9.9.9/tcp/1', 'inbound')
  peers.start()
  await clock.advance((faultsMax + 2) * 31_000 * 3)
  assert.ok(bans.has(peer(1)))
  await peers.stop()
})

test('a ban takes the host along only where it is the peer alone who is there', async () => {
  const relayed = `/ip4/9.9.9.9/tcp/1/p2p/${peer(9)}/p2p-circuit`
  for (const [local, address, expected] of [
    [false, '/ip4/9.9.9.9/tcp/1', true],
    [false, relayed, false],
    [true, '/ip4/9.9.9.9/tcp/1', false],
  ] as const) {
    const { peers, joined, bans, disconnected } = setUp({ local })
    joined(peer(1), address, 'inbound')
    for (let fault = 0; fault <= faultsMax; fault++) peers.penalize(peer(1), 'test')
    assert.ok(bans.has(peer(1)))
    assert.equal(bans.has('9.9.9.9'), expected)
    assert.deepEqual(disconnected, [peer(1)])
    await peers.stop()
  }
})

test('a question for peers is answered with as many as asked, and only with those that listen somewhere', async () => {
  const { peers, joined } = setUp()
  for (let number = 1; number <= 5; number++) {
    joined(peer(number), `/ip4/${number}.9.9.9/tcp/1`, 'inbound')
    if (number > 1) peers.identified(peer(number), [`/ip4/${number}.9.9.9/tcp/9527`])
  }
  const other = setUp()
  other.state.ask = () => Promise.resolve(peers.answer(new Uint8Array([0x18, 0x20])))
  other.joined(peer(99), '/ip4/9.9.9.9/tcp/1', 'inbound')
  other.peers.start()
  await other.clock.advance(10_000)
  assert.deepEqual(other.links.map(link => link.peer).sort(), [2, 3, 4, 5, 99].map(peer).sort())
  assert.deepEqual([...peers.answer(new Uint8Array([0]))], [0x80])
  assert.throws(() => peers.answer(new Uint8Array([0x18, 0x21])), 'more than are ever told')
  await other.peers.stop()
})
