import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashPairs, Prng } from '@claw-network/protocol'
import { loadTreeHasher } from './tree-hasher.ts'

test('the native hasher answers what the one in JavaScript does', async () => {
  const native = await loadTreeHasher()
  assert.notEqual(native, hashPairs, 'this machine has a native build')
  const prng = new Prng(1)
  for (const count of [1, 2, 3, 8, 17, 300]) {
    const pairs = prng.bytes(count * 64)
    assert.deepEqual(native(pairs), hashPairs(pairs))
  }
})
