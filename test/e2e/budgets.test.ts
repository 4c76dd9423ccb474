/** Session keys on four nodes: the owner grants on one, the agent signs on the others, and all validators keep it to that. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import {
  type BodyOf,
  ClawnetClient,
  createSessionWallet,
  createWallet,
  type KindName,
  ProblemError,
  type Wallet,
} from '@claw-network/sdk'
import { ask } from '../helpers/agents.ts'
import { clawnet } from '../helpers/command-line.ts'
import { type Answer, type Daemon, DaemonNetwork } from '../helpers/daemons.ts'
import { until } from '../helpers/network.ts'
import { secretKeyIn } from '../helpers/signing.ts'

const waitMs = 20_000
const hourMs = 3_600_000
const fee = 1

let network: DaemonNetwork
let owner: Daemon
/** By node, the owner's first. */
let clients: readonly ClawnetClient[]

before(async () => {
  network = await DaemonNetwork.found({ nodes: 4 })
  await network.start()
  owner = network.daemon(1)
  clients = network.daemons.map(({ apiPort }) => new ClawnetClient({ url: `http://127.0.0.1:${apiPort}` }))
})
after(() => network.destroy())

/** A session key of the owner, and what it took by its own account. */
class Agent {
  readonly wallet: Wallet
  readonly key: string
  cost = 0

  /** Generous, but for what the test says. */
  static async of(terms: object): Promise<Agent> {
    const secretKey = randomBytes(32)
    const key = createWallet(secretKey).publicKey
    const generous = { perTx: 1_000, budget: 1_000, periodMs: hourMs, notAfter: Date.now() + hourMs }
    await ask(owner, '/api/identity/grant?wait=final', { key, ...generous, ...terms })
    await network.untilAgreed()
    return new Agent(createSessionWallet(secretKey, owner.did), key)
  }

  private constructor(wallet: Wallet, key: string) {
    this.wallet = wallet
    this.key = key
  }

  /** Signs here and sends to that node; `final`, or the code of the refusal or rejection. */
  async does<K extends KindName>(node: number, kind: K, body: BodyOf<K>, options: { fee?: number } = {}) {
    const client = clients[node - 1] ?? assert.fail(`there is no node ${node}`)
    try {
      const done = await client.submitSigned(this.wallet, kind, body, { waitMs, ...options })
      // What a block rejects pays its fee.
      const amount = 'amount' in body && done.status === 'final' ? Number(body.amount) : 0
      this.cost += amount + (options.fee ?? fee)
      await network.untilAgreed()
      return done.status === 'failed' ? done.code : done.status
    } catch (error) {
      if (error instanceof ProblemError) return error.code
      throw error
    }
  }

  pays(node: number, amount: number, to = network.daemon(4).did, options: { fee?: number } = {}) {
    return this.does(node, 'wallet.transfer', { to, amount }, options)
  }

  /** What the nodes say of the grant: the same, all of them. */
  async grant(): Promise<Answer['body']> {
    await network.untilAgreed()
    const path = `/api/identity/${owner.did}/grants`
    const all = await Promise.all(
      network.daemons.map(async daemon => {
        const { grants } = (await daemon.get(path)).body
        return grants.find(({ key }: { key: string }) => key === this.key)
      }),
    )
    for (const one of all) assert.equal(one?.spentInAll, all[0]?.spentInAll)
    return all[0]
  }
}

test('a session key pays on any node up to its limits, fees counted, and no node has the owner’s key but one', async () => {
  const agent = await Agent.of({ perTx: 50, budget: 120, total: 400 })
  const payee = network.daemon(4)
  const before = (await payee.get('/api/wallet/balance')).body.balance
  assert.equal(await agent.pays(2, 29), 'final')
  assert.equal(await agent.pays(3, 50), 'exceeds_per_tx')
  assert.equal(await agent.pays(4, 49), 'final')
  assert.equal(await agent.pays(2, 1, payee.did, { fee: 51 }), 'budget_does_not_cover_fee')
  assert.equal(await agent.pays(3, 45), 'exceeds_budget')
  const { spent, leftInPeriod, leftInAll } = await agent.grant()
  assert.deepEqual([spent, leftInPeriod, leftInAll], [agent.cost, 120 - agent.cost, 400 - agent.cost])
  assert.equal(await agent.pays(3, leftInPeriod - fee), 'final')
  assert.equal(await agent.pays(2, 1), 'budget_does_not_cover_fee')
  assert.equal((await agent.grant()).spent, 120)

  await network.untilAgreed()
  const balances = await Promise.all(clients.map(client => client.balance(payee.did)))
  for (const { balance } of balances) assert.equal(balance, balances[0]?.balance)
  const gained = (balances[0]?.balance ?? 0) - before
  // Besides what it was paid it has its part of a dozen fees at most.
  assert.ok(gained >= 29 + 49 + leftInPeriod - fee && gained <= 120 + 12, `gained ${gained}`)
  const elsewhere = await network.daemon(2).post('/api/wallet/transfer', { did: owner.did, to: payee.did, amount: 1 })
  assert.equal(elsewhere.body.code, 'identity_is_unknown')
})

test('what two nodes take at once of one budget, a block rejects; its fee is paid and counts', async () => {
  const agent = await Agent.of({ perTx: 70, budget: 100 })
  const { chainId } = await clients[0]!.status()
  const { nonce } = await clients[0]!.balance()
  const body = { to: network.daemon(4).did, amount: 60 }
  const outcomes = await Promise.all(
    [1, 2].map(ahead => {
      const signed = agent.wallet.sign({ chainId, kind: 'wallet.transfer', body, nonce: nonce + ahead, fee })
      return clients[ahead]!.submit(signed, { waitMs })
    }),
  )
  assert.deepEqual(
    outcomes.map(outcome => (outcome.status === 'failed' ? outcome.code : outcome.status)),
    ['final', 'exceeds_budget'],
  )
  assert.equal((await agent.grant()).spent, 60 + fee + fee)
})

