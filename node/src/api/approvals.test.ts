import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { addressOf, formatAddress } from '@claw-network/protocol'
import { machineClock } from '../machine.ts'
import { passphrase, TestApiNode } from '../../../test/helpers/api-node.ts'
import { call, type HttpAnswer, type HttpCall } from '../../../test/helpers/http-call.ts'
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
  token = await made({ approvalAbove: 50, perDay: 200, name: 'buyer' })
})
afterEach(() => node.stop())

async function made(fields: object): Promise<string> {
  const answer = await call(node, '/api/tokens', { body: { scopes: ['wallet'], ...fields }, viaSocket: true })
  return String(answer.json['token'])
}

function asAgent(path: string, options: HttpCall = {}, credential = token): Promise<HttpAnswer> {
  return call(node, path, { ...options, headers: { authorization: `Bearer ${credential}`, ...options.headers } })
}

function pay(fields: object = {}, key?: string): Promise<HttpAnswer> {
  const body = { to: node.names.other, amount: 60, ...fields }
  return asAgent(transfer, { body, headers: { 'idempotency-key': key } })
}

async function waiting(fields: object = {}, key?: string): Promise<string> {
  const answer = await pay(fields, key)
  refused(answer, 403, 'approval_is_needed')
  assert.equal(answer.json['retryable'], true)
  return String(answer.json['approval'])
}

function decide(id: string, what: 'approve' | 'refuse', body: object = {}): Promise<HttpAnswer> {
  return call(node, `/api/approvals/${id}/${what}`, { body, viaSocket: true })
}

function refused(answer: HttpAnswer, status: number, code: string): void {
  assert.equal(answer.json['code'], code, answer.text)
  assert.equal(answer.status, status)
}

const asked = async (): Promise<readonly { readonly [field: string]: unknown }[]> => {
  const { approvals } = (await call(node, '/api/approvals', { viaSocket: true })).json
  return approvals as readonly { readonly [field: string]: unknown }[]
}

test('what takes more than approvalAbove waits, and the owner reads what it is', async () => {
  assert.equal((await pay({ amount: 49 })).status, 200)
  const id = await waiting({ memo: 'a chair' })
  assert.equal(node.mempool.size, 1)
  const [entry] = await asked()
  const { askedAt, expiresAt, token: tokenId, ...rest } = entry ?? {}
  assert.deepEqual(rest, {
    id,
    tokenName: 'buyer',
    did: node.names.did,
    kind: 'wallet.transfer',
    payload: { to: formatAddress(addressOf(node.other)), amount: 60, memo: 'a chair' },
    tokens: 61,
    payees: [formatAddress(addressOf(node.other))],
    status: 'waiting',
  })
  assert.ok(token.includes(String(tokenId)))
  assert.equal(Number(expiresAt) - Number(askedAt), 7 * 24 * 3_600_000)
})

test('an approval lets go what its owner has read, and not what became of it', async () => {
  node.decide()
  const escrow = '/api/wallet/escrow'
  const send = (path: string, body: object): Promise<HttpAnswer> =>
    call(node, `${path}?wait=final`, { body, viaSocket: true })
  const made = await send(escrow, { beneficiary: node.names.other, amount: 60, releaseRules: [{ id: 'rule-1' }] })
  const at = `${escrow}/${String(made.json['txHash'])}`
  const answer = await asAgent(`${at}/release`, { body: { ruleId: 'rule-1' } })
  refused(answer, 403, 'approval_is_needed')
  const id = String(answer.json['approval'])
  await send(`${at}/fund`, { amount: 40 })

  const approved = await decide(id, 'approve')
  refused(approved, 403, 'approval_is_needed')
  assert.match(String(approved.json['detail']), /101 Tokens.* 61/)
  assert.equal((await asked())[0]?.['status'], 'waiting')
  assert.equal((await decide(id, 'refuse')).status, 200)
})

test('once approved it is sent, and the same request with the same key gives the transaction', async () => {
  const id = await waiting({}, 'a')
  assert.equal(await waiting({}, 'a'), id, 'it is asked for once')
  refused(await pay({ amount: 70 }, 'a'), 422, 'idempotency_key_is_reused')
  const approved = await decide(id, 'approve')
  assert.equal(approved.json['status'], 'approved', approved.text)
  assert.equal(node.mempool.size, 1)
  const again = await pay({}, 'a')
  assert.equal(again.json['txHash'], approved.json['txHash'], again.text)
  refused(await decide(id, 'approve'), 409, 'approval_is_decided')
  refused(await decide(id, 'refuse'), 409, 'approval_is_decided')
  assert.equal(node.mempool.size, 1)
})

test('without a key the agent finds the transaction in the approval', async () => {
  const id = await waiting()
  const { json } = await decide(id, 'approve')
  assert.equal((await asAgent(`/api/approvals/${id}`)).json['txHash'], json['txHash'])
})

test('once refused it is not sent, and the same request is told so', async () => {
  const id = await waiting({}, 'a')
  assert.equal((await decide(id, 'refuse')).json['status'], 'refused')
  const answer = await pay({}, 'a')
  refused(answer, 403, 'approval_was_refused')
  assert.equal(answer.json['approval'], id)
  refused(await decide(id, 'approve'), 409, 'approval_is_decided')
  assert.equal(node.mempool.size, 0)
})

