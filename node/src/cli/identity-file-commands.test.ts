import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { formatDid, present } from '@claw-network/protocol'
import { clawnet, type Ended } from '../../../test/helpers/command-line.ts'
import { createKeys } from '../home.ts'
import { machineEntropy as entropy } from '../machine.ts'

let root: string
let file: string
let did: string

before(async () => {
  root = mkdtempSync(join(tmpdir(), 'clawnet-identity-files-'))
  file = join(root, 'agent.keys.json')
  const made = await Promise.all(
    ['source', 'target'].map(name =>
      createKeys(join(root, name), { walletEntropy: entropy.bytes(32), passphrase: name }),
    ),
  )
  did = formatDid(present(made[0], 'two are made').did)
})
after(() => rmSync(root, { recursive: true }))

function run(node: string, line: readonly string[]): Promise<Ended> {
  return clawnet(line, { home: join(root, node) })
}

test('an identity moves to another node by one file that opens for nobody without its passphrase', async () => {
  const exported = await run('source', ['identity', 'export', did, file, '--json'])
  assert.equal(exported.code, 0, exported.stderr)
  assert.deepEqual(exported.json, { schema: 'clawnet.identity-export.v1', did, file, keys: 1 })
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.match(exported.stderr, /only one node/)

  const imported = await run('target', ['identity', 'import', file, '--json'])
  assert.equal(imported.code, 0, imported.stderr)
  assert.deepEqual(imported.json, { schema: 'clawnet.identity-import.v1', did, keys: 1 })
  assert.match((await run('target', ['identity', 'import', file])).stderr, /is on this node already/)
})

test('an export overwrites nothing, and knows the identities of its own node only', async () => {
  const taken = join(root, 'taken')
  writeFileSync(taken, 'mine')
  const refused = await run('source', ['identity', 'export', did, taken])
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /cannot write .*taken: it exists already/)
  assert.equal(readFileSync(taken, 'utf8'), 'mine')
  assert.equal((await run('source', ['identity', 'export', did, join(root, 'no', 'such')])).code, 2)

  const stranger = 'did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'
  assert.equal((await run('source', ['identity', 'export', stranger, join(root, 'none')])).code, 8)
  assert.equal((await run('nowhere', ['identity', 'export', did, join(root, 'none')])).code, 8)
})

test('a file that is no export is refused by its field', async () => {
  const wrong = join(root, 'wrong')
  writeFileSync(wrong, JSON.stringify({ version: 1, did, keys: [] }))
  const refused = await run('target', ['identity', 'import', wrong])
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /wrong was not written by "clawnet identity export": keys: must be a list/)
  assert.equal((await run('target', ['identity', 'import', join(root, 'none')])).code, 2)
})
