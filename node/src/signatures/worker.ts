/** The thread of `pool.ts`: a packed batch comes in, its verdicts go out, in the same order. */
import { parentPort } from 'node:worker_threads'
import { present } from '@claw-network/protocol'
import { nativeEd25519 } from './ed25519.ts'
import { type PackedBatch, verifyPacked } from './packed-batch.ts'

const port = present(parentPort, 'this file runs as a worker thread')
const { verify } = nativeEd25519()

port.on('message', (batch: PackedBatch) => {
  const verdicts = verifyPacked(batch, verify)
  port.postMessage(verdicts, [verdicts.buffer])
})
