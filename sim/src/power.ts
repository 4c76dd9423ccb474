/** Where a node can lose power, besides between two events. What runs on after that has no effect any more. */

export const crashPoints = [
  'before wal append',
  'after wal append',
  'before wal sync',
  'after wal sync',
  'before record write',
  'before record sync',
  'after record sync',
  'before send',
  'after send',
  'before store append',
  'after store append',
  'before wal remove',
  'after wal remove',
] as const
export type CrashPoint = (typeof crashPoints)[number]

/** Unwinds the code of a node that has lost power. */
export class PowerLoss extends Error {
  override readonly name = 'PowerLoss'
}

/** The power of one run of a node, from start to crash. */
export class Power {
  readonly #onLoss: () => void
  #fuse: { readonly point: CrashPoint; passes: number } | undefined
  #isOn = true

  constructor(onLoss: () => void) {
    this.#onLoss = onLoss
  }

  get isOn(): boolean {
    return this.#isOn
  }

  /** Cuts the power at the `passes`-th time that the node comes to `point`. */
  arm(point: CrashPoint, passes: number): void {
    this.#fuse = { point, passes }
  }

  disarm(): void {
    this.#fuse = undefined
  }

  cut(): void {
    if (!this.#isOn) return
    this.#isOn = false
    this.#onLoss()
  }

  /** Throws PowerLoss where the node has no power, or loses it here. */
  at(point: CrashPoint): void {
    this.need()
    if (this.#fuse?.point !== point || --this.#fuse.passes > 0) return
    this.cut()
    throw new PowerLoss(point)
  }

  /** Throws PowerLoss where the node has no power. */
  need(): void {
    if (!this.#isOn) throw new PowerLoss('no power')
  }
}
