import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { formatDid } from '@claw-network/protocol'
import { passphrase, TestApiNode } from '../../../test/helpers/api-node.ts'
import { clawnet, type Ended, type RunOptions } from '../../../test/helpers/command-line.ts'

const to = 'did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'
let node: TestApiNode
let passphraseFile: string

before(async () => {
  node = await TestApiNode.start()
  node.decide()
  passphraseFile = join(node.directory, 'passphrase')
  writeFileSync(passphraseFile, `${passphrase}\n`, { mode: 0o600 })
})
after(() => node.stop())

/** Through the node's port, with the cookie of its directory. */
function run(line: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return clawnet([...line, '--api', node.api.url, '--token-file', join(node.directory, 'api.cookie')], options)
}

test('balance answers for the node’s own identity, an address and a DID alike', async () => {
  const own = await run(['balance', '--json'])
  assert.equal(own.code, 0)
  assert.equal(own.json.schema, 'clawnet.balance.v1')
  assert.equal(own.json.locked, 1000)
  const other = formatDid(node.other)
  const byDid = await run(['balance', other, '--json'])
  assert.deepEqual((await run(['balance', '--did', other, '--json'])).json, byDid.json)
  assert.deepEqual((await run(['balance', byDid.json.address, '--json'])).json, byDid.json)
  assert.match((await run(['balance', other])).stdout, /^available\t100000$/m)
  assert.match((await run(['balance', other], { isTerminal: true })).stdout, /^available {2,}100000$/m)
})

test('what is asked of an identity is asked of the node’s own where none is named', async () => {
  for (const command of ['show', 'grants', 'capabilities']) {
    const own = await run(['identity', command, '--json'])
    assert.equal(own.code, 0, own.stderr)
    const named = await run(['identity', command, formatDid(node.did), '--json'])
    assert.deepEqual({ ...own.json, asOfHeight: 0 }, { ...named.json, asOfHeight: 0 })
    const other = await run(['identity', command, formatDid(node.other), '--json'])
    if (command === 'show') assert.notEqual(other.json.id, own.json.id)
  }
})

test('a transfer waits until it is final, and says in which block', async () => {
  const paid = await run(['transfer', to, '5', '--memo', 'invoice 7', '--passphrase-file', passphraseFile, '--json'])
  assert.equal(paid.code, 0, paid.stderr)
  assert.equal(paid.json.schema, 'clawnet.transaction.v1')
  assert.equal(paid.json.status, 'final')
  assert.deepEqual(paid.json.payload, {
    to: 'claw16fqn56d2x7wy0sj4u5kphakzd6g8vtevsdy32v',
    amount: 5,
    memo: 'invoice 7',
  })
  assert.match(paid.stderr, new RegExp(`final in block ${paid.json.height}`))

  const looked = await run(['tx', paid.json.txHash, '--json'])
  assert.equal(looked.json.status, 'final')
  const block = await run(['block', String(paid.json.height), '--json'])
  assert.equal(block.json.blockHash, paid.json.blockHash)
  assert.equal((await run(['wait', '--for', `tx:${paid.json.txHash}`])).code, 0)
  const history = await run(['history', '--limit', '2', '--json'])
  assert.ok(history.json.entries.some((entry: { txHash?: string }) => entry.txHash === paid.json.txHash))
})

test('with --quiet there is data and no talk', async () => {
  const { stdout, stderr } = await run(['transfer', to, '5', '--passphrase-file', passphraseFile, '--quiet'])
  assert.match(stdout, /^status\tfinal$/m)
  assert.equal(stderr, '')
})

test('with --no-wait the answer comes before the block', async () => {
  const sent = await run(['transfer', to, '5', '--passphrase-file', passphraseFile, '--no-wait', '--json'])
  assert.equal(sent.code, 0)
  assert.equal(sent.json.status, 'broadcast')
  assert.match(sent.stderr, /clawnet tx 0x/)
})

test('the same idempotency key never pays twice', async () => {
  const line = ['transfer', to, '5', '--passphrase-file', passphraseFile, '--idempotency-key', 'mine', '--json']
  const [first, second] = [await run(line), await run(line)]
  assert.equal(first.json.txHash, second.json.txHash)
})

