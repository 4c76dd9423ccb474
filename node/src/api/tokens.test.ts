import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { addressOf, formatAddress } from '@claw-network/protocol'
import { machineClock } from '../machine.ts'
import { passphrase, TestApiNode } from '../../../test/helpers/api-node.ts'
import { call, type HttpAnswer, type HttpCall } from '../../../test/helpers/http-call.ts'

const transfer = '/api/wallet/transfer'

let node: TestApiNode
/** Added to the machine's time. */
let skewMs = 0
beforeEach(async () => {
  skewMs = 0
  const clock = { ...machineClock, nowMs: () => Date.now() + skewMs }
  node = await TestApiNode.start({ network: 'testnet', clock })
  await node.wallet.unlock(node.did, passphrase, 3_600_000)
  await node.wallet.unlock(node.other, passphrase, 3_600_000)
})
afterEach(() => node.stop())

interface Made {
  readonly id: string
  readonly token: string
}

async function made(fields: object = {}): Promise<Made> {
  const answer = await call(node, '/api/tokens', { body: { scopes: ['wallet'], ...fields }, viaSocket: true })
  assert.equal(answer.status, 200, answer.text)
  return { id: String(answer.json['id']), token: String(answer.json['token']) }
}

function as({ token }: Made, path: string, options: HttpCall = {}): Promise<HttpAnswer> {
  return call(node, path, { ...options, headers: { authorization: `Bearer ${token}`, ...options.headers } })
}

function pay(agent: Made, fields: object = {}, options: HttpCall & { query?: string } = {}): Promise<HttpAnswer> {
  const body = { to: node.names.stranger, amount: 1, ...fields }
  return as(agent, `${transfer}${options.query ?? ''}`, { body, ...options })
}

function refused(answer: HttpAnswer, status: number, code: string): void {
  assert.equal(answer.json['code'], code, answer.text)
  assert.equal(answer.status, status)
}

const inAll = async (path: string): Promise<readonly { readonly [field: string]: unknown }[]> => {
  const [list] = Object.values((await call(node, path, { viaSocket: true })).json)
  return list as readonly { readonly [field: string]: unknown }[]
}

test('a revocation that the disk refused is in force, and durable once it is answered', async () => {
  const agent = await made()
  const revoke = (): Promise<HttpAnswer> => call(node, `/api/tokens/${agent.id}/revoke`, { body: {}, viaSocket: true })
  // Where the file is written before it takes its name.
  const inTheWay = join(node.directory, `tokens.json.${process.pid}.tmp`)
  mkdirSync(inTheWay)
  refused(await revoke(), 500, 'internal_error')
  refused(await pay(agent), 401, 'token_has_ended')
  refused(await revoke(), 500, 'internal_error')
  rmdirSync(inTheWay)
  assert.equal((await revoke()).json['status'], 'revoked')
  await node.restartApi()
  refused(await pay(agent), 401, 'token_has_ended')
})

