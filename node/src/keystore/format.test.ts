import assert from 'node:assert/strict'
import test from 'node:test'
import { type Did, fromHex, parseDid, Prng, toHex } from '@claw-network/protocol'
import fc from 'fast-check'
import {
  formatSealedFile,
  type KdfCost,
  kdfCostDefault,
  parseSealedFile,
  type Subject,
  seal,
  unseal,
} from './format.ts'

const quick: KdfCost = { memoryKiB: 128, passes: 1, parallelism: 1 }
const subject: Subject = {
  did: parseDid('did:claw:z6MkjxnbiAHH5XSbc2LxsUTYqb8fs2rXAgwkCRGJdKdKGbYm'),
  path: "m/44'/9527'/0'/0'",
}
const secret = Uint8Array.from({ length: 32 }, (_, index) => index)
const entropy = new Prng(7)

test('a sealed secret comes back by its passphrase and by no other', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), async (passphrase, other) => {
      const file = parseSealedFile(formatSealedFile(await seal(secret, passphrase, subject, quick, { entropy })))
      assert.deepEqual(new Uint8Array((await unseal(file, passphrase))!), secret)
      if (other.normalize('NFKC') !== passphrase.normalize('NFKC')) assert.equal(await unseal(file, other), undefined)
    }),
    { numRuns: 40 },
  )
})

test('a passphrase means the same however the keyboard composes its letters', async () => {
  const file = await seal(secret, 'caf\u00e9', subject, quick, { entropy })
  assert.ok(await unseal(file, 'cafe\u0301'))
})

test('a file shows its header and nothing of the secret', async () => {
  const file = await seal(secret, 'right', subject, kdfCostDefault, { entropy: new Prng(1) })
  const text = formatSealedFile(file)
  const json = JSON.parse(text)
  assert.deepEqual(Object.keys(json), ['version', 'did', 'path', 'kdf', 'cipher', 'ciphertext'])
  assert.deepEqual(
    { ...json, kdf: { ...json.kdf, salt: '' }, cipher: { ...json.cipher, nonce: '' }, ciphertext: '' },
    {
      version: 1,
      did: 'did:claw:z6MkjxnbiAHH5XSbc2LxsUTYqb8fs2rXAgwkCRGJdKdKGbYm',
      path: "m/44'/9527'/0'/0'",
      kdf: { name: 'argon2id', memoryKiB: 65536, passes: 3, parallelism: 1, salt: '' },
      cipher: { name: 'aes-256-gcm', nonce: '' },
      ciphertext: '',
    },
  )
  assert.ok(!text.includes(toHex(secret)))
})

test('two seals of one secret share neither salt, nonce nor ciphertext', async () => {
  const [a, b] = [
    await seal(secret, 'p', subject, quick, { entropy }),
    await seal(secret, 'p', subject, quick, { entropy }),
  ]
  assert.notDeepEqual(a.kdf.salt, b.kdf.salt)
  assert.notDeepEqual(a.cipher.nonce, b.cipher.nonce)
  assert.notDeepEqual(a.ciphertext, b.ciphertext)
})

test('no field can be altered: the file then opens for nobody', async () => {
  const file = await seal(secret, 'right', subject, quick, { entropy })
  const flipped = (bytes: Uint8Array): Uint8Array => bytes.with(0, bytes[0]! ^ 1)
  const altered = [
    { ...file, did: '00'.repeat(32) as Did },
    { ...file, path: "m/44'/9527'/1'/0'" },
    { ...file, kdf: { ...file.kdf, passes: 2 } },
    { ...file, kdf: { ...file.kdf, memoryKiB: 256 } },
    { ...file, kdf: { ...file.kdf, parallelism: 2 } },
    { ...file, kdf: { ...file.kdf, salt: flipped(file.kdf.salt) } },
    { ...file, cipher: { ...file.cipher, nonce: flipped(file.cipher.nonce) } },
    { ...file, ciphertext: flipped(file.ciphertext) },
    { ...file, ciphertext: file.ciphertext.with(47, file.ciphertext[47]! ^ 1) },
  ]
  for (const forged of altered) assert.equal(await unseal(forged, 'right'), undefined)
})

test('a file of another shape, or with a cost above the caps, is refused by field and before any work', async () => {
  const good = JSON.parse(formatSealedFile(await seal(secret, 'right', subject, quick, { entropy })))
  for (const [change, problem] of [
    [{ version: 3 }, /^version: must be 1 or 2$/],
    [{ version: 2 }, /^key: is missing/],
    [{ key: `0x${'00'.repeat(32)}` }, /^key: is not a known field/],
    [{ did: 'did:claw:zzz' }, /^did: /],
    [{ kdf: { ...good.kdf, memoryKiB: 1_048_577 } }, /^kdf\.memoryKiB: must be an integer from 128 to 1048576$/],
    [{ kdf: { ...good.kdf, passes: 17 } }, /^kdf\.passes: must be an integer from 1 to 16$/],
    [{ kdf: { ...good.kdf, parallelism: 0 } }, /^kdf\.parallelism: /],
    [{ kdf: { ...good.kdf, name: 'scrypt' } }, /^kdf\.name: must be one of argon2id$/],
    [
      { cipher: { ...good.cipher, nonce: '0x00' } },
      /^cipher\.nonce: must be 12 bytes, written as 0x and 24 lowercase hex digits$/,
    ],
    [{ ciphertext: '0x' }, /^ciphertext: must be 48 bytes, written as 0x and 96 lowercase hex digits$/],
    [{ note: 'hello' }, /^note: is not a known field/],
  ] as const) {
    assert.throws(() => parseSealedFile(JSON.stringify({ ...good, ...change })), {
      name: 'DecodeError',
      message: problem,
    })
  }
  assert.throws(() => parseSealedFile('{'), /is not JSON/)
})

// Another implementation must open what this one sealed: the bytes are part of the format.
test('this file opens with "correct horse" for ever', async () => {
  const file = parseSealedFile(JSON.stringify(pinned))
  assert.equal(toHex((await unseal(file, 'correct horse'))!), toHex(secret))
  const again = await seal(fromHex(toHex(secret)), 'correct horse', subject, quick, { entropy: new Prng(2) })
  assert.deepEqual(JSON.parse(formatSealedFile(again)), pinned)
})

const pinned = {
  version: 1,
  did: 'did:claw:z6MkjxnbiAHH5XSbc2LxsUTYqb8fs2rXAgwkCRGJdKdKGbYm',
  path: "m/44'/9527'/0'/0'",
  kdf: {
    name: 'argon2id',
    memoryKiB: 128,
    passes: 1,
    parallelism: 1,
    salt: '0xbb534989e0a17f5bc81dc9336cd59424',
  },
  cipher: {
    name: 'aes-256-gcm',
    nonce: '0xac5df80aea0f203101f073a2',
  },
  ciphertext: '0xe3c30a55b8541854d86ff30cc0e9c3019e9e5b22344d58dc586b155ed6c8c66c2ee68d65f365c270c409bdd1c6928624',
}
