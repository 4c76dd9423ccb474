import assert from 'node:assert/strict'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { Transaction } from '@claw-network/protocol'
import { type Claim, IdempotencyKeys } from './idempotency.ts'
import type { Refusal } from './node.ts'
import { machineClock } from '../machine.ts'
import { passphrase, TestApiNode } from '../../../test/helpers/api-node.ts'
import { call, type HttpAnswer } from '../../../test/helpers/http-call.ts'

const transfer = '/api/wallet/transfer'

let node: TestApiNode
/** Added to the machine's time. */
let skewMs = 0
beforeEach(async () => {
  skewMs = 0
  const clock = { ...machineClock, nowMs: () => Date.now() + skewMs }
  node = await TestApiNode.start({ network: 'local', clock })
  await node.wallet.unlock(node.did, passphrase, 3_600_000)
})
afterEach(() => node.stop())

const pay = (key: string, fields: object = {}, path = transfer): Promise<HttpAnswer> =>
  call(node, path, { body: { to: node.names.stranger, amount: 1, ...fields }, headers: { 'idempotency-key': key } })

const journal = (): string => join(node.directory, 'orders.jsonl')

test('the same request with the same key gives the same answer and makes one transaction', async () => {
  const first = await pay('a')
  const again = await pay('a')
  assert.equal(again.status, 200)
  assert.deepEqual(again.json, first.json)
  assert.equal(node.mempool.size, 1)
  assert.notEqual((await pay('b')).json['txHash'], first.json['txHash'])
})

test('the order of the fields and the passphrase make no other request', async () => {
  const first = await pay('a', { memo: 'x', passphrase })
  const again = await call(node, transfer, {
    body: { memo: 'x', amount: 1, to: node.names.stranger },
    headers: { 'idempotency-key': 'a' },
  })
  assert.deepEqual(again.json, first.json)
})

test('another request with the same key is refused', async () => {
  await pay('a')
  const other = await pay('a', { amount: 2 })
  assert.equal(other.status, 422)
  assert.equal(other.json['code'], 'idempotency_key_is_reused')
  const elsewhere = await call(node, '/api/identity/lock', { body: {}, headers: { 'idempotency-key': 'a' } })
  assert.equal(elsewhere.json['code'], 'idempotency_key_is_reused')
  assert.equal(node.mempool.size, 1)
})

test('a hundred at once with one key make one transaction', async () => {
  node.decide()
  const answers = await Promise.all(Array.from({ length: 100 }, () => pay('a', {}, `${transfer}?wait=final`)))
  const hashes = new Set(answers.flatMap(({ status, json }) => (status === 200 ? [json['txHash']] : [])))
  assert.equal(hashes.size, 1)
  for (const { status, json } of answers.filter(answer => answer.status !== 200)) {
    assert.equal(status, 409)
    assert.equal(json['code'], 'idempotency_key_is_in_flight')
    assert.equal(json['retryable'], true)
  }
  assert.equal((await call(node, '/api/wallet/balance')).json['nonce'], 1)
})

test('while the first waits for its block, the same request waits too', async () => {
  const first = pay('a', {}, `${transfer}?wait=final`)
  while (node.mempool.size === 0) await new Promise(setImmediate)
  const second = pay('a', {}, `${transfer}?wait=final`)
  node.decide()
  assert.deepEqual((await second).json, (await first).json)
  assert.equal((await first).json['status'], 'final')
})

test('the answer is the same after a restart, and the transaction too', async () => {
  const first = await pay('a')
  await node.restartApi()
  assert.deepEqual((await pay('a')).json, first.json)
  node.decide()
  const final = await pay('a', {}, `${transfer}?wait=final`)
  assert.equal(final.json['txHash'], first.json['txHash'])
  assert.equal((await call(node, '/api/wallet/balance')).json['nonce'], 1)
})

