/** Wrong passphrases, remembered across restarts (docs/spec/keystore.md, K15 to K17). */
import { join } from 'node:path'
import { DecodeError } from '@claw-network/protocol'
import type { Clock } from '../ports.ts'
import { readPrivateFile, replacePrivateFile } from '../private-files.ts'
import { KeystoreError } from './keystore.ts'

/** What the first wrong passphrase costs; each further one costs twice the last. */
const waitMsMin = 250
const waitMsMax = 60_000

interface Attempts {
  /** Checks since the last right passphrase, the one under way included. */
  readonly count: number
  readonly notBeforeMs: number
}

/** Counts the checks of each sealed file by its name in the keystore. */
export class AttemptLimiter {
  readonly #path: string
  readonly #clock: Clock
  readonly #attempts: Map<string, Attempts>

  constructor({ directory }: { directory: string }, { clock }: { clock: Clock }) {
    this.#path = join(directory, 'attempts.json')
    this.#clock = clock
    this.#attempts = this.#read()
  }

  /** How long this file must not be tried; 0 where it may. */
  waitMs(name: string): number {
    const notBeforeMs = this.#attempts.get(name)?.notBeforeMs ?? 0
    // The cap also holds where the clock was set back since.
    return Math.min(Math.max(notBeforeMs - this.#clock.nowMs(), 0), waitMsMax)
  }

  /** Counts a check before it is made, durably: killing the node gives no free attempt. */
  charge(name: string): void {
    const count = (this.#attempts.get(name)?.count ?? 0) + 1
    const waitMs = Math.min(waitMsMin * 2 ** (count - 1), waitMsMax)
    this.#attempts.set(name, { count, notBeforeMs: this.#clock.nowMs() + waitMs })
    this.#write()
  }

  /** The passphrase was right. */
  clear(name: string): void {
    this.#attempts.delete(name)
    this.#write()
  }

  #write(): void {
    replacePrivateFile(this.#path, `${JSON.stringify(Object.fromEntries(this.#attempts), null, 2)}\n`)
  }

  #read(): Map<string, Attempts> {
    const text = readPrivateFile(this.#path)
    if (text === undefined) return new Map()
    try {
      return new Map(Object.entries(JSON.parse(text) as object).map(([name, entry]) => [name, parseAttempts(entry)]))
    } catch {
      // Whatever is wrong with it, the way out is the same.
      throw new KeystoreError(`${this.#path} is damaged: remove it; it only counts wrong passphrases`)
    }
  }
}

function parseAttempts(entry: unknown): Attempts {
  const { count, notBeforeMs } = entry as Partial<Attempts>
  if (!Number.isSafeInteger(count) || !Number.isSafeInteger(notBeforeMs)) throw new DecodeError('must be two integers')
  return { count: count as number, notBeforeMs: notBeforeMs as number }
}
