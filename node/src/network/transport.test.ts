import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import {
  addressOf,
  connected,
  type LoggedLine,
  memoryLog,
  realClock,
  TestNetwork,
  until,
} from '../../../test/helpers/network.ts'
import type { GossipTopic, GossipVerdict, PeerId } from '../ports.ts'
import { RequestError } from '../ports.ts'
import { gossipBytesMax, requestLimits } from './limits.ts'
import type { NetworkTransport } from './transport.ts'

const network = new TestNetwork()
after(() => network.close())

/** Takes down what a transport hears on a topic. */
function listener(transport: NetworkTransport, topic: GossipTopic, verdict: GossipVerdict = 'accept') {
  const heard: { payload: Uint8Array; from: PeerId }[] = []
  transport.onGossip(topic, (payload, from) => {
    heard.push({ payload, from })
    return verdict
  })
  return heard
}

/** Empty for a file that is not there yet. */
function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}

/** Publishes now and then until it arrives: right after connecting, gossip streams may still be opening. */
async function publishUntil(from: NetworkTransport, topic: GossipTopic, arrived: () => boolean): Promise<void> {
  let number = 0
  let publishedAtMs = 0
  await until(
    'a payload arrives',
    () => {
      if (performance.now() - publishedAtMs > 100) {
        publishedAtMs = performance.now()
        from.publish(topic, Buffer.from(`probe ${from.id} ${topic} ${number++}`))
      }
      return arrived()
    },
    20_000,
  )
}