describe('a token', () => {
  test('signs for its own identity, the one that is meant where none is named', async () => {
    const agent = await made({ did: node.names.other })
    assert.equal((await pay(agent)).json['did'], node.names.other)
    assert.equal((await pay(agent, { did: node.names.other })).json['nonce'], 2)
    assert.equal((await as(agent, '/api/wallet/balance')).json['nonce'], 0)
    assert.equal((await as(agent, '/api/wallet/balance')).json['balance'], 100_000)
    assert.equal((await as(agent, '/api/identity')).json['did'], node.names.other)
    assert.deepEqual((await as(agent, '/api/wallet/history')).json['address'], formatAddress(addressOf(node.other)))
  })

  test('signs for no other identity, with its passphrase neither', async () => {
    const agent = await made({ did: node.names.other })
    refused(await pay(agent, { did: node.names.did }), 403, 'not_your_identity')
    refused(await pay(agent, { did: node.names.did, passphrase }), 403, 'not_your_identity')
    assert.equal(node.mempool.size, 0)
  })

  test('needs its identity unlocked, or the passphrase, and keeps its limits with it', async () => {
    const agent = await made({ perTx: 5 })
    node.wallet.lock(node.did)
    refused(await pay(agent), 401, 'identity_is_locked')
    assert.equal((await pay(agent, { passphrase })).status, 200)
    refused(await pay(agent, { passphrase, amount: 5 }), 403, 'exceeds_limit_per_tx')
  })

  test('reads, and writes under no path outside its scopes', async () => {
    const reader = await made({ scopes: ['read'] })
    const market = await made({ scopes: ['market'] })
    for (const agent of [reader, market]) {
      assert.equal((await as(agent, '/api/wallet/balance')).status, 200)
      refused(await pay(agent), 403, 'scope_is_missing')
      refused(await pay(agent, { passphrase }), 403, 'scope_is_missing')
    }
  })

  test('is no owner', async () => {
    const agent = await made({ scopes: ['wallet', 'identity', 'market', 'contracts'] })
    const paths = [
      '/api/identity',
      '/api/identity/unlock',
      '/api/identity/lock',
      '/api/identity/grant',
      '/api/identity/rotate',
      '/api/tokens',
      '/api/approvals/x/approve',
    ]
    for (const path of [...paths, `/api/tokens/${agent.id}/revoke`]) {
      refused(await as(agent, path, { body: { passphrase } }), 403, 'owner_is_needed')
      refused(await as(agent, path, { body: { passphrase }, viaSocket: true }), 403, 'owner_is_needed')
    }
  })

  test('with the scope identity speaks for its identity', async () => {
    const agent = await made({ scopes: ['identity'] })
    const { status } = await as(agent, '/api/identity/update', { body: { passphrase, name: 'an agent' } })
    assert.equal(status, 200)
  })

  test('does not lend its right to a transaction of somebody else that is signed elsewhere', async () => {
    const agent = await made({ did: node.names.other })
    const order = { kind: 'wallet.transfer', payload: { to: node.names.stranger, amount: 1 }, did: node.names.did }
    const { json } = await as(agent, '/api/tx/prepare', { body: order })
    const signature = await node.wallet.sign(node.did, Buffer.from(String(json['signingBytes']).slice(2), 'hex'))
    assert.ok(signature instanceof Uint8Array)
    const body = { envelope: json['envelope'], signature: `0x${Buffer.from(signature).toString('hex')}` }
    refused(await as(agent, '/api/tx', { body }), 403, 'not_your_identity')
    refused(await as(await made({ scopes: ['read'] }), '/api/tx', { body }), 403, 'scope_is_missing')
    assert.equal((await as(await made(), '/api/tx', { body })).status, 200)
  })

  test('pays nobody but its payees', async () => {
    const agent = await made({ payees: [node.names.other] })
    refused(await pay(agent), 403, 'payee_is_not_allowed')
    assert.equal((await pay(agent, { to: node.names.other })).status, 200)
  })

  test('ends when it expires', async () => {
    const agent = await made({ expiresInSeconds: 60 })
    assert.equal((await pay(agent)).status, 200)
    skewMs = 60_000
    refused(await pay(agent), 401, 'token_has_ended')
    assert.equal((await inAll('/api/tokens'))[0]?.['status'], 'expired')
  })

  test('ends at once when it is revoked, for requests under way too', async () => {
    const agent = await made()
    const sign = node.wallet.sign.bind(node.wallet)
    const reached = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    node.wallet.sign = async (...parts) => {
      reached.resolve()
      await goOn.promise
      return sign(...parts)
    }
    const underWay = pay(agent)
    await reached.promise
    const revoked = await call(node, `/api/tokens/${agent.id}/revoke`, { body: {}, viaSocket: true })
    assert.equal(revoked.json['status'], 'revoked', revoked.text)
    goOn.resolve()
    refused(await underWay, 401, 'token_has_ended')
    node.wallet.sign = sign
    refused(await pay(agent), 401, 'token_has_ended')
    refused(await as(agent, '/api/wallet/balance'), 401, 'token_has_ended')
    refused(await as(agent, '/api/wallet/balance', { viaSocket: true }), 401, 'token_has_ended')
    assert.equal(node.mempool.size, 0)
    assert.equal((await inAll('/api/tokens'))[0]?.['spentTotal'], 0)
    await node.restartApi()
    refused(await pay(agent), 401, 'token_has_ended')
  })

  test('is known only by a hash, told once, and good after a restart', async () => {
    const agent = await made({ name: 'buyer' })
    const path = join(node.directory, 'tokens.json')
    assert.equal(statSync(path).mode & 0o777, 0o600)
    const secret = agent.token.slice(`clawt_${agent.id}_`.length)
    assert.ok(secret.length === 43 && !readFileSync(path, 'utf8').includes(secret))
    assert.ok(!(await call(node, '/api/tokens', { viaSocket: true })).text.includes(secret))
    await node.restartApi()
    assert.equal((await pay(agent)).status, 200)
    refused(await pay({ ...agent, token: `${agent.token.slice(0, -1)}~` }), 401, 'credential_is_wrong')
    const wrong = `clawt_${agent.id}_${'A'.repeat(43)}`
    const start = performance.now()
    refused(await pay({ ...agent, token: wrong }), 401, 'credential_is_wrong')
    assert.ok(performance.now() - start >= 245, 'a guess costs time')
    const keyed = { body: { scopes: ['read'] }, viaSocket: true, headers: { 'idempotency-key': 'x' } }
    refused(await call(node, '/api/tokens', keyed), 400, 'malformed')
  })

  test('sees itself and what is left of it, and no other token', async () => {
    const agent = await made({ did: node.names.other, perDay: 20, total: 30, name: 'buyer' })
    await made()
    assert.equal((await pay(agent, { amount: 4 })).status, 200)
    const { tokens } = (await as(agent, '/api/tokens')).json as { tokens: { [field: string]: unknown }[] }
    assert.equal(tokens.length, 1)
    const { id, name, did, status, spentLastDay, leftToday, leftTotal } = tokens[0] ?? {}
    assert.deepEqual(
      { id, name, did, status, spentLastDay, leftToday, leftTotal },
      {
        id: agent.id,
        name: 'buyer',
        did: node.names.other,
        status: 'live',
        spentLastDay: 5,
        leftToday: 15,
        leftTotal: 25,
      },
    )
    assert.equal((await inAll('/api/tokens')).length, 2)
    refused(await call(node, '/api/tokens'), 401, 'credential_is_missing')
  })

  test('writes nothing on a read-only node', async () => {
    const agent = await made()
    await node.restartApi({ readonly: true })
    refused(await pay(agent), 403, 'read_only')
    assert.equal((await as(agent, '/api/wallet/balance')).status, 200)
  })

  test('is a credential where the node has an API token', async () => {
    const agent = await made()
    await node.restartApi({ token: 'a-token-of-many-characters' })
    refused(await call(node, '/api/wallet/balance'), 401, 'credential_is_missing')
    assert.equal((await as(agent, '/api/wallet/balance')).status, 200)
    assert.equal((await pay(agent)).status, 200)
  })
})

