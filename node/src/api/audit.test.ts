import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ManualClock } from '../../../test/helpers/quiet-ports.ts'
import { auditFileIn, readAudit, verifyAudit } from '../audit-log.ts'
import { Audit } from './audit.ts'

const directory = mkdtempSync(join(tmpdir(), 'clawnet-audit-'))
after(() => rmSync(directory, { recursive: true }))

const clock = new ManualClock(1_800_000_000_000)
let homes = 0

function freshHome(): { readonly home: string; readonly path: string } {
  const home = join(directory, String(++homes))
  return { home, path: auditFileIn(home) }
}

const done = (who: string, about: string) => ({ who, what: 'POST /api/x', about, outcome: 'ok' })

/** A log of so many lines, closed. */
async function written(lines: number, bytesMax?: number): Promise<{ readonly home: string; readonly path: string }> {
  const { home, path } = freshHome()
  const audit = await Audit.open({ directory: home, ...(bytesMax !== undefined && { bytesMax }) }, { clock })
  for (let index = 1; index <= lines; index += 1) await audit.record(done('socket', `line ${index}`))
  await audit.close()
  return { home, path }
}

function linesOf(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n').slice(0, -1)
}

test('what was recorded is in the file when record returns, readable by its owner only, and its chain holds', async () => {
  const { home, path } = freshHome()
  const audit = await Audit.open({ directory: home }, { clock })
  await Promise.all(['a', 'b', 'c'].map(about => audit.record(done('cookie', about))))
  assert.deepEqual(
    readAudit(path).map(({ sequence, who, about }) => [sequence, who, about]),
    [
      [1, 'cookie', 'a'],
      [2, 'cookie', 'b'],
      [3, 'cookie', 'c'],
    ],
  )
  assert.equal(statSync(path).mode & 0o777, 0o600)
  await audit.close()
  const again = await Audit.open({ directory: home }, { clock })
  await again.record(done('cookie', 'd'))
  await again.close()
  const { lines, head, faults } = verifyAudit(path)
  assert.deepEqual([lines, head?.sequence, faults], [4, 4, []])
  assert.match(linesOf(path)[3] ?? '', new RegExp(`"hash":"0x${head?.hash}"}$`))
})

test('every line that is changed, removed, doubled or moved is found where it is', async () => {
  const { path } = await written(6)
  const lines = linesOf(path)
  const faultsOf = (changed: readonly string[]) => {
    writeFileSync(path, changed.map(line => `${line}\n`).join(''))
    return verifyAudit(path).faults.map(({ line, fault }) => `${line} ${fault}`)
  }
  for (const [index, line] of lines.entries()) {
    const at = index + 1
    assert.deepEqual(faultsOf(lines.with(index, line.replace('POST', 'GET'))), [`${at} changed`])
    assert.deepEqual(faultsOf(lines.with(index, `${line} `)), [
      `${at} changed`,
      ...(at === 1 ? ['2 older_are_missing'] : at < 6 ? [`${at + 1} gap`] : []),
    ])
    const removed = at === 1 ? ['1 older_are_missing'] : at < 6 ? [`${at} gap`] : []
    assert.deepEqual(faultsOf(lines.toSpliced(index, 1)), removed)
    assert.ok(faultsOf(lines.toSpliced(index, 0, line)).length > 0)
  }
  assert.deepEqual(faultsOf(lines), [])
})

test('a line that is changed together with its hash breaks the line after it', async () => {
  const { path } = await written(3)
  const lines = linesOf(path)
  const open = lines[1]?.replace('line 2', 'line 9').replace(/,"hash":"0x\w{64}"}$/, '') ?? ''
  const forged = `${open},"hash":"0x${createHash('sha256').update(open).digest('hex')}"}`
  writeFileSync(path, [lines[0], forged, lines[2], ''].join('\n'))
  assert.deepEqual(
    verifyAudit(path).faults.map(({ line, fault }) => [line, fault]),
    [[3, 'gap']],
  )
})

