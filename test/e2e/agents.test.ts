/** Agents with tokens of their own on one node: they work side by side, and none gets further than its owner said. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createWallet, ProblemError } from '@claw-network/sdk'
import { Agent, ask, availableTo, over } from '../helpers/agents.ts'
import { type Answer, type Daemon, DaemonNetwork, type NetworkOptions } from '../helpers/daemons.ts'
import { until } from '../helpers/network.ts'
import { localPassphraseIn } from '../../node/src/home.ts'

const transfer = '/api/wallet/transfer'
const transferFinal = `${transfer}?wait=final`
const networks: { readonly [name: string]: Partial<NetworkOptions> } = {
  'a network that trusts nobody on loopback': { adjust: genesis => ({ ...genesis, network: 'testnet' }) },
  'a local network': {},
}

for (const [name, options] of Object.entries(networks)) {
  describe(`on ${name}`, () => {
    let network: DaemonNetwork
    let daemon: Daemon
    let first: Agent
    let second: Agent
    let payees = 0
    before(async () => {
      network = await DaemonNetwork.found({ nodes: 1, ...options })
      await network.start()
      daemon = network.daemon(1)
      await ask(daemon, '/api/identity/unlock', { passphrase: localPassphraseIn(daemon.home) })
      first = await Agent.of(daemon, { scopes: ['wallet', 'identity'] })
      second = await Agent.of(daemon, { scopes: ['wallet', 'identity'] })
    })
    after(() => network?.destroy())

    /** Somebody who has nothing yet. */
    const newPayee = (): string => createWallet(new Uint8Array(32).fill(++payees)).address

    test('two agents write at the same time: all of it is final, and no nonce is left out', async () => {
      const payee = newPayee()
      const before = await Promise.all([first, second].map(async ({ client }) => client.balance()))
      const worked = await Promise.all([first, second].map(agent => work(agent, payee)))
      for (const [index, answers] of worked.entries()) {
        const start = before[index]?.nonce ?? 0
        assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set(['final']), JSON.stringify(answers))
        const nonces = answers.map(({ nonce }) => nonce).toSorted((left, right) => left - right)
        assert.deepEqual(
          nonces,
          answers.map((_, place) => start + 1 + place),
        )
      }
      assert.equal(await availableTo(daemon, payee), 2 * 2 * 8)
    })

    test('each reads its own balance where it names nobody', async () => {
      const balances = await Promise.all([first, second].map(({ client }) => client.balance()))
      assert.deepEqual(
        balances.map(({ address }) => address),
        [first.address, second.address],
      )
    })

    test('neither signs for the other or for the owner, in any way that the API has', async () => {
      const to = newPayee()
      for (const did of [second.did, daemon.did]) {
        const attempts = [
          first.post(transfer, { did, to, amount: 1 }),
          first.post(transfer, { did, to, amount: 1, passphrase: localPassphraseIn(daemon.home) }),
          first.post('/api/wallet/escrow', { did, beneficiary: to, amount: 1, releaseRules: [{ id: 'r' }] }),
          first.post('/api/identity/update', { did, name: 'mine' }),
        ]
        for (const { status, body } of await Promise.all(attempts))
          assert.deepEqual([status, body.code], [403, 'not_your_identity'])
        await assert.rejects(
          first.client.send('wallet.transfer', { to, amount: 1 }, { did }),
          (error: unknown) => error instanceof ProblemError && error.code === 'not_your_identity',
        )
      }
      assert.equal(await availableTo(daemon, to), 0)
    })

    test('no agent makes itself more than it is', async () => {
      const key = createWallet(new Uint8Array(32).fill(99)).publicKey
      const grant = { key, perTx: 9_999, budget: 9_999, periodMs: 1_000, notAfter: Date.now() + 3_600_000 }
      const passphrase = localPassphraseIn(daemon.home)
      const attempts = [
        first.post('/api/identity/grant', grant),
        first.post('/api/identity', { passphrase }),
        first.post('/api/identity/unlock', { passphrase }),
        first.post(`/api/identity/${first.did}/rotate`, { passphrase }),
        first.post('/api/tokens', { scopes: ['wallet'] }),
        first.post(`/api/tokens/${second.id}/revoke`, {}),
      ]
      for (const { status, body } of await Promise.all(attempts))
        assert.deepEqual([status, body.code], [403, 'owner_is_needed'])
    })

    test('two agents with the same idempotency key make one payment each and learn nothing of the other', async () => {
      const to = newPayee()
      const [own, others] = await Promise.all(
        [first, second].map(agent => agent.post(transferFinal, { to, amount: 3 }, 'same')),
      )
      assert.deepEqual([own?.body.did, others?.body.did], [first.did, second.did])
      assert.notEqual(own?.body.txHash, others?.body.txHash)
      assert.equal(await availableTo(daemon, to), 6)
      // Another body under a key that only the other has used is no conflict either.
      await first.post(transferFinal, { to, amount: 1 }, 'of-the-first')
      assert.equal((await second.post(transferFinal, { to, amount: 2 }, 'of-the-first')).body.status, 'final')
    })

    test('what one asks its owner for, the other cannot see, and neither can decide', async () => {
      const asking = await Agent.withToken(daemon, { did: first.did, approvalAbove: 10 })
      const { body } = await asking.post(transfer, { to: newPayee(), amount: 50 }, 'asked')
      assert.equal(body.code, 'approval_is_needed')
      const seen = async (agent: Agent): Promise<readonly string[]> =>
        (await agent.get('/api/approvals')).body.approvals.map(({ id }: { id: string }) => id)
      assert.deepEqual(await seen(asking), [body.approval])
      assert.deepEqual([...(await seen(second)), ...(await seen(first))], [])
      assert.equal((await second.get(`/api/approvals/${body.approval}`)).status, 404)
      for (const agent of [asking, second]) {
        const { tokens } = (await agent.get('/api/tokens')).body
        assert.deepEqual(
          tokens.map(({ id }: { id: string }) => id),
          [agent.id],
        )
        for (const verb of ['approve', 'refuse'])
          assert.equal((await agent.post(`/api/approvals/${body.approval}/${verb}`, {})).body.code, 'owner_is_needed')
      }
      for (const path of ['/api/tokens', '/api/approvals'])
        assert.equal((await over(daemon, path, {})).status, 'adjust' in options ? 401 : 200)
    })

    test('what is approved becomes the transaction of the same request, and what is refused never does', async () => {
      const to = newPayee()
      const asking = await Agent.withToken(daemon, { did: first.did, approvalAbove: 10, total: 100 })
      const request = (amount: number, key: string) => asking.post(transferFinal, { to, amount }, key)
      assert.equal((await request(9, 'small')).body.status, 'final')
      const asked = await request(50, 'large')
      assert.deepEqual([asked.status, asked.body.code], [403, 'approval_is_needed'])
      assert.equal((await request(50, 'large')).body.approval, asked.body.approval)
      assert.equal(await availableTo(daemon, to), 9)

      const approved = await ask(daemon, `/api/approvals/${asked.body.approval}/approve`, {})
      const after = await request(50, 'large')
      assert.deepEqual([after.body.status, after.body.txHash], ['final', approved.txHash])
      assert.equal((await daemon.post(`/api/approvals/${asked.body.approval}/approve`, {})).status, 409)
      assert.equal(await availableTo(daemon, to), 59)

      const unwanted = await request(20, 'unwanted')
      await ask(daemon, `/api/approvals/${unwanted.body.approval}/refuse`, {})
      assert.equal((await request(20, 'unwanted')).body.code, 'approval_was_refused')
      // An approval does not lift the limits: 61 of 100 have gone.
      const tooMuch = await request(40, 'too-much')
      assert.equal(tooMuch.body.code, 'exceeds_limit_total')
      assert.equal(await availableTo(daemon, to), 59)
    })

    const limits: readonly (readonly [grant: object, amounts: readonly number[], code: string])[] = [
      [{ perTx: 10 }, [10, 11, 5_000], 'exceeds_limit_per_tx'],
      [{ perDay: 9 }, [9, 10, 5_000], 'exceeds_limit_per_day'],
      [{ total: 9 }, [9, 10, 5_000], 'exceeds_limit_total'],
      [{ payees: [] }, [1, 5_000], 'payee_is_not_allowed'],
    ]
    for (const [grant, amounts, code] of limits) {
      test(`a token with ${JSON.stringify(grant)} pays no more, the fee counted, whatever kind pays`, async () => {
        const agent = await Agent.withToken(daemon, { did: first.did, ...grant })
        const to = newPayee()
        for (const amount of amounts) {
          const orders = [
            agent.post(transfer, { to, amount }),
            agent.post('/api/wallet/escrow', { beneficiary: to, amount, releaseRules: [{ id: 'r' }] }),
          ]
          for (const { status, body } of await Promise.all(orders))
            assert.deepEqual([status, body.code], [403, code], `${amount}: ${JSON.stringify(body)}`)
        }
        assert.equal(await availableTo(daemon, to), 0)
        const allowed = 'payees' in grant ? first.address : to
        const paid = await agent.post(transferFinal, { to: allowed, amount: 5 })
        assert.equal(paid.body.status, 'final', JSON.stringify(paid.body))
      })
    }

    test('what somebody else locked in an escrow is money too, given or promised', async () => {
      const beneficiary = newPayee()
      const own = { sig: first.did }
      const rules = [
        { id: 'given', when: own },
        { id: 'promised', when: { and: [own, { sig: second.did }] } },
      ]
      const body = { did: first.did, beneficiary, amount: 500, releaseRules: rules }
      const { txHash } = await ask(daemon, '/api/wallet/escrow?wait=final', body)
      const agent = await Agent.withToken(daemon, { did: first.did, perTx: 50, total: 80 })
      const act = async (verb: string, amount: number, ruleId?: string): Promise<string> => {
        const done = await agent.post(`/api/wallet/escrow/${txHash}/${verb}?wait=final`, { amount, ruleId })
        return done.body.code ?? done.body.status
      }
      for (const ruleId of [undefined, 'given']) assert.equal(await act('release', 50, ruleId), 'exceeds_limit_per_tx')
      assert.equal(await act('approve', 50, 'promised'), 'exceeds_limit_per_tx')
      assert.equal(await act('approve', 40, 'promised'), 'final')
      assert.equal(await act('release', 39), 'exceeds_limit_total')
      assert.equal(await act('release', 38), 'final')
      const wary = await Agent.withToken(daemon, { did: first.did, payees: [daemon.did] })
      const denied = await wary.post(`/api/wallet/escrow/${txHash}/release`, { amount: 1 })
      assert.equal(denied.body.code, 'payee_is_not_allowed')
      assert.equal(await availableTo(daemon, beneficiary), 38)
    })

    test('a stolen token takes what it was good for at most, and nothing once it is revoked', async () => {
      const stolen = await Agent.withToken(daemon, { did: second.did, perTx: 30, total: 100 })
      const thief = newPayee()
      const before = (await second.client.balance()).balance
      let isRevoked = false
      const late: Answer[] = []
      const theft = Array.from({ length: 6 }, async (_, place) => {
        while (late.length < 12) {
          const wasRevoked = isRevoked
          const answer = await stolen.post(transfer, { to: thief, amount: place + 1 })
          if (wasRevoked) late.push(answer)
        }
      })
      await firstPayment(daemon, thief)
      const revoked = await ask(daemon, `/api/tokens/${stolen.id}/revoke`, {})
      isRevoked = true
      await Promise.all(theft)

      for (const { status, body } of late) assert.deepEqual([status, body.code], [401, 'token_has_ended'])
      assert.equal((await stolen.get('/api/wallet/balance')).status, 401)
      // One more final payment of the owner of the account: what was sent before it is decided.
      assert.equal((await second.post(transferFinal, { to: daemon.did, amount: 1 })).body.status, 'final')
      const { tokens } = (await daemon.get('/api/tokens')).body
      const { spentTotal } = tokens.find(({ id }: { id: string }) => id === stolen.id)
      const lost = before - (await second.client.balance()).balance - 2
      assert.equal(lost, spentTotal)
      assert.ok(lost <= 100 && lost > (await availableTo(daemon, thief)), `${lost} were lost`)
      assert.ok(revoked.spentTotal <= 100)
    })

    test('what waits for its owner still waits after kill -9, and its key gives the transaction then', async () => {
      const to = newPayee()
      const asking = await Agent.withToken(daemon, { did: first.did, approvalAbove: 10 })
      const request = () => asking.post(transferFinal, { to, amount: 50 }, 'over-a-kill')
      const { approval } = (await request()).body
      await daemon.end('SIGKILL')
      await daemon.start()
      assert.equal((await request()).body.approval, approval)
      const passphrase = localPassphraseIn(daemon.home)
      const { txHash } = await ask(daemon, `/api/approvals/${approval}/approve`, { passphrase })
      await daemon.end('SIGKILL')
      await daemon.start()
      // Nothing is signed for this: the identity may be locked.
      const { body } = await request()
      assert.deepEqual([body.status, body.txHash], ['final', txHash])
      assert.equal(await availableTo(daemon, to), 50)
    })
  })
}

/** Eight payments each over HTTP and by the SDK, an escrow and a name, all at once. */
async function work(agent: Agent, payee: string): Promise<readonly { status: string; nonce: number }[]> {
  const times = [...Array(8).keys()]
  const escrow = { beneficiary: payee, amount: 5, releaseRules: [{ id: 'r' }] }
  const overHttp = [
    ...times.map(time => agent.post(transferFinal, { to: payee, amount: 1 }, `http-${time}`)),
    agent.post('/api/wallet/escrow?wait=final', escrow, 'escrow'),
    agent.post('/api/identity/update?wait=final', { name: agent.id }, 'name'),
  ]
  const bySdk = times.map(time => {
    const options = { idempotencyKey: `sdk-${time}`, waitMs: 20_000 }
    return agent.client.send('wallet.transfer', { to: payee, amount: 1 }, options)
  })
  const answers = await Promise.all([...overHttp.map(async sent => (await sent).body), ...bySdk])
  return answers as readonly { status: string; nonce: number }[]
}

async function firstPayment(daemon: Daemon, to: string): Promise<void> {
  await until('the thief has something', async () => (await availableTo(daemon, to)) > 0)
}
