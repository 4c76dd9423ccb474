import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { afterEach, beforeEach } from 'node:test'
import { entropyOf, formatDid, mnemonicOf, Prng, publicKeyOf, toHex } from '@claw-network/protocol'
import { Keystore } from './keystore.ts'
import { loadOrCreateLocalPassphrase } from './local-passphrase.ts'

const cost = { memoryKiB: 128, passes: 1, parallelism: 1 }
const entropy = new Prng(3)
const zeroWallet = new Uint8Array(32)
// Indices 0 and 1 of the wallet of all-zero entropy (protocol/src/crypto/derivation.test.ts).
const zeroDids = [
  'did:claw:z6MkjxnbiAHH5XSbc2LxsUTYqb8fs2rXAgwkCRGJdKdKGbYm',
  'did:claw:z6MkurKo42v8iyaAAxvcGE5VybnimXdh6wBbi3gQzSbQjC62',
]

let directory: string
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'clawnet-keystore-')), 'keys')
})
afterEach(() => rmSync(join(directory, '..'), { recursive: true }))

const openKeystore = (): Keystore => new Keystore({ directory, cost }, { entropy })
const didsOf = (keystore: Keystore): string[] => keystore.identities.map(({ did }) => formatDid(did))

test('a new keystore is empty and says how to begin', async () => {
  const keystore = openKeystore()
  assert.equal(keystore.hasWallet, false)
  assert.deepEqual(keystore.identities, [])
  await assert.rejects(keystore.deriveIdentity('pass'), /has no wallet: run "clawnet init"/)
})

test('a wallet gives its identities in order, and so do its 24 words on another machine', async () => {
  const keystore = openKeystore()
  await keystore.createWallet(zeroWallet, 'pass')
  await keystore.deriveIdentity('pass')
  assert.deepEqual(didsOf(keystore), zeroDids)
  assert.deepEqual(didsOf(openKeystore()), zeroDids)

  const elsewhere = new Keystore({ directory: join(directory, '..', 'elsewhere'), cost }, { entropy })
  await elsewhere.createWallet(entropyOf(mnemonicOf(zeroWallet)), 'another pass')
  await elsewhere.deriveIdentity('another pass')
  assert.deepEqual(didsOf(elsewhere), zeroDids)
})

test('every secret is the one of its DID, and none of them lies open in a file', async () => {
  const keystore = openKeystore()
  const walletEntropy = new Prng(5).bytes(32)
  await keystore.createWallet(walletEntropy, 'pass')
  await keystore.deriveIdentity('pass')

  const everything = readdirSync(directory)
    .map(name => readFileSync(join(directory, name), 'latin1'))
    .join()
  for (const { did } of keystore.identities) {
    const secretKey = await keystore.secretKey(did, 'pass')
    assert.equal(publicKeyOf(secretKey!), did)
    assert.ok(!everything.includes(toHex(secretKey!)))
  }
  assert.ok(!everything.includes(toHex(walletEntropy)))
  assert.deepEqual(new Uint8Array((await keystore.walletEntropy('pass'))!), walletEntropy)
})

test('a wrong passphrase gives nothing', async () => {
  const keystore = openKeystore()
  const { did } = await keystore.createWallet(zeroWallet, 'pass')
  assert.equal(await keystore.secretKey(did, 'Pass'), undefined)
  assert.equal(await keystore.deriveIdentity(''), undefined)
  assert.deepEqual(didsOf(keystore), zeroDids.slice(0, 1))
})

test('a wallet needs a passphrase and is never overwritten', async () => {
  const keystore = openKeystore()
  await assert.rejects(keystore.createWallet(zeroWallet, ''), /the passphrase is empty/)
  assert.equal(keystore.hasWallet, false)
  await keystore.createWallet(zeroWallet, 'pass')
  await assert.rejects(
    keystore.createWallet(new Prng(8).bytes(32), 'pass'),
    /wallet\.json exists, this node has a wallet/,
  )
  assert.deepEqual(didsOf(openKeystore()), zeroDids.slice(0, 1))
})

test('files are 0600 in 0700 and looser ones are refused by name', async () => {
  await openKeystore().createWallet(zeroWallet, 'pass')
  assert.equal(statSync(directory).mode & 0o777, 0o700)
  const names = readdirSync(directory)
  assert.equal(names.length, 2)
  for (const name of names) assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600)

  const path = join(directory, names.find(name => name.startsWith('z'))!)
  chmodSync(path, 0o640)
  assert.throws(openKeystore, new RegExp(`run "chmod 600 ${path}"`))
  chmodSync(path, 0o600)
  chmodSync(directory, 0o755)
  assert.throws(openKeystore, new RegExp(`run "chmod 700 ${directory}"`))
})

test('a damaged or exchanged file is refused by its name and field', async () => {
  await openKeystore().createWallet(zeroWallet, 'pass')
  const name = readdirSync(directory).find(entry => entry.startsWith('z'))!
  const path = join(directory, name)
  const good = readFileSync(path, 'utf8')

  writeFileSync(path, good.slice(0, 40))
  assert.throws(openKeystore, /z6Mkj\w+\.json: is not JSON\. The file is damaged, or of a newer clawnet/)
  writeFileSync(path, good.replace('"memoryKiB": 128', '"memoryKiB": 99999999'))
  assert.throws(openKeystore, /kdf\.memoryKiB: must be an integer from 128 to 1048576/)
  for (const wrong of ["m/44'/9527'/0'", "m/44'/9527'/007'/0'", "m/44'/9527'/9999999999'/0'", 'm']) {
    writeFileSync(path, good.replace("m/44'/9527'/0'/0'", wrong))
    assert.throws(openKeystore, /\.json: path: /, wrong)
  }
  writeFileSync(path, good)
  renameSync(path, join(directory, 'z6MkurKo42v8iyaAAxvcGE5VybnimXdh6wBbi3gQzSbQjC62.json'))
  assert.throws(openKeystore, new RegExp(`holds ${zeroDids[0]}: give it the name of its DID again`))
})

test('an identity in the place of the wallet is refused', async () => {
  await openKeystore().createWallet(zeroWallet, 'pass')
  const name = readdirSync(directory).find(entry => entry.startsWith('z'))!
  writeFileSync(join(directory, 'wallet.json'), readFileSync(join(directory, name)))
  await assert.rejects(openKeystore().deriveIdentity('pass'), /wallet\.json: path: is not the path of this file/)
})

test('the passphrase of a local network is made once and opens its keystore', async () => {
  const passphrase = loadOrCreateLocalPassphrase(directory, { entropy })
  assert.equal(passphrase.length, 32)
  assert.equal(statSync(join(directory, 'local.passphrase')).mode & 0o777, 0o600)
  const { did } = await openKeystore().createWallet(zeroWallet, passphrase)
  assert.ok(await openKeystore().secretKey(did, loadOrCreateLocalPassphrase(directory, { entropy })))

  writeFileSync(join(directory, 'local.passphrase'), '\n')
  assert.throws(() => loadOrCreateLocalPassphrase(directory, { entropy }), /local\.passphrase is empty/)
})
