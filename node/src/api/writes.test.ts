import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { addressOf, assemble, type Envelope, formatAddress, ledger, signingBytes, toHex } from '@claw-network/protocol'
import { passphrase, TestApiNode } from '../../../test/helpers/api-node.ts'
import { call, type HttpAnswer, type HttpCall } from '../../../test/helpers/http-call.ts'

const transfer = '/api/wallet/transfer'

let node: TestApiNode
beforeEach(async () => {
  node = await TestApiNode.start({ network: 'local' })
  await node.wallet.unlock(node.did, passphrase, 3_600_000)
})
afterEach(() => node.stop())

const pay = (fields: object = {}, options: HttpCall & { query?: string } = {}): Promise<HttpAnswer> =>
  call(node, `${transfer}${options.query ?? ''}`, {
    body: { to: node.names.stranger, amount: 1, ...fields },
    ...options,
  })

const balanceOf = async (address: string): Promise<number> =>
  (await call(node, `/api/wallet/balance?address=${address}`)).json['balance'] as number

describe('the answer to a write', () => {
  test('comes at once, says broadcast, and repeats what was resolved', async () => {
    const { status, json } = await pay({ to: node.names.other, memo: 'invoice 7' })
    assert.equal(status, 200)
    assert.deepEqual(
      { ...json, txHash: undefined },
      {
        txHash: undefined,
        status: 'broadcast',
        kind: 'wallet.transfer',
        did: node.names.did,
        address: formatAddress(addressOf(node.did)),
        nonce: 1,
        fee: 1,
        payload: { to: formatAddress(addressOf(node.other)), amount: 1, memo: 'invoice 7' },
      },
    )
    const found = await call(node, `/api/tx/${String(json['txHash'])}`)
    assert.deepEqual(found.json, { ...json, asOfHeight: 0 })
  })

  test('waits for the block with ?wait=final', async () => {
    node.decide()
    const { json } = await pay({ amount: 7 }, { query: '?wait=final' })
    assert.equal(json['status'], 'final')
    assert.equal(json['height'], 1)
    assert.equal(json['blockHash'], `0x${node.chain.tip.blockHash}`)
    assert.equal(await balanceOf(node.names.stranger), 7)
  })

  test('says unknown when the time of Prefer is over, and the look-up can wait on', async () => {
    const answer = await pay({}, { headers: { prefer: 'respond-async, wait=1' } })
    assert.equal(answer.json['status'], 'unknown')
    assert.equal(answer.headers['preference-applied'], 'wait=1')
    const path = `/api/tx/${String(answer.json['txHash'])}`
    assert.equal((await call(node, path)).json['status'], 'broadcast')
    const waiting = call(node, `${path}?wait=final`)
    node.decide()
    assert.equal((await waiting).json['status'], 'final')
  })

  test('says failed with the code where the block holds the transaction without effect', async () => {
    // The account's head when the second is signed is not its head any more when the second is executed.
    await pay({ nonce: 2 })
    const head = (await call(node, '/api/wallet/balance')).json['head']
    assert.equal(head, undefined)
    const third = pay({ nonce: 3, prev: `0x${'11'.repeat(32)}` }, { query: '?wait=final' })
    await pay({ nonce: 1 })
    node.decide()
    const { json } = await third
    assert.equal(json['status'], 'failed')
    assert.equal(json['code'], 'stale_prev')
    assert.match(String(json['detail']), /prev/)
    assert.equal(json['height'], 1)
    assert.equal(await balanceOf(node.names.stranger), 2)
  })

  test('says failed with the transaction that took its place', async () => {
    const { json } = await pay({ nonce: 1 })
    const waiting = call(node, `/api/tx/${String(json['txHash'])}?wait=final`)
    const dearer = await pay({ nonce: 1, fee: 2 })
    assert.equal(dearer.status, 200, dearer.text)
    const failed = (await waiting).json
    assert.equal(failed['status'], 'failed')
    assert.equal(failed['code'], 'replaced')
    assert.equal(failed['by'], dearer.json['txHash'])
    assert.match(String(failed['detail']), /higher fee/)
  })
})

