import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { machineClock } from '../machine.ts'
import { passphrase, TestApiNode } from '../../../test/helpers/api-node.ts'
import { call, type HttpAnswer } from '../../../test/helpers/http-call.ts'
import { nextLife, steps } from '../../../test/helpers/killed-api.ts'

const transfer = '/api/wallet/transfer'

let node: TestApiNode
/** Added to the machine's time. */
let skewMs = 0
let token: string
beforeEach(async () => {
  skewMs = 0
  const clock = { ...machineClock, nowMs: () => Date.now() + skewMs }
  node = await TestApiNode.start({ network: 'testnet', clock })
  await node.wallet.unlock(node.did, passphrase, 3_600_000)
})
afterEach(() => node.stop())

async function withToken(fields: object): Promise<void> {
  const made = await call(node, '/api/tokens', { body: { scopes: ['wallet'], ...fields }, viaSocket: true })
  token = String(made.json['token'])
}

function pay(fields: object = {}, { key, query = '' }: { key?: string; query?: string } = {}): Promise<HttpAnswer> {
  return call(node, `${transfer}${query}`, {
    body: { to: node.names.stranger, amount: 1, ...fields },
    headers: { authorization: `Bearer ${token}`, 'idempotency-key': key },
  })
}

const spent = async (): Promise<unknown> => {
  const headers = { authorization: `Bearer ${token}` }
  const { tokens } = (await call(node, '/api/tokens', { headers })).json as { tokens: { spentTotal: number }[] }
  return tokens[0]?.spentTotal
}

const paid = async (): Promise<unknown> =>
  (await call(node, `/api/wallet/balance?address=${node.names.stranger}`)).json['balance']

/** Sends all fifty, and once more those that were not told their end, until the life ends or everybody is told. */
async function sendAll(ended: Promise<void>): Promise<readonly HttpAnswer[] | undefined> {
  const one = async (index: number): Promise<HttpAnswer> => {
    for (;;) {
      const answer = await pay({}, { key: `k${index}`, query: '?wait=final' })
      if (answer.status === 403 || answer.json['status'] === 'final') return answer
      assert.ok(answer.status !== 500, answer.text)
    }
  }
  const all = Promise.all(Array.from({ length: 50 }, (_, index) => one(index)))
  // What a dead life leaves unanswered, or answers while it dies, nobody hears.
  all.catch(() => {})
  return Promise.race([all, ended.then(() => undefined)])
}

describe('fifty at once against a limit of ten, each with its key, are ten', () => {
  for (const step of steps) {
    test(`where the node is killed again and again at the step "${step}"`, async () => {
      node.decide()
      await withToken({ total: 20 })
      for (const time of [1, 2, 1, 3]) {
        const { ended } = await nextLife(node, { step, time })
        assert.equal(await sendAll(ended), undefined, 'it was killed')
      }
      const { ended } = await nextLife(node)
      const answers = (await sendAll(ended)) ?? []
      const finals = answers.filter(({ json }) => json['status'] === 'final')
      assert.equal(finals.length, 10)
      assert.equal(answers.filter(({ json }) => json['code'] === 'exceeds_limit_total').length, 40)
      assert.equal(new Set(finals.map(({ json }) => json['txHash'])).size, 10)
      assert.equal(await paid(), 10)
      assert.equal(await spent(), 20)
    })
  }
})

