import assert from 'node:assert/strict'
import test from 'node:test'
import { fromHex, type Hash, signBytes, type Statement, toHex } from '@claw-network/protocol'
import { actor } from '../../../test/helpers/actors.ts'
import { MemoryDisk } from '../../../test/helpers/memory-disk.ts'
import { nativeEd25519 } from '../signatures/ed25519.ts'
import { type ConsensusKey, DoubleSignError, Signer, SignerRecordError } from './signer.ts'

const { signingKey, verify } = nativeEd25519()
const chainId = 'c1'.repeat(32) as Hash
const [blockA, blockB] = ['aa'.repeat(32) as Hash, 'bb'.repeat(32) as Hash]
const key = signingKey(actor('val').consensusSecretKey)
const file = 'signer.record'

function fresh(): { disk: MemoryDisk; signer: Signer } {
  const disk = new MemoryDisk()
  Signer.create(disk, key)
  return { disk, signer: new Signer(chainId, key, disk) }
}

function prevote(height: number, round: number, blockHash?: Hash): Statement {
  return { type: 'prevote', height, round, ...(blockHash !== undefined && { blockHash }) }
}

test('a signature is that of the statement under the key', () => {
  const { signer } = fresh()
  const signature = signer.sign(prevote(5, 0, blockA), 0)
  assert.ok(verify(signature, signBytes(chainId, prevote(5, 0, blockA)), fromHex(actor('val').consensusKey)))
  assert.equal(toHex(signer.publicKey), actor('val').consensusKey)
})

test('the same statement gives the same signature, also after a restart', () => {
  const { disk, signer } = fresh()
  let uses = 0
  const counting: ConsensusKey = { publicKey: key.publicKey, sign: message => (uses++, key.sign(message)) }
  const signature = signer.sign(prevote(5, 0, blockA), 0)
  assert.deepEqual(signer.sign(prevote(5, 0, blockA), 0), signature)
  assert.deepEqual(new Signer(chainId, counting, disk).sign(prevote(5, 0, blockA), 0), signature)
  assert.equal(uses, 0, 'the stored signature is given, nothing is signed again')
})

test('the record is durable before the signature is given, and without that none is given', () => {
  const { disk, signer } = fresh()
  disk.synced.length = 0
  signer.sign(prevote(5, 0, blockA), 0)
  assert.deepEqual(disk.synced, [file])

  disk.sync = () => assert.fail('the disk fails')
  assert.throws(() => signer.sign(prevote(6, 0, blockA), 0), /the disk fails/)
})

const at = prevote(5, 2, blockA)
const conflicts: readonly (readonly [claim: string, statement: Statement])[] = [
  ['another block', prevote(5, 2, blockB)],
  ['nil instead of a block', prevote(5, 2)],
  ['an earlier step of the round', { type: 'proposal', height: 5, round: 2, blockHash: blockA }],
  ['an earlier round', prevote(5, 1, blockA)],
  ['a later step of an earlier round', { type: 'precommit', height: 5, round: 1, blockHash: blockA }],
  ['an earlier height', prevote(4, 9, blockA)],
]

for (const [claim, statement] of conflicts) {
  test(`${claim} is never signed, neither at once nor after a restart`, () => {
    const { disk, signer } = fresh()
    signer.sign(at, 0)
    for (const one of [signer, new Signer(chainId, key, disk)]) {
      assert.throws(() => one.sign(statement, 0), DoubleSignError)
      assert.equal(one.isNews(statement), false)
      // What was signed is still there for who asks again.
      assert.doesNotThrow(() => one.sign(at, 0))
    }
  })
}

test('another polRound of the same proposal is another statement', () => {
  const { signer } = fresh()
  const proposal: Statement = { type: 'proposal', height: 5, round: 2, blockHash: blockA }
  signer.sign({ ...proposal, polRound: 1 }, 0)
  assert.throws(() => signer.sign({ ...proposal, polRound: 0 }, 0), DoubleSignError)
  assert.throws(() => signer.sign(proposal, 0), DoubleSignError)
})

