import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { afterEach, beforeEach } from 'node:test'
import {
  type Did,
  formatDid,
  fromHex,
  identityKey,
  isCanonicalSignature,
  present,
  Prng,
  type PublicKey,
  publicKeyOf,
  seedOf,
  toHex,
  utf8,
} from '@claw-network/protocol'
import { machineClock } from '../machine.ts'
import { nativeEd25519 } from '../signatures/ed25519.ts'
import { parseSealedFile } from './format.ts'
import { Keystore } from './keystore.ts'
import { type NextKey, Sessions } from './sessions.ts'

const cost = { memoryKiB: 128, passes: 1, parallelism: 1 }
const entropy = new Prng(17)
const ed25519 = nativeEd25519()
const wallet = new Uint8Array(32)
const message = utf8('pay')
const seed = seedOf(wallet)
const did = publicKeyOf(identityKey(seed, 0)) as Did
/** Of the first identity, by its rotation. */
const keyAt = (rotation: number): PublicKey => publicKeyOf(identityKey(seed, 0, rotation))

let home: string
let keystore: Keystore
let sessions: Sessions
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'clawnet-rotation-'))
  open()
  await keystore.createWallet(Uint8Array.from(wallet), 'right')
})
afterEach(() => {
  sessions.close()
  rmSync(home, { recursive: true })
})

const file = (name: string): string => join(home, 'keys', name)
const nameOf = (rotation: number): string =>
  `${formatDid(did).slice('did:claw:'.length)}${rotation > 0 ? `.${rotation}` : ''}.json`

/** As after a start of the node. */
function open(options: { localPassphrase?: string } = {}, directory = join(home, 'keys')): void {
  keystore = new Keystore({ directory, cost }, { entropy })
  sessions = new Sessions(options, { keystore, ed25519, clock: machineClock, entropy })
}

async function nextKey(rotation: number): Promise<NextKey> {
  const next = await sessions.nextKey(did, rotation, 'right', () => message)
  assert.ok(!('refused' in next), JSON.stringify(next))
  return next
}

async function signs(key: PublicKey, passphrase?: string): Promise<string> {
  const answer = await sessions.sign(did, message, passphrase, key)
  if ('refused' in answer) return answer.refused
  return isCanonicalSignature(answer, fromHex(key)) && ed25519.verify(answer, message, fromHex(key))
    ? 'signed'
    : 'another key signed'
}

test('the next key stands at the place of its rotation in the wallet, proves itself and is sealed in a file of its own', async () => {
  const { key, proof } = await nextKey(1)
  assert.equal(key, keyAt(1))
  assert.ok(ed25519.verify(proof, message, fromHex(key)))

  const text = readFileSync(file(nameOf(1)), 'utf8')
  const { version, path, ...rest } = parseSealedFile(text)
  assert.deepEqual([version, path], [2, "m/44'/9527'/0'/1'"])
  assert.ok('key' in rest && rest.key === key && rest.did === did)
  assert.ok(!text.includes(toHex(identityKey(seed, 0, 1))))
})

test('a node that ends before the rotation is final uses the same key again', async () => {
  const { key } = await nextKey(1)
  const written = readFileSync(file(nameOf(1)), 'utf8')
  open()
  assert.equal((await nextKey(1)).key, key)
  assert.equal(readFileSync(file(nameOf(1)), 'utf8'), written)
  assert.deepEqual(keystore.keysOf(did), [did, key])
})

test('a node that ends while it writes the next key has only its first one, and makes the next one anew', async () => {
  await nextKey(1)
  const written = readFileSync(file(nameOf(1)), 'utf8')
  rmSync(file(nameOf(1)))
  writeFileSync(file(`${nameOf(1)}.4711.tmp`), written.slice(0, 100), { mode: 0o600 })
  open()
  assert.deepEqual(keystore.keysOf(did), [did])
  assert.equal((await nextKey(1)).key, keyAt(1))
})

