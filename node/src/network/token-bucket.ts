/** Lets `burst` things through at once and `perSecond` for long. */
export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #filledAtMs: number

  constructor(rate: { readonly perSecond: number; readonly burst: number }, nowMs: number) {
    this.#perSecond = rate.perSecond
    this.#burst = rate.burst
    this.#tokens = rate.burst
    this.#filledAtMs = nowMs
  }

  take(nowMs: number): boolean {
    // A clock that jumps back must not drain the bucket.
    const elapsedMs = Math.max(0, nowMs - this.#filledAtMs)
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsedMs * this.#perSecond) / 1_000)
    this.#filledAtMs = nowMs

    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
