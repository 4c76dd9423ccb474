/** The audit log of a node that is killed while it is busy. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { auditFileIn, readAudit, verifyAudit } from '../../node/src/audit-log.ts'
import { DaemonNetwork } from '../helpers/daemons.ts'

const payee = 'did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'
const rounds = 3
const agents = 8

test('after every kill -9 under load the chain holds, and each payment that was answered is in it', async t => {
  const network = await DaemonNetwork.found({ nodes: 1 })
  t.after(() => network.destroy())
  const node = network.daemon(1)
  const path = auditFileIn(node.home)
  const answered = new Set<string>()

  for (let round = 1; round <= rounds; round += 1) {
    await node.start()
    const enough = answered.size + 30
    const working = Array.from({ length: agents }, async () => {
      for (;;) {
        const paid = await node.post('/api/wallet/transfer', { to: payee, amount: 1 }).catch(() => undefined)
        if (paid?.status !== 200) return // the node is gone
        answered.add(paid.body.txHash)
        if (answered.size >= enough) await node.end('SIGKILL')
      }
    })
    await Promise.all(working)
    assert.ok(answered.size >= enough)
    const onRecord = new Set(readAudit(path).map(({ txHash }) => `0x${txHash}`))
    assert.deepEqual(
      [...answered].filter(id => !onRecord.has(id)),
      [],
    )
    assert.deepEqual(verifyAudit(path).faults, [])
  }

  await node.start()
  await node.end('SIGTERM')
  assert.deepEqual(verifyAudit(path).faults, [])
  const runs = readAudit(path).filter(({ who, what }) => who === 'node' && what !== 'repair')
  assert.deepEqual(
    runs.map(({ what }) => what),
    [...Array.from({ length: rounds }, () => 'start'), 'start', 'stop'],
  )
})
