import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { clawnet } from '../../../test/helpers/command-line.ts'

const home = mkdtempSync(join(tmpdir(), 'clawnet-logs-'))
after(() => rmSync(home, { recursive: true }))
const file = join(home, 'logs', 'node.log')
mkdirSync(join(home, 'logs'))

function line(message: string, level = 'info', time = new Date()): string {
  return `${JSON.stringify({ time: time.toISOString(), level, message, height: 3 })}\n`
}

test('logs shows lines for people, filtered by level and time, across the files', async () => {
  const anHourAgo = new Date(Date.now() - 3_600_000)
  writeFileSync(`${file}.1`, line('old and loud', 'error', anHourAgo))
  writeFileSync(file, line('quiet', 'debug') + line('loud', 'warn') + '{"time":"cut by a cra')
  const messages = async (...options: string[]): Promise<string[]> => {
    const { code, stdout } = await clawnet(['logs', '--json', ...options], { home })
    assert.equal(code, 0)
    return stdout
      .split('\n')
      .filter(Boolean)
      .map(text => JSON.parse(text).message)
  }
  assert.deepEqual(await messages(), ['quiet', 'loud'])
  assert.deepEqual(await messages('--level', 'warn'), ['loud'])
  assert.deepEqual(await messages('--since', '2h', '--level', 'warn'), ['old and loud', 'loud'])
  assert.deepEqual(await messages('--since', '10m'), ['quiet', 'loud'])
  assert.deepEqual(await messages('--since', anHourAgo.toISOString(), '--level', 'error'), ['old and loud'])
  assert.match((await clawnet(['logs'], { home })).stdout, /\[WARN\] loud height=3\n$/)
})

test('with --follow it goes on as the node writes, also when the file is set aside', { timeout: 20_000 }, async t => {
  writeFileSync(file, line('first'))
  const bin = fileURLToPath(new URL('../../bin/clawnet.js', import.meta.url))
  const child = spawn(process.execPath, ['--conditions=clawnet-source', bin, 'logs', '--follow', '--json'], {
    env: { ...process.env, CLAWNET_HOME: home },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => JSON.parse((await lines.next()).value as string).message

  assert.equal(await next(), 'first')
  const whole = line('second')
  // The beginning of a line is read together with the line before it.
  appendFileSync(file, line('whole') + whole.slice(0, 20))
  assert.equal(await next(), 'whole')
  appendFileSync(file, whole.slice(20))
  assert.equal(await next(), 'second')
  appendFileSync(file, line('last of the old file'))
  renameSync(file, `${file}.1`)
  writeFileSync(file, line('first of the new file'))
  assert.equal(await next(), 'last of the old file')
  assert.equal(await next(), 'first of the new file')
})
