import { Worker } from 'node:worker_threads'
import { assert, present } from '@claw-network/protocol'
import type { Log, SignatureCheck, SignedBytes } from '../ports.ts'
import type { Ed25519 } from './ed25519.ts'
import { hasPackableLengths, type PackedBatch, packBatch, verifyPacked } from './packed-batch.ts'

/** Below this a batch costs less on the main thread than the way to a worker and back (about 0.1 ms). */
const inlineBatchMax = 4

export interface SignaturePoolOptions {
  /** Worker threads; 0 checks everything on the main thread. */
  readonly workers: number
}

/** Checks signatures: single ones on the calling thread, batches on worker threads. Call `close` when done. */
export class SignaturePool implements SignatureCheck {
  readonly verify: SignatureCheck['verify']
  readonly #log: Log
  readonly #threads: Set<Thread>

  constructor({ workers }: SignaturePoolOptions, { ed25519, log }: { ed25519: Ed25519; log: Log }) {
    assert(Number.isInteger(workers) && workers >= 0, 'a pool has a whole number of workers')
    this.verify = ed25519.verify
    this.#log = log
    this.#threads = new Set(Array.from({ length: workers }, () => this.#start()))
  }

  async verifyMany(batch: readonly SignedBytes[]): Promise<readonly boolean[]> {
    if (batch.length <= inlineBatchMax || this.#threads.size === 0) {
      return batch.map(({ signature, message, publicKey }) => this.verify(signature, message, publicKey))
    }

    const verdicts = batch.map(() => false)
    const places = [...batch.keys()].filter(place => hasPackableLengths(batch[place] as SignedBytes))
    const share = Math.max(inlineBatchMax, Math.ceil(places.length / this.#threads.size))
    const shares: number[][] = []
    for (let start = 0; start < places.length; start += share) shares.push(places.slice(start, start + share))

    await Promise.all(
      shares.map(async mine => {
        const answers = await this.#check(mine.map(place => batch[place] as SignedBytes))
        mine.forEach((place, index) => {
          verdicts[place] = answers[index] === 1
        })
      }),
    )
    return verdicts
  }

  async close(): Promise<void> {
    const threads = [...this.#threads]
    this.#threads.clear()
    await Promise.all(threads.map(thread => thread.close()))
  }

  async #check(items: readonly SignedBytes[]): Promise<Uint8Array> {
    const idlest = [...this.#threads].sort((a, b) => a.load - b.load)[0]
    const answer = await idlest?.check(packBatch(items), items.length)
    // No thread is left, or this one died under the batch: the answer is owed all the same.
    return answer ?? verifyPacked(packBatch(items), this.verify)
  }

  #start(): Thread {
    const thread = new Thread(cause => {
      // Closed threads end as well; only those we still count on are missed.
      if (this.#threads.delete(thread)) this.#log.error('a signature worker died; the others take its work', { cause })
    })
    return thread
  }
}

interface Waiting {
  readonly items: number
  readonly resolve: (verdicts: Uint8Array | undefined) => void
}

/** One worker. It answers in order, so the oldest waiting batch owns the next answer. */
class Thread {
  readonly #worker: Worker
  readonly #waiting: Waiting[] = []

  constructor(onDeath: (cause: string) => void) {
    // The same file stands beside this one as source and as built.
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
    this.#worker = new Worker(new URL(`./worker${extension}`, import.meta.url))
    this.#worker.on('message', (verdicts: Uint8Array) => {
      present(this.#waiting.shift(), 'a worker answers only what it was asked').resolve(verdicts)
    })
    this.#worker.on('error', error => onDeath(error.message))
    this.#worker.on('exit', code => {
      onDeath(`exit code ${code}`)
      for (const { resolve } of this.#waiting.splice(0)) resolve(undefined)
    })
  }

  /** Signatures in hand. */
  get load(): number {
    return this.#waiting.reduce((sum, { items }) => sum + items, 0)
  }

  /** Undefined if the worker dies before it answers. */
  check(batch: PackedBatch, items: number): Promise<Uint8Array | undefined> {
    const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>()
    this.#waiting.push({ items, resolve })
    this.#worker.postMessage(batch, [batch.content.buffer, batch.messageBytes.buffer])
    return promise
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }
}