test('whoever sits at a terminal is asked for the passphrase of a locked identity', async () => {
  const asked = await run(['transfer', to, '5', '--json'], { isTerminal: true, typed: [`${passphrase}\r`] })
  assert.equal(asked.code, 0, asked.stderr)
  assert.match(asked.stderr, /Passphrase: /)
  assert.ok(!asked.stderr.includes(passphrase))
  const corrected = await run(['transfer', to, '5'], { isTerminal: true, typed: [`x\u007f${passphrase}\r`] })
  assert.equal(corrected.code, 0, corrected.stderr)
  const cancelled = await run(['transfer', to, '5'], { isTerminal: true, typed: ['\u0003'] })
  assert.equal(cancelled.code, 1)
  assert.match(cancelled.stderr, /cancelled/)
})

test('unlock lets the node sign for a while, lock ends that', async () => {
  const unlocked = await run(['unlock', '--for', '60', '--passphrase-file', passphraseFile, '--json'])
  assert.equal(unlocked.json.isUnlocked, true)
  assert.equal((await run(['transfer', to, '1'])).code, 0)
  const listed = await run(['identity', 'list', '--json'])
  assert.deepEqual(
    listed.json.identities.map(({ isUnlocked }: { isUnlocked: boolean }) => isUnlocked),
    [true, false],
  )
  assert.equal((await run(['lock'])).code, 0)
  assert.equal((await run(['transfer', to, '1'])).code, 5)
})

test('a new identity has its own DID and signs with the same passphrase', async () => {
  const made = await run(['identity', 'new', '--passphrase-file', passphraseFile, '--json'])
  assert.equal(made.code, 0, made.stderr)
  await run(['transfer', made.json.did, '50', '--passphrase-file', passphraseFile])
  const paid = await run(['transfer', to, '5', '--did', made.json.did, '--passphrase-file', passphraseFile, '--json'])
  assert.equal(paid.json.did, made.json.did)
  assert.equal((await run(['identity', 'show', made.json.did, '--json'])).json.nonce, 1)
})

test('a rotated identity keeps its DID and pays with its new key', async () => {
  const other = formatDid(node.other)
  const rotated = await run(['identity', 'rotate', other, '--passphrase-file', passphraseFile, '--json'])
  assert.equal(rotated.code, 0, rotated.stderr)
  assert.deepEqual([rotated.json.status, rotated.json.kind], ['final', 'identity.rotate'])
  assert.match(rotated.stderr, /signs with its new key from now on/)
  const listed = (await run(['identity', 'list', '--json'])).json.identities
  assert.equal(listed[1].key, rotated.json.payload.newKey)
  assert.match((await run(['identity', 'list'])).stdout, new RegExp(`^1\t${other}\t.*\t0x`, 'm'))
  const paid = await run(['transfer', to, '5', '--did', other, '--passphrase-file', passphraseFile])
  assert.equal(paid.code, 0, paid.stderr)
})

test('without a passphrase a locked node rotates nothing, and asks whoever sits at a terminal', async () => {
  const other = formatDid(node.other)
  const refused = await run(['identity', 'rotate', other])
  assert.equal(refused.code, 5)
  assert.match(refused.stderr, /passphrase of the node’s wallet/)
  const asked = await run(['identity', 'rotate', other], { isTerminal: true, typed: [`${passphrase}\r`] })
  assert.equal(asked.code, 0, asked.stderr)
})

test('a grant is given with a span, a list and a date, and read as a table', async () => {
  const limits = ['--per-tx', '5', '--budget', '50', '--period-ms', '1d', '--not-after', '30d']
  const secret = ['--passphrase-file', passphraseFile]
  const line = ['identity', 'grant', to, ...limits, '--payees', `${to}, ${formatDid(node.other)}`, ...secret, '--json']
  const granted = await run(line)
  assert.equal(granted.code, 0, granted.stderr)
  const { payload } = granted.json
  assert.deepEqual([payload.periodMs, payload.payees.length], [86_400_000, 2])
  assert.ok(Math.abs(payload.notAfter - Date.now() - 30 * 86_400_000) < 60_000)

  const shown = (await run(['identity', 'grants', formatDid(node.did)], { isTerminal: true })).stdout
  assert.match(shown, /grants \(1\)/)
  assert.match(shown, /^periodEnds +\d{4}-\d{2}-\d{2}T/m)
  assert.match(shown, /^payees +claw1\w+, claw1\w+$/m)
})