test('each period has its budget, and total ends all of them', async () => {
  const agent = await Agent.of({ perTx: 20, budget: 20, periodMs: 1_000, total: 45 })
  for (const node of [2, 3]) {
    await until('a period begins', async () => (await agent.grant()).leftInPeriod === 20)
    assert.equal(await agent.pays(node, 15), 'final')
  }
  await until('a period begins', async () => (await agent.grant()).leftInPeriod >= 45 - agent.cost)
  assert.equal(await agent.pays(4, 45 - agent.cost), 'exceeds_total')
  const { leftInAll } = await agent.grant()
  await until('a period begins', async () => (await agent.grant()).leftInPeriod >= leftInAll)
  assert.equal(await agent.pays(2, leftInAll - fee), 'final')
  assert.equal(await agent.pays(3, 1), 'budget_does_not_cover_fee')
  assert.equal((await agent.grant()).spentInAll, 45)
})

test('it pays nobody and signs nothing that it was not granted, whatever the kind', async () => {
  const friend = network.daemon(3).did
  const releaseRules = [{ id: 'rule-1' }]
  const agent = await Agent.of({ payees: [friend], kinds: ['wallet.transfer', 'escrow.create'] })
  assert.equal(await agent.pays(2, 5, friend), 'final')
  assert.equal(await agent.pays(2, 5), 'payee_is_not_granted')
  const other = network.daemon(4).did
  const wide = { beneficiary: friend, amount: 5, releaseRules: [{ id: 'rule-1', to: other }] }
  assert.equal(await agent.does(4, 'escrow.create', wide), 'payee_is_not_granted')
  assert.equal(await agent.does(4, 'escrow.create', { beneficiary: friend, amount: 7, releaseRules }), 'final')
  assert.equal(await agent.does(3, 'identity.update', { name: 'somebody else' }), 'kind_is_not_granted')
  const key = createWallet(randomBytes(32)).publicKey
  const more = { key, perTx: 1, budget: 1, periodMs: hourMs, notAfter: Date.now() + hourMs }
  assert.equal(await agent.does(3, 'identity.grant', more), 'needs_own_key')
  assert.equal((await agent.grant()).spentInAll, agent.cost)
})

test('it signs from notBefore until notAfter, and not a block longer', async () => {
  const notBefore = Date.now() + 2_500
  const agent = await Agent.of({ notBefore, notAfter: notBefore + 3_000 })
  assert.equal(await agent.pays(2, 1), 'grant_has_not_begun')
  const status = async (): Promise<string> => (await agent.grant()).status
  await until('it begins', async () => (await status()) === 'live')
  // The block that holds it must be as late: the network's time, not this node's, says when.
  await until('it pays', async () => (await agent.pays(3, 1)) === 'final')
  await until('it is over', async () => (await status()) === 'over')
  await clients[0]!.send('wallet.transfer', { to: network.daemon(2).did, amount: 1 }, { waitMs })
  await network.untilAgreed()
  assert.equal(await agent.pays(4, 1), 'grant_is_over')
})

test('what the owner revokes signs nothing any more, on no node', async () => {
  const agent = await Agent.of({})
  assert.equal(await agent.pays(2, 1), 'final')
  await ask(owner, '/api/identity/revoke?wait=final', { key: agent.key })
  await network.untilAgreed()
  for (const node of [1, 2, 3, 4]) assert.equal(await agent.pays(node, 1), 'signer_is_unknown')
  assert.equal(await agent.grant(), undefined)
})

test('after rotations, with a restart between, the DID pays on; the old key and the session keys do not', async () => {
  const agent = await Agent.of({})
  const old = createWallet(await secretKeyIn(owner.home))
  assert.equal(old.did, owner.did)
  const payee = network.daemon(2).did
  const pay = async (): Promise<string> =>
    (await ask(owner, '/api/wallet/transfer?wait=final', { to: payee, amount: 5 })).status

  const rotated = await clawnet(['identity', 'rotate', '--json'], { home: owner.home })
  assert.equal(rotated.json.status, 'final', rotated.stderr)
  assert.equal(await pay(), 'final')
  await owner.end('SIGKILL')
  // The other three go on without it, and refuse what the old keys sign.
  for (const [index, client] of clients.slice(1).entries()) {
    await assert.rejects(client.submitSigned(old, 'wallet.transfer', { to: payee, amount: 1 }), {
      code: 'signer_is_unknown',
    })
    await assert.rejects(
      client.submitSigned(agent.wallet, 'wallet.transfer', { to: payee, amount: 1 }),
      {
        code: 'signer_is_unknown',
      },
      `node ${index + 2}`,
    )
  }
  await owner.start()
  await network.untilConnected(network.daemons)
  assert.equal(await pay(), 'final')
  await ask(owner, `/api/identity/${owner.did}/rotate?wait=final`, {})
  assert.equal(await pay(), 'final')
  await network.untilAgreed()

  for (const daemon of network.daemons) {
    const { body } = await daemon.get(`/api/identity/${owner.did}`)
    assert.deepEqual([body.id, body.address, body.rotations], [owner.did, owner.address, 2])
    assert.notEqual(body.alsoKnownAs[0], owner.did.replace('did:claw:', 'did:key:'))
  }
  assert.deepEqual((await network.daemon(3).get(`/api/identity/${owner.did}/grants`)).body.grants, [])
})