describe('four nodes', async () => {
  const first = await network.start()
  const bootstrap = [addressOf(first)]
  const others = await Promise.all([1, 2, 3].map(() => network.start({ bootstrap })))
  const all = [first, ...others]
  const [second, third] = others as [NetworkTransport, NetworkTransport, NetworkTransport]

  test('find each other from one address', () => connected(...all))

  test('show who they are connected with', () => {
    const [peer] = first.peers()
    assert.ok(peer)
    assert.match(peer.address, /^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3/)
    assert.equal(peer.direction, 'inbound')
    assert.equal(peer.agent, 'test/1')
    assert.ok(Math.abs(Date.now() - peer.connectedAtMs) < 30_000)
    assert.match(addressOf(first), new RegExp(`^/ip4/127.0.0.1/tcp/[1-9]\\d*/p2p/${first.id}$`))
  })

  test('hear what one of them publishes, each once', async () => {
    const heard = others.map(other => listener(other, 'votes'))
    await publishUntil(first, 'votes', () => heard.every(list => list.length > 0))
    for (const list of heard) list.length = 0

    const payloads = Array.from({ length: 50 }, (_, index) => Buffer.alloc(300, index))
    for (const payload of payloads) first.publish('votes', payload)
    first.publish('votes', Buffer.alloc(300, 7))

    const last = Buffer.from('after all others')
    first.publish('votes', last)
    await until('all arrived', () => heard.every(list => list.some(({ payload }) => last.equals(payload))))
    for (const list of heard) {
      const texts = list.map(({ payload }) => Buffer.from(payload).toString('hex'))
      assert.equal(new Set(texts).size, texts.length, 'nothing twice')
      for (const payload of payloads) assert.ok(texts.includes(payload.toString('hex')))
    }
  })

  test('carry a proposal of the largest size', async () => {
    const heard = others.map(other => listener(other, 'proposals'))
    await publishUntil(first, 'proposals', () => heard.every(list => list.length > 0))
    const proposal = Buffer.alloc(gossipBytesMax.proposals, 'p')
    first.publish('proposals', proposal)
    await until('it arrives', () => heard.every(list => list.some(({ payload }) => proposal.equals(payload))))
  })

  test('refuse to publish what others would hold against them', () => {
    assert.throws(() => first.publish('votes', new Uint8Array(gossipBytesMax.votes + 1)), RangeError)
  })

  test('answer questions', async () => {
    second.onRequest('status', (question, from) => {
      assert.equal(from, first.id)
      return Buffer.concat([question, Buffer.from('!')])
    })
    const answer = await first.request(second.id, 'status', Buffer.from('height?'))
    assert.equal(Buffer.from(answer).toString(), 'height?!')
    assert.equal((await first.request(second.id, 'status', new Uint8Array(0))).length, 1)
  })

  test('answer a hundred and fifty questions at once, each with its own answer', async () => {
    third.onRequest('transactions', async question => {
      await new Promise(resolve => setTimeout(resolve, (question[0] as number) % 3))
      return Buffer.from(question).reverse()
    })
    const questions = Array.from({ length: 150 }, (_, index) => Buffer.from([index, 1, 2, 3]))
    const answers = await Promise.all(questions.map(question => first.request(third.id, 'transactions', question)))
    answers.forEach((answer, index) => assert.deepEqual([...answer], [3, 2, 1, index]))
  })

  test('carry eight megabytes of blocks', async () => {
    const blocks = Buffer.alloc(requestLimits.blocks.answerBytesMax, 'b')
    second.onRequest('blocks', () => blocks)
    assert.ok(blocks.equals(await third.request(second.id, 'blocks', new Uint8Array(1))))
  })

  test('say no more than no', async () => {
    first.onRequest('status', () => {
      throw new Error('the secret is 42')
    })
    await assert.rejects(second.request(first.id, 'status', new Uint8Array(0)), (error: unknown) => {
      assert.ok(error instanceof RequestError)
      assert.equal(error.reason, 'refused')
      assert.doesNotMatch(error.message, /secret/)
      return true
    })
    await assert.rejects(first.request(second.id, 'round', new Uint8Array(0)), { reason: 'refused' })
  })

  test('do not send an answer that is too large', async () => {
    second.onRequest('round', () => new Uint8Array(requestLimits.round.answerBytesMax + 1))
    await assert.rejects(first.request(second.id, 'round', new Uint8Array(0)), { reason: 'too_large' })
    const question = new Uint8Array(requestLimits.round.questionBytesMax + 1)
    await assert.rejects(first.request(second.id, 'round', question), { reason: 'too_large' })
  })

  test('know that a stranger is gone', async () => {
    const stranger = '12D3KooWD3bfmNbuuuVCYwkjnFt3ukm3qaB3hDED3peHHXawvRAi' as PeerId
    await assert.rejects(first.request(stranger, 'status', new Uint8Array(0)), { reason: 'gone' })
  })

  test('count what they carry', () => {
    const { messagesIn, messagesOut, bytesIn, bytesOut } = first.counters()
    assert.ok(messagesOut > 50 && bytesOut > 50 * 300)
    assert.ok(messagesIn >= 150 && bytesIn >= 150 * 4)
  })
})

test('a question that is not answered in time is given up, and the next one is answered', async () => {
  const answerer = await network.start()
  const asker = await network.start({ bootstrap: [addressOf(answerer)] }, realClock(50))
  await connected(asker, answerer)
  let isSlow = true
  answerer.onRequest('status', async question => {
    if (isSlow) await new Promise(resolve => setTimeout(resolve, 200))
    return question
  })
  await assert.rejects(asker.request(answerer.id, 'status', Buffer.from('slow')), { reason: 'timeout' })
  isSlow = false
  assert.equal(Buffer.from(await asker.request(answerer.id, 'status', Buffer.from('fast'))).toString(), 'fast')
})

test('a peer that goes away while we wait for its answer is gone', async () => {
  const answerer = await network.start()
  const asker = await network.start({ bootstrap: [addressOf(answerer)] })
  await connected(asker, answerer)
  const events: string[] = []
  asker.onPeer((event, peer) => events.push(`${event} ${peer}`))
  const asked = Promise.withResolvers<void>()
  answerer.onRequest('status', () => {
    asked.resolve()
    return new Promise(() => {})
  })
  const answer = asker.request(answerer.id, 'status', new Uint8Array(0))
  answer.catch(() => {})
  await asked.promise
  await network.stop(answerer)
  await assert.rejects(answer, { reason: 'gone' })
  await until('the transport says so', () => events.includes(`disconnected ${answerer.id}`))
})