describe('nonces', () => {
  test('a hundred requests at once all land, each with its own nonce', async () => {
    node.decide()
    const answers = await Promise.all(Array.from({ length: 100 }, () => pay({}, { query: '?wait=final' })))
    assert.deepEqual([...new Set(answers.map(({ json }) => json['status']))], ['final'])
    const nonces = answers.map(({ json }) => Number(json['nonce'])).sort((a, b) => a - b)
    assert.deepEqual(
      nonces,
      Array.from({ length: 100 }, (_, index) => index + 1),
    )
    assert.equal(await balanceOf(node.names.stranger), 100)
  })

  test('a request that fails uses up no nonce', async () => {
    assert.equal((await pay({ amount: 2_000_000 })).json['code'], 'funds_are_short')
    assert.equal((await pay()).json['nonce'], 1)
  })

  test('two identities of one node have their own', async () => {
    await node.wallet.unlock(node.other, passphrase, 60_000)
    const answers = await Promise.all([pay(), pay({ did: node.names.other }), pay(), pay({ did: node.names.other })])
    assert.deepEqual(
      answers.map(({ json }) => json['nonce']),
      [1, 1, 2, 2],
    )
  })

  test('the same request with the same nonce is the same transaction', async () => {
    const first = await pay({ nonce: 1 })
    const again = await pay({ nonce: 1 })
    assert.deepEqual(again.json, first.json)
    node.decide()
    const final = await pay({ nonce: 1 }, { query: '?wait=final' })
    assert.equal(final.json['txHash'], first.json['txHash'])
    assert.equal((await pay({ nonce: 1 })).json['status'], 'final')
    assert.equal((await pay({ nonce: 1, amount: 2 })).json['code'], 'nonce_is_used')
  })

  test('where the account has no room, the request waits for a block rather than fail', async () => {
    await Promise.all(Array.from({ length: 64 }, () => pay()))
    const one = pay()
    const start = performance.now()
    node.decide()
    assert.equal((await one).json['nonce'], 65)
    assert.ok(performance.now() - start < 5_000, 'it goes on with the first block')
  })
})

describe('limits', () => {
  test('one transaction spends at most maxTransferPerTx, the lowest fee aside', async () => {
    await node.restartApi({ limits: { maxTransferPerTx: 10n } })
    assert.equal((await pay({ amount: 10 })).status, 200)
    for (const over of [{ amount: 11 }, { amount: 10, fee: 2 }, { amount: 1, fee: 1_000 }]) {
      const { status, json } = await pay(over)
      assert.equal(status, 403)
      assert.equal(json['code'], 'exceeds_limit_per_tx')
      assert.match(String(json['detail']), /maxTransferPerTx of this node is 10/)
    }
  })

  test('fifty at once against ten a day are ten', async () => {
    await node.restartApi({ limits: { maxTransferPerDay: 10n } })
    const answers = await Promise.all(Array.from({ length: 50 }, () => pay()))
    const codes = answers.map(({ json }) => json['code'])
    assert.equal(codes.filter(code => code === undefined).length, 10)
    assert.equal(codes.filter(code => code === 'exceeds_limit_per_day').length, 40)
  })

  test('what was spent counts after a restart, what was refused does not', async () => {
    await node.restartApi({ limits: { maxTransferPerDay: 10n } })
    assert.equal((await pay({ amount: 6 })).status, 200)
    assert.equal((await pay({ amount: 3, nonce: 1 })).json['code'], 'nonce_is_taken')
    await node.restartApi({ limits: { maxTransferPerDay: 10n } })
    assert.equal((await pay({ amount: 5 })).json['code'], 'exceeds_limit_per_day')
    assert.equal((await pay({ amount: 4 })).status, 200)
    assert.equal((await pay({ amount: 1 })).json['code'], 'exceeds_limit_per_day')
  })

  test('transactions signed elsewhere are not this node’s to limit', async () => {
    await node.restartApi({ limits: { maxTransferPerTx: 1n, maxTransferPerDay: 1n } })
    const answer = await call(node, '/api/tx', {
      body: await signedElsewhere({ payload: { to: node.stranger, amount: 50n } }),
    })
    assert.equal(answer.status, 200, answer.text)
  })
})

