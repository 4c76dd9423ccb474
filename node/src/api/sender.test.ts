import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { keyOf } from '@claw-network/protocol'
import { passphrase, TestApiNode } from '../../../test/helpers/api-node.ts'
import { call, type HttpAnswer } from '../../../test/helpers/http-call.ts'

let node: TestApiNode
beforeEach(async () => {
  node = await TestApiNode.start({ network: 'testnet' })
  node.decide()
})
afterEach(() => node.stop())

function send(path: string, body: object): Promise<HttpAnswer> {
  return call(node, `${path}?wait=final`, { body: { passphrase, ...body }, viaSocket: true })
}

async function rotated(): Promise<string> {
  const { json, text } = await send(`/api/identity/${node.names.did}/rotate`, {})
  assert.equal(json['status'], 'final', text)
  return keyOf(node.chain.view, node.did)
}

test('an identity that was rotated signs with its key of now', async () => {
  const key = await rotated()
  assert.notEqual(key, node.did)
  const paid = await send('/api/wallet/transfer', { to: node.names.stranger, amount: 5 })
  assert.equal(paid.json['status'], 'final', paid.text)
  assert.equal(paid.json['did'], node.names.did)
})

test('what is prepared for it names that key', async () => {
  const key = await rotated()
  const order = { kind: 'wallet.transfer', payload: { to: node.names.stranger, amount: 5 } }
  const prepare = async (fields: object = {}): Promise<unknown> => {
    const { json } = await call(node, '/api/tx/prepare', { body: { ...order, ...fields } })
    return (json['envelope'] as { signer?: string }).signer
  }
  assert.equal(await prepare(), `0x${key}`)
  assert.equal(await prepare({ did: node.names.other }), undefined)
  const session = `0x${'77'.repeat(32)}`
  assert.equal(await prepare({ signer: session }), session)
})

test('a credential without a proof is signed on the way, with the key of now', async () => {
  const attest = async (capability: string): Promise<string> => {
    const body = { credential: { credentialSubject: { capability } } }
    const { json, text } = await send('/api/identity/capabilities', body)
    assert.equal(json['status'], 'final', text)
    const { credential } = json['payload'] as { credential: { proof: { verificationMethod: string } } }
    return credential.proof.verificationMethod
  }
  const first = await attest('translation zh-en')
  await rotated()
  assert.notEqual(await attest('translation en-zh'), first)
})

test('a wrong passphrase signs no proof either', async () => {
  const body = { passphrase: 'wrong', credential: { credentialSubject: { capability: 'x' } } }
  const answer = await call(node, '/api/identity/capabilities', { body })
  assert.equal(answer.json['code'], 'passphrase_is_wrong')
  assert.equal(node.mempool.size, 0)
})
