/** An owner's node, an agent that holds a session key and nothing else, and the network that keeps it within its budget. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ClawnetClient, createSessionWallet, createWallet, ProblemError, type Wallet } from '@claw-network/sdk'
import { DaemonNetwork } from '../helpers/daemons.ts'

const waitMs = 20_000
const secretKey = new Uint8Array(32).fill(9)
const key = createWallet(secretKey).publicKey
const payee = createWallet(new Uint8Array(32).fill(1))
const stranger = createWallet(new Uint8Array(32).fill(2))

let network: DaemonNetwork
let owner: ClawnetClient
let elsewhere: ClawnetClient
let agent: Wallet

before(async () => {
  network = await DaemonNetwork.found({ nodes: 2 })
  await network.start()
  const clientOf = (number: number) => new ClawnetClient({ url: `http://127.0.0.1:${network.daemon(number).apiPort}` })
  owner = clientOf(1)
  elsewhere = clientOf(2)
  agent = createSessionWallet(secretKey, network.daemon(1).did)
  const grant = {
    key,
    perTx: 50,
    budget: 150,
    periodMs: 3_600_000,
    payees: [payee.did],
    notAfter: Date.now() + 3_600_000,
  }
  const granted = await owner.send('identity.grant', grant, { waitMs })
  assert.equal(granted.status, 'final')
})
after(() => network.destroy())

/** `final`, or the code of the refusal or rejection. */
async function paid(wallet: Wallet, to: string, amount: number): Promise<string> {
  try {
    const outcome = await elsewhere.submitSigned(wallet, 'wallet.transfer', { to, amount }, { waitMs })
    return outcome.status === 'failed' ? outcome.code : outcome.status
  } catch (error) {
    if (error instanceof ProblemError) return error.code
    throw error
  }
}

test('the agent pays whom it may and as much as it may, on any node', async () => {
  assert.equal(await paid(agent, payee.did, 40), 'final')
  assert.equal(await paid(agent, payee.did, 50), 'exceeds_per_tx')
  assert.equal(await paid(agent, stranger.did, 1), 'payee_is_not_granted')
  const [grant] = (await elsewhere.query('/api/identity/:did/grants', { did: agent.did }))?.grants ?? []
  assert.ok(grant !== undefined)
  const { spent, leftInPeriod } = grant
  assert.deepEqual([grant.key, grant.status], [key, 'live'])
  // What could not succeed costs its fee where a block held it, and nothing where the node saw that in time.
  assert.ok(spent >= 41 && spent <= 43, `spent ${spent}`)
  assert.equal(spent + leftInPeriod, 150)
})

test('many payments at once take the budget and not a Token more', async () => {
  const before = (await elsewhere.balance(payee.did)).available
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => paid(agent, payee.did, 30)))
  assert.equal(outcomes.filter(outcome => outcome === 'final').length, 3, outcomes.join())
  assert.equal((await elsewhere.balance(payee.did)).available, before + 90)
  const [grant] = (await owner.query('/api/identity/:did/grants', { did: agent.did }))?.grants ?? []
  assert.ok((grant?.spent ?? 0) <= 150 && (grant?.spent ?? 0) >= 134, `spent ${grant?.spent}`)
})

test('no session key makes itself more than it is', async () => {
  const grant = { key, perTx: 9_999, budget: 9_999, periodMs: 1_000, notAfter: Date.now() + 3_600_000 }
  await assert.rejects(elsewhere.submitSigned(agent, 'identity.grant', grant), { code: 'needs_own_key' })
})

test('what the owner revokes pays nothing any more', async () => {
  assert.equal((await owner.send('identity.revoke', { key }, { waitMs })).status, 'final')
  assert.equal(await paid(agent, payee.did, 1), 'signer_is_unknown')
})

test('a wallet rotates its identity to another key, which signs for it from then on', async () => {
  await owner.send('wallet.transfer', { to: payee.did, amount: 100 }, { waitMs })
  const { chainId } = await owner.status()
  const newKey = createWallet(new Uint8Array(32).fill(3))
  const proof = newKey.rotationProof({ chainId, did: payee.did, rotation: 1 })
  const body = { newKey: newKey.publicKey, rotation: 1, proof }
  assert.equal((await elsewhere.submitSigned(payee, 'identity.rotate', body, { waitMs })).status, 'final')
  assert.equal(await paid(payee, stranger.did, 1), 'signer_is_unknown')
  assert.equal(await paid(createSessionWallet(new Uint8Array(32).fill(3), payee.did), stranger.did, 1), 'final')
  const document = await elsewhere.query('/api/identity/:did', { did: payee.did })
  assert.equal(document?.alsoKnownAs[0], newKey.did.replace('did:claw:', 'did:key:'))
})
