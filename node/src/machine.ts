/** The machine this node runs on: its clock, its disk, its entropy. */
import { hash, randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Clock, Disk, Entropy } from './ports.ts'

export const machineClock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs)
    return () => clearTimeout(timer)
  },
}

/** Native, one shot. */
export function machineSha256(message: Uint8Array): Uint8Array {
  const { buffer, byteOffset, byteLength } = hash('sha256', message, 'buffer')
  return new Uint8Array(buffer, byteOffset, byteLength)
}

export const machineEntropy: Entropy = { bytes: length => new Uint8Array(randomBytes(length)) }

const appending = constants.O_RDWR | constants.O_APPEND

/** Files in one directory, made if it is missing. */
export class MachineDisk implements Disk {
  readonly #directory: string
  readonly #open = new Map<string, number>()
  /** Made since the last sync: their directory entries are not durable yet. */
  readonly #fresh = new Set<string>()

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    this.#directory = directory
  }

  read(name: string): Uint8Array | undefined {
    try {
      return new Uint8Array(readFileSync(this.#path(name)))
    } catch (error) {
      if (isMissing(error)) return
      throw error
    }
  }

  append(name: string, bytes: Uint8Array): void {
    writeAll(this.#descriptor(name, appending), bytes, null)
  }

  writeAt(name: string, offset: number, bytes: Uint8Array): void {
    writeAll(this.#descriptor(name), bytes, offset)
  }

  sync(name: string): void {
    const descriptor = this.#open.get(name)
    if (descriptor === undefined) return
    fdatasyncSync(descriptor)
    if (!this.#fresh.delete(name)) return
    const directory = openSync(this.#directory, 'r')
    try {
      fsyncSync(directory)
    } finally {
      closeSync(directory)
    }
  }

  truncate(name: string, length: number): void {
    const descriptor = this.#descriptor(name, appending)
    ftruncateSync(descriptor, length)
    fsyncSync(descriptor)
  }

  remove(name: string): void {
    this.#close(name)
    rmSync(this.#path(name), { force: true })
  }

  close(): void {
    for (const name of this.#open.keys()) this.#close(name)
  }

  #path(name: string): string {
    return join(this.#directory, name)
  }

  #descriptor(name: string, mode: number = constants.O_RDWR): number {
    const known = this.#open.get(name)
    if (known !== undefined) return known
    const path = this.#path(name)
    if (!existsSync(path)) this.#fresh.add(name)
    const descriptor = openSync(path, mode | constants.O_CREAT, 0o600)
    this.#open.set(name, descriptor)
    return descriptor
  }

  #close(name: string): void {
    const descriptor = this.#open.get(name)
    if (descriptor !== undefined) closeSync(descriptor)
    this.#open.delete(name)
    this.#fresh.delete(name)
  }
}

/** `writeSync` may write less than asked. */
function writeAll(descriptor: number, bytes: Uint8Array, position: number | null): void {
  let written = 0
  while (written < bytes.length) {
    written += writeSync(
      descriptor,
      bytes,
      written,
      bytes.length - written,
      position === null ? null : position + written,
    )
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
