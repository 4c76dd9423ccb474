import assert from 'node:assert/strict'
import test from 'node:test'
import { actor } from '../../../test/helpers/actors.ts'
import { ChainRun, signatures } from '../../../test/helpers/chain-run.ts'
import { MemoryDisk } from '../../../test/helpers/memory-disk.ts'
import { ManualClock, QuietTransport, silentLog } from '../../../test/helpers/quiet-ports.ts'
import { nativeEd25519 } from '../signatures/ed25519.ts'
import { Driver } from './driver.ts'
import { Mempool, mempoolDefaults } from './mempool.ts'
import { Relay } from './relay.ts'
import { Signer } from './signer.ts'

const key = nativeEd25519().signingKey(actor('val').consensusSecretKey)

/** A node whose validator has this disk. */
function driverOf(run: ChainRun, disk: MemoryDisk, fatal: unknown[]) {
  const { chain } = run
  const mempool = new Mempool(mempoolDefaults, { view: () => chain.view })
  const ports = { transport: new QuietTransport(), clock: new ManualClock(chain.tip.timeMs + 1), log: silentLog }
  const relay = new Relay({ chain, mempool, signatures, ...ports })
  const signer = new Signer(chain.chainId, key, disk)
  const driver = new Driver({
    chain,
    mempool,
    relay,
    signatures,
    ...ports,
    disk,
    signer,
    onPeerHeight() {},
    onFatal: error => fatal.push(error),
  })
  return { driver, relay, clock: ports.clock }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setImmediate(resolve))
}

test('a validator alone makes a block of what is submitted, and remembers what it signed', async () => {
  const run = await ChainRun.open()
  const disk = new MemoryDisk()
  Signer.create(disk, key)
  const fatal: unknown[] = []
  const { driver, relay, clock } = driverOf(run, disk, fatal)
  relay.start()
  driver.start()
  const sent = run.transfer('alice')
  assert.equal(relay.submit(sent), undefined)
  clock.advance(1_000)
  await until(() => run.chain.tip.height === 1)
  assert.deepEqual(run.chain.store.placeOf(sent.id), { height: 1, index: 0 })
  await driver.stop()
  relay.stop()

  const again = driverOf(run, disk, fatal)
  again.driver.start()
  assert.equal(again.driver.halted, undefined)
  await again.driver.stop()
  assert.deepEqual(fatal, [])
})

test('an idle chain makes a block when a deadline passes, and none before', async () => {
  const run = await ChainRun.open()
  const disk = new MemoryDisk()
  Signer.create(disk, key)
  const fatal: unknown[] = []
  const { driver, relay, clock } = driverOf(run, disk, fatal)
  relay.start()
  driver.start()
  const expiresAt = clock.nowMs() + 3 * 3_600_000
  const payload = { beneficiary: actor('bob').address, amount: 100n, releaseRules: [{ id: 'own' }], expiresAt }
  assert.equal(relay.submit(run.sign('alice', { kind: 'escrow.create', payload })), undefined)
  clock.advance(1_000)
  await until(() => driver.current.height === 2)
  assert.equal(run.account('alice').locked, 100n)

  clock.advance(expiresAt - clock.nowMs() - 1)
  assert.equal(driver.current.startedAtMs, undefined)
  clock.advance(1)
  await until(() => driver.current.height === 3)
  assert.deepEqual([run.account('alice').locked, run.account('alice').available], [0n, 999n])
  clock.advance(3_600_000)
  assert.equal(driver.current.startedAtMs, undefined)
  await driver.stop()
  relay.stop()
  assert.deepEqual(fatal, [])
})

test('a validator whose record is older than a commit with its signature never votes again', async () => {
  const run = await ChainRun.open()
  await run.decide()
  const restored = new MemoryDisk()
  Signer.create(restored, key)
  const fatal: unknown[] = []
  const { driver, clock } = driverOf(run, restored, fatal)
  driver.start()
  clock.advance(60_000)
  assert.match(driver.halted ?? '', /signer record does not know: the record is an old copy/)
  assert.equal(fatal.length, 1)
  assert.equal(run.chain.tip.height, 1)
  await driver.stop()
})