describe('the limits of a token', () => {
  test('count the fee, and what one transaction takes in all', async () => {
    const agent = await made({ perTx: 10 })
    assert.equal((await pay(agent, { amount: 9 })).status, 200)
    refused(await pay(agent, { amount: 10 }), 403, 'exceeds_limit_per_tx')
    refused(await pay(agent, { amount: 1, fee: 10 }), 403, 'exceeds_limit_per_tx')
  })

  for (const limit of ['perDay', 'total']) {
    test(`let ten of fifty at once through, by ${limit}, and ten after a restart`, async () => {
      const agent = await made({ [limit]: 20 })
      node.decide()
      const answers = await Promise.all(Array.from({ length: 50 }, () => pay(agent, {}, { query: '?wait=final' })))
      assert.equal(answers.filter(({ json }) => json['status'] === 'final').length, 10)
      const code = limit === 'total' ? 'exceeds_limit_total' : 'exceeds_limit_per_day'
      assert.equal(answers.filter(({ json }) => json['code'] === code).length, 40)
      await node.restartApi()
      refused(await pay(agent), 403, code)
    })
  }

  test('are forgotten after a day, the total is not', async () => {
    const agent = await made({ perDay: 20, total: 30 })
    assert.equal((await pay(agent, { amount: 19 })).status, 200)
    skewMs = 24 * 3_600_000 + 60_001
    await node.restartApi()
    refused(await pay(agent, { amount: 10, passphrase }), 403, 'exceeds_limit_total')
    assert.equal((await pay(agent, { amount: 9, passphrase })).status, 200)
    refused(await pay(agent, { passphrase }), 403, 'exceeds_limit_total')
  })

  test('stand beside those of the node', async () => {
    await node.restartApi({ limits: { maxTransferPerTx: 5n, maxTransferPerDay: 8n } })
    const agent = await made({ perTx: 100 })
    refused(await pay(agent, { amount: 6 }), 403, 'exceeds_limit_per_tx')
    assert.equal((await pay(agent, { amount: 5 })).status, 200)
    refused(await pay(agent, { amount: 4 }), 403, 'exceeds_limit_per_day')
  })

  test('get back what a refused transaction did not take', async () => {
    const agent = await made({ total: 1_000_000 })
    refused(await pay(agent, { amount: 500_000, nonce: 100_000 }), 429, 'nonce_is_too_far')
    refused(await pay(agent, { amount: 900_000, did: node.names.did, passphrase: 'wrong' }), 401, 'passphrase_is_wrong')
    assert.equal((await inAll('/api/tokens'))[0]?.['spentTotal'], 0)
  })
})

test('two agents at the same time have their own nonces, budgets and answers', async () => {
  node.decide()
  const one = await made({ did: node.names.did, total: 20 })
  const two = await made({ did: node.names.other, total: 40 })
  const all = await Promise.all(
    Array.from({ length: 50 }, (_, index) => [
      pay(one, {}, { query: '?wait=final', headers: { 'idempotency-key': `k${index}` } }),
      pay(two, {}, { query: '?wait=final', headers: { 'idempotency-key': `k${index}` } }),
    ]).flat(),
  )
  const nonces = (did: string): unknown[] =>
    all.filter(({ json }) => json['did'] === did && json['status'] === 'final').map(({ json }) => json['nonce'])
  assert.deepEqual(
    nonces(node.names.did).sort(byValue),
    Array.from({ length: 10 }, (_, index) => index + 1),
  )
  assert.deepEqual(
    nonces(node.names.other).sort(byValue),
    Array.from({ length: 20 }, (_, index) => index + 1),
  )
})

function byValue(a: unknown, b: unknown): number {
  return Number(a) - Number(b)
}
