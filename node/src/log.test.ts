import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { afterEach, beforeEach, mock } from 'node:test'
import { NodeLog } from './log.ts'
import type { Clock } from './ports.ts'
import { RotatingFile } from './rotating-file.ts'

const clock: Clock = { nowMs: () => Date.UTC(2026, 0, 2, 3, 4, 5, 678), after: () => () => {} }
let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'clawnet-log-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const linesOf = (path: string): unknown[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))

test('the file gets one JSON line a message, at once, in a directory of its own', () => {
  const file = join(directory, 'logs', 'node.log')
  const log = new NodeLog({ level: 'info', file }, { clock })
  log.info('block is final', { height: 7, tokens: 5n })
  log.warn('slow\ndisk')
  assert.deepEqual(linesOf(file), [
    { time: '2026-01-02T03:04:05.678Z', level: 'info', message: 'block is final', height: 7, tokens: '5' },
    { time: '2026-01-02T03:04:05.678Z', level: 'warn', message: 'slow\ndisk' },
  ])
  assert.equal(statSync(file).mode & 0o777, 0o600)
  log.close()
})

test('messages below the level are not written', () => {
  for (const [level, expected] of [
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
  ] as const) {
    const written: string[] = []
    const terminal = { write: (text: string) => written.push(text), hasColors: false }
    const log = new NodeLog({ level, file: null, terminal }, { clock })
    for (const name of ['debug', 'info', 'warn', 'error'] as const) log[name](name)
    assert.deepEqual(
      written.map(text => text.trimEnd().split(' ').at(-1)),
      expected,
    )
  }
})

test('the terminal gets a sentence, the file the same facts', () => {
  const file = join(directory, 'node.log')
  const written: string[] = []
  const log = new NodeLog(
    { level: 'info', file, terminal: { write: text => written.push(text), hasColors: false } },
    { clock },
  )
  log.info('Connected to peers', { count: 42, first: 'a', list: [1], none: undefined })
  log.close()
  assert.deepEqual(written, ['03:04:05.678 [INFO] Connected to peers count=42 first=a list=[1]\n'])
})

test('colors only where asked', () => {
  const written: string[] = []
  const log = new NodeLog(
    { level: 'info', file: null, terminal: { write: text => written.push(text), hasColors: true } },
    { clock },
  )
  log.error('x')
  assert.ok(written[0]!.includes('\u001b[31m[ERROR]\u001b[0m'))
})

test('what a peer sends cannot forge a line or move the cursor', () => {
  const file = join(directory, 'node.log')
  const written: string[] = []
  const log = new NodeLog(
    { level: 'info', file, terminal: { write: text => written.push(text), hasColors: false } },
    { clock },
  )
  log.info('from a peer\n[ERROR] all is lost', { agent: '\u001b[2Jx\u202e', 'bad\nname': 1 })
  log.close()
  assert.deepEqual(written, [
    '03:04:05.678 [INFO] from a peer\\u000a[ERROR] all is lost agent=\\u001b[2Jx\\u202e bad\\u000aname=1\n',
  ])
  assert.equal(readFileSync(file, 'utf8').split('\n').length, 2)
})

test('fields cannot take the place of time, level and message', () => {
  const file = join(directory, 'node.log')
  const log = new NodeLog({ level: 'info', file }, { clock })
  log.info('true', { message: 'false', level: 'none', time: 'never', x: 1 })
  log.close()
  assert.deepEqual(linesOf(file), [{ time: '2026-01-02T03:04:05.678Z', level: 'info', message: 'true', x: 1 }])
})

test('secrets reach neither terminal nor file', () => {
  const file = join(directory, 'node.log')
  const written: string[] = []
  const log = new NodeLog(
    { level: 'info', file, terminal: { write: text => written.push(text), hasColors: false } },
    { clock },
  )
  log.info('request with passphrase=hunter2', { body: { passphrase: 'hunter2' }, error: new Error('token: hunter2') })
  log.close()
  assert.ok(!written.join('').includes('hunter2') && !readFileSync(file, 'utf8').includes('hunter2'))
})

test('a full file is set aside, the oldest is dropped, and no line is lost or torn', () => {
  const path = join(directory, 'node.log')
  const file = new RotatingFile({ path, bytesMax: 100, filesMax: 3 })
  for (let i = 0; i < 40; i++) file.append(JSON.stringify({ i, pad: 'x'.repeat(10) }))
  file.close()
  assert.deepEqual(readdirSync(directory).sort(), ['node.log', 'node.log.1', 'node.log.2'])
  const kept = ['node.log.2', 'node.log.1', 'node.log'].flatMap(name => {
    assert.ok(statSync(join(directory, name)).size <= 100)
    return linesOf(join(directory, name)) as { i: number }[]
  })
  assert.deepEqual(
    kept.map(({ i }) => i),
    Array.from({ length: kept.length }, (_, index) => 40 - kept.length + index),
  )
  assert.ok(kept.length > 6, 'full files hold more than a line')
})

test('a line longer than a file gets one of its own', () => {
  const path = join(directory, 'node.log')
  const file = new RotatingFile({ path, bytesMax: 10, filesMax: 3 })
  file.append('a'.repeat(50))
  file.append('b')
  file.close()
  assert.equal(readFileSync(`${path}.1`, 'utf8'), `${'a'.repeat(50)}\n`)
  assert.equal(readFileSync(path, 'utf8'), 'b\n')
  assert.equal(existsSync(`${path}.2`), false)
})

test('after a restart the file goes on where it was and is full when it was', () => {
  const path = join(directory, 'node.log')
  writeFileSync(path, `${'a'.repeat(60)}\n`)
  const file = new RotatingFile({ path, bytesMax: 100, filesMax: 2 })
  file.append('b')
  assert.equal(existsSync(`${path}.1`), false)
  file.append('c'.repeat(50))
  assert.equal(existsSync(`${path}.1`), true)
  file.close()
})

test('a disk that refuses does not stop the node, and the loss is said when it takes again', () => {
  const file = join(directory, 'node.log')
  const log = new NodeLog({ level: 'info', file }, { clock })
  mock.method(RotatingFile.prototype, 'append', () => {
    throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
  })
  log.info('one')
  log.info('two')
  mock.restoreAll()
  log.info('three')
  log.info('four')
  log.close()
  assert.deepEqual(
    (linesOf(file) as { message: string; lines?: number }[]).map(({ message, lines }) => [message, lines]),
    [
      ['log lines were lost', 2],
      ['three', undefined],
      ['four', undefined],
    ],
  )
})

test('a log that cannot be opened is an error at the start, not a silent one later', () => {
  assert.throws(() => new NodeLog({ level: 'info', file: directory }, { clock }), /EISDIR/)
})