test('steps, rounds and heights that rise are signed, and are news until then', () => {
  const { disk } = fresh()
  const rising: readonly Statement[] = [
    { type: 'proposal', height: 5, round: 0, blockHash: blockA },
    prevote(5, 0, blockA),
    { type: 'precommit', height: 5, round: 0 },
    prevote(5, 3),
    prevote(6, 0, blockB),
    prevote(2 ** 40, 2 ** 31),
  ]
  for (const statement of rising) {
    const signer = new Signer(chainId, key, disk)
    assert.equal(signer.isNews(statement), true)
    signer.sign(statement, 0)
    assert.equal(signer.isNews(statement), false)
    assert.equal(signer.isPast(statement), false)
    assert.equal(signer.isPast(prevote(1, 0)), true)
  }
})

test('a slot torn at any byte leaves the one before, whose statement is the last that got out', () => {
  const { disk, signer } = fresh()
  signer.sign(prevote(5, 0, blockA), 0)
  const before = disk.copy()
  signer.sign(prevote(6, 0, blockA), 0)
  const [old, now] = [before.read(file) ?? assert.fail(), disk.read(file) ?? assert.fail()]
  const changed = [...now.keys()].filter(index => now[index] !== old[index])
  const [first = 0] = changed
  const last = changed.at(-1) ?? 0
  for (let torn = first + 1; torn <= last; torn++) {
    const half = old.slice()
    half.set(now.subarray(first, torn), first)
    const restarted = new Signer(chainId, key, MemoryDisk.with({ [file]: half }))
    assert.equal(restarted.isNews(prevote(5, 0)), false, `torn at ${torn}`)
    assert.equal(restarted.isNews(prevote(6, 0)), true, `torn at ${torn}`)
  }
})

test('two slots are written in turn: the newest survives whichever is lost before it', () => {
  const { disk, signer } = fresh()
  for (let height = 1; height <= 4; height++) {
    signer.sign(prevote(height, 0), 0)
    const restarted = new Signer(chainId, key, disk)
    assert.equal(restarted.isNews(prevote(height, 0)), false)
    assert.equal(restarted.isNews(prevote(height, 1)), true)
  }
})

test('without its record a key does not start', () => {
  assert.throws(
    () => new Signer(chainId, key, new MemoryDisk()),
    error => error instanceof SignerRecordError && /signer\.record is missing/.test(error.message),
  )
})

test('the record of another key is no record', () => {
  const { disk } = fresh()
  const other = signingKey(actor('vera').consensusSecretKey)
  assert.throws(() => new Signer(chainId, other, disk), /belongs to another consensus key/)
})

test('a record damaged in both slots is fatal, in whatever bytes', () => {
  const { disk, signer } = fresh()
  signer.sign(at, 0)
  const whole = disk.read(file) ?? assert.fail()
  for (let offset = 0; offset < whole.length / 2; offset++) {
    const damaged = whole.slice()
    for (const index of [offset, offset + whole.length / 2]) damaged[index] = (damaged[index] ?? 0) ^ 0x40
    assert.throws(() => new Signer(chainId, key, MemoryDisk.with({ [file]: damaged })), SignerRecordError)
  }
  for (const length of [0, 1, whole.length / 2 - 1]) {
    const cut = MemoryDisk.with({ [file]: whole.subarray(0, length) })
    assert.throws(() => new Signer(chainId, key, cut), SignerRecordError)
  }
})

test('a second record is never made over the first', () => {
  const { disk, signer } = fresh()
  signer.sign(at, 0)
  const before = disk.read(file)
  assert.throws(() => Signer.create(disk, key), SignerRecordError)
  assert.deepEqual(disk.read(file), before)
})

test('a record restored from an older copy holds for news what was signed since: the chain must tell it otherwise', () => {
  const { disk, signer } = fresh()
  signer.sign(prevote(5, 0, blockA), 0)
  const backup = disk.copy()
  signer.sign(prevote(6, 0, blockA), 0)
  assert.equal(new Signer(chainId, key, disk).isNews(prevote(6, 0, blockB)), false)
  assert.equal(new Signer(chainId, key, backup).isNews(prevote(6, 0, blockB)), true)
})
