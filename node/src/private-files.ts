/** Files that hold secrets: readable by their owner only, written whole or not at all (docs/spec/keystore.md, K5, K6). */
import {
  closeSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** Others may read what is ours alone. The message says what to type. */
export class ExposedFileError extends Error {
  override readonly name = 'ExposedFileError'

  constructor(path: string, mode: number, wanted: '600' | '700') {
    const shown = (mode & 0o777).toString(8).padStart(4, '0')
    super(`${path} is open to other users of this machine (mode ${shown}): run "chmod ${wanted} ${path}"`)
  }
}

/** Makes the directory with mode 0700, or checks that nobody else may enter the one that is there. */
export function ensurePrivateDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const { mode } = statSync(path)
  if (isExposed(mode)) throw new ExposedFileError(path, mode, '700')
}

/** The file's text, or undefined where there is none. Refuses a file that others may read. */
export function readPrivateFile(path: string): string | undefined {
  let handle: number
  try {
    handle = openSync(path, 'r')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
  try {
    const { mode } = fstatSync(handle)
    if (isExposed(mode)) throw new ExposedFileError(path, mode, '600')
    return readFileSync(handle, 'utf8')
  } finally {
    closeSync(handle)
  }
}

/** Writes the file durably in place of any other. After a crash there is the old text or the new one. */
export function replacePrivateFile(path: string, text: string): void {
  const fresh = writeBeside(path, text)
  renameSync(fresh, path)
  syncDirectory(dirname(path))
}

/** Writes the file durably and answers true; answers false and leaves all as it is where there is one already. */
export function createPrivateFile(path: string, text: string): boolean {
  const fresh = writeBeside(path, text)
  try {
    linkSync(fresh, path) // unlike rename, fails where the name is taken
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw error
  } finally {
    rmSync(fresh)
  }
  syncDirectory(dirname(path))
  return true
}

function writeBeside(path: string, text: string): string {
  const fresh = `${path}.${process.pid}.tmp`
  const handle = openSync(fresh, 'w', 0o600)
  try {
    fchmodSync(handle, 0o600) // one left by a crash keeps its own mode when it is opened again
    writeFileSync(handle, text)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  return fresh
}

function syncDirectory(path: string): void {
  if (process.platform === 'win32') return // directories cannot be opened there; NTFS journals the name
  const handle = openSync(path, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** Windows has no such bits; there the user's profile directory keeps others out. */
function isExposed(mode: number): boolean {
  return process.platform !== 'win32' && (mode & 0o077) !== 0
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
