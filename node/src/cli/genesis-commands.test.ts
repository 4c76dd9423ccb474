import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createKeys } from '../home.ts'
import { clawnet } from '../../../test/helpers/command-line.ts'

const directory = mkdtempSync(join(tmpdir(), 'clawnet-genesis-'))
after(() => rmSync(directory, { recursive: true }))
const did = 'did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'
const address = 'claw16fqn56d2x7wy0sj4u5kphakzd6g8vtevsdy32v'

test('a community makes a genesis file together, and all read the same chain id', async () => {
  const file = join(directory, 'genesis.json')
  assert.equal((await clawnet(['genesis', 'new', file, '--name', 'Our network'])).code, 0)
  const empty = await clawnet(['genesis', 'verify', file])
  assert.equal(empty.code, 1)
  assert.match(empty.stderr, /at least one validator/)

  const home = join(directory, 'founder')
  const founder = await createKeys(home, { walletEntropy: new Uint8Array(32) })
  const own = await clawnet(['genesis', 'add', file, '--balance', '10', '--stake', '100'], { home })
  assert.equal(own.code, 0, own.stderr)
  await clawnet(['genesis', 'add', file, did, '--balance', '7'])

  const json = JSON.parse(readFileSync(file, 'utf8'))
  assert.equal(json.validators[0].consensusKey, `0x${founder.consensusKey}`)
  assert.equal(json.accounts[1].address, address)

  const verified = await clawnet(['genesis', 'verify', file, '--json'])
  assert.equal(verified.code, 0)
  assert.deepEqual(
    { ...verified.json, chainId: undefined },
    {
      schema: 'clawnet.genesis.v1',
      chainId: undefined,
      network: 'testnet',
      name: 'Our network',
      supply: 117,
      accounts: 2,
      validators: 1,
    },
  )
  assert.match(verified.stderr, /with 1 validators the network stops/)
})

test('nothing is added twice, and nothing overwritten', async () => {
  const file = join(directory, 'twice.json')
  const key = `0x${'11'.repeat(32)}`
  await clawnet(['genesis', 'new', file])
  assert.equal((await clawnet(['genesis', 'new', file])).code, 9)
  await clawnet(['genesis', 'add', file, did, '--balance', '7', '--stake', '5', '--consensus-key', key])
  const before = readFileSync(file, 'utf8')
  const again = await clawnet(['genesis', 'add', file, address, '--balance', '7'])
  assert.equal(again.code, 9)
  assert.match(again.stderr, /stands in the file already/)
  assert.equal((await clawnet(['genesis', 'add', file, address, '--stake', '7', '--consensus-key', key])).code, 9)
  assert.equal(readFileSync(file, 'utf8'), before)
})

test('adding needs Tokens, and a node where nobody is named', async () => {
  const file = join(directory, 'bad.json')
  await clawnet(['genesis', 'new', file])
  const nothing = await clawnet(['genesis', 'add', file, did])
  assert.equal(nothing.code, 2)
  assert.match(nothing.stderr, /--balance TOKENS, --stake TOKENS or both/)
  const nobody = await clawnet(['genesis', 'add', file, '--balance', '5'], { home: join(directory, 'empty') })
  assert.equal(nobody.code, 1)
  assert.match(nobody.stderr, /clawnet init/)
  assert.equal((await clawnet(['genesis', 'add', file, did, '--balance', '1.5'])).code, 2)
})
