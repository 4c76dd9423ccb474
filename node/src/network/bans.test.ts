import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { memoryLog } from '../../../test/helpers/network.ts'
import { Bans } from './bans.ts'
import { banMs, faultForgivenMs, faultsMax } from './limits.ts'

const directory = mkdtempSync(join(tmpdir(), 'clawnet-bans-'))
after(() => rmSync(directory, { recursive: true }))

const clock = { now: 1_800_000_000_000, nowMs: () => clock.now, after: () => () => {} }
let files = 0

function open(path = join(directory, `${files++}.jsonl`)) {
  return { path, bans: new Bans({ path }, { clock, log: memoryLog() }) }
}

test('one fault more than is borne is too many', () => {
  const { bans } = open()
  for (let fault = 0; fault < faultsMax; fault++) assert.equal(bans.fault('peer'), false)
  assert.equal(bans.fault('other'), false)
  assert.equal(bans.fault('peer'), true)
})

test('faults are forgiven one by one', () => {
  const { bans } = open()
  for (let fault = 0; fault < faultsMax; fault++) bans.fault('peer')
  clock.now += 2 * faultForgivenMs
  assert.equal(bans.fault('peer'), false)
  assert.equal(bans.fault('peer'), false)
  assert.equal(bans.fault('peer'), true)
})

test('a ban lasts its time, across restarts, and is then forgotten', async () => {
  const { bans, path } = open()
  await bans.ban('peer', '203.0.113.7')
  assert.ok(bans.has('peer') && bans.has('203.0.113.7') && !bans.has('other'))
  clock.now += banMs - 1
  assert.ok(open(path).bans.has('peer'))
  clock.now += 1
  assert.ok(!bans.has('peer'))

  await bans.ban('later')
  assert.equal(readFileSync(path, 'utf8').trim().split('\n').length, 1)
})

test('a line that was spoiled costs only itself', async () => {
  const { bans, path } = open()
  await bans.ban('one', 'two')
  writeFileSync(path, `${readFileSync(path, 'utf8')}{"banned":"three"}\n{"banned":"fo`)
  const { bans: again } = open(path)
  assert.ok(again.has('one') && again.has('two') && !again.has('three'))
})
