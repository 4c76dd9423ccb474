import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

export interface RotatingFileOptions {
  readonly path: string
  /** A file that would grow beyond this many bytes is set aside first. */
  readonly bytesMax: number
  /** How many files there are at most, the one being written included. */
  readonly filesMax: number
}

/** Appends lines to `path`; full ones become `path.1`, `path.2`…, the oldest is dropped. */
export class RotatingFile {
  readonly #options: RotatingFileOptions
  #handle: number
  #bytes: number

  /** Makes the directory too. Throws where the file cannot be opened. */
  constructor(options: RotatingFileOptions) {
    this.#options = options
    mkdirSync(dirname(options.path), { recursive: true, mode: 0o700 })
    this.#handle = openSync(options.path, 'a', 0o600)
    this.#bytes = fstatSync(this.#handle).size
  }

  /** Written at once, so that a crash loses nothing that was said before it. Throws where the disk refuses. */
  append(line: string): void {
    const bytes = Buffer.from(`${line}\n`)
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.#options.bytesMax) this.#rotate()
    let written = 0
    while (written < bytes.length) written += writeSync(this.#handle, bytes, written)
    this.#bytes += bytes.length
  }

  close(): void {
    closeSync(this.#handle)
  }

  #rotate(): void {
    const { path, filesMax } = this.#options
    for (let age = filesMax - 1; age > 0; age--) moveIfThere(age === 1 ? path : `${path}.${age - 1}`, `${path}.${age}`)
    const fresh = openSync(path, 'w', 0o600)
    closeSync(this.#handle)
    this.#handle = fresh
    this.#bytes = 0
  }
}

function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
}
