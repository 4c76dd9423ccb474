import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { identify } from '@libp2p/identify'
import type { Connection, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { addressOf, connected, TestNetwork, testChainId, until } from '../../../test/helpers/network.ts'
import { requestLimits } from './limits.ts'
import type { NetworkTransport } from './transport.ts'

const network = new TestNetwork()
const hostiles: HostilePeer[] = []
after(async () => {
  await Promise.all(hostiles.map(hostile => hostile.stop()))
  await network.close()
})

async function hostilePeer(): Promise<HostilePeer> {
  const hostile = await HostilePeer.start(testChainId)
  hostiles.push(hostile)
  return hostile
}

async function stillServes(node: NetworkTransport): Promise<void> {
  const honest = await network.start({ bootstrap: [addressOf(node)] })
  await connected(node, honest)
  node.onRequest('status', question => question)
  assert.equal(Buffer.from(await honest.request(node.id, 'status', Buffer.from('well?'))).toString(), 'well?')
  await network.stop(honest)
}

async function openSocket(node: NetworkTransport): Promise<Socket> {
  const port = Number(/tcp\/(\d+)/.exec(addressOf(node))?.[1])
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  await once(socket, 'connect')
  return socket
}

test('garbage and two hundred silent sockets keep no honest node out', async () => {
  const node = await network.start()
  const sockets = await Promise.all(Array.from({ length: 200 }, () => openSocket(node)))
  const closed = sockets.map(socket => new Promise(resolve => socket.resume().once('close', resolve)))
  for (const bytes of ['GET / HTTP/1.1\r\n\r\n', Buffer.alloc(100_000, 0xff), '\x13/multistream/1.0.0\n', '']) {
    const socket = await openSocket(node)
    socket.resume().write(bytes)
  }
  await stillServes(node)
  await Promise.all(closed)
  await until('nobody is left', () => node.peers().length === 0)
})

test('on a local network twenty connections from one host are welcome in the same moment', async () => {
  const node = await network.start()
  const greeting = '\x13/multistream/1.0.0\n'
  const sockets = await Promise.all(Array.from({ length: 20 }, () => openSocket(node)))
  const answers = sockets.map(async socket => {
    const [bytes] = (await once(socket, 'data')) as [Buffer]
    socket.destroy()
    return bytes.toString()
  })
  for (const socket of sockets) socket.write(greeting)
  assert.deepEqual(
    await Promise.all(answers),
    Array.from(sockets, () => greeting),
  )
})

for (const [what, bytes] of [
  ['a frame of four gigabytes', frame(1, 0, Buffer.from('x'), 0xffff_ffff)],
  ['a frame one byte over the limit', frame(1, 0, Buffer.from('x'), requestLimits.blocks.questionBytesMax + 6)],
  ['a frame without room for its head', frame(1, 0, Buffer.from('x'), 4)],
  ['a frame of no known kind', frame(1, 9, Buffer.from('x'))],
  ['an answer where a question belongs', frame(1, 1, Buffer.from('x'))],
  ['noise', Buffer.alloc(3_000, 0xa7)],
] as const) {
  test(`${what} ends the stream, and too many the acquaintance`, async () => {
    const node = await network.start()
    node.onRequest('blocks', question => question)
    const hostile = await hostilePeer()
    const connection = await hostile.connect(addressOf(node))
    await until('it is in', () => node.peers().length === 1)

    const stream = await hostile.open(connection, 'blocks')
    const end = once(stream, 'close')
    stream.send(bytes)
    await end
    assert.equal(node.peers().length, 1, 'once is forgiven')

    for (let again = 0; again < 20 && hostile.isConnected(); again++) {
      // Once it is banned, opening or sending fails; that is what we wait for.
      const next = await hostile.open(connection, 'blocks').catch(() => undefined)
      if (next?.status !== 'open') break
      const nextEnd = once(next, 'close')
      next.send(bytes)
      await nextEnd
    }
    await until('it is out', () => node.peers().length === 0)
    await assert.rejects(
      hostile.connect(addressOf(node)).then(async again => {
        await once(again, 'close')
        throw new Error('closed right after it opened')
      }),
    )
    await stillServes(node)
  })
}

test('a truncated question is answered by nothing and costs nothing', async () => {
  const node = await network.start()
  const asked: number[] = []
  node.onRequest('blocks', question => {
    asked.push(question.length)
    return question
  })
  const hostile = await hostilePeer()
  const connection = await hostile.connect(addressOf(node))
  const stream = await hostile.open(connection, 'blocks')
  stream.send(frame(1, 0, Buffer.alloc(1_000)).subarray(0, 500))
  await stream.close()
  await stillServes(node)
  assert.deepEqual(asked, [])
  assert.ok(node.peers().some(peer => peer.id === hostile.id))
})

test('who asks too much is refused, while others are answered', async () => {
  const node = await network.start()
  let answered = 0
  node.onRequest('blocks', question => {
    answered++
    return question
  })
  const hostile = await hostilePeer()
  const connection = await hostile.connect(addressOf(node))
  const stream = await hostile.open(connection, 'blocks')
  let replies = 0
  stream.addEventListener('message', event => {
    // Every reply here has the ten bytes of a frame with one byte, or the nine of a refusal.
    replies += event.data.byteLength
  })
  const { burst } = requestLimits.blocks
  for (let id = 0; id < 10 * burst; id++) stream.send(frame(id, 0, Buffer.from('?')))
  await until('all are replied to', () => replies >= 10 * burst * 9)
  assert.ok(answered >= 1 && answered <= 2 * burst, `${answered} of ${10 * burst} were answered`)
  await stillServes(node)
})

test('gossip frames of any size and content leave the node up and others connected', async () => {
  const node = await network.start()
  const friend = await network.start({ bootstrap: [addressOf(node)] })
  await connected(node, friend)
  for (const bytes of [
    Buffer.from('ffffffff0f00', 'hex'), // a frame of four gigabytes
    Buffer.from('80808080808080808080808001', 'hex'), // a length without end
    Buffer.concat([Buffer.from([100]), Buffer.alloc(100, 0xff)]), // no protocol buffer
    Buffer.concat([Buffer.from([10]), Buffer.alloc(3)]), // cut short
  ]) {
    const hostile = await hostilePeer()
    const connection = await hostile.connect(addressOf(node))
    const stream = await hostile.openGossip(connection)
    stream.send(bytes)
  }
  const heard: Uint8Array[] = []
  node.onGossip('votes', payload => {
    heard.push(payload)
    return 'accept'
  })
  let number = 0
  await until('honest gossip arrives', () => {
    friend.publish('votes', Buffer.from(`vote ${number++}`))
    return heard.length > 0
  })
  await stillServes(node)
})

for (const [what, reason, answer] of [
  ['an answer of four gigabytes', 'too_large', () => frame(0, 1, Buffer.from('x'), 0xffff_ffff)],
  ['an answer to no question', 'gone', () => frame(7, 1, Buffer.from('x'))],
  ['noise for an answer', 'gone', () => Buffer.alloc(200)],
] as const) {
  test(`${what} fails the question and counts against the peer`, async () => {
    const hostile = await hostilePeer()
    await hostile.serve('status', answer)
    const node = await network.start({ bootstrap: [hostile.address] })
    for (let question = 0; question < 10; question++) {
      await until('it is connected', () => node.peers().length === 1)
      await assert.rejects(node.request(node.peers()[0]!.id, 'status', new Uint8Array(0)), { reason })
    }
    await until('the peer is out', () => {
      const [peer] = node.peers()
      if (peer !== undefined) node.request(peer.id, 'status', new Uint8Array(0)).catch(() => {})
      return peer === undefined
    })
  })
}

/** Gets through the handshake and then does what it likes. Written from docs/spec/network.md, not from the code. */
class HostilePeer {
  readonly #prefix: string
  readonly #libp2p: Awaited<ReturnType<typeof createLibp2p>>

  private constructor(prefix: string, libp2p: Awaited<ReturnType<typeof createLibp2p>>) {
    this.#prefix = prefix
    this.#libp2p = libp2p
  }

  static async start(chainId: string): Promise<HostilePeer> {
    const prefix = `clawnet/${chainId.slice(0, 8)}`
    const libp2p = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise({ prologueBytes: Buffer.from(`/clawnet/${chainId}/handshake/1`) })],
      streamMuxers: [yamux()],
      connectionMonitor: { enabled: false },
      connectionManager: { reconnectRetries: 0 },
      services: { identify: identify({ protocolPrefix: prefix }) },
    })
    return new HostilePeer(prefix, libp2p)
  }

  get id(): string {
    return this.#libp2p.peerId.toString()
  }

  get address(): string {
    return String(this.#libp2p.getMultiaddrs()[0])
  }

  connect(address: string): Promise<Connection> {
    return this.#libp2p.dial(multiaddr(address))
  }

  isConnected(): boolean {
    return this.#libp2p.getConnections().length > 0
  }

  /** A stream of the chain's, such as `blocks`. */
  open(connection: Connection, name: string): Promise<Stream> {
    return connection.newStream(`/${this.#prefix}/${name}/1`)
  }

  openGossip(connection: Connection): Promise<Stream> {
    return connection.newStream('/meshsub/1.2.0')
  }

  /** Answers the chain's streams of that name with whatever `answer` makes of what arrives. */
  async serve(name: string, answer: (bytes: Uint8Array) => Uint8Array): Promise<void> {
    await this.#libp2p.handle(`/${this.#prefix}/${name}/1`, stream => {
      stream.addEventListener('message', event => stream.send(answer(event.data.subarray())))
    })
  }

  async stop(): Promise<void> {
    await this.#libp2p.stop()
  }
}

/** Written by hand: length, id, kind, payload. */
function frame(id: number, kind: number, payload: Uint8Array, claimedLength = 5 + payload.length): Uint8Array {
  const bytes = Buffer.alloc(9 + payload.length)
  bytes.writeUInt32BE(claimedLength, 0)
  bytes.writeUInt32BE(id, 4)
  bytes.writeUInt8(kind, 8)
  bytes.set(payload, 9)
  return bytes
}