test('at every byte where kill -9 may tear the last line, the next start cuts it off and says so', async () => {
  const { home, path } = await written(2)
  const whole = readFileSync(path)
  const last = whole.lastIndexOf('\n', whole.length - 2) + 1
  for (let length = last; length < whole.length; length += 1) {
    writeFileSync(path, whole)
    truncateSync(path, length)
    const audit = await Audit.open({ directory: home }, { clock })
    await audit.record(done('socket', 'after'))
    await audit.close()
    const lines = readAudit(path)
    const repaired = length > last ? ['repair'] : []
    assert.deepEqual(
      lines.map(({ what }) => what),
      ['POST /api/x', ...repaired, 'POST /api/x'],
    )
    assert.deepEqual(verifyAudit(path).faults, [])
    if (length > last) assert.equal(lines[1]?.about, `${length - last} bytes`)
  }
})

test('full files are set aside, the oldest is dropped, and the chain goes on through all of them', async () => {
  const bytesMax = 2_000
  const { home, path } = await written(100, bytesMax)
  for (const file of [path, `${path}.1`, `${path}.7`]) assert.ok(statSync(file).size <= bytesMax)
  assert.equal(existsSync(`${path}.8`), false)
  const { head, lines, faults } = verifyAudit(path)
  assert.deepEqual([head?.sequence, faults], [100, []])
  assert.ok(lines < 100)

  rmSync(`${path}.3`)
  assert.deepEqual(
    verifyAudit(path).faults.map(({ fault }) => fault),
    ['older_are_missing', 'gap'],
  )
  const audit = await Audit.open({ directory: home, bytesMax }, { clock })
  await audit.close()
})

test('a file that was damaged keeps the node from nothing, and stays damaged for verify', async () => {
  const { home, path } = await written(3)
  appendFileSync(path, 'something else\n')
  const audit = await Audit.open({ directory: home }, { clock })
  await audit.record(done('socket', 'after'))
  await audit.close()
  const { head, faults } = verifyAudit(path)
  assert.deepEqual([head?.sequence, faults.map(({ line, fault }) => [line, fault])], [4, [[4, 'changed']]])
})

test('strangers get so many lines a minute, and the others are counted', async () => {
  const { home, path } = freshHome()
  const audit = await Audit.open({ directory: home }, { clock })
  const refused = { who: 'nobody', what: 'POST /api/x', outcome: 'credential_is_missing' }
  for (let index = 0; index < 1_000; index += 1) await audit.record(refused)
  await audit.record(done('socket', 'the owner is written all the same'))
  clock.advance(60_000)
  await audit.record(refused)
  await audit.close()
  const lines = readAudit(path)
  assert.equal(lines.filter(({ outcome }) => outcome === 'credential_is_missing').length, 61)
  assert.deepEqual(
    lines.filter(({ times }) => times !== undefined).map(({ outcome, times }) => [outcome, times]),
    [['not_written', 940]],
  )
  assert.ok(lines.some(({ who }) => who === 'socket'))
})

test('an agent that takes nothing cannot push out what it did, and another one is not counted with it', async () => {
  const { home, path } = freshHome()
  const audit = await Audit.open({ directory: home }, { clock })
  const refused = { who: 'agent:a', what: 'POST /api/x', tokens: 7n, outcome: 'exceeds_limit_per_tx' }
  const repeated = { who: 'agent:a', what: 'POST /api/x', outcome: 'ok' }
  const paid = { who: 'agent:a', what: 'POST /api/x', tokens: 7n, outcome: 'ok' }
  for (let index = 0; index < 500; index += 1) {
    for (const event of [refused, repeated, paid]) await audit.record(event)
  }
  await audit.record({ ...refused, who: 'agent:b' })
  await audit.close()
  const lines = readAudit(path)
  const isPayment = ({ outcome, tokens }: (typeof lines)[number]): boolean => outcome === 'ok' && tokens === 7n
  assert.equal(lines.filter(isPayment).length, 500)
  assert.deepEqual(
    lines.filter(({ times }) => times !== undefined).map(({ who, times }) => [who, times]),
    [['agent:a', 940]],
  )
  assert.equal(lines.filter(({ who }) => who === 'agent:b').length, 1)
})

test('a line that the disk refuses is not acknowledged', async () => {
  const { home } = freshHome()
  const audit = await Audit.open({ directory: home }, { clock })
  await audit.close()
  await assert.rejects(audit.record(done('socket', 'late')))
})
