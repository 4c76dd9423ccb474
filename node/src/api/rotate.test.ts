import assert from 'node:assert/strict'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import {
  accountAt,
  addressOf,
  assemble,
  type Did,
  formatDid,
  fromHex,
  keyOf,
  parseDid,
  type PublicKey,
  publicKeyOf,
  rotationMessage,
  rotationsOf,
  sign,
  signingBytes,
  toHex,
} from '@claw-network/protocol'
import { passphrase, TestApiNode } from '../../../test/helpers/api-node.ts'
import { call, type HttpAnswer } from '../../../test/helpers/http-call.ts'
import { Keystore } from '../keystore/keystore.ts'
import { Sessions } from '../keystore/sessions.ts'
import { machineClock as clock, machineEntropy as entropy } from '../machine.ts'
import { nativeEd25519 } from '../signatures/ed25519.ts'

let node: TestApiNode
beforeEach(async () => {
  node = await TestApiNode.start()
  node.decide()
})
afterEach(() => node.stop())

const key = (): PublicKey => keyOf(node.chain.view, node.did)

async function rotate(headers: Record<string, string> = {}, query = '?wait=final'): Promise<HttpAnswer> {
  return call(node, `/api/identity/${node.names.did}/rotate${query}`, { body: { passphrase }, headers })
}

async function pay(fields: object = { passphrase }): Promise<HttpAnswer> {
  return call(node, '/api/wallet/transfer?wait=final', { body: { to: node.names.stranger, amount: 5, ...fields } })
}

/** A transfer signed by the key, which need not be the one that signs for the identity now. */
async function payWith(signer: PublicKey, wallet: Sessions = node.wallet): Promise<HttpAnswer> {
  const { chain, did } = node
  const envelope = {
    chainId: chain.chainId,
    kind: 'wallet.transfer',
    sender: did,
    nonce: accountAt(chain.view, addressOf(did)).nonce + 1,
    fee: 1n,
    ...(signer !== did && { signer }),
    payload: { to: node.stranger, amount: 1n },
  }
  const signature = await wallet.sign(did, signingBytes(chain.ledger.kinds, envelope), passphrase, signer)
  assert.ok(signature instanceof Uint8Array, JSON.stringify(signature))
  const { bytes } = assemble(chain.ledger.kinds, envelope, signature)
  return call(node, '/api/tx?wait=final', { body: { bytes: `0x${toHex(bytes)}` } })
}

/** As another node would see the keys that are on the disk now. */
async function withRestarted(work: (wallet: Sessions, keystore: Keystore) => Promise<void>): Promise<void> {
  const cost = { memoryKiB: 128, passes: 1, parallelism: 1 }
  const keystore = new Keystore({ directory: join(node.directory, 'keys'), cost }, { entropy })
  const wallet = new Sessions({}, { keystore, ed25519: nativeEd25519(), clock, entropy })
  await work(wallet, keystore)
  wallet.close()
}

async function shown(): Promise<{ readonly [field: string]: unknown }> {
  const { identities } = (await call(node, '/api/identity')).json as { identities: { [field: string]: unknown }[] }
  return identities[0] ?? {}
}

test('after a rotation the new key pays for the same account, and the old one for nothing', async () => {
  const before = await shown()
  assert.deepEqual([before['index'], before['key'], before['holdsKey']], [0, undefined, true])

  const rotated = await rotate()
  assert.equal(rotated.json['status'], 'final', rotated.text)
  assert.notEqual(key(), node.did)
  const after = await shown()
  assert.deepEqual(
    [after['did'], after['address'], after['key'], after['holdsKey']],
    [before['did'], before['address'], `0x${key()}`, true],
  )
  assert.equal((await pay()).json['status'], 'final')
  assert.equal((await payWith(key())).json['status'], 'final')
  const refused = await payWith(node.did)
  assert.equal(refused.status, 422, refused.text)
  assert.equal(accountAt(node.chain.view, addressOf(node.did)).nonce, 3)
})

test('a node that starts again signs with the key that is now in force, and rotates to the one after it', async () => {
  await rotate()
  const second = key()
  await withRestarted(async wallet => {
    assert.equal((await payWith(second, wallet)).json['status'], 'final')
    const next = await wallet.nextKey(node.did, 2, passphrase, () => new Uint8Array(1))
    assert.ok(!('refused' in next) && next.key !== second && next.key !== node.did)
  })
  assert.equal((await rotate()).json['status'], 'final')
  assert.equal(rotationsOf(node.chain.view, node.did), 2)
  assert.equal((await payWith(key())).json['status'], 'final')
  assert.equal((await payWith(second)).status, 422)
})

