import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Prng, utf8 } from '@claw-network/protocol'
import { SimDisk } from './disk.ts'

/** What may be left of a disk after the power failed, over many crashes. */
function leftovers(prepare: (disk: SimDisk) => void, name: string): Set<string | undefined> {
  const left = new Set<string | undefined>()
  for (let seed = 1; seed <= 400; seed += 1) {
    const disk = new SimDisk()
    prepare(disk)
    disk.lose(new Prng(seed))
    const bytes = disk.read(name)
    left.add(bytes && Buffer.from(bytes).toString('latin1'))
  }
  return left
}

test('what was synced survives, what was not is kept, lost or torn', () => {
  const left = leftovers(disk => {
    disk.append('log', utf8('synced'))
    disk.sync('log')
    disk.append('log', utf8('ABC'))
  }, 'log')
  for (const text of left) assert.ok(text?.startsWith('synced'))
  for (const text of ['synced', 'syncedA', 'syncedAB', 'syncedABC', 'synced\0\0\0', 'syncedA\0\0']) {
    assert.ok(left.has(text), JSON.stringify(text))
  }
})

test('a later write may survive an earlier one: then there is a hole', () => {
  const left = leftovers(disk => {
    disk.append('log', utf8('AA'))
    disk.sync('log')
    disk.append('log', utf8('BB'))
    disk.append('log', utf8('CC'))
  }, 'log')
  assert.ok(left.has('AA\0\0CC'))
})

test('overwriting is not durable either, and tears between old and new', () => {
  const left = leftovers(disk => {
    disk.writeAt('record', 0, utf8('old'))
    disk.sync('record')
    disk.writeAt('record', 0, utf8('NEW'))
  }, 'record')
  for (const text of ['old', 'Nld', 'NEd', 'NEW']) assert.ok(left.has(text), text)
})

test('a file that was never synced may be gone', () => {
  const left = leftovers(disk => disk.append('log', utf8('A')), 'log')
  assert.ok(left.has(undefined))
  assert.ok(left.has('A'))
})

test('a removed file may come back as it was when it was synced', () => {
  const left = leftovers(disk => {
    disk.append('log', utf8('A'))
    disk.sync('log')
    disk.append('log', utf8('B'))
    disk.remove('log')
  }, 'log')
  assert.deepEqual(left, new Set([undefined, 'A']))
})

test('a copy has what is durable and nothing else', () => {
  const disk = new SimDisk()
  disk.append('log', utf8('A'))
  disk.sync('log')
  const copy = disk.copy()
  disk.append('log', utf8('B'))
  disk.append('new', utf8('C'))
  assert.deepEqual(copy.read('log'), utf8('A'))
  assert.deepEqual(disk.copy().names(), ['log'])
  copy.append('log', utf8('X'))
  assert.deepEqual(disk.read('log'), utf8('AB'))
})
