/** Escrow between four nodes, each party on its own: what one does, all see. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { localPassphraseIn } from '../../node/src/home.ts'
import { ask, availableTo } from '../helpers/agents.ts'
import { clawnet } from '../helpers/command-line.ts'
import { type Answer, type Daemon, DaemonNetwork } from '../helpers/daemons.ts'
import { until } from '../helpers/network.ts'

const escrow = '/api/wallet/escrow'
const rule = { id: 'rule-1' }
/** How much later than expiresAt the block that ends an escrow may be, on a machine with other things to do. */
const lateMsMax = 2_000

describe('on four nodes', () => {
  let network: DaemonNetwork
  let depositor: Daemon
  let beneficiary: Daemon
  let arbiter: Daemon
  let stranger: Daemon
  before(async () => {
    network = await DaemonNetwork.found({ nodes: 4 })
    await network.start()
    depositor = network.daemon(1)
    beneficiary = network.daemon(2)
    arbiter = network.daemon(3)
    stranger = network.daemon(4)
  })
  after(() => network.destroy())

  /** The same on all nodes, as soon as they have the same blocks. */
  async function shown(id: string): Promise<Answer['body']> {
    await network.untilAgreed()
    const views = await Promise.all(
      network.daemons.map(async daemon => {
        const { timeMs: _, asOfHeight: __, endsInMs: ___, ...view } = (await daemon.get(`${escrow}/${id}`)).body
        return view
      }),
    )
    for (const view of views) assert.deepEqual(view, views[0])
    return views[0]
  }

  const open = async (amount: number, fields: object = {}): Promise<string> => {
    const body = { beneficiary: beneficiary.address, amount, releaseRules: [rule], ...fields }
    const { txHash } = await ask(depositor, `${escrow}?wait=final`, body)
    await network.untilAgreed()
    return txHash
  }

  /** `final`, or the code of the refusal or rejection. */
  const act = async (daemon: Daemon, verb: string, id: string, body: object = {}): Promise<string> => {
    const done = await daemon.post(`${escrow}/${id}/${verb}?wait=final`, body)
    if (done.body.status === 'final') await network.untilAgreed()
    return done.body.status === 'final' ? 'final' : done.body.code
  }

  test('the bodies of the description work as they are written', async () => {
    const own = { did: depositor.did, passphrase: localPassphraseIn(depositor.home) }
    const sent = async (path: string, body: object): Promise<string> => {
      const answer = await ask(depositor, path, { ...own, ...body })
      assert.equal(answer.status, 'broadcast')
      await until('it is final everywhere', async () => {
        const all = await Promise.all(network.daemons.map(daemon => daemon.get(`/api/tx/${answer.txHash}`)))
        return all.every(({ body: { status } }) => status === 'final')
      })
      return answer.txHash
    }
    const before = await availableTo(beneficiary, beneficiary.address)
    const paid = await sent('/api/wallet/transfer', { to: beneficiary.address, amount: 100, fee: 1, nonce: 1 })
    const id = await sent(escrow, {
      beneficiary: beneficiary.address,
      amount: 500,
      releaseRules: [{ id: 'rule-1' }],
      nonce: 2,
      prev: paid,
    })
    const released = await sent(`${escrow}/${id}/release`, {
      amount: 200,
      ruleId: 'rule-1',
      resourcePrev: id,
      nonce: 3,
    })
    const funded = await sent(`${escrow}/${id}/fund`, { amount: 100, resourcePrev: released, nonce: 4 })
    assert.equal((await shown(id)).held, 400)
    const reason = 'contract_cancelled'
    assert.equal(
      await act(depositor, 'refund', id, { amount: 100, resourcePrev: funded, reason }),
      'no_refund_rule_holds',
    )
    // The beneficiary is who may always give it back.
    const refund = {
      did: beneficiary.did,
      passphrase: localPassphraseIn(beneficiary.home),
      amount: 100,
      resourcePrev: funded,
      reason,
      nonce: 1,
    }
    assert.equal(await act(beneficiary, 'refund', id, refund), 'final')

    const { state, deposited, released: out, refunded, held, history, head } = await shown(id)
    assert.deepEqual([state, deposited, out, refunded, held], ['funded', 600, 200, 100, 300])
    const kinds = history.map(({ kind, amount }: { kind: string; amount: number }) => `${kind} ${amount}`)
    assert.deepEqual(kinds, ['refund 100', 'fund 100', 'release 200', 'create 500'])
    assert.equal(history[0].id, head)
    const gained = (await availableTo(stranger, beneficiary.address)) - before
    // It paid one fee, and as a validator it has a part of six.
    assert.ok(gained >= 299 && gained <= 305, `gained ${gained}`)
    assert.equal((await depositor.get('/api/wallet/balance')).body.locked, 1_000_000 + 300)
  })

  test('of two releases with the same resourcePrev at once, from two nodes, one pays and the other is stale', async () => {
    const id = await open(500, { arbiter: arbiter.did })
    for (let round = 1; round <= 3; round += 1) {
      const { head: resourcePrev } = await shown(id)
      const body = { amount: 50, resourcePrev }
      const codes = await Promise.all([act(depositor, 'release', id, body), act(arbiter, 'release', id, body)])
      assert.deepEqual(codes.toSorted(), ['final', 'stale_resource'])
      assert.equal((await shown(id)).released, 50 * round)
    }
  })

  test('a rule of two of three pays once two agree to the same amount, each on its node', async () => {
    const dids = [beneficiary.did, arbiter.did, stranger.did]
    const id = await open(300, { releaseRules: [{ id: 'two', when: { kOf: { k: 2, dids } } }] })
    const two = { ruleId: 'two', amount: 120 }
    assert.equal(await act(depositor, 'approve', id, two), 'ruleId_does_not_name_you')
    assert.equal(await act(arbiter, 'approve', id, two), 'final')
    assert.equal(await act(depositor, 'release', id, two), 'rule_does_not_hold')
    assert.equal(await act(beneficiary, 'release', id, { ruleId: 'two', amount: 121 }), 'rule_does_not_hold')

    const byArbiter = (await shown(id)).actions.filter(
      ({ kind, did }: { kind: string; did?: string }) => kind === 'escrow.release' && did === stranger.did,
    )
    assert.deepEqual(
      byArbiter.map(({ upTo, isExact, missing }: { upTo: number; isExact: boolean; missing: [] }) => [
        upTo,
        isExact,
        missing,
      ]),
      [[120, true, []]],
    )
    assert.equal(await act(stranger, 'approve', id, two), 'final')
    assert.equal(await act(depositor, 'release', id, two), 'final')
    // Both approvals are used up.
    assert.equal(await act(depositor, 'release', id, two), 'rule_does_not_hold')
    assert.equal((await shown(id)).held, 180)
  })

  test('whoever shows the preimage is paid, and nobody who does not', async () => {
    const secret = Buffer.from('open sesame')
    const lock = `0x${createHash('sha256').update(secret).digest('hex')}`
    const id = await open(80, { releaseRules: [{ id: 'secret', when: { preimage: lock } }] })
    const release = { ruleId: 'secret' }
    assert.equal(await act(beneficiary, 'release', id, release), 'rule_does_not_hold')
    assert.equal(await act(beneficiary, 'release', id, { ...release, preimage: '0x00' }), 'rule_does_not_hold')
    assert.equal(
      await act(beneficiary, 'release', id, { ...release, preimage: `0x${secret.toString('hex')}` }),
      'final',
    )
    const { state, released, actions } = await shown(id)
    assert.deepEqual([state, released, actions], ['released', 80, []])
    assert.equal(await act(depositor, 'fund', id, { amount: 1 }), 'escrow_is_closed')
  })

  test('the arbiter gives to both sides, a stranger to none, and each sees what it can do', async () => {
    const id = await open(100, { arbiter: arbiter.did })
    for (const verb of ['release', 'refund'])
      assert.equal(await act(stranger, verb, id, { ruleId: rule.id, amount: 1 }), 'sender_is_no_party')
    assert.equal(await act(beneficiary, 'release', id, {}), 'ruleId_is_missing')
    const can = (await shown(id)).actions
      .filter(({ missing }: { missing: readonly string[] }) => missing.length === 0)
      .map(({ role, kind, ruleId }: { role: string; kind: string; ruleId?: string }) =>
        [role, kind.replace('escrow.', ''), ruleId].join(' ').trimEnd(),
      )
    assert.deepEqual(can.toSorted(), [
      'arbiter refund',
      'arbiter release',
      'beneficiary refund',
      'depositor fund',
      'depositor release',
      'depositor release rule-1',
    ])
    assert.equal(await act(arbiter, 'release', id, { amount: 30 }), 'final')
    assert.equal(await act(arbiter, 'refund', id), 'final')
    const { state, released, refunded } = await shown(id)
    assert.deepEqual([state, released, refunded], ['split', 30, 70])
  })

  test('each party finds it among its own escrows on its own node', async () => {
    const dids = [stranger.did]
    const id = await open(10, {
      arbiter: arbiter.did,
      releaseRules: [rule, { id: 'signed', when: { kOf: { k: 1, dids } } }],
    })
    const roles = await Promise.all(
      network.daemons.map(async daemon => {
        const { escrows } = (await daemon.get(escrow)).body
        return [escrows[0].id, escrows[0].role]
      }),
    )
    assert.deepEqual(
      roles,
      ['depositor', 'beneficiary', 'arbiter', 'signer'].map(role => [id, role]),
    )
    const elsewhere = await arbiter.get(`${escrow}?address=${encodeURIComponent(depositor.did)}&limit=1`)
    assert.deepEqual([elsewhere.body.escrows.length, elsewhere.body.escrows[0].role], [1, 'depositor'])
  })

  test('at expiresAt the money goes back by itself on all nodes, or on where onExpiry says so', async () => {
    const before = await availableTo(depositor, depositor.address)
    const expiresAt = Date.now() + 3_000
    const [back, on] = await Promise.all([
      open(40, { expiresAt }),
      open(60, { expiresAt: expiresAt + 500, onExpiry: 'release' }),
    ])
    assert.equal((await depositor.get(`${escrow}/${back}`)).body.state, 'funded')
    await endedInTime(stranger, back)
    assert.equal(await act(depositor, 'release', back), 'escrow_is_expired')
    await endedInTime(stranger, on)
    assert.deepEqual([(await shown(back)).state, (await shown(on)).state], ['refunded', 'released'])
    assert.ok((await availableTo(depositor, depositor.address)) >= before - 60 - 3)
  })

  test('the command line goes the whole way', async () => {
    const { json: made } = await run(depositor, [
      'create',
      beneficiary.did,
      '50',
      '--release-rules',
      '[{"id":"rule-1"}]',
    ])
    assert.equal(made.status, 'final')
    const released = await run(depositor, ['release', made.txHash, '20', '--rule-id', 'rule-1'])
    assert.equal(released.json.status, 'final')
    await network.untilAgreed()
    const { json: seen } = await run(beneficiary, ['show', made.txHash])
    assert.deepEqual([seen.state, seen.held, seen.history.length], ['funded', 30, 2])
    const { json: listed } = await run(beneficiary, ['list', '--limit', '1'])
    assert.deepEqual([listed.escrows[0].id, listed.escrows[0].role], [made.txHash, 'beneficiary'])
    const foreign = await run(stranger, ['release', made.txHash, '5', '--rule-id', 'rule-1'])
    assert.notEqual(foreign.code, 0)
    assert.match(foreign.stdout + foreign.stderr, /no part in this escrow/)
    const people = await clawnet(['escrow', 'show', made.txHash], { home: depositor.home })
    assert.match(people.stdout, /funded[^]*rule-1/)
  })
})