test('a document comes from the line or from a file, and what is wrong in it is named by its place', async () => {
  const secret = ['--passphrase-file', passphraseFile]
  const services = [{ id: '#agent', type: 'Agent', serviceEndpoint: 'https://example.org' }]
  const file = join(node.directory, 'services.json')
  writeFileSync(file, JSON.stringify(services))
  const updated = await run(['identity', 'update', '--name', 'A', '--services', `@${file}`, ...secret, '--json'])
  assert.equal(updated.code, 0, updated.stderr)
  assert.deepEqual(updated.json.payload.services, services)

  const claimed = await run(['identity', 'attest', '{"credentialSubject":{"capability":"zh-en"}}', ...secret, '--json'])
  assert.equal(claimed.code, 0, claimed.stderr)
  const listed = (await run(['identity', 'capabilities', formatDid(node.did)], { isTerminal: true })).stdout
  assert.match(listed, /^capability +zh-en$/m)

  const wrong = await run([
    'identity',
    'update',
    '--services',
    '[{"id":"#a","type":5,"serviceEndpoint":"x"}]',
    ...secret,
  ])
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /services\[0\]\.type: must be .*"5" was given/)
  const broken = await run(['identity', 'update', '--services', '[{', ...secret])
  assert.match(broken.stderr, /services: must be JSON, or @FILE/)
})

// What the node refuses

const refused: readonly (readonly [line: readonly string[], exit: number, says: RegExp])[] = [
  [['transfer', to, '999999999'], 6, /available balance is lower/],
  [['transfer', to, '5', '--fee', '0'], 1, /fee is below/],
  [['transfer', to, '5', '--nonce', '1'], 9, /already has this nonce/],
  [['transfer', to, '5', '--prev', `0x${'00'.repeat(32)}`], 9, /not the account’s last transaction/],
  [['transfer', to, '5', '--did', to], 8, /holds no key of this identity/],
  [['transfer', to, '5', '--valid-until', '1'], 1, /validUntil has passed/],
  [['tx', `0x${'00'.repeat(32)}`], 8, /has not heard of that transaction/],
  [['tx', 'abc'], 2, /hash: must be 32 bytes/],
  [['block', '99999'], 8, /no such block/],
  [['block', 'first'], 2, /height: must be a height/],
  [['history', '--cursor', 'x'], 2, /cursor: is not one this API gave/],
]
for (const [line, exit, says] of refused) {
  test(`clawnet ${line.join(' ').replace(to, 'DID')} ends with ${exit}`, async () => {
    const secret = line[0] === 'transfer' ? ['--passphrase-file', passphraseFile] : []
    const { code, stderr } = await run([...line, ...secret])
    assert.equal(code, exit, stderr)
    assert.match(stderr, says)
  })
}

test('a wrong passphrase ends with 5', async () => {
  const wrong = join(node.directory, 'wrong')
  writeFileSync(wrong, 'wrong')
  const { code, stderr } = await run(['transfer', to, '5', '--passphrase-file', wrong])
  assert.equal(code, 5)
  assert.match(stderr, /passphrase/)
})

test('a guest without the cookie is told to authenticate', async () => {
  const { code, stderr } = await clawnet(['transfer', to, '5', '--api', node.api.url])
  assert.equal(code, 5)
  assert.match(stderr, /api\.cookie/)
})

test('a node that is not ready ends with 4', async () => {
  node.conditionOver = { synced: false }
  const { code, stderr } = await run(['transfer', to, '5', '--passphrase-file', passphraseFile])
  assert.equal(code, 4, stderr)
  const waited = await run(['wait', '--timeout', '1'])
  assert.equal(waited.code, 4)
  assert.match((await run(['status'])).stdout, /^synced\tno, /m)
  node.conditionOver = {}
  assert.equal((await run(['wait', '--timeout', '1'])).code, 0)
})

test('what is wrong with the node is said even with --quiet', async () => {
  node.conditionOver = { degraded: ['no peer is connected'] }
  assert.match((await run(['status', '--quiet'])).stderr, /no peer is connected/)
  assert.equal((await run(['wait', '--timeout', '1'])).code, 4)
  assert.equal((await run(['wait', '--for', 'synced', '--timeout', '1'])).code, 0)
  node.conditionOver = {}
})
