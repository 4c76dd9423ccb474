import assert from 'node:assert/strict'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { formatDid } from '@claw-network/protocol'
import { passphrase, TestApiNode } from '../../../test/helpers/api-node.ts'
import { clawnet, type Ended } from '../../../test/helpers/command-line.ts'

const to = 'did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'
let node: TestApiNode

before(async () => {
  node = await TestApiNode.start({ network: 'local' })
  node.decide()
  for (const did of [node.did, node.other]) await node.wallet.unlock(did, passphrase)
})
after(() => node.stop())

const asOwner = (line: readonly string[]): Promise<Ended> =>
  clawnet([...line, '--api', node.api.url, '--token-file', join(node.directory, 'api.cookie')])

/** With a token in a file, as an agent would have it. */
function asAgent(token: string, line: readonly string[]): Promise<Ended> {
  const file = join(node.directory, 'agent.token')
  writeFileSync(file, `${token}\n`, { mode: 0o600 })
  return clawnet([...line, '--api', node.api.url, '--token-file', file])
}

async function made(...options: string[]): Promise<{ token: string; id: string }> {
  const ended = await asOwner(['token', 'new', '--scope', 'wallet', ...options, '--json'])
  assert.equal(ended.code, 0, ended.stderr)
  return ended.json as unknown as { token: string; id: string }
}

test('a new token stands alone on standard output, and nowhere else', async () => {
  const ended = await asOwner(['token', 'new', '--scope', 'wallet,market', '--per-tx', '10', '--expires', '30d'])
  assert.equal(ended.code, 0, ended.stderr)
  assert.match(ended.stdout, /^clawt_[0-9a-f]{12}_[\w-]{43}\n$/)
  assert.doesNotMatch(ended.stderr, /clawt_/)
  assert.match(ended.stderr, new RegExp(formatDid(node.did)))
  const listed = await asOwner(['token', 'list', '--json'])
  const [first] = listed.json.tokens as { scopes: string[]; perTx: number; expiresAt: number }[]
  assert.deepEqual([first?.scopes, first?.perTx], [['wallet', 'market'], 10])
  assert.ok(Math.abs((first?.expiresAt ?? 0) - Date.now() - 30 * 86_400_000) < 60_000)
  assert.doesNotMatch(listed.stdout, /clawt_/)
})

test('an agent pays within its limits; what is above ends with the exit code of limits', async () => {
  const { token, id } = await made('--did', formatDid(node.other), '--per-tx', '10', '--per-day', '15')
  assert.equal((await asAgent(token, ['transfer', to, '9'])).code, 0)
  assert.equal((await asAgent(token, ['transfer', to, '10'])).code, 7)
  const tooMuch = await asAgent(token, ['transfer', to, '5', '--json'])
  assert.equal(tooMuch.code, 7)
  assert.match(tooMuch.stderr, /exceeds_limit_per_day/)
  assert.match((await asOwner(['token', 'list'])).stdout, new RegExp(`^${id}\t.*\t10/15\t`, 'm'))
  assert.equal((await asAgent(token, ['transfer', to, '1', '--did', formatDid(node.did)])).code, 5)
  assert.equal((await asAgent(token, ['token', 'new', '--scope', 'wallet'])).code, 5)
})

test('a revoked token is good for nothing from then on', async () => {
  const { token, id } = await made()
  assert.equal((await asAgent(token, ['balance'])).code, 0)
  assert.match((await asOwner(['token', 'revoke', id])).stdout, /^status\trevoked$/m)
  assert.equal((await asAgent(token, ['balance'])).code, 5)
  assert.equal((await asOwner(['token', 'revoke', 'f'.repeat(12)])).code, 8)
})

test('what needs an approval waits, is shown, and goes out once approved', async () => {
  const { token } = await made('--approval-above', '5', '--name', 'buyer')
  const line = ['transfer', to, '20', '--idempotency-key', 'order-1']
  const asked = await asAgent(token, [...line, '--json'])
  assert.equal(asked.code, 7)
  const { code, approval } = JSON.parse(asked.stderr) as { code: string; approval: string }
  assert.equal(code, 'approval_is_needed')
  assert.match(
    (await asOwner(['approvals'])).stdout,
    new RegExp(`^${approval}\twaiting\tbuyer\twallet.transfer\t21\t`, 'm'),
  )

  const approved = await asOwner(['approve', approval, '--json'])
  assert.equal(approved.code, 0, approved.stderr)
  assert.equal(approved.json.status, 'approved')
  const paid = await asAgent(token, [...line, '--json'])
  assert.equal(paid.code, 0, paid.stderr)
  assert.equal(paid.json.txHash, approved.json.txHash)
  assert.equal((await asOwner(['approve', approval])).code, 9)
  assert.equal((await asOwner(['approvals'])).stdout, '')
  assert.match((await asOwner(['approvals', '--all'])).stdout, /approved/)
})

test('what is refused is never sent', async () => {
  const { token } = await made('--approval-above', '0')
  const line = ['transfer', to, '3', '--idempotency-key', 'order-2', '--json']
  const { approval } = JSON.parse((await asAgent(token, line)).stderr) as { approval: string }
  assert.equal((await asOwner(['refuse', approval])).code, 0)
  const again = await asAgent(token, line)
  assert.equal(again.code, 7)
  assert.match(again.stderr, /approval_was_refused/)
})

test('over the Unix socket a token binds who shows it', async () => {
  const { token } = await made('--per-tx', '3')
  const file = join(node.directory, 'near.token')
  writeFileSync(file, `${token}\n`, { mode: 0o600 })
  const near = (...line: string[]): Promise<Ended> =>
    clawnet([...line, '--home', node.directory, '--token-file', file], { environment: {} })
  symlinkSync(node.socketPath, join(node.directory, 'clawnetd.sock'))
  assert.equal((await near('transfer', to, '2')).code, 0)
  assert.equal((await near('transfer', to, '3')).code, 7)
  assert.equal((await near('token', 'list', '--json')).json.tokens.length, 1)
  writeFileSync(file, '\n')
  const empty = await near('balance')
  assert.deepEqual([empty.code, /is empty/.test(empty.stderr)], [2, true])
  assert.match((await asOwner(['balance', '--token', token])).stderr, /--token-file/)
})

test('what is wrong with a token to be made is said of its option', async () => {
  for (const [options, problem] of [
    [[], /--scope/],
    [['--scope', 'kitchen'], /scopes\[0\]: must be one of/],
    [['--scope', 'wallet', '--per-tx', '1.5'], /per-tx: must be an integer number of Tokens/],
    [['--scope', 'wallet', '--payees', 'bob'], /payees/],
    [['--scope', 'wallet', '--expires', 'soon'], /expires/],
    [['--scope', 'wallet', '--expires', '2020-01-01'], /expiresAt: is over already/],
  ] as const) {
    const ended = await asOwner(['token', 'new', ...options])
    assert.equal(ended.code, 2, options.join(' '))
    assert.match(ended.stderr, problem)
  }
})
