/** Machines of our own: Linux network namespaces on one switch, which can be cut in two. Needs root and iproute2. */
import { execFileSync } from 'node:child_process'

export class Namespaces {
  readonly #prefix: string
  readonly #count: number
  readonly #switch: string

  constructor(count: number) {
    this.#count = count
    this.#prefix = `cl${process.pid % 100_000}`
    this.#switch = `${this.#prefix}s`
    ip('netns', 'add', this.#switch)
    for (const bridge of ['br0', 'br1']) {
      ip('-n', this.#switch, 'link', 'add', bridge, 'type', 'bridge')
      ip('-n', this.#switch, 'link', 'set', bridge, 'up')
    }
    for (let index = 0; index < count; index += 1) {
      const name = this.name(index)
      ip('netns', 'add', name)
      ip('-n', name, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', `port${index}`, 'netns', this.#switch)
      ip('-n', name, 'addr', 'add', `${this.address(index)}/24`, 'dev', 'eth0')
      for (const device of ['lo', 'eth0']) ip('-n', name, 'link', 'set', device, 'up')
      ip('-n', this.#switch, 'link', 'set', `port${index}`, 'master', 'br0')
      ip('-n', this.#switch, 'link', 'set', `port${index}`, 'up')
    }
  }

  name(index: number): string {
    return `${this.#prefix}n${index}`
  }

  address(index: number): string {
    return `10.99.0.${index + 1}`
  }

  /** The machines in `second` no longer reach the others. */
  cut(second: readonly number[]): void {
    for (const index of second) ip('-n', this.#switch, 'link', 'set', `port${index}`, 'master', 'br1')
  }

  heal(): void {
    for (let index = 0; index < this.#count; index += 1) {
      ip('-n', this.#switch, 'link', 'set', `port${index}`, 'master', 'br0')
    }
  }

  destroy(): void {
    for (let index = 0; index < this.#count; index += 1) ip('netns', 'del', this.name(index))
    ip('netns', 'del', this.#switch)
  }
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] })
}
