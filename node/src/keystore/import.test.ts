import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { afterEach, beforeEach } from 'node:test'
import { type Did, identityKey, Prng, publicKeyOf, seedOf } from '@claw-network/protocol'
import { Keystore } from './keystore.ts'

const cost = { memoryKiB: 128, passes: 1, parallelism: 1 }
const entropy = new Prng(23)
const words = new Uint8Array(32)
const seed = seedOf(words)
const didAt = (index: number): Did => publicKeyOf(identityKey(seed, index)) as Did
const did = didAt(0)

let home: string
let source: Keystore
let target: Keystore
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'clawnet-import-'))
  source = keystoreIn('source')
  await source.createWallet(Uint8Array.from(words), 'theirs')
  await source.nextKey(did, 1, 'theirs')
  target = keystoreIn('target')
  await target.createWallet(new Prng(9).bytes(32), 'ours')
})
afterEach(() => rmSync(home, { recursive: true }))

function keystoreIn(name: string): Keystore {
  return new Keystore({ directory: join(home, name), cost }, { entropy })
}

const imported = (): string => join(home, 'target', 'imported')

test('an exported identity brings all its keys, which open with the passphrase they had', async () => {
  const { did: added, keys, index } = target.add(source.exported(did))
  assert.deepEqual([added, keys, index], [did, source.keysOf(did), 0])

  for (const keystore of [target, keystoreIn('target')]) {
    for (const key of keys) {
      const secretKey = await keystore.secretKey(did, 'theirs', key)
      assert.equal(publicKeyOf(secretKey!), key)
      assert.equal(await keystore.secretKey(did, 'ours', key), undefined)
    }
  }
  assert.equal(statSync(imported()).mode & 0o777, 0o700)
  for (const name of readdirSync(imported())) assert.equal(statSync(join(imported(), name)).mode & 0o777, 0o600)
})

test('an imported identity never becomes the default one, and takes no index of the wallet', async () => {
  const own = target.identities[0]!.did
  await source.deriveIdentity('theirs')
  const last = (await source.deriveIdentity('theirs'))!
  target.add(source.exported(last.did))
  target.add(source.exported(did))
  for (const keystore of [target, keystoreIn('target')]) {
    assert.deepEqual(
      keystore.identities.map(({ did, isImported }) => [did, isImported]),
      [
        [own, false],
        [did, true],
        [last.did, true],
      ],
    )
  }
  assert.equal((await target.deriveIdentity('ours'))?.index, 1)
})

test('an imported identity gets its next key where its words are, and nowhere else', async () => {
  target.add(source.exported(did))
  assert.deepEqual(await target.nextKey(did, 2, 'ours'), { refused: 'wallet_is_another' })

  const twin = keystoreIn('twin')
  await twin.createWallet(Uint8Array.from(words), 'twin')
  const second = (await source.deriveIdentity('theirs'))!
  twin.add(source.exported(second.did))
  assert.ok(!('refused' in (await twin.nextKey(second.did, 1, 'twin'))!))
  assert.equal(keystoreIn('twin').keysOf(second.did).length, 2)
  // Its own count goes on after what came from elsewhere.
  assert.equal((await twin.deriveIdentity('twin'))?.did, didAt(2))
})

test('what is here already is refused, and an import that ended half-way is finished', () => {
  const bundle = source.exported(did)
  target.add(bundle)
  assert.throws(() => target.add(bundle), /is on this node already/)
  rmSync(join(imported(), readdirSync(imported()).find(name => name.includes('.1.'))!))
  const again = keystoreIn('target')
  assert.equal(again.keysOf(did).length, 1)
  again.add(bundle)
  assert.deepEqual(keystoreIn('target').keysOf(did), source.keysOf(did))
})

test('a directory of imports that others may enter is refused', () => {
  target.add(source.exported(did))
  chmodSync(imported(), 0o755)
  assert.throws(() => keystoreIn('target'), new RegExp(`run "chmod 700 ${imported()}"`))
})

test('what is no export is refused by field, and nothing is written', () => {
  const good = JSON.parse(source.exported(did))
  const wallet = { ...good.keys[0], path: 'm' }
  for (const [bundle, problem] of [
    ['{', /is not JSON/],
    ['null', /must be an object/],
    [JSON.stringify({ ...good, version: 2 }), /^version: must be 1$/],
    [JSON.stringify({ ...good, did: 'did:claw:zzz' }), /^did: /],
    [JSON.stringify({ ...good, keys: [] }), /^keys: must be a list of sealed keys$/],
    [JSON.stringify({ ...good, note: 1 }), /^note: is not a known field$/],
    [JSON.stringify({ ...good, keys: [wallet] }), /^keys\[0\]\.path: must be like/],
    [
      JSON.stringify({ ...good, keys: [good.keys[0], { ...good.keys[1], version: 1 }] }),
      /^keys\[1\]\.key: is not a known/,
    ],
    [
      JSON.stringify({ ...good, did: 'did:claw:z6MkurKo42v8iyaAAxvcGE5VybnimXdh6wBbi3gQzSbQjC62' }),
      /^keys\[0\]\.did: is not/,
    ],
  ] as const) {
    assert.throws(() => target.add(bundle), { name: 'DecodeError', message: problem }, bundle.slice(0, 80))
  }
  assert.equal(existsSync(imported()), false)
})
