/** What happened, line by line. Its hash tells whether two runs were the same; its lines are for people. */

export class Trace {
  readonly #print: ((line: string) => void) | undefined
  #low = 0x811c9dc5
  #high = 0x1b873593
  #count = 0

  /** Lines are only made where somebody reads them. */
  constructor(print?: (line: string) => void) {
    this.#print = print
  }

  get count(): number {
    return this.#count
  }

  get hash(): string {
    return (this.#high >>> 0).toString(16).padStart(8, '0') + (this.#low >>> 0).toString(16).padStart(8, '0')
  }

  /** `event` goes into the hash; `detail` is what a reader wants to know besides. */
  note(atMs: number, event: string, detail?: () => string): void {
    this.#count += 1
    this.#mix(atMs)
    for (let place = 0; place < event.length; place += 1) this.#mix(event.charCodeAt(place))
    if (this.#print === undefined) return
    const extra = detail === undefined ? '' : ` ${detail()}`
    this.#print(`${(atMs / 1000).toFixed(3).padStart(8)}  ${event}${extra}`)
  }

  #mix(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x01000193)
    this.#high = Math.imul(this.#high ^ value ^ (this.#low >>> 11), 0x5bd1e995)
  }
}
