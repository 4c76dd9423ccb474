/** The commands of the documents, typed as they stand there by somebody who has just cloned the repository. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { Namespaces } from '../helpers/namespaces.ts'
import { until } from '../helpers/network.ts'
import { root } from '../helpers/source-files.ts'

const directory = mkdtempSync(join(tmpdir(), 'clawnet-docs-'))
const clone = join(directory, 'clawnet')
/** What stays in the foreground of the first terminal. */
const daemonBlock = /npm start\b/
/** What runs this test. */
const wholeSuite = 'npm test'

// The documents name port 9528 and ~/.clawnet; on a machine and in a home of their own both are free.
let machine: Namespaces
const terminals: ChildProcess[] = []

before(() => {
  machine = new Namespaces(1)
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 16 * 1024 * 1024,
  })
  for (const path of listed.split('\0').filter(Boolean)) {
    mkdirSync(dirname(join(clone, path)), { recursive: true })
    copyFileSync(join(root, path), join(clone, path))
  }
  // What `npm install` would fetch lies there already: nothing leaves the machine.
  execFileSync('sh', ['-c', 'cp -al "$1" "$2" 2>/dev/null || cp -a "$1" "$2"', 'sh', join(root, 'node_modules'), clone])
  // The one file there that npm writes to in place.
  const hidden = 'node_modules/.package-lock.json'
  rmSync(join(clone, hidden), { force: true })
  if (existsSync(join(root, hidden))) copyFileSync(join(root, hidden), join(clone, hidden))
  mkdirSync(join(directory, 'home'))
})

after(async () => {
  for (const terminal of terminals) await interrupt(terminal)
  machine?.destroy()
  rmSync(directory, { recursive: true, force: true })
})

test('README.zh.md has the same commands as README.md', () => {
  assert.deepEqual(blocksOf('README.zh.md'), blocksOf('README.md'))
})

test('every block of README.md runs as it is written, in its order', { timeout: 180_000 }, async t => {
  const blocks = blocksOf('README.md')
  assert.ok(blocks.length >= 5)
  assert.match(blocks[0] ?? '', daemonBlock)
  for (const block of blocks) {
    await t.test(block.split('\n').join(' ; '), async () => {
      if (block === wholeSuite) {
        const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
        assert.match(scripts.test, /scripts\/test\.ts all$/)
        return
      }
      if (daemonBlock.test(block)) return startInTerminal(block)
      const { code, output } = await typed(block)
      assert.equal(code, 0, output)
      assert.doesNotMatch(output, /"type":"\/api\/docs#/)
    })
  }
})

test('every block of docs/audit-log.md runs against that node, and gives the hash that it promises', async () => {
  const outputs: string[] = []
  for (const block of blocksOf('docs/audit-log.md')) {
    const { code, output } = await typed(block)
    assert.equal(code, 0, output)
    outputs.push(output)
  }
  const [commands = '', digest = ''] = outputs
  assert.match(commands, /POST \/api\/wallet\/transfer/)
  assert.equal(/hash\s+0x(\w{64})/.exec(commands)?.[1], /^\w{64}/.exec(digest)?.[0])
})

/** Shell blocks, in their order. */
function blocksOf(path: string): readonly string[] {
  const text = readFileSync(join(root, path), 'utf8')
  return [...text.matchAll(/^```(?:bash|sh|shell)\n([\s\S]*?)\n```$/gm)].map(([, block = '']) => block)
}

/** Resolves when the node says in which second terminal to go on. */
async function startInTerminal(block: string): Promise<void> {
  const terminal = open(block)
  terminals.push(terminal)
  let output = ''
  for (const stream of [terminal.stdout, terminal.stderr]) stream?.on('data', chunk => (output += String(chunk)))
  await until(
    'the node of the first terminal greets',
    () => {
      assert.equal(terminal.exitCode, null, output)
      return output.includes('In a second terminal')
    },
    90_000,
  )
}

/** Types the block into a shell that stops at the first failure, and waits for its end. */
async function typed(block: string): Promise<{ readonly code: number | null; readonly output: string }> {
  const terminal = open(`set -e\n${block}`)
  let output = ''
  for (const stream of [terminal.stdout, terminal.stderr]) stream?.on('data', chunk => (output += String(chunk)))
  const code = await new Promise<number | null>(resolve => terminal.once('close', resolve))
  return { code, output }
}

function open(commands: string): ChildProcess {
  const path = (process.env['PATH'] ?? '').split(delimiter).filter(place => !place.includes('node_modules'))
  return spawn('ip', ['netns', 'exec', machine.name(0), 'bash', '-c', commands], {
    cwd: clone,
    // None of what `npm test` itself was given.
    env: { PATH: path.join(delimiter), HOME: join(directory, 'home'), LANG: 'C.UTF-8', npm_config_audit: 'false' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
}

/** As Ctrl-C does: the whole group hears it. */
async function interrupt({ pid, exitCode, signalCode }: ChildProcess): Promise<void> {
  if (pid === undefined || exitCode !== null || signalCode !== null) return
  process.kill(-pid, 'SIGINT')
  await until('the first terminal is free', () => !isThere(pid), 15_000).catch(() => process.kill(-pid, 'SIGKILL'))
}

function isThere(group: number): boolean {
  try {
    process.kill(-group, 0)
    return true
  } catch {
    return false // no process of it is left
  }
}
