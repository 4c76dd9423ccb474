import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { clawnet } from '../../../test/helpers/command-line.ts'
import { ManualClock } from '../../../test/helpers/quiet-ports.ts'
import { Audit } from '../api/audit.ts'
import { auditFileIn } from '../audit-log.ts'

const home = mkdtempSync(join(tmpdir(), 'clawnet-audit-cli-'))
after(() => rmSync(home, { recursive: true }))

test('without a log both commands say so and succeed', async () => {
  for (const name of ['list', 'verify']) {
    const { code, stderr } = await clawnet(['audit', name], { home })
    assert.equal(code, 0)
    assert.match(stderr, /nothing is written in .*audit\.log yet/)
  }
})

test('audit list shows the newest lines, and audit verify names the last hash or the line that was changed', async () => {
  const audit = await Audit.open({ directory: home }, { clock: new ManualClock(1_800_000_000_000) })
  for (const about of ['a', 'b', 'c']) {
    await audit.record({ who: 'socket', what: 'POST /api/x', about, tokens: 7n, outcome: 'ok' })
  }
  await audit.close()
  const path = auditFileIn(home)
  const text = readFileSync(path, 'utf8')

  const newest = (await clawnet(['audit', 'list', '--limit', '2', '--json'], { home })).json
  assert.deepEqual(
    newest.lines.map(({ about }: { about: string }) => about),
    ['b', 'c'],
  )
  assert.match((await clawnet(['audit', 'list'], { home })).stdout, /^2027-.*\tsocket\tPOST \/api\/x\ta\t7\tok$/m)

  const sound = await clawnet(['audit', 'verify', '--json'], { home })
  assert.equal(sound.code, 0)
  assert.ok(text.endsWith(`"hash":"${sound.json.head.hash}"}\n`))
  assert.equal(sound.json.head.sequence, 3)

  writeFileSync(path, text.replace('"about":"b"', '"about":"x"'))
  const broken = await clawnet(['audit', 'verify'], { home })
  assert.equal(broken.code, 1)
  assert.match(broken.stderr, /audit\.log, line 2: it was changed/)
})
