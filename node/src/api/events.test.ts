import assert from 'node:assert/strict'
import { type ClientRequest, request, type ServerResponse } from 'node:http'
import { Writable } from 'node:stream'
import { afterEach, beforeEach, test } from 'node:test'
import { addressOf, formatAddress } from '@claw-network/protocol'
import { passphrase, TestApiNode } from '../../../test/helpers/api-node.ts'
import { call } from '../../../test/helpers/http-call.ts'
import { EventStreams } from './events.ts'
import { Rejections } from './problems.ts'

interface ServerEvent {
  readonly id: string
  readonly name: string
  readonly data: { readonly [field: string]: unknown }
}

/** A stream of events that a test reads one by one. */
class Stream {
  readonly #request: ClientRequest
  readonly #events: ServerEvent[] = []
  #wake: () => void = () => {}
  #text = ''
  isOver = false
  /** The last id, also of blocks without data. */
  lastId = ''

  constructor(node: TestApiNode, query = '', lastEventId?: string) {
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
    this.#request = request(`${node.url}/api/events${query}`, { headers, agent: false }, response => {
      assert.equal(response.statusCode, 200)
      assert.match(response.headers['content-type'] ?? '', /^text\/event-stream/)
      response.on('data', (chunk: Buffer) => this.#read(chunk.toString('utf8')))
      response.on('close', () => {
        this.isOver = true
        this.#wake()
      })
    })
    this.#request.on('error', () => {})
    this.#request.end()
    open.add(this)
  }

  async next(): Promise<ServerEvent> {
    for (;;) {
      const event = this.#events.shift()
      if (event !== undefined) return event
      assert.ok(!this.isOver, 'the stream ended')
      await new Promise<void>(resolve => (this.#wake = resolve))
    }
  }

  async take(count: number): Promise<ServerEvent[]> {
    const events: ServerEvent[] = []
    while (events.length < count) events.push(await this.next())
    return events
  }

  close(): void {
    this.#request.destroy()
  }

  #read(text: string): void {
    this.#text += text
    const blocks = this.#text.split('\n\n')
    this.#text = blocks.pop() ?? ''
    for (const block of blocks) {
      const fields = new Map(block.split('\n').map(line => line.split(/: (.*)/s, 2) as [string, string]))
      this.lastId = fields.get('id') ?? this.lastId
      const data = fields.get('data')
      if (data !== undefined) {
        this.#events.push({
          id: this.lastId,
          name: fields.get('event') ?? '',
          data: JSON.parse(data) as ServerEvent['data'],
        })
      }
    }
    this.#wake()
  }
}

const open = new Set<Stream>()

let node: TestApiNode
beforeEach(async () => {
  node = await TestApiNode.start({ network: 'local' })
  await node.wallet.unlock(node.did, passphrase, 3_600_000)
  node.decide()
})
afterEach(async () => {
  for (const stream of open) stream.close()
  open.clear()
  await node.stop()
})

/** Pays and waits for the block; the answer is the transaction's hash. */
async function pay(fields: object = {}): Promise<unknown> {
  const body = { to: node.names.stranger, amount: 1, ...fields }
  const { json } = await call(node, '/api/wallet/transfer?wait=final', { body })
  assert.equal(json['status'], 'final')
  return json['txHash']
}

test('a stream says hello, then every final transaction and its block', async () => {
  const stream = new Stream(node)
  const hello = await stream.next()
  assert.deepEqual(hello, { id: '0.0', name: 'hello', data: { chainId: `0x${node.chain.chainId}`, height: 0 } })
  const txHash = await pay({ amount: 7 })
  const [transaction, block] = await stream.take(2)
  const self = formatAddress(addressOf(node.did))
  assert.deepEqual(transaction, {
    id: '1.0',
    name: 'transaction',
    data: {
      txHash,
      status: 'final',
      kind: 'wallet.transfer',
      did: node.names.did,
      address: self,
      nonce: 1,
      fee: 1,
      payload: { to: node.names.stranger, amount: 7 },
      height: 1,
      index: 0,
      blockHash: `0x${node.chain.tip.blockHash}`,
      timeMs: node.chain.tip.timeMs,
      movements: [
        { from: self, amount: 1 },
        { from: self, to: node.names.stranger, amount: 7 },
      ],
    },
  })
  const { blockHash, timeMs } = node.chain.tip
  assert.deepEqual(block, {
    id: '1.1',
    name: 'block',
    data: { height: 1, blockHash: `0x${blockHash}`, timeMs, transactions: 1 },
  })
})

test('a stream goes on after any id it has seen, whatever happened in between', async () => {
  const whole = new Stream(node)
  await whole.next()
  for (let count = 0; count < 5; count += 1) await pay()
  const seen = await whole.take(10)
  assert.deepEqual(
    seen.map(({ id }) => id),
    ['1.0', '1.1', '2.0', '2.1', '3.0', '3.1', '4.0', '4.1', '5.0', '5.1'],
  )

  await node.restartApi()
  for (const [index, { id }] of seen.entries()) {
    const resumed = new Stream(node, '', id)
    assert.equal((await resumed.next()).name, 'hello')
    assert.deepEqual(await resumed.take(seen.length - index - 1), seen.slice(index + 1))
    resumed.close()
  }
  const fromGenesis = new Stream(node, '', '0.0')
  await fromGenesis.next()
  assert.deepEqual(await fromGenesis.take(10), seen)
})

