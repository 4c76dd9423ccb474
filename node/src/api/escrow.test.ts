/** Escrows over HTTP, with the bodies that agents have always sent. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { passphrase, TestApiNode } from '../../../test/helpers/api-node.ts'
import { call, type HttpAnswer } from '../../../test/helpers/http-call.ts'

const escrow = '/api/wallet/escrow'

let node: TestApiNode
before(async () => {
  node = await TestApiNode.start({ network: 'local' })
  node.decide()
})
after(() => node.stop())

function send(did: string, path: string, fields: object): Promise<HttpAnswer> {
  return call(node, `${path}?wait=final`, { body: { did, passphrase, ...fields } })
}

async function created(): Promise<{ readonly path: string; readonly id: unknown }> {
  const { did, other: beneficiary } = node.names
  const { json } = await send(did, escrow, { beneficiary, amount: 500, releaseRules: [{ id: 'rule-1' }] })
  assert.equal(json['status'], 'final')
  return { path: `${escrow}/${String(json['txHash'])}`, id: json['txHash'] }
}

const headOf = async (path: string): Promise<unknown> => (await call(node, path)).json['head']

test('an escrow is created, released in part, funded, refunded in part and shown', async () => {
  const { did, other } = node.names
  const { path, id } = await created()
  assert.equal(await headOf(path), id)
  const steps = [
    [did, 'release', { amount: 200, ruleId: 'rule-1' }],
    [did, 'fund', { amount: 100 }],
    [other, 'refund', { amount: 100, reason: 'contract_cancelled' }],
  ] as const
  for (const [by, action, fields] of steps) {
    const { json } = await send(by, `${path}/${action}`, { ...fields, resourcePrev: await headOf(path) })
    assert.equal(json['status'], 'final', JSON.stringify(json))
    assert.equal(await headOf(path), json['txHash'])
  }
  const { state, deposited, released, refunded, held, releaseRules, history } = (await call(node, path)).json
  assert.deepEqual([state, deposited, released, refunded, held], ['funded', 600, 200, 100, 300])
  assert.deepEqual(releaseRules, [{ id: 'rule-1' }])
  assert.deepEqual(
    (history as { kind: string; id: string }[]).map(event => event.kind),
    ['refund', 'fund', 'release', 'create'],
  )
})

test('what cannot be done is said at once, with the status that fits', async () => {
  const { did, other } = node.names
  const { path, id } = await created()
  const unknown = `${escrow}/0x${'00'.repeat(32)}`
  const answers: readonly (readonly [answer: HttpAnswer, status: number, code: string])[] = [
    [await call(node, unknown), 404, 'not_found'],
    [await send(did, `${unknown}/release`, {}), 404, 'escrow_is_unknown'],
    [await send(other, `${path}/release`, { ruleId: 'rule-1' }), 422, 'rule_does_not_hold'],
    [await send(other, `${path}/release`, {}), 422, 'ruleId_is_missing'],
    [await send(did, `${path}/fund`, { amount: 1, resourcePrev: `0x${'11'.repeat(32)}` }), 409, 'stale_resource'],
    [await send(did, escrow, { beneficiary: other, amount: 5, releaseRules: [] }), 400, 'malformed'],
    [
      await send(did, escrow, { beneficiary: did, amount: 5, releaseRules: [{ id: 'a' }] }),
      422,
      'beneficiary_is_depositor',
    ],
  ]
  for (const [{ status, json }, expected, code] of answers) assert.deepEqual([status, json['code']], [expected, code])
  assert.equal(answers[3]?.[0].json['field'], 'ruleId')
  assert.equal(await headOf(path), id)
})
