import assert from 'node:assert/strict'
import test from 'node:test'
import { fromHex, publicKeyOf, sign, utf8 } from '@claw-network/protocol'
import type { Log, SignedBytes } from '../ports.ts'
import { nativeEd25519, nodeEd25519 } from './ed25519.ts'
import { SignaturePool } from './pool.ts'

const secretKey = new Uint8Array(32).fill(9)
const publicKey = fromHex(publicKeyOf(secretKey))

/** Items of which every third is forged and every seventh has no length of a signature. */
function mixedBatch(length: number): { batch: SignedBytes[]; expected: boolean[] } {
  const batch = Array.from({ length }, (_, index): SignedBytes => {
    const message = utf8('m'.repeat(index % 50) + index)
    const signature = sign(message, secretKey)
    if (index % 7 === 6) return { signature: signature.subarray(1), message, publicKey }
    if (index % 3 === 2) return { signature, message: utf8(`other ${index}`), publicKey }
    return { signature, message, publicKey }
  })
  return { batch, expected: batch.map((_, index) => index % 7 !== 6 && index % 3 !== 2) }
}

function recordingLog(): { log: Log; errors: string[] } {
  const errors: string[] = []
  const ignore = (): void => {}
  return { log: { debug: ignore, info: ignore, warn: ignore, error: message => errors.push(message) }, errors }
}

async function withPool(workers: number, use: (pool: SignaturePool) => Promise<void>): Promise<void> {
  const { log, errors } = recordingLog()
  const pool = new SignaturePool({ workers }, { ed25519: nativeEd25519(), log })
  try {
    await use(pool)
  } finally {
    await pool.close()
  }
  assert.deepEqual(errors, [])
}

test('verdicts come in the order of the batch, for any number of workers and any size', async () => {
  for (const workers of [0, 1, 3]) {
    await withPool(workers, async pool => {
      for (const length of [0, 1, 4, 5, 6, 23]) {
        const { batch, expected } = mixedBatch(length)
        assert.deepEqual(await pool.verifyMany(batch), expected, `${workers} workers, ${length} items`)
      }
    })
  }
})

test('batches that overlap do not mix their verdicts', async () => {
  await withPool(2, async pool => {
    const batches = [30, 7, 12, 5, 40].map(mixedBatch)
    const answers = await Promise.all(batches.map(({ batch }) => pool.verifyMany(batch)))
    assert.deepEqual(
      answers,
      batches.map(({ expected }) => expected),
    )
  })
})

test('a large batch leaves the main thread free, a small one does not leave it', async () => {
  let onMainThread = 0
  const verify = (...args: Parameters<typeof nodeEd25519.verify>): boolean => {
    onMainThread += 1
    return nodeEd25519.verify(...args)
  }
  const pool = new SignaturePool({ workers: 1 }, { ed25519: { ...nodeEd25519, verify }, log: recordingLog().log })
  try {
    await pool.verifyMany(mixedBatch(20).batch)
    assert.equal(onMainThread, 0)
    await pool.verifyMany(mixedBatch(4).batch)
    assert.equal(onMainThread, 4)
  } finally {
    await pool.close()
  }
})

test('a batch that is under way when the pool closes is still answered, and so is one after', async () => {
  const pool = new SignaturePool({ workers: 1 }, { ed25519: nativeEd25519(), log: recordingLog().log })
  const { batch, expected } = mixedBatch(30)
  const answer = pool.verifyMany(batch)
  await pool.close()
  assert.deepEqual(await answer, expected)
  assert.deepEqual(await pool.verifyMany(batch), expected)
})

test('verify works as a function of its own', async () => {
  await withPool(1, async ({ verify }) => {
    assert.equal(verify(sign(utf8('a'), secretKey), utf8('a'), publicKey), true)
  })
})