test('an idle node on its own, without idle blocks, ends an escrow in time all the same', async t => {
  const network = await DaemonNetwork.found({ nodes: 1 })
  t.after(() => network.destroy())
  await network.start()
  const daemon = network.daemon(1)
  const before = await availableTo(daemon, daemon.address)
  const beneficiaryDid = 'did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'
  const body = { beneficiary: beneficiaryDid, amount: 40, releaseRules: [rule], expiresAt: Date.now() + 2_000 }
  const { txHash, height } = await ask(daemon, `${escrow}?wait=final`, body)
  await endedInTime(daemon, txHash)
  const status = (await daemon.get('/api/node/status')).body
  assert.equal(status.blockHeight, height + 1)
  assert.equal((await daemon.get('/api/wallet/balance')).body.locked, 1_000_000)
  // The node is its own validator, so that the fee came back too.
  assert.equal(await availableTo(daemon, daemon.address), before)
})

/** It ends without any transaction, and its last event says when. */
async function endedInTime(daemon: Daemon, id: string): Promise<void> {
  const seen = async (): Promise<Answer['body']> => (await daemon.get(`${escrow}/${id}`)).body
  await until('the escrow has ended', async () => (await seen()).state !== 'funded')
  const { history, expiresAt } = await seen()
  assert.equal(history[0].kind, 'expiry')
  const lateMs = history[0].timeMs - expiresAt
  assert.ok(lateMs >= 0 && lateMs < lateMsMax, `${lateMs} ms late`)
}

function run(daemon: Daemon, argv: readonly string[]): ReturnType<typeof clawnet> {
  return clawnet(['escrow', ...argv, '--json'], { home: daemon.home })
}
