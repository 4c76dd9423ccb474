import type { NodeStatus } from '@claw-network/sdk'
import type { Messages } from './messages.ts'

const cells = 24

type Heights = Pick<NodeStatus, 'blockHeight' | 'targetHeight'>

/** How far a node is, as one line that is asked for again and again; the time left follows from what it saw before. */
export class SyncProgress {
  readonly #messages: Messages
  #first: { readonly height: number; readonly atMs: number } | undefined

  constructor(messages: Messages) {
    this.#messages = messages
  }

  line({ blockHeight, targetHeight }: Heights, nowMs: number): string {
    this.#first ??= { height: blockHeight, atMs: nowMs }
    const target = Math.max(targetHeight, blockHeight, 1)
    const done = Math.floor((blockHeight / target) * cells)
    const bar = '█'.repeat(done) + '░'.repeat(cells - done)
    const blocksPerMs = (blockHeight - this.#first.height) / (nowMs - this.#first.atMs)
    const left =
      blocksPerMs > 0 ? this.#messages.secondsLeft(Math.ceil((target - blockHeight) / blocksPerMs / 1000)) : ''
    return `${bar} ${this.#messages.notReady(blockHeight, target)}${left}`
  }
}