test('who sends too much that is rejected is banned, also after a restart', async () => {
  const directory = await network.directory()
  const judge = await network.start({ directory })
  const heard = listener(judge, 'transactions', 'reject')
  const liar = await network.start({ bootstrap: [addressOf(judge)] })
  await connected(judge, liar)
  await publishUntil(liar, 'transactions', () => heard.length > 0)
  let number = 0
  await until('the liar is out', () => {
    liar.publish('transactions', Buffer.from(`lie ${number++}`))
    return judge.peers().length === 0
  })

  await until('the ban is written', async () => (await textOf(join(directory, 'bans.jsonl'))).includes(liar.id))
  await network.stop(judge)
  const again = await network.start({ directory, bootstrap: [addressOf(liar)] })
  const friend = await network.start({ bootstrap: [addressOf(again)] })
  await connected(again, friend)
  assert.ok(!again.peers().some(peer => peer.id === liar.id))
})

test('a node of another chain does not get in, whichever side dials', async () => {
  const ours = await network.start()
  const theirs = await network.start({ chainId: 'd2'.repeat(32), bootstrap: [addressOf(ours)] })
  const lines: LoggedLine[] = []
  const dialler = await network.start({ bootstrap: [addressOf(theirs)] }, realClock(), memoryLog(lines))
  await until('our dial fails', () => lines.some(({ message }) => message === 'a bootstrap node is not reachable'))
  const friend = await network.start({ bootstrap: [addressOf(ours)] })
  await connected(ours, friend)
  assert.equal(theirs.peers().length, 0)
  assert.equal(dialler.peers().length, 0)
  assert.deepEqual(
    ours.peers().map(peer => peer.id),
    [friend.id],
  )
})

test('an address that is taken is named', async () => {
  const holder = await network.start()
  const listen = [addressOf(holder).replace(/\/p2p\/.*$/, '')]
  const late = await network.open({ listen })
  await assert.rejects(late.start(), {
    name: 'ListenError',
    message: `${listen[0]}: listen EADDRINUSE: address already in use ${listen[0]?.replace('/ip4/', '').replace('/tcp/', ':')}`,
  })
})

test('a restarted node goes back to the peers that it knew', async () => {
  const directory = await network.directory()
  const stayer = await network.start()
  const leaver = await network.start({ directory, bootstrap: [addressOf(stayer)] })
  await connected(stayer, leaver)
  await until('the peer is written down', async () =>
    (await textOf(join(directory, 'peers.jsonl'))).includes(stayer.id),
  )
  await network.stop(leaver)
  await until('it left', () => stayer.peers().length === 0)

  const returned = await network.start({ directory })
  assert.equal(returned.id, leaver.id)
  await connected(stayer, returned)
})

test('sixteen nodes on one address all hear each other', async () => {
  const hub = await network.start()
  const bootstrap = [addressOf(hub)]
  const others = await Promise.all(Array.from({ length: 15 }, () => network.start({ bootstrap })))
  await until('all are in', () => hub.peers().length === others.length, 30_000)
  const all = [hub, ...others]
  const heard = all.map(node => listener(node, 'votes'))
  for (const speaker of [hub, others[0]!]) {
    const hearers = heard.filter((_, index) => all[index] !== speaker)
    await publishUntil(speaker, 'votes', () =>
      hearers.every(list => list.some(({ payload }) => saidBy(payload, speaker))),
    )
  }
  await Promise.all(all.map(node => network.stop(node)))
})

function saidBy(payload: Uint8Array, speaker: NetworkTransport): boolean {
  return Buffer.from(payload).toString().startsWith(`probe ${speaker.id} `)
}
