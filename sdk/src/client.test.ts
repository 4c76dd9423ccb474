import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeTransaction, fromHex, hash, ledger } from '@claw-network/protocol'
import { ClawnetClient } from './client.ts'
import type { Fetch } from './http.ts'
import { TermsError } from './problem.ts'
import { createWallet } from './wallet.ts'

const chainId = `0x${'ab'.repeat(32)}`
const to = 'claw16fqn56d2x7wy0sj4u5kphakzd6g8vtevsdy32v'

interface Request {
  readonly method: string
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: Record<string, unknown>
}

function clientOf(handle: (request: Request) => { status?: number; body: unknown }): ClawnetClient {
  const fetch: Fetch = async (url, { method, headers, body = '{}' }) => {
    const { pathname, search } = new URL(url)
    const answer = handle({
      method,
      path: pathname + search,
      headers,
      body: JSON.parse(body) as Record<string, unknown>,
    })
    return { status: answer.status ?? 200, body: null, text: async () => JSON.stringify(answer.body) }
  }
  return new ClawnetClient({ attempts: 1 }, { fetch })
}

/** A node that accepts transactions in the order of their nonces only. */
function strictNode({ fee = 1, overtakes = 0 } = {}) {
  let next = 1
  const accepted: number[] = []
  const client = clientOf(({ path, body }) => {
    if (path === '/api/tx/prepare') {
      const answer = { body: { envelope: { chainId, nonce: next, fee } } }
      // Another process with the same key sends one between this answer and what the caller makes of it.
      if (overtakes-- > 0) next += 1
      return answer
    }
    const { id, envelope } = decodeTransaction(
      ledger.kinds,
      hash.fromJson(chainId),
      fromHex((body['bytes'] as string).slice(2)),
    )
    if (envelope.nonce !== next) return { status: 409, body: { code: 'nonce_is_used', detail: 'no', retryable: false } }
    next += 1
    accepted.push(envelope.nonce)
    return { body: { txHash: hash.toJson(id), status: 'broadcast' } }
  })
  return { client, accepted }
}

test('a transaction goes to the path of its kind, amounts as integers', async () => {
  const requests: Request[] = []
  const client = clientOf(request => {
    requests.push(request)
    return { body: { txHash: '0x1', status: 'final', height: 3 } }
  })
  await client.send('wallet.transfer', { to, amount: 100n, memo: 'a' }, { fee: 2n, waitMs: 1500 })
  assert.equal(requests[0]?.path, '/api/wallet/transfer')
  assert.deepEqual(requests[0]?.body, { to, amount: 100, memo: 'a', fee: 2 })
  assert.equal(requests[0]?.headers['prefer'], 'wait=2')
})

test('two transactions never share an idempotency key, unless the caller says so', async () => {
  const keys: (string | undefined)[] = []
  const client = clientOf(({ headers }) => {
    keys.push(headers['idempotency-key'])
    return { body: { status: 'broadcast' } }
  })
  await client.send('wallet.transfer', { to, amount: 1 })
  await client.send('wallet.transfer', { to, amount: 1 })
  await client.send('wallet.transfer', { to, amount: 1 }, { idempotencyKey: 'mine' })
  assert.match(keys[0] ?? '', /^[0-9a-f]{32}$/)
  assert.notEqual(keys[0], keys[1])
  assert.equal(keys[2], 'mine')
})

test('fields of the path are put there and nowhere else', async () => {
  const paths: string[] = []
  const client = clientOf(({ path }) => {
    paths.push(path)
    return { body: {} }
  })
  await client.query('/api/identity/:did', { did: 'did:claw:z6Mk/..' })
  await client.balance('claw1x')
  await client.balance()
  await client.history({ of: 'claw1x', limit: 5 })
  assert.deepEqual(paths, [
    '/api/identity/did%3Aclaw%3Az6Mk%2F..',
    '/api/wallet/balance?address=claw1x',
    '/api/wallet/balance',
    '/api/wallet/history?address=claw1x&limit=5',
  ])
})

test('twenty orders of one wallet at once get twenty nonces', async () => {
  const { client, accepted } = strictNode()
  const wallet = createWallet(new Uint8Array(32).fill(7))
  await Promise.all(Array.from({ length: 20 }, () => client.submitSigned(wallet, 'wallet.transfer', { to, amount: 1 })))
  assert.deepEqual(
    accepted,
    Array.from({ length: 20 }, (_, index) => index + 1),
  )
})

