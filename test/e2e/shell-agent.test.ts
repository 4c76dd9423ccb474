import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { DaemonNetwork } from '../helpers/daemons.ts'
import { Namespaces } from '../helpers/namespaces.ts'

const run = promisify(execFile)
const script = fileURLToPath(new URL('../../examples/shell/agent.sh', import.meta.url))

test('the shell agent of the description runs verbatim against a local node', async t => {
  // The script names port 9528; in a namespace of its own that port is free on every machine.
  const machine = new Namespaces(1)
  t.after(() => machine.destroy())
  const network = await DaemonNetwork.found({
    nodes: 1,
    wrapper: () => ['ip', 'netns', 'exec', machine.name(0)],
    apiPort: 9528,
  })
  t.after(() => network.destroy())
  await network.daemon(1).start()
  const inside = (file: string, ...args: string[]) => run('ip', ['netns', 'exec', machine.name(0), file, ...args])

  const verbatim = await inside('bash', script)
  assert.match(verbatim.stdout, /"synced": true/)
  assert.match(verbatim.stdout, /^2000000$/m)
  // Its recipient is a placeholder, and a mistyped DID is never paid.
  assert.match(verbatim.stdout, /"detail": "to[: ].*DID/)

  const recipient = 'did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'
  const filledIn = readFileSync(script, 'utf8').replace('did:claw:recipient_xyz', recipient)
  const paid = await inside('bash', '-c', filledIn)
  assert.match(paid.stdout, /"txHash": "0x[0-9a-f]{64}"/)
  assert.match(paid.stdout, /"status": "broadcast"/)
})
