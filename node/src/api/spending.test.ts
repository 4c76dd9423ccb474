import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { passphrase, TestApiNode } from '../../../test/helpers/api-node.ts'
import { call, type HttpAnswer } from '../../../test/helpers/http-call.ts'

const escrow = '/api/wallet/escrow'

let node: TestApiNode
let agent: string
beforeEach(async () => {
  node = await TestApiNode.start({ network: 'local' })
  await node.wallet.unlock(node.did, passphrase, 3_600_000)
  node.decide()
})
afterEach(() => node.stop())

async function withToken(fields: object): Promise<void> {
  const { json } = await call(node, '/api/tokens', { body: { scopes: ['wallet'], ...fields } })
  agent = String(json['token'])
}

/** By the agent, or by the owner. */
function send(path: string, body: object, by: 'agent' | 'owner' = 'agent'): Promise<HttpAnswer> {
  const headers = { authorization: by === 'agent' ? `Bearer ${agent}` : undefined }
  return call(node, `${path}?wait=final`, { body, headers })
}

async function opened(by: 'agent' | 'owner', amount = 100, over: object = {}): Promise<string> {
  const body = { beneficiary: node.names.other, amount, releaseRules: [{ id: 'rule-1' }], ...over }
  const answer = await send(escrow, body, by)
  assert.equal(answer.json['status'], 'final', answer.text)
  return String(answer.json['txHash'])
}

async function spent(): Promise<unknown> {
  const { tokens } = (await call(node, '/api/tokens')).json as { tokens: { spentTotal: number }[] }
  return tokens.at(-1)?.spentTotal
}

function refused(answer: HttpAnswer, code: string): void {
  assert.equal(answer.json['code'], code, answer.text)
  assert.equal(answer.status, 403)
}

describe('an agent token', () => {
  test('counts what it locks, and not once more what it gives out of that', async () => {
    await withToken({ total: 200 })
    const id = await opened('agent')
    assert.equal(await spent(), 101)
    await send(`${escrow}/${id}/release`, { ruleId: 'rule-1', amount: 40 })
    assert.equal(await spent(), 102)
    await node.restartApi()
    await send(`${escrow}/${id}/fund`, { amount: 30 })
    assert.equal(await spent(), 133)
    const rest = await send(`${escrow}/${id}/release`, { ruleId: 'rule-1', amount: 90 })
    assert.equal(rest.json['status'], 'final', rest.text)
    assert.equal(await spent(), 134)
  })

  test('counts what it gives out of what others locked', async () => {
    await withToken({ total: 200, perTx: 60 })
    const id = await opened('owner')
    refused(await send(`${escrow}/${id}/release`, { ruleId: 'rule-1' }), 'exceeds_limit_per_tx')
    await send(`${escrow}/${id}/release`, { ruleId: 'rule-1', amount: 40 })
    assert.equal(await spent(), 41)
    const other = await opened('owner')
    await send(`${escrow}/${other}/fund`, { amount: 20 })
    assert.equal(await spent(), 62)
    await send(`${escrow}/${other}/release`, { ruleId: 'rule-1', amount: 50 })
    assert.equal(await spent(), 93)
  })

  test('counts what a waiting transaction took in the end, which may be more than when it was weighed', async () => {
    await withToken({ total: 100 })
    const id = await opened('owner', 10)
    const waiting = send(`${escrow}/${id}/release`, { ruleId: 'rule-1', nonce: 4 })
    while (node.mempool.size === 0) await new Promise(setImmediate)
    assert.equal(await spent(), 11)
    await send(`${escrow}/${id}/fund`, { amount: 50 }, 'owner')
    await send('/api/wallet/transfer', { to: node.names.other, amount: 1 }, 'owner')
    assert.equal((await waiting).json['status'], 'final')
    assert.equal(await spent(), 61)
    await node.restartApi()
    assert.equal(await spent(), 61)
  })

  test('gives out nothing for free because of a lock that never comes into a block', async () => {
    await withToken({ total: 1000 })
    const id = await opened('owner', 100)
    const fund = send(`${escrow}/${id}/fund`, { amount: 50, nonce: 3 })
    while (node.mempool.size < 1) await new Promise(setImmediate)
    const release = send(`${escrow}/${id}/release`, { ruleId: 'rule-1', amount: 50, nonce: 4 })
    while (node.mempool.size < 2) await new Promise(setImmediate)
    const instead = send('/api/wallet/transfer', { to: node.names.other, amount: 1, nonce: 3, fee: 9 })
    assert.equal((await fund).json['code'], 'replaced')
    await send('/api/wallet/transfer', { to: node.names.other, amount: 1 }, 'owner')
    for (const answer of await Promise.all([release, instead]))
      assert.equal(answer.json['status'], 'final', answer.text)
    assert.equal(await spent(), 51 + 10)
    await node.restartApi()
    assert.equal(await spent(), 51 + 10)
  })

  test('locks nothing for somebody who is not among its payees', async () => {
    await withToken({ payees: [node.names.other] })
    await opened('agent')
    const rules = [{ id: 'rule-1', to: node.names.stranger }]
    const body = { beneficiary: node.names.other, amount: 10, releaseRules: rules }
    refused(await send(escrow, body), 'payee_is_not_allowed')
  })

  test('is told at once what the ledger would reject, and nothing is counted', async () => {
    await withToken({ total: 10_000_000 })
    const answer = await send('/api/wallet/transfer', { to: node.names.other, amount: 2_000_000 })
    assert.equal(answer.json['code'], 'funds_are_short')
    assert.equal(answer.status, 422)
    assert.equal(await spent(), 0)
  })
})

describe('the limits of the node', () => {
  test('count an escrow when it is made, and not when it is released', async () => {
    await node.restartApi({ limits: { maxTransferPerTx: 100n, maxTransferPerDay: 150n } })
    refused(
      await send(escrow, { beneficiary: node.names.other, amount: 101, releaseRules: [{ id: 'r' }] }, 'owner'),
      'exceeds_limit_per_tx',
    )
    const id = await opened('owner')
    const released = await send(`${escrow}/${id}/release`, { ruleId: 'rule-1' }, 'owner')
    assert.equal(released.json['status'], 'final', released.text)
    const pay = (amount: number): Promise<HttpAnswer> =>
      send('/api/wallet/transfer', { to: node.names.other, amount }, 'owner')
    refused(await pay(51), 'exceeds_limit_per_day')
    assert.equal((await pay(50)).json['status'], 'final')
  })
})
