/** The SDK against real daemons. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ClawnetClient, createWallet, type NodeEvent, ProblemError } from '@claw-network/sdk'
import { DaemonNetwork } from '../helpers/daemons.ts'
import { until } from '../helpers/network.ts'

let network: DaemonNetwork
let client: ClawnetClient
let elsewhere: ClawnetClient
const payee = createWallet(new Uint8Array(32).fill(1))

before(async () => {
  network = await DaemonNetwork.found({ nodes: 2 })
  await network.start()
  const clientOf = (number: number) => new ClawnetClient({ url: `http://127.0.0.1:${network.daemon(number).apiPort}` })
  client = clientOf(1)
  elsewhere = clientOf(2)
})
after(() => network.destroy())

test('status, identity and balance say who the node is and what it has', async () => {
  const status = await client.status()
  assert.equal(status.did, network.daemon(1).did)
  assert.equal(status.network, 'local')
  assert.equal(status.synced, true)
  assert.equal((await client.peers()).peers.length, 1)
  const { identities, document } = await client.identity()
  assert.equal(identities[0]?.did, status.did)
  assert.equal(document?.['id'], status.did)
  const balance = await client.balance()
  assert.equal(balance.address, status.address)
  assert.equal(balance.available, 1_000_000)
  assert.equal((await client.balance(network.daemon(2).did)).address, network.daemon(2).address)
})

test('what is sent on one node becomes final on the other', async () => {
  const before = (await elsewhere.balance(payee.did)).available
  const sent = await client.send('wallet.transfer', { to: payee.did, amount: 250n, memo: 'for the work' })
  assert.equal(sent.status, 'broadcast')
  const outcome = await elsewhere.wait(sent.txHash)
  assert.equal(outcome.status, 'final')
  assert.equal((await elsewhere.balance(payee.did)).available, before + 250)

  assert.deepEqual(await elsewhere.transaction(sent.txHash), outcome)
  if (outcome.status !== 'final') return
  const block = await elsewhere.block(outcome.height)
  assert.equal(block?.blockHash, outcome.blockHash)
  assert.deepEqual(
    block?.transactions.map(({ txHash }) => txHash),
    [sent.txHash],
  )
  const [entry] = (await elsewhere.history({ of: payee.address })).entries
  assert.equal(entry?.txHash, sent.txHash)
  assert.equal(entry?.change, 250)
})

test('a send can wait for its outcome', async () => {
  const outcome = await client.send('wallet.transfer', { to: payee.did, amount: 100 }, { waitMs: 20_000 })
  assert.equal(outcome.status, 'final')
})

test('a wallet pays with a key that no node has, many times at once', async () => {
  await client.send('wallet.transfer', { to: payee.did, amount: 1000 }, { waitMs: 20_000 })
  const before = await client.balance(payee.did)
  const to = network.daemon(2).address
  const payments = Array.from({ length: 10 }, () =>
    client.submitSigned(payee, 'wallet.transfer', { to, amount: 5 }, { waitMs: 20_000 }),
  )
  const outcomes = await Promise.all(payments)
  assert.deepEqual(new Set(outcomes.map(({ status }) => status)), new Set(['final']))
  const after = await client.balance(payee.did)
  assert.equal(after.nonce, before.nonce + 10)
  assert.equal(after.available, before.available - 10 * (5 + 1))
  await assert.rejects(
    client.send('wallet.transfer', { to, amount: 1 }, { did: payee.did }),
    (error: unknown) => error instanceof ProblemError && error.code === 'identity_is_unknown' && error.status === 404,
  )
})

test('a transaction that was changed after signing is refused', async () => {
  const { chainId } = await client.status()
  const { nonce } = await client.balance(payee.did)
  const signed = payee.sign({
    chainId,
    kind: 'wallet.transfer',
    body: { to: network.daemon(2).address, amount: 1, memo: 'to you' },
    nonce: nonce + 1,
    fee: 1,
  })
  const memo = (text: string): string => Buffer.from(text).toString('hex')
  const changed = { ...signed, bytes: signed.bytes.replace(memo('to you'), memo('to me!')) }
  await assert.rejects(client.submit(changed), { code: 'signature_is_wrong' })
  const foreign = payee.sign({
    chainId: `0x${'12'.repeat(32)}`,
    kind: 'wallet.transfer',
    body: { to: payee.did, amount: 1 },
    nonce: nonce + 1,
    fee: 1,
  })
  await assert.rejects(client.submit(foreign), { code: 'malformed', field: 'bytes.chainId' })
})

test('a problem names code, field and whether to try again', async () => {
  const refusal: unknown = await client
    .send('wallet.transfer', { to: payee.did, amount: 100_000_000 })
    .catch((error: unknown) => error)
  assert.ok(refusal instanceof ProblemError)
  assert.deepEqual([refusal.status, refusal.code, refusal.retryable], [422, 'funds_are_short', false])
  await assert.rejects(client.balance('claw1nobody'), { code: 'malformed', field: 'address' })
  assert.equal(await client.transaction(`0x${'00'.repeat(32)}`), undefined)
  assert.equal(await client.block(1_000_000), undefined)
})

test('an owner makes an agent’s token, approves what it asks for, and ends it', async () => {
  const url = `http://127.0.0.1:${network.daemon(1).apiPort}`
  const made = await client.createToken({ scopes: ['wallet'], perTx: 60, approvalAbove: 10, name: 'buyer' })
  const agent = new ClawnetClient({ url, token: made.token })
  const lock = { beneficiary: payee.did, amount: 40, releaseRules: [{ id: 'rule-1' }] }
  const order = { idempotencyKey: 'an-escrow', waitMs: 20_000 }
  const asked = await agent.send('escrow.create', lock, order).catch((error: unknown) => error)
  assert.ok(asked instanceof ProblemError && asked.approval !== undefined)
  const [waiting] = await client.approvals({ status: 'waiting' })
  assert.deepEqual([waiting?.id, waiting?.tokenName, waiting?.tokens], [asked.approval, 'buyer', 41])

  const approved = await client.approve(asked.approval)
  const sent = await agent.send('escrow.create', lock, order)
  assert.equal(sent.txHash, approved.txHash)
  assert.equal((await agent.wait(sent.txHash)).status, 'final')
  const escrow = await client.query('/api/wallet/escrow/:id', { id: sent.txHash })
  assert.deepEqual([escrow?.state, escrow?.held], ['funded', 40])
  assert.deepEqual(
    (await agent.tokens()).map(({ id, spentTotal }) => [id, spentTotal]),
    [[made.id, 41]],
  )
  assert.equal((await agent.approval(asked.approval))?.status, 'approved')

  assert.equal((await client.revokeToken(made.id)).status, 'revoked')
  await assert.rejects(agent.balance(), { code: 'token_has_ended' })
})

test('events go on over a kill of the node, each once and in order', async () => {
  const stop = new AbortController()
  const seen: NodeEvent[] = []
  const following = (async () => {
    for await (const event of client.events({ did: payee.did, kind: 'wallet.transfer', signal: stop.signal }))
      seen.push(event)
  })()
  const pay = async (): Promise<string> =>
    (await elsewhere.send('wallet.transfer', { to: payee.did, amount: 7 })).txHash
  const hashes: string[] = []
  // The first payment is made again until the stream shows one: before that it may not be open yet.
  await until(
    'the stream is open',
    async () => {
      hashes.push(await pay())
      await elsewhere.wait(hashes.at(-1) ?? '')
      return seen.length > 0
    },
    20_000,
  )

  await network.daemon(1).end('SIGKILL')
  hashes.push(await pay())
  await network.daemon(1).start()
  hashes.push(await pay())
  for (const hash of hashes) assert.equal((await elsewhere.wait(hash, { timeoutMs: 30_000 })).status, 'final')
  const last = (event: NodeEvent | undefined) => event?.type === 'transaction' && event.data.txHash === hashes.at(-1)
  await until('the last payment is seen', () => last(seen.at(-1)), 30_000)
  stop.abort()
  await following

  const shown = seen.map(event => (event.type === 'transaction' ? event.data.txHash : event.type))
  assert.deepEqual(shown, hashes.slice(-shown.length))
  assert.ok(shown.length >= 3)
})

test('the agent of the examples pays and sees its payment', async t => {
  const agent = fileURLToPath(new URL('../../examples/typescript/agent.ts', import.meta.url))
  const child = spawn(process.execPath, ['--conditions=clawnet-source', agent, payee.did, '3'], {
    env: { ...process.env, CLAWNET_API: `http://127.0.0.1:${network.daemon(1).apiPort}` },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  let printed = ''
  child.stdout.on('data', (text: Buffer) => {
    printed += text.toString()
  })
  const claims = [/on local, block \d+, \d+ Tokens to spend/, /0x[0-9a-f]{64} is final/, / 3 Tokens from claw1\w+ to /]
  for (const claim of claims) await until(`the agent prints ${claim}`, () => claim.test(printed), 20_000)
  assert.ok(printed.includes(payee.address))
})

test('a wrong credential is refused even where none is needed', async () => {
  const daemon = network.daemon(2)
  const cookie = readFileSync(join(daemon.home, 'api.cookie'), 'utf8').trim()
  const url = `http://127.0.0.1:${daemon.apiPort}`
  assert.equal((await new ClawnetClient({ url, token: cookie }).status()).did, daemon.did)
  await assert.rejects(new ClawnetClient({ url, token: 'wrong' }).status(), {
    code: 'credential_is_wrong',
    status: 401,
  })
})
