import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryLog, StepClock } from '../../../test/helpers/network.ts'
import { type PeerId, RequestError } from '../ports.ts'
import { Answers } from './answers.ts'
import type { Channel } from './channel.ts'
import { lateAnswersMax, questionsAtOnceMax, requestLimits, takeAnswersWithinMs } from './limits.ts'
import { Requests } from './requests.ts'

const asker = 'asker' as PeerId
const answerer = 'answerer' as PeerId

/** One end of a stream in memory. What is sent waits in `unsentBytes` while the other end is paused. */
class MemoryChannel implements Channel {
  readonly peer: PeerId
  other: MemoryChannel | undefined
  isOpen = true
  isPaused = false
  #waiting: Uint8Array[] = []
  #onDrained = (): void => {}
  #onBytes = (_bytes: Uint8Array): void => {}
  readonly #onClosed: (() => void)[] = []

  constructor(peer: PeerId) {
    this.peer = peer
  }

  get unsentBytes(): number {
    return this.#waiting.reduce((sum, bytes) => sum + bytes.length, 0)
  }

  send(bytes: Uint8Array): void {
    if (!this.isOpen) throw new Error('closed')
    this.#waiting.push(bytes)
    if (this.other?.isPaused === false) this.flush()
  }

  flush(): void {
    for (const bytes of this.#waiting.splice(0)) queueMicrotask(() => this.other?.deliver(bytes))
    this.#onDrained()
  }

  onDrained(handler: () => void): void {
    this.#onDrained = handler
  }

  deliver(bytes: Uint8Array): void {
    if (this.isOpen) this.#onBytes(bytes)
  }

  onBytes(handler: (bytes: Uint8Array) => void): void {
    this.#onBytes = handler
  }

  onClosed(handler: () => void): void {
    this.#onClosed.push(handler)
  }

  abort(): void {
    if (!this.isOpen) return
    this.isOpen = false
    for (const handler of this.#onClosed) handler()
    this.other?.abort()
  }
}

function setUp() {
  const clock = new StepClock()
  const penalties: string[] = []
  const penalize = (peer: PeerId, reason: string): void => void penalties.push(`${peer}: ${reason}`)
  const answers = new Answers({ clock, log: memoryLog(), penalize })
  const channels: { asking: MemoryChannel; answering: MemoryChannel }[] = []
  const requests = new Requests({
    clock,
    penalize,
    async openChannel(peer, name) {
      const asking = new MemoryChannel(peer)
      const answering = new MemoryChannel(asker)
      asking.other = answering
      answering.other = asking
      channels.push({ asking, answering })
      answers.serve(answering, name)
      return asking
    },
  })
  return { clock, penalties, answers, requests, channels }
}

test('questions share one stream, and more than may be open at once wait', async () => {
  const { answers, requests, channels, clock } = setUp()
  let open = 0
  let most = 0
  const release: (() => void)[] = []
  answers.onRequest('transactions', async question => {
    most = Math.max(most, ++open)
    await new Promise<void>(resolve => release.push(resolve))
    open--
    return question
  })
  const asked = Array.from({ length: 40 }, (_, index) => requests.ask(answerer, 'transactions', Buffer.from([index])))
  while (release.length > 0 || most < questionsAtOnceMax) {
    await clock.advance(0)
    release.shift()?.()
  }
  const got = await Promise.all(asked)
  assert.deepEqual(
    got.map(answer => answer[0]),
    asked.map((_, index) => index),
  )
  assert.equal(most, questionsAtOnceMax)
  assert.equal(channels.length, 1)
})

test('a late answer is dropped, and a stream of late answers is given up', async () => {
  const { answers, requests, channels, clock, penalties } = setUp()
  const answer: (() => void)[] = []
  answers.onRequest('blocks', question => new Promise(resolve => answer.push(() => resolve(question))))
  const late = assert.rejects(requests.ask(answerer, 'blocks', Buffer.from('late')), { reason: 'timeout' })
  await clock.advance(requestLimits.blocks.deadlineMs)
  await late
  answer.shift()?.()
  await clock.advance(0)

  const next = requests.ask(answerer, 'blocks', Buffer.from('next'))
  await clock.advance(0)
  answer.shift()?.()
  assert.equal(Buffer.from(await next).toString(), 'next')
  assert.deepEqual(penalties, [])

  const [first] = channels
  assert.ok(first)
  first.answering.isPaused = true
  for (let question = 0; question <= lateAnswersMax; question++) {
    assert.ok(first.asking.isOpen)
    const unanswered = assert.rejects(requests.ask(answerer, 'blocks', Buffer.from('?')), RequestError)
    await clock.advance(requestLimits.blocks.deadlineMs)
    await unanswered
  }
  assert.ok(!first.asking.isOpen)
  const afresh = requests.ask(answerer, 'blocks', Buffer.from('afresh'))
  await clock.advance(0)
  answer.shift()?.()
  assert.equal(Buffer.from(await afresh).toString(), 'afresh')
  assert.equal(channels.length, 2)
})

test('a stream that closed while it opened is not used', async () => {
  const { clock, penalties } = setUp()
  let opened = 0
  const requests = new Requests({
    clock,
    penalize: (peer, reason) => void penalties.push(peer + reason),
    async openChannel(peer) {
      const channel = new MemoryChannel(peer)
      if (opened++ === 0) channel.abort()
      else channel.other = new MemoryChannel(asker)
      return channel
    },
  })
  await assert.rejects(requests.ask(answerer, 'status', new Uint8Array(0)), { reason: 'gone' })
  const waiting = assert.rejects(requests.ask(answerer, 'status', new Uint8Array(0)), { reason: 'timeout' })
  await clock.advance(requestLimits.status.deadlineMs)
  await waiting
  assert.equal(opened, 2)
})

test('a peer that asks and does not take its answers fills bounded memory, and loses its stream', async () => {
  const { answers, requests, channels, clock } = setUp()
  const block = new Uint8Array(requestLimits.blocks.answerBytesMax)
  answers.onRequest('blocks', () => block)
  await requests.ask(answerer, 'blocks', new Uint8Array(0))
  const [pair] = channels
  assert.ok(pair)
  pair.asking.isPaused = true
  const greedy = Array.from({ length: 10 }, () => assert.rejects(requests.ask(answerer, 'blocks', new Uint8Array(0))))
  await clock.advance(takeAnswersWithinMs - 1)
  assert.ok(pair.answering.unsentBytes < 3 * block.length, `${pair.answering.unsentBytes} bytes are kept`)
  assert.ok(pair.answering.isOpen)
  await clock.advance(2)
  assert.ok(!pair.answering.isOpen)
  await Promise.all(greedy)
})

test('a peer that takes its answers slowly keeps its stream', async () => {
  const { answers, requests, channels, clock } = setUp()
  answers.onRequest('blocks', () => new Uint8Array(1_000_000))
  await requests.ask(answerer, 'blocks', new Uint8Array(0))
  const [pair] = channels
  assert.ok(pair)
  pair.asking.isPaused = true
  for (let turn = 0; turn < 5; turn++) {
    const slow = requests.ask(answerer, 'blocks', new Uint8Array(0))
    await clock.advance(requestLimits.blocks.deadlineMs - 1)
    pair.answering.flush()
    await slow
  }
  await clock.advance(takeAnswersWithinMs * 2)
  assert.ok(pair.answering.isOpen)
})