test('a resumed stream misses nothing that comes while it catches up', async () => {
  await Promise.all(Array.from({ length: 60 }, () => pay()))
  const stream = new Stream(node, '', '0.0')
  await Promise.all(Array.from({ length: 20 }, () => pay()))
  const hashes: unknown[] = []
  while (hashes.length < 80) {
    const { name, data } = await stream.next()
    if (name === 'transaction') hashes.push(data['nonce'])
  }
  assert.deepEqual(
    hashes,
    Array.from({ length: 80 }, (_, index) => index + 1),
  )
})

test('an id that is not here resets the stream to what comes next', async () => {
  await pay()
  for (const id of ['9.0', '1.2', '0.1', 'abc', '1', '1.0.0', '-1.0']) {
    const stream = new Stream(node, '', id)
    const [hello, reset] = await stream.take(2)
    assert.deepEqual([hello?.name, reset?.name], ['hello', 'reset'], id)
    assert.equal(reset?.id, '1.1')
    assert.equal(reset?.data['height'], 1)
    stream.close()
  }
  const stream = new Stream(node, '', '9.0')
  await stream.take(2)
  await pay()
  assert.equal((await stream.next()).id, '2.0')
})

test('blocks that are gone from this node reset the stream', async () => {
  await pay()
  await pay()
  const { store } = node.chain
  const decidedAt = store.decidedAt.bind(store)
  Object.assign(store, { decidedAt: (height: number) => (height === 1 ? undefined : decidedAt(height)) })
  await node.restartApi()
  const stream = new Stream(node, '', '0.0')
  assert.deepEqual(
    (await stream.take(2)).map(({ name }) => name),
    ['hello', 'reset'],
  )
  await pay()
  assert.equal((await stream.next()).id, '3.0')
})

test('a stream of an account has what it sends, what it is paid and nothing else', async () => {
  await node.wallet.unlock(node.other, passphrase, 60_000)
  const ofStranger = new Stream(node, `?address=${node.names.stranger}`)
  const ofOther = new Stream(node, `?did=${node.names.other}`)
  const ofKind = new Stream(node, '?kind=escrow.create')
  await Promise.all([ofStranger.next(), ofOther.next(), ofKind.next()])
  await pay({ to: node.names.other })
  await pay({ to: node.names.stranger })
  await pay({ did: node.names.other, to: node.names.stranger })
  assert.deepEqual(
    (await ofStranger.take(2)).map(({ id }) => id),
    ['2.0', '3.0'],
  )
  assert.deepEqual(
    (await ofOther.take(2)).map(({ id }) => id),
    ['1.0', '3.0'],
  )
})

test('a slow reader gets everything in its own time, and nothing is piled up for it', async () => {
  await Promise.all(Array.from({ length: 60 }, () => pay({ memo: 'x'.repeat(256) })))
  const { chain, clock, mempoolCodes } = node.node
  const streams = new EventStreams({ chain, clock, rejections: new Rejections(chain.ledger, mempoolCodes) })
  const reader = new SlowReader()
  streams.open({}, '0.0', reader as unknown as ServerResponse)
  // Many turns of the loop, in which it takes nothing.
  for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate)
  assert.ok(reader.writableLength > 0 && reader.writableLength < 10_000, `${reader.writableLength} bytes wait`)

  while (!reader.taken.includes(`"nonce":60,`)) {
    reader.take()
    assert.ok(reader.writableLength < 10_000)
    await new Promise(setImmediate)
  }
  const nonces = [...reader.taken.matchAll(/"nonce":(\d+)/g)].map(([, nonce]) => Number(nonce))
  assert.deepEqual(
    nonces,
    Array.from({ length: 60 }, (_, index) => index + 1),
  )
  reader.emit('close')
})

/** A response whose client reads one piece whenever it is told to. */
class SlowReader extends Writable {
  taken = ''
  #next: () => void = () => {}

  constructor() {
    super({ highWaterMark: 4_096, decodeStrings: false })
  }

  writeHead(): void {}

  override _write(chunk: string, _encoding: string, done: () => void): void {
    this.#next = () => {
      this.taken += chunk
      done()
    }
  }

  take(): void {
    const next = this.#next
    this.#next = () => {}
    next()
  }
}

test('streams end when the API stops', async () => {
  const stream = new Stream(node)
  await stream.next()
  await node.api.stop()
  await assert.rejects(stream.next(), /the stream ended/)
  await node.restartApi()
})

test('there is a limit of streams, and a closed one makes room', async () => {
  const streams = Array.from({ length: 128 }, () => new Stream(node))
  await Promise.all(streams.map(stream => stream.next()))
  const refused = await call(node, '/api/events')
  assert.equal(refused.status, 429)
  assert.equal(refused.json['code'], 'too_many_streams')
  streams[0]?.close()
  for (;;) {
    const again = await new Promise<number>(resolve => {
      const asked = request(`${node.url}/api/events`, { agent: false }, response => {
        response.destroy()
        resolve(response.statusCode ?? 0)
      })
      asked.on('error', () => {})
      asked.end()
    })
    if (again === 200) break
  }
})