test('a node that ended between making the key and sending it uses the same key', async () => {
  const made = await node.wallet.nextKey(node.did, 1, passphrase, () => new Uint8Array(1))
  assert.ok(!('refused' in made))
  await withRestarted(async (wallet, keystore) => {
    assert.deepEqual(keystore.keysOf(node.did), [node.did, made.key])
    assert.equal((await payWith(node.did, wallet)).json['status'], 'final')
  })
  assert.equal((await rotate()).json['status'], 'final')
  assert.equal(key(), made.key)
})

test('a request repeated after its answer was lost rotates once', async () => {
  const headers = { 'idempotency-key': 'new-key' }
  const first = await rotate(headers, '')
  assert.equal(first.json['status'], 'broadcast', first.text)
  await node.restartApi()
  const again = await rotate(headers)
  assert.deepEqual([again.json['txHash'], again.json['status']], [first.json['txHash'], 'final'])
  assert.equal(rotationsOf(node.chain.view, node.did), 1)
})

test('rotations that are asked for at once come to one key each', async () => {
  const answers = await Promise.all([rotate(), rotate(), rotate()])
  assert.ok(answers.some(({ json }) => json['status'] === 'final'))
  const rotations = rotationsOf(node.chain.view, node.did)
  await withRestarted(async (_, keystore) => {
    assert.equal(keystore.keysOf(node.did)[rotations], key())
  })
  assert.equal((await pay()).json['status'], 'final')
})

test('an identity that is unlocked stays so over its rotation', async () => {
  const cookie = { authorization: `Bearer ${await node.cookie()}` }
  const send = (): Promise<HttpAnswer> =>
    call(node, '/api/wallet/transfer?wait=final', { body: { to: node.names.stranger, amount: 5 }, headers: cookie })
  await node.wallet.unlock(node.did, passphrase, 60_000)
  assert.equal((await send()).json['status'], 'final')
  await rotate()
  assert.equal((await send()).json['status'], 'final')
})

test('a key made elsewhere takes over; this node then says that it is missing', async () => {
  const secretKey = entropy.bytes(32)
  const foreign = publicKeyOf(secretKey)
  const proof = sign(rotationMessage(node.chain.chainId, node.did, foreign, 1), secretKey)
  const body = { newKey: `0x${foreign}`, rotation: 1, proof: `0x${toHex(proof)}`, passphrase }
  const moved = await call(node, '/api/identity/rotate?wait=final', { body })
  assert.equal(moved.json['status'], 'final', moved.text)
  assert.deepEqual((await shown())['holdsKey'], false)

  for (const [path, fields] of [
    ['/api/wallet/transfer', { to: node.names.stranger, amount: 5, passphrase }],
    ['/api/identity/unlock', { passphrase }],
    [`/api/identity/${node.names.did}/rotate`, { passphrase }],
  ] as const) {
    const refused = await call(node, path, { body: fields })
    assert.deepEqual([refused.status, refused.json['code']], [404, 'key_is_missing'], path)
  }
})

test('a wrong passphrase rotates nothing and costs time', async () => {
  const path = `/api/identity/${node.names.did}/rotate`
  const wrong = await call(node, path, { body: { passphrase: 'wrong' } })
  assert.deepEqual([wrong.status, wrong.json['code'], wrong.json['field']], [401, 'passphrase_is_wrong', 'passphrase'])
  assert.equal((await rotate()).json['code'], 'too_many_attempts')
  assert.equal(key(), node.did)
  await withRestarted(async (_, keystore) => assert.deepEqual(keystore.keysOf(node.did), [node.did]))
})

test('a new identity tells its index and that its key is here', async () => {
  const made = (await call(node, '/api/identity', { body: { passphrase } })).json
  assert.deepEqual([made['index'], made['holdsKey'], made['isUnlocked']], [2, true, false])
  const did: Did = parseDid(String(made['did']))
  assert.ok(fromHex(did).length === 32 && formatDid(did) === made['did'])
})

test('on a local network a new identity and a new key need no passphrase, and sign at once', async () => {
  const local = await TestApiNode.start({ network: 'local', knowsPassphrase: true })
  local.decide()
  try {
    const made = await call(local, '/api/identity', { body: {} })
    assert.equal(made.json['isUnlocked'], true, made.text)
    const did = String(made.json['did'])
    const give = { to: did, amount: 50, passphrase }
    assert.equal((await call(local, '/api/wallet/transfer?wait=final', { body: give })).json['status'], 'final')
    const rotated = await call(local, `/api/identity/${did}/rotate?wait=final`, { body: {} })
    assert.equal(rotated.json['status'], 'final', rotated.text)
    const paid = await call(local, '/api/wallet/transfer?wait=final', { body: { to: local.names.did, amount: 5, did } })
    assert.equal(paid.json['status'], 'final', paid.text)
  } finally {
    await local.stop()
  }
})