describe('a node that is killed between signing and sending', () => {
  let kept: string | undefined
  let submit: (transaction: Transaction) => Refusal | undefined
  beforeEach(async () => {
    const { node: inner } = node
    submit = inner.submit.bind(inner)
    Object.assign(node.node, {
      submit: (transaction: Transaction) => {
        kept = `0x${transaction.id}`
        // What a kill leaves of the journal; what the API does after this exception, it would not have done.
        copyFileSync(journal(), `${journal()}.killed`)
        throw new Error('killed')
      },
    })
    assert.equal((await pay('a')).status, 500)
    await node.api.stop()
    copyFileSync(`${journal()}.killed`, journal())
  })

  test('sends what it signed when it starts again, and the same request gets that', async () => {
    Object.assign(node.node, { submit })
    await node.restartApi()
    assert.equal(node.mempool.size, 1)
    assert.equal((await pay('b')).json['nonce'], 2)
    node.decide()
    const answers = await Promise.all([pay('a'), pay('a'), pay('a', {}, `${transfer}?wait=final`)])
    assert.deepEqual([...new Set(answers.map(({ json }) => json['txHash']))], [kept])
  })

  test('makes one other payment where that could not be sent and its nonce went to another one', async () => {
    Object.assign(node.node, { submit: () => ({ code: 'mempool_is_full' }) })
    await node.restartApi()
    assert.equal((await pay('a')).json['code'], 'mempool_is_full')
    Object.assign(node.node, { submit })
    node.decide()
    const other = await pay('b', { amount: 2 }, `${transfer}?wait=final`)
    assert.equal(other.json['nonce'], 1)
    const answers = await Promise.all([pay('a'), pay('a'), pay('a', {}, `${transfer}?wait=final`)])
    const [hash, ...others] = new Set(answers.map(({ json }) => json['txHash']))
    assert.deepEqual(others, [])
    assert.notEqual(hash, kept)
    assert.equal((await call(node, '/api/wallet/balance')).json['nonce'], 2)
  })
})

test('a key of another chain in the same directory is as good as none', async () => {
  await pay('a')
  const other = await TestApiNode.start({ network: 'local' })
  try {
    await other.wallet.unlock(other.did, passphrase, 60_000)
    await other.api.stop()
    copyFileSync(journal(), join(other.directory, 'orders.jsonl'))
    await other.restartApi()
    const body = { to: node.names.stranger, amount: 1 }
    const answer = await call(other, transfer, { body, headers: { 'idempotency-key': 'a' } })
    assert.equal(answer.json['did'], other.names.did, answer.text)
    assert.equal(answer.json['nonce'], 1)
  } finally {
    await other.stop()
  }
})

test('a request that failed leaves its key free', async () => {
  assert.equal((await pay('a', { amount: 9_000_000 })).json['code'], 'funds_are_short')
  assert.equal((await pay('a', { to: 'nobody' })).json['code'], 'malformed')
  assert.equal((await pay('a')).status, 200)
  await node.restartApi()
  assert.equal((await pay('a', { amount: 9_000_000 })).json['code'], 'idempotency_key_is_reused')
})

test('a request without a transaction has its answer kept', async () => {
  const create = (): Promise<HttpAnswer> =>
    call(node, '/api/identity', { body: { passphrase }, headers: { 'idempotency-key': 'new-agent' } })
  const first = await create()
  assert.equal(first.status, 200, first.text)
  assert.deepEqual((await create()).json, first.json)
  await node.restartApi()
  assert.deepEqual((await create()).json, first.json)
  assert.equal(node.wallet.identities().length, 3)
})

test('twenty at once with one key make one identity', async () => {
  const headers = { 'idempotency-key': 'new-agent' }
  const create = (): Promise<HttpAnswer> => call(node, '/api/identity', { body: { passphrase }, headers })
  const answers = await Promise.all(Array.from({ length: 20 }, create))
  assert.ok(answers.some(({ status }) => status === 200))
  assert.equal(node.wallet.identities().length, 3)
})

test('a request that changes nothing takes no room among the keys', async () => {
  const body = { kind: 'wallet.transfer', payload: { to: node.names.stranger, amount: 1 } }
  const headers = { 'idempotency-key': 'a' }
  assert.equal((await call(node, '/api/tx/prepare', { body, headers })).status, 200)
  assert.equal((await pay('a')).status, 200)
  assert.ok(!readFileSync(journal(), 'utf8').includes('signingBytes'))
})

test('a key is forgotten after a day', async () => {
  const first = await pay('a')
  skewMs = 24 * 3_600_000 + 1
  const second = await pay('a')
  assert.notEqual(second.json['txHash'], first.json['txHash'])
})

test('no passphrase comes into the journal', async () => {
  await pay('a', { passphrase })
  assert.ok(readFileSync(journal(), 'utf8').length > 100)
  assert.ok(!readFileSync(journal(), 'utf8').includes(passphrase))
})

test('one agent cannot fill the memory of the others, nor all agents that of the owner', async () => {
  const keys = new IdempotencyKeys({ clock: machineClock, write: () => Promise.resolve() })
  const answer = { text: 'x'.repeat(60_000) }
  const claimOf = (caller: string, key: number): Claim => {
    return { caller, key: String(key), request: '11'.repeat(32) as Claim['request'] }
  }
  const fill = async (caller: string): Promise<number> => {
    for (let key = 0; ; key += 1) {
      try {
        await keys.run(claimOf(caller, key), () => Promise.resolve(answer))
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'too_many_keys')
        return key
      }
    }
  }
  const room = await fill('agent-1')
  assert.ok(room > 100)
  assert.equal(await fill('agent-2'), room)
  for (const agent of ['agent-3', 'agent-4', 'agent-5']) await fill(agent)
  assert.ok((await fill('')) > 100)
})
