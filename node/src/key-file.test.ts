import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { afterEach, beforeEach } from 'node:test'
import { Prng, toHex } from '@claw-network/protocol'
import { loadOrCreateKeyFile } from './key-file.ts'

let path: string
const entropy = new Prng(1)
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'clawnet-key-')), 'consensus.key')
})
afterEach(() => rmSync(join(path, '..'), { recursive: true }))

test('a key file is made once, 0600, and read ever after', () => {
  const first = loadOrCreateKeyFile(path, { entropy })
  assert.equal(first.length, 32)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal(readFileSync(path, 'utf8'), `${toHex(first)}\n`)
  assert.deepEqual(loadOrCreateKeyFile(path, { entropy }), first)
})

test('a damaged key file is refused, never replaced', () => {
  for (const text of ['', 'ab'.repeat(31), `${'ab'.repeat(32)}\nmore`, 'xy'.repeat(32)]) {
    writeFileSync(path, text, { mode: 0o600 })
    assert.throws(
      () => loadOrCreateKeyFile(path, { entropy }),
      /consensus\.key is not a key file.*Restore it from a backup/,
    )
    assert.equal(readFileSync(path, 'utf8'), text)
  }
})

test('a key file that others may read is refused', () => {
  loadOrCreateKeyFile(path, { entropy })
  chmodSync(path, 0o644)
  assert.throws(() => loadOrCreateKeyFile(path, { entropy }), /run "chmod 600 /)
})
