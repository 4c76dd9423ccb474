import assert from 'node:assert/strict'
import test from 'node:test'
import { actor } from '../../../../test/helpers/actors.ts'
import { LedgerRun } from '../../../../test/helpers/ledger-run.ts'
import { sign } from '../../crypto/ed25519.ts'
import { Prng } from '../../lib/prng.ts'
import { credentialViolations } from './credential-rows.ts'
import { credentialWorkload } from './credential-workload.ts'

test('random workloads register and revoke, are rejected at times, and leave sound rows', () => {
  const run = new LedgerRun()
  const prng = new Prng(70)
  const clients = ['alice', 'bob', 'carol'].map(actor)
  const outcomes = new Map<string, number>()
  for (let round = 0; round < 250; round++) {
    const client = prng.pick(clients)
    const order = credentialWorkload({
      sender: client.did,
      identities: clients.map(({ did }) => did),
      accounts: clients.map(({ address }) => address),
      chainId: run.chainId,
      nowMs: run.timeMs,
      view: run.view,
      below: bound => prng.below(bound),
      sign: (signer, message) => sign(message, clients.find(({ did }) => did === signer)!.secretKey),
    })
    if (order === undefined) continue
    const nonce = run.account(client.name).nonce + 1
    const head = { chainId: run.chainId, sender: client.did, nonce, fee: 1n }
    const [outcome] = run.block([run.unsigned({ ...head, ...order })]).outcomes
    const what = `${order.kind} ${outcome?.type === 'rejected' ? outcome.code : outcome?.type}`
    outcomes.set(what, (outcomes.get(what) ?? 0) + 1)
    assert.deepEqual(credentialViolations(run.view), [])
  }
  assert.deepEqual([...outcomes.keys()].sort(), [
    'identity.attest applied',
    'identity.attest credential_has_expired',
    'identity.attest credential_is_registered',
    'identity.revokeCredential applied',
    'identity.revokeCredential credential_is_revoked',
    'identity.revokeCredential sender_is_not_issuer',
  ])
})
