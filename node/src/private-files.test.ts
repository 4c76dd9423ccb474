import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { afterEach, beforeEach } from 'node:test'
import {
  createPrivateFile,
  ensurePrivateDirectory,
  ExposedFileError,
  readPrivateFile,
  replacePrivateFile,
} from './private-files.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'clawnet-files-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const modeOf = (path: string): number => statSync(path).mode & 0o777

test('what is written is 0600 in 0700, whatever the umask says', () => {
  const before = process.umask(0)
  try {
    const keys = join(directory, 'home', 'keys')
    ensurePrivateDirectory(keys)
    assert.equal(modeOf(keys), 0o700)
    assert.equal(createPrivateFile(join(keys, 'a'), 'one'), true)
    replacePrivateFile(join(keys, 'b'), 'two')
    assert.deepEqual([modeOf(join(keys, 'a')), modeOf(join(keys, 'b'))], [0o600, 0o600])
  } finally {
    process.umask(before)
  }
})

test('a file or directory that others may enter is refused with the command that mends it', () => {
  const path = join(directory, 'secret')
  writeFileSync(path, 'x')
  for (const mode of [0o644, 0o640, 0o604, 0o610]) {
    chmodSync(path, mode)
    assert.throws(
      () => readPrivateFile(path),
      (error: unknown) => error instanceof ExposedFileError && error.message.includes(`run "chmod 600 ${path}"`),
    )
  }
  chmodSync(path, 0o400)
  assert.equal(readPrivateFile(path), 'x')

  chmodSync(directory, 0o750)
  assert.throws(() => ensurePrivateDirectory(directory), /mode 0750\): run "chmod 700 /)
})

test('a file that is not there reads as undefined; any other trouble is thrown', () => {
  assert.equal(readPrivateFile(join(directory, 'missing')), undefined)
  assert.throws(() => readPrivateFile(directory), /EISDIR|is open to other users/)
})

test('making a file never touches one that is there; replacing does', () => {
  const path = join(directory, 'file')
  assert.equal(createPrivateFile(path, 'first'), true)
  assert.equal(createPrivateFile(path, 'second'), false)
  assert.equal(readFileSync(path, 'utf8'), 'first')
  replacePrivateFile(path, 'third')
  assert.equal(readFileSync(path, 'utf8'), 'third')
  assert.deepEqual(readdirSync(directory), ['file'])
})

test('what a crash left beside a file is no obstacle and lends it no mode', () => {
  const path = join(directory, 'file')
  writeFileSync(`${path}.${process.pid}.tmp`, 'torn', { mode: 0o666 })
  replacePrivateFile(path, 'whole')
  assert.equal(readPrivateFile(path), 'whole')
  assert.equal(existsSync(`${path}.${process.pid}.tmp`), false)
})