test('identities keep their DID, index and order whatever keys they have', async () => {
  await keystore.deriveIdentity('right')
  await nextKey(1)
  await nextKey(2)
  open()
  assert.deepEqual(
    keystore.identities.map(({ did, index, keys }) => [formatDid(did), index, keys.length]),
    [
      [formatDid(did), 0, 3],
      ['did:claw:z6MkurKo42v8iyaAAxvcGE5VybnimXdh6wBbi3gQzSbQjC62', 1, 1],
    ],
  )
  assert.deepEqual(keystore.identities[0]?.keys, [did, keyAt(1), keyAt(2)])
})

test('an open session signs with the next key as soon as it is made', async () => {
  await sessions.unlock(did, 'right')
  assert.equal(await signs(keyAt(1)), 'key_is_missing')
  await nextKey(1)
  assert.equal(await signs(keyAt(1)), 'signed')
  assert.equal(await signs(did), 'signed')
  sessions.lock(did)
  assert.equal(await signs(keyAt(1)), 'identity_is_locked')
})

test('unlocking opens the key that signs now and those that may follow, with one passphrase', async () => {
  await nextKey(1)
  open()
  assert.equal(await sessions.unlock(did, 'right', 60_000, did), undefined)
  assert.deepEqual([await signs(did), await signs(keyAt(1))], ['signed', 'signed'])

  assert.equal(await sessions.unlock(did, 'right', 60_000, keyAt(1)), undefined)
  assert.deepEqual([await signs(did), await signs(keyAt(1))], ['identity_is_locked', 'signed'])
})

test('a passphrase with the request signs with the key that is asked for', async () => {
  await nextKey(1)
  assert.equal(await signs(keyAt(1), 'right'), 'signed')
  assert.equal(await signs(did, 'right'), 'signed')
  assert.equal(await signs(keyAt(1), 'wrong'), 'passphrase_is_wrong')
  assert.equal(await signs(did, 'right'), 'too_many_attempts')
})

test('a wallet restored from its words finds the keys of earlier rotations, and seals them again', async () => {
  const restored = join(home, 'restored')
  open({}, restored)
  await keystore.createWallet(Uint8Array.from(wallet), 'new passphrase')
  assert.equal(await signs(keyAt(7)), 'key_is_missing')
  assert.equal(await signs(keyAt(7), 'new passphrase'), 'signed')
  assert.deepEqual(keystore.keysOf(did), [did, keyAt(7)])

  open({}, restored)
  assert.equal(await sessions.unlock(did, 'new passphrase', 60_000, keyAt(9)), undefined)
  assert.equal(await signs(keyAt(9)), 'signed')
})

test('a restored node that unlocks by itself finds the key too', async () => {
  open({}, join(home, 'restored'))
  await keystore.createWallet(Uint8Array.from(wallet), 'of the file')
  assert.equal(await sessions.keepUnlocked(did, 'of the file', keyAt(3)), undefined)
  assert.equal(await signs(keyAt(3)), 'signed')
})

test('a key as far as 256 rotations beyond the last file is found, and none beyond that', async () => {
  assert.equal(await signs(keyAt(257), 'right'), 'key_is_missing')
  assert.equal(await signs(keyAt(256), 'right'), 'signed')
  assert.equal(await signs(keyAt(257), 'right'), 'signed')
})

test('guessing at a key that has no file costs as much as guessing at any', async () => {
  assert.equal(await signs(keyAt(1), 'wrong'), 'passphrase_is_wrong')
  assert.equal(await signs(keyAt(1), 'right'), 'too_many_attempts')
})

test('a key that is not of this wallet is missing, and nothing is written for it', async () => {
  const foreign = publicKeyOf(new Uint8Array(32).fill(9))
  const before = readdirSync(join(home, 'keys'))
  assert.equal(await signs(foreign), 'key_is_missing')
  assert.equal(await signs(foreign, 'right'), 'key_is_missing')
  assert.deepEqual(await sessions.unlock(did, 'right', 60_000, foreign), { refused: 'key_is_missing' })
  assert.deepEqual(await sessions.keepUnlocked(did, 'right', foreign), { refused: 'key_is_missing' })
  assert.deepEqual(
    readdirSync(join(home, 'keys')).filter(name => name !== 'attempts.json'),
    before,
  )
})