describe('a transaction signed elsewhere', () => {
  test('is prepared, signed without the node, sent, and becomes final', async () => {
    node.decide()
    const order = { kind: 'wallet.transfer', payload: { to: node.names.stranger, amount: 9 }, did: node.names.other }
    const { json } = await call(node, '/api/tx/prepare', { body: order })
    assert.match(
      String(json['summary']),
      /amount 9; from did:claw:.*; transaction 1 of this account; fee 1 Tokens; on local/,
    )
    await node.wallet.unlock(node.other, passphrase, 60_000)
    const message = Uint8Array.from(Buffer.from(String(json['signingBytes']).slice(2), 'hex'))
    const signature = await node.wallet.sign(node.other, message)
    assert.ok(signature instanceof Uint8Array)
    const body = { envelope: json['envelope'], signature: `0x${toHex(signature)}` }
    const sent = await call(node, '/api/tx?wait=final', { body })
    assert.equal(sent.json['status'], 'final', sent.text)
    assert.equal(sent.json['txHash'], json['txHash'])
    assert.equal(await balanceOf(node.names.stranger), 9)
  })

  test('may come as bytes, and may come twice', async () => {
    const signed = await signedElsewhere()
    const first = await call(node, '/api/tx', { body: signed })
    assert.equal(first.json['status'], 'broadcast', first.text)
    assert.deepEqual((await call(node, '/api/tx', { body: signed })).json, first.json)
  })

  test('needs no credential, for it brings its own', async () => {
    const guarded = await TestApiNode.start({ network: 'testnet' })
    try {
      await guarded.wallet.unlock(guarded.did, passphrase, 60_000)
      const body = await signedElsewhere({}, guarded)
      assert.equal((await call(guarded, '/api/tx', { body })).status, 200)
    } finally {
      await guarded.stop()
    }
  })
})

test('a node that is not synced signs nothing, and says to try again', async () => {
  node.conditionOver = { synced: false }
  const answer = await pay()
  assert.equal(answer.status, 503)
  assert.equal(answer.json['code'], 'node_is_syncing')
  assert.equal(answer.json['retryable'], true)
  assert.equal(answer.headers['retry-after'], '5')
  assert.equal((await call(node, '/health')).json['status'], 'syncing')
})

test('an unexpected exception is a 500 that says nothing but its id, and the log says the rest', async () => {
  const { node: inner } = node
  const condition = inner.condition.bind(inner)
  Object.assign(inner, {
    condition: () => {
      throw new Error('a secret of the node')
    },
  })
  const answer = await call(node, '/api/node/status')
  Object.assign(inner, { condition })
  assert.equal(answer.status, 500)
  assert.equal(answer.json['code'], 'internal_error')
  assert.doesNotMatch(answer.text, /secret|at /)
  const [complaint] = node.complaints
  assert.equal(complaint?.fields['requestId'], answer.json['requestId'])
  assert.match(String(complaint?.fields['error']), /a secret of the node\n\s+at /)
})

test('identities are made, unlocked and locked', async () => {
  const made = await call(node, '/api/identity', { body: { passphrase } })
  assert.equal(made.status, 200, made.text)
  const did = String(made.json['did'])
  const listed = (await call(node, '/api/identity')).json['identities'] as { did: string; isUnlocked: boolean }[]
  assert.deepEqual(
    listed.map(identity => [identity.did, identity.isUnlocked]),
    [
      [node.names.did, true],
      [node.names.other, false],
      [did, false],
    ],
  )
  const unlocked = await call(node, '/api/identity/unlock', { body: { did, passphrase, seconds: 60 } })
  assert.equal(unlocked.json['isUnlocked'], true, unlocked.text)
  const leftMs = Number(unlocked.json['unlockedUntilMs']) - Date.now()
  assert.ok(leftMs > 50_000 && leftMs <= 60_000)
  const locked = await call(node, '/api/identity/lock', { body: {} })
  assert.deepEqual(locked.json['locked'], [node.names.did, node.names.other, did])
  assert.equal((await pay()).json['code'], 'identity_is_locked')
})

async function signedElsewhere(over: Partial<Envelope> = {}, on: TestApiNode = node): Promise<{ bytes: string }> {
  const payload = { to: on.stranger, amount: 1n }
  const envelope = {
    chainId: on.chain.chainId,
    kind: 'wallet.transfer',
    sender: on.did,
    nonce: 1,
    fee: 1n,
    payload,
    ...over,
  }
  const signature = await on.wallet.sign(on.did, signingBytes(ledger.kinds, envelope))
  assert.ok(signature instanceof Uint8Array)
  return { bytes: `0x${toHex(assemble(ledger.kinds, envelope, signature).bytes)}` }
}