test('an approval lifts no limit', async () => {
  const ids = [await waiting(), await waiting(), await waiting(), await waiting()]
  for (const id of ids.slice(0, 3)) assert.equal((await decide(id, 'approve')).status, 200)
  refused(await decide(ids[3] as string, 'approve'), 403, 'exceeds_limit_per_day')
  assert.equal((await asked())[3]?.['status'], 'waiting')
  refused(await pay({ amount: 300 }), 403, 'exceeds_limit_per_day')
  assert.equal((await asked()).length, 4)
})

test('two approvals of one at once send one transaction', async () => {
  const id = await waiting({}, 'a')
  const answers = await Promise.all(Array.from({ length: 10 }, () => decide(id, 'approve')))
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  assert.equal(node.mempool.size, 1)
})

test('a locked identity is opened by the passphrase of the approver, which is not kept', async () => {
  const id = await waiting({ passphrase })
  node.wallet.lock(node.did)
  refused(await decide(id, 'approve'), 401, 'identity_is_locked')
  assert.equal((await decide(id, 'approve', { passphrase })).status, 200)
  assert.ok(!readFileSync(join(node.directory, 'orders.jsonl'), 'utf8').includes(passphrase))
})

test('the list and its decisions survive a restart', async () => {
  const ids = [await waiting({}, 'a'), await waiting({}, 'b'), await waiting({}, 'c')]
  const { json } = await decide(ids[0] as string, 'approve')
  await decide(ids[1] as string, 'refuse')
  const before = await asked()
  for (let times = 0; times < 2; times += 1) {
    await node.restartApi()
    assert.deepEqual(await asked(), before)
  }
  assert.equal((await pay({}, 'a')).json['txHash'], json['txHash'])
  refused(await pay({}, 'b'), 403, 'approval_was_refused')
  assert.equal((await decide(ids[2] as string, 'approve')).status, 200)
  assert.equal(node.mempool.size, 2)
})

for (const step of steps) {
  test(`approved and killed at the step "${step}", it is paid once`, async () => {
    const id = await waiting({}, 'a')
    const { ended } = await nextLife(node, { step, time: 1 })
    // Nobody hears the answer of a life that ends.
    decide(id, 'approve').catch(() => {})
    await ended
    await nextLife(node)
    const hasLeft = step === 'submit' || step === 'submitted'
    assert.equal((await asked())[0]?.['status'], hasLeft ? 'approved' : 'waiting')
    if (!hasLeft) assert.equal((await decide(id, 'approve')).status, 200)
    assert.equal(node.mempool.size, 1)
    assert.equal((await pay({}, 'a')).json['txHash'], (await asked())[0]?.['txHash'])
  })
}

test('an agent sees its own approvals only, and decides none', async () => {
  const id = await waiting()
  const other = await made({ did: node.names.other, approvalAbove: 1 })
  assert.deepEqual((await asAgent('/api/approvals', {}, other)).json['approvals'], [])
  refused(await asAgent(`/api/approvals/${id}`, {}, other), 404, 'not_found')
  assert.equal((await asAgent(`/api/approvals/${id}`)).json['status'], 'waiting')
  for (const what of ['approve', 'refuse']) {
    refused(await asAgent(`/api/approvals/${id}/${what}`, { body: {} }), 403, 'owner_is_needed')
    refused(await call(node, `/api/approvals/${id}/${what}`, { body: {} }), 401, 'credential_is_missing')
  }
  refused(await call(node, '/api/approvals'), 401, 'credential_is_missing')
})

test('what a revoked token asked for is not sent', async () => {
  const id = await waiting()
  const [entry] = await asked()
  await call(node, `/api/tokens/${String(entry?.['token'])}/revoke`, { body: {}, viaSocket: true })
  assert.equal((await asked())[0]?.['status'], 'refused')
  refused(await decide(id, 'approve'), 409, 'approval_is_decided')
  assert.equal(node.mempool.size, 0)
})

test('what an expired token asked for is not sent', async () => {
  token = await made({ approvalAbove: 1, expiresInSeconds: 60 })
  const id = await waiting()
  skewMs = 60_000
  refused(await decide(id, 'approve'), 401, 'token_has_ended')
  assert.equal(node.mempool.size, 0)
})

test('after a week nothing waits any more, and one token has at most a hundred that do', async () => {
  for (let index = 0; index < 100; index += 1) await waiting()
  refused(await pay(), 429, 'too_many_approvals')
  skewMs = 7 * 24 * 3_600_000 + 1
  assert.deepEqual(await asked(), [])
  await waiting()
})

test('a decided one that is asked for again after its key was forgotten is not paid twice', async () => {
  node.decide()
  const id = await waiting({}, 'a')
  const { json } = await decide(id, 'approve')
  while (node.mempool.size > 0) await new Promise(setImmediate)
  skewMs = 2 * 24 * 3_600_000
  const again = await pay({ passphrase }, 'a')
  assert.equal(again.json['txHash'], json['txHash'], again.text)
  assert.equal(again.json['status'], 'final')
})