test('an identity from other words signs here but gets no next key', async () => {
  const elsewhere = join(home, 'elsewhere')
  open({}, elsewhere)
  await keystore.createWallet(new Prng(5).bytes(32), 'right')
  renameSync(file(nameOf(0)), join(elsewhere, nameOf(0)))
  renameSync(
    join(elsewhere, `${formatDid(present(keystore.identities[0], 'it').did).slice(9)}.json`),
    file('other.json'),
  )
  open({}, elsewhere)

  assert.equal(await signs(did, 'right'), 'signed')
  assert.deepEqual(await sessions.nextKey(did, 1, 'right', () => message), { refused: 'wallet_is_another' })
  assert.equal(await signs(keyAt(1), 'right'), 'key_is_missing')
})

test('only on a local network is there a next key or identity without a passphrase, and both sign at once', async () => {
  const refused = { refused: 'passphrase_is_missing' }
  assert.deepEqual(await sessions.nextKey(did, 1, undefined, () => message), refused)
  assert.deepEqual(await sessions.create(), refused)
  assert.ok(!existsSync(file('attempts.json')))

  open({ localPassphrase: 'right' })
  assert.equal(await sessions.keepUnlocked(did, 'right'), undefined)
  assert.ok(!('refused' in (await sessions.nextKey(did, 1, undefined, () => message))))
  assert.equal(await signs(keyAt(1)), 'signed')
  const made = await sessions.create()
  assert.ok(typeof made === 'string')
  assert.ok(!('refused' in (await sessions.sign(made, message))))
})

test('what the daemon tries at its start is not counted as a guess, and waits for none', async () => {
  assert.deepEqual(await sessions.keepUnlocked(did, 'of another wallet'), { refused: 'passphrase_is_wrong' })
  assert.equal(await signs(did, 'right'), 'signed')
  await sessions.unlock(did, 'wrong')
  assert.equal(await sessions.keepUnlocked(did, 'right'), undefined)
})

test('a file whose header is not clear is refused by name and field', async () => {
  await nextKey(1)
  const good = readFileSync(file(nameOf(1)), 'utf8')
  const json = JSON.parse(good)
  const { key: _key, ...keyless } = json
  for (const [changed, problem] of [
    [{ ...json, path: "m/44'/9527'/0'/0'" }, /\.1\.json: version: is not the version of a file with the path/],
    [{ ...keyless, version: 1 }, /\.1\.json: version: is not the version of a file with the path/],
    [{ ...json, key: `0x${did}` }, /\.1\.json: key: is the key in the DID/],
    [{ ...json, path: "m/44'/9527'/1'/1'" }, /path: names another identity than the other files of did:claw:/],
    [
      { ...json, path: "m/44'/9527'/0'/2'" },
      /\.1\.json holds did:claw:.*: give it the name of its DID again, z6Mk\w+\.2\.json/,
    ],
    [{ ...json, path: "m/44'/9527'/0'/99999999999'" }, /\.1\.json: path: must be like/],
    [{ ...json, path: 'm' }, /\.1\.json: path: is not the path of this file/],
    [{ ...json, version: 3 }, /\.1\.json: version: must be 1 or 2/],
  ] as const) {
    writeFileSync(file(nameOf(1)), JSON.stringify(changed))
    assert.throws(open, problem)
  }
  writeFileSync(file(nameOf(1)), good)
  writeFileSync(file(nameOf(2)), JSON.stringify({ ...json, path: "m/44'/9527'/0'/2'" }), { mode: 0o600 })
  assert.throws(open, /key: is that of another file of did:claw:/)
})

test('the key of a file cannot be altered: it then opens for nobody', async () => {
  await nextKey(1)
  const json = JSON.parse(readFileSync(file(nameOf(1)), 'utf8'))
  writeFileSync(file(nameOf(1)), JSON.stringify({ ...json, key: `0x${keyAt(2)}` }))
  open()
  assert.equal(await signs(keyAt(2), 'right'), 'passphrase_is_wrong')
})