describe('what is counted', () => {
  test('is given back where a block rejects the transaction, but for the fee', async () => {
    await withToken({ total: 100 })
    await pay({ nonce: 2 })
    await pay({ nonce: 3, amount: 50, prev: `0x${'11'.repeat(32)}` })
    assert.equal(await spent(), 53)
    node.decide()
    const first = await pay({ nonce: 1 }, { query: '?wait=final' })
    assert.equal(first.json['status'], 'final', first.text)
    while (node.mempool.size > 0) await new Promise(setImmediate)
    assert.equal(await spent(), 5)
    await node.restartApi()
    assert.equal(await spent(), 5)
  })

  test('is given back where another transaction took its place for good', async () => {
    await withToken({ total: 100 })
    await pay({ nonce: 1, amount: 50 })
    const dearer = await pay({ nonce: 1, amount: 2, fee: 2 })
    assert.equal(dearer.json['status'], 'broadcast', dearer.text)
    // Other nodes may still take the first one.
    assert.equal(await spent(), 55)
    node.decide()
    const last = await pay({}, { query: '?wait=final' })
    assert.equal(last.json['status'], 'final')
    assert.equal(await spent(), 6)
    await node.restartApi()
    assert.equal(await spent(), 6)
  })

  test('stays counted, and once, where what may have left before is asked for again and refused', async () => {
    await withToken({ total: 100 })
    const first = await pay({ nonce: 1, amount: 50 })
    await pay({ nonce: 1, amount: 2, fee: 2 })
    for (const key of ['a', undefined]) {
      const again = await pay({ nonce: 1, amount: 50 }, key === undefined ? {} : { key })
      assert.equal(again.json['code'], 'nonce_is_taken', again.text)
    }
    assert.equal(await spent(), 55)
    await node.restartApi()
    assert.equal(await spent(), 55)
    assert.equal(first.status, 200)
  })

  test('is given back where the end came while the API was stopped', async () => {
    await withToken({ total: 100 })
    await pay({ nonce: 2 })
    await pay({ nonce: 3, amount: 50, prev: `0x${'11'.repeat(32)}` })
    await pay({ nonce: 1 })
    await node.api.stop()
    node.decide()
    while (node.chain.tip.height < 1) await new Promise(resolve => setTimeout(resolve, 5))
    await node.restartApi()
    assert.equal(await spent(), 5)
  })

  test('stays counted while the transaction waits, and is sent again after a kill', async () => {
    await withToken({ total: 100 })
    const answer = await pay({ amount: 9 })
    const waiting = [...(await ordersOnDisk())]
    assert.equal(waiting.length, 1)
    const submitted: string[] = []
    await node.replaceApi({
      mempool: Object.assign(Object.create(node.mempool), {
        get: () => undefined,
        fate: () => undefined,
        onEnd: () => () => {},
        nextNonce: () => 1,
        pending: () => 0n,
      }),
      submit: transaction => {
        submitted.push(`0x${transaction.id}`)
        return
      },
    })
    assert.deepEqual(submitted, [answer.json['txHash']])
    assert.equal(await spent(), 10)
  })

  test('is not sent again once the token is revoked', async () => {
    await withToken({ total: 100 })
    await nextLife(node, { step: 'submit', time: 1 })
    assert.equal((await pay({ amount: 9 })).status, 500)
    const [{ id }] = (await call(node, '/api/tokens', { viaSocket: true })).json['tokens'] as [{ id: string }]
    await nextLife(node)
    assert.equal(node.mempool.size, 1)
    await call(node, `/api/tokens/${id}/revoke`, { body: {}, viaSocket: true })
    const submitted: unknown[] = []
    await node.replaceApi({ submit: transaction => void submitted.push(transaction) })
    assert.deepEqual(submitted, [])
  })
})

test('a block that is decided while the API starts takes nothing off what was paid before', async () => {
  await withToken({ total: 100 })
  node.decide()
  await pay({}, { query: '?wait=final' })
  const chain = new Proxy(node.chain, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (name === 'onDecided') return (listener: (decided: object) => void) => listener({ receipts: [] })
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  await node.replaceApi({ chain })
  assert.equal(await spent(), 2)
})

test('a line torn by a kill counts nothing', async () => {
  await withToken({ total: 100 })
  await pay()
  await node.api.stop()
  const path = join(node.directory, 'orders.jsonl')
  const [line = ''] = readFileSync(path, 'utf8').split('\n')
  appendFileSync(path, line.slice(0, line.length / 2))
  await node.restartApi()
  assert.equal(await spent(), 2)
})

test('what counts is kept when the file is begun anew, in the same length', async () => {
  await withToken({ total: 1_000, perDay: 900 })
  node.decide()
  for (let index = 0; index < 5; index += 1) await pay({}, { key: `k${index}`, query: '?wait=final' })
  await pay({ nonce: 7, amount: 4 })
  const length = (): number => statSync(join(node.directory, 'orders.jsonl')).size
  await node.restartApi()
  const first = length()
  for (let times = 0; times < 3; times += 1) await node.restartApi()
  assert.equal(length(), first)
  assert.equal(await spent(), 15)
  const again = await pay({}, { key: 'k0', query: '?wait=final' })
  assert.equal(again.json['nonce'], 1)
  assert.equal(await spent(), 15)
})

test('a key of one caller is another one’s free key, and tells nothing', async () => {
  await withToken({})
  const mine = await pay({ amount: 3 }, { key: 'same' })
  await withToken({})
  const other = await pay({ amount: 4 }, { key: 'same' })
  assert.equal(other.status, 200, other.text)
  assert.notEqual(other.json['txHash'], mine.json['txHash'])
  const body = { to: node.names.stranger, amount: 3 }
  const owners = await call(node, transfer, { body, viaSocket: true, headers: { 'idempotency-key': 'same' } })
  assert.equal(owners.json['nonce'], 3)
})

async function ordersOnDisk(): Promise<readonly string[]> {
  const text = readFileSync(join(node.directory, 'orders.jsonl'), 'utf8')
  return text.split('\n').filter(line => line.startsWith('{"order"'))
}

test('a start keeps of settled orders what they count, and not the orders', async () => {
  node.decide()
  await withToken({ total: 100 })
  for (let nth = 0; nth < 5; nth += 1) {
    const { json } = await call(node, `${transfer}?wait=final`, {
      body: { to: node.names.stranger, amount: 1 },
      headers: { authorization: `Bearer ${token}` },
    })
    assert.equal(json['status'], 'final')
  }
  await nextLife(node)
  assert.equal(await spent(), 10)
  const lines = readFileSync(join(node.directory, 'orders.jsonl'), 'utf8').trim().split('\n')
  assert.deepEqual(
    lines.filter(line => line.includes('"order"')),
    [],
  )
  await nextLife(node)
  assert.equal(await spent(), 10)
})