test('a wallet that another process overtook signs again with the next nonce, a few times', async () => {
  const wallet = createWallet(new Uint8Array(32).fill(7))
  const twice = strictNode({ overtakes: 2 })
  await twice.client.submitSigned(wallet, 'wallet.transfer', { to, amount: 1 })
  assert.deepEqual(twice.accepted, [3])
  const always = strictNode({ overtakes: Number.POSITIVE_INFINITY })
  await assert.rejects(always.client.submitSigned(wallet, 'wallet.transfer', { to, amount: 1 }), {
    code: 'nonce_is_used',
  })
})

test('one order that fails does not hold up the next', async () => {
  const { client } = strictNode()
  const wallet = createWallet(new Uint8Array(32).fill(7))
  const [bad, good] = await Promise.allSettled([
    client.submitSigned(wallet, 'wallet.transfer', { to: 'nobody', amount: 1 }),
    client.submitSigned(wallet, 'wallet.transfer', { to, amount: 1 }),
  ])
  assert.equal(bad.status, 'rejected')
  assert.equal(good.status, 'fulfilled')
})

test('a node that asks an excessive fee, or is on another network, gets no signature', async () => {
  const wallet = createWallet(new Uint8Array(32).fill(7))
  const greedy = strictNode({ fee: 11 })
  await assert.rejects(greedy.client.submitSigned(wallet, 'wallet.transfer', { to, amount: 1 }), TermsError)
  await greedy.client.submitSigned(wallet, 'wallet.transfer', { to, amount: 1 }, { feeMax: 11 })
  assert.deepEqual(greedy.accepted, [1])

  let chain = chainId
  const moving = clientOf(({ path }) =>
    path === '/api/tx/prepare'
      ? { body: { envelope: { chainId: chain, nonce: 1, fee: 1 } } }
      : { body: { txHash: '0x1', status: 'broadcast' } },
  )
  await moving.submitSigned(wallet, 'wallet.transfer', { to, amount: 1 })
  chain = `0x${'cd'.repeat(32)}`
  await assert.rejects(moving.submitSigned(wallet, 'wallet.transfer', { to, amount: 1 }), TermsError)
})

test('waiting goes on over not yet known and not yet final, and ends', async () => {
  const answers: { status?: number; body: unknown }[] = [
    { status: 404, body: { code: 'not_found', detail: 'not here', retryable: false } },
    { body: { txHash: '0x1', status: 'unknown' } },
    { body: { txHash: '0x1', status: 'final', height: 9 } },
  ]
  const client = clientOf(() => answers.shift() ?? { body: { txHash: '0x1', status: 'unknown' } })
  assert.equal((await client.wait('0x1')).status, 'final')
  assert.deepEqual(await client.wait('0x1', { timeoutMs: 1 }), { txHash: '0x1', status: 'unknown' })
})

// Never called: the compiler is the test. Each line below an expected error must stay one, and the others must not be.
export function typesOf(client: ClawnetClient): void {
  const when = { and: [{ or: [{ sig: to }, { kOf: { k: 1, dids: [to] } }] }, { after: 1 }, { preimage: '0x00' }] }
  void client.send('escrow.create', { beneficiary: to, amount: 5, releaseRules: [{ id: 'rule-1' }, { id: 'b', when }] })
  // @ts-expect-error a time is a number
  void client.send('escrow.create', { beneficiary: to, amount: 5, releaseRules: [{ id: 'a', when: { after: '1' } }] })
  // @ts-expect-error there is no such condition
  void client.send('escrow.create', { beneficiary: to, amount: 5, releaseRules: [{ id: 'a', when: { never: 1 } }] })
  // @ts-expect-error there is no such kind
  void client.send('wallet.transferr', { to, amount: 1 })
  // @ts-expect-error an amount is no text
  void client.send('wallet.transfer', { to, amount: '1' })
  // @ts-expect-error the recipient is missing
  void client.send('wallet.transfer', { amount: 1 })
  // @ts-expect-error there is no such field
  void client.send('wallet.transfer', { to, amount: 1, note: 'x' })
  // @ts-expect-error there is no such query
  void client.query('/api/wallet/balances', {})
  // @ts-expect-error a balance is a number
  void client.balance().then(({ available }) => available.toFixed(0) + available.length)
}
