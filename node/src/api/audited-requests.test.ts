/** Which requests come into the audit log, and as whose. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { passphrase, TestApiNode } from '../../../test/helpers/api-node.ts'
import { call, type HttpCall } from '../../../test/helpers/http-call.ts'
import { auditFileIn, type AuditLine, readAudit, verifyAudit } from '../audit-log.ts'

let node: TestApiNode
before(async () => {
  node = await TestApiNode.start()
  node.decide()
})
after(() => node.stop())

/** What a request added to the log, as it stands there when the answer has come. */
async function linesOf(path: string, options: HttpCall): Promise<readonly AuditLine[]> {
  const before = readAudit(auditFileIn(node.directory)).length
  await call(node, path, options)
  return readAudit(auditFileIn(node.directory)).slice(before)
}

const foreign = { origin: 'http://evil.example' }

test('a payment is there with who, from whom, to whom, how much and its transaction', async () => {
  const body = { to: node.names.stranger, amount: 7, passphrase }
  const [line, ...more] = await linesOf('/api/wallet/transfer', { body, viaSocket: true })
  assert.deepEqual(more, [])
  assert.match(line?.txHash ?? '', /^[0-9a-f]{64}$/)
  const { who, what, did, tokens, payees, outcome } = line as AuditLine
  assert.deepEqual(
    [who, what, did, tokens, payees, outcome],
    ['socket', 'POST /api/wallet/transfer', node.did, 7n, [node.stranger], 'ok'],
  )
})

test('everybody is called by what he showed', async () => {
  const cookie = { authorization: `Bearer ${await node.cookie()}` }
  const made = await call(node, '/api/tokens', { body: { scopes: ['wallet'], perTx: 100 }, headers: cookie })
  const { token, id } = made.json as { readonly token: string; readonly id: string }
  const agent = { authorization: `Bearer ${token}` }
  const pay = { to: node.names.stranger, amount: 1 }
  const told = async (path: string, options: HttpCall) =>
    (await linesOf(path, options)).map(({ who, about, outcome }) => [who, about, outcome])

  assert.deepEqual(await told('/api/identity/unlock', { body: { passphrase }, headers: cookie }), [
    ['cookie', undefined, 'ok'],
  ])
  assert.deepEqual(await told('/api/wallet/transfer', { body: pay, headers: agent }), [
    [`agent:${id}`, undefined, 'ok'],
  ])
  assert.deepEqual(await told('/api/wallet/transfer', { body: { ...pay, amount: 200 }, headers: agent }), [
    [`agent:${id}`, undefined, 'exceeds_limit_per_tx'],
  ])
  assert.deepEqual(await told('/api/identity/update', { body: { name: 'x' }, headers: agent }), [
    [`agent:${id}`, undefined, 'scope_is_missing'],
  ])
  assert.deepEqual(await told(`/api/tokens/${id}/revoke`, { body: {}, headers: cookie }), [['cookie', id, 'ok']])
  assert.deepEqual(await told('/api/wallet/transfer', { body: pay, headers: agent }), [
    ['nobody', undefined, 'token_has_ended'],
  ])
  assert.deepEqual(await told('/api/wallet/transfer', { body: { ...pay, passphrase } }), [
    ['passphrase', undefined, 'ok'],
  ])
  assert.deepEqual(await told('/api/wallet/transfer', { body: { ...pay, passphrase: 'wrong' } }), [
    ['nobody', undefined, 'passphrase_is_wrong'],
  ])
  assert.deepEqual(await told('/api/wallet/transfer', { body: pay }), [['nobody', undefined, 'credential_is_missing']])
  assert.deepEqual(await told('/api/wallet/transfer', { body: '{"to":', headers: cookie }), [
    ['cookie', undefined, 'malformed'],
  ])
  assert.deepEqual(await told('/api/identity', { headers: { authorization: 'Bearer nonsense' } }), [
    ['nobody', undefined, 'credential_is_wrong'],
  ])
  assert.deepEqual(await told('/api/identity/lock', { body: {}, headers: cookie }), [['cookie', undefined, 'ok']])
})

test('reads, and what a page of others tries, leave no line', async () => {
  const body = { to: node.names.stranger, amount: 1 }
  assert.deepEqual(await linesOf('/api/wallet/balance', {}), [])
  assert.deepEqual(await linesOf('/api/tx/prepare', { body: { kind: 'wallet.transfer', payload: body } }), [])
  assert.deepEqual(await linesOf('/api/wallet/transfer', { body, headers: foreign }), [])
  assert.deepEqual(await linesOf('/api/wallet/transfer', { body, headers: { host: 'evil.example' } }), [])
  assert.deepEqual(await linesOf('/api/wallet/transfer', { method: 'OPTIONS' }), [])
})

test('start and stop are there, and the chain holds over all of it', async () => {
  await node.restartApi()
  const path = auditFileIn(node.directory)
  assert.deepEqual(
    readAudit(path)
      .filter(({ who }) => who === 'node')
      .map(({ what, about }) => [what, about]),
    [
      ['start', '1.2.3'],
      ['stop', undefined],
      ['start', '1.2.3'],
    ],
  )
  assert.deepEqual(verifyAudit(path).faults, [])
})
