import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import { test } from 'node:test'
import {
  decodeTransaction,
  formatAddress,
  formatDid,
  fromHex,
  hash,
  isCanonicalSignature,
  ledger,
  mnemonicOf,
  signatureStatements,
  toHex,
  type Transaction,
} from '@claw-network/protocol'
import fc from 'fast-check'
import { createSessionWallet, createWallet, type Order } from './wallet.ts'

const chainId = `0x${'ab'.repeat(32)}`
const zeroWords = mnemonicOf(new Uint8Array(32))
const to = 'claw16fqn56d2x7wy0sj4u5kphakzd6g8vtevsdy32v'
const order: Order<'wallet.transfer'> = {
  chainId,
  kind: 'wallet.transfer',
  body: { to, amount: 100, memo: 'invoice 7' },
  nonce: 1,
  fee: 1,
}

function decode(bytes: string) {
  return decodeTransaction(ledger.kinds, hash.fromJson(chainId), fromHex(bytes.slice(2)))
}

test('24 words give the same DIDs as in a node (K4)', () => {
  assert.equal(createWallet(zeroWords).did, 'did:claw:z6MkjxnbiAHH5XSbc2LxsUTYqb8fs2rXAgwkCRGJdKdKGbYm')
  assert.equal(createWallet(zeroWords, 1).did, 'did:claw:z6MkurKo42v8iyaAAxvcGE5VybnimXdh6wBbi3gQzSbQjC62')
})

test('the bytes of a signed transfer never change', () => {
  const { txHash, bytes } = createWallet(zeroWords).sign(order)
  assert.equal(txHash, '0xd3c1f76203534b42ed9cc2ee1ccd82c8574d72e6afe685c04b8d08e4ba8999bb')
  assert.equal(
    bytes,
    '0x82895820abababababababababababababababababababababababababababababababab6f77616c6c65742e7472616e73666572582051dad34b07410bbf264523f6bb2e0914c8fe92094c1e7be894122736c90c6d720101f6f6f68354d2413a69aa379c47c255e52c1bf6c26e90762f2c186469696e766f696365203758404bdb530bf467c5585d2083827ab8141838c1b0015a1d009606b327ee418fc0fccecaff11ce4cbdd3b2eae2b6071a7ab516bbb139ab3cf0b8b7e0df474dc25a03',
  )
})

test('a node reads what was ordered, and finds the signature right', () => {
  const wallet = createWallet(zeroWords)
  fc.assert(
    fc.property(
      fc.record({
        amount: fc.oneof(fc.integer({ min: 1 }), fc.bigInt({ min: 1n, max: 2n ** 53n - 1n })),
        fee: fc.nat(),
        nonce: fc.integer({ min: 1 }),
        memo: fc.string({ maxLength: 60 }),
      }),
      ({ amount, fee, nonce, memo }) => {
        const signed = wallet.sign({ ...order, body: { to, amount, memo }, fee, nonce })
        const transaction = decode(signed.bytes)
        const { envelope } = transaction
        assert.equal(`0x${transaction.id}`, signed.txHash)
        assert.equal(formatDid(envelope.sender), wallet.did)
        assert.equal(formatAddress(transaction.account), wallet.address)
        assert.deepEqual(
          [envelope.nonce, envelope.fee, transaction.kind.body.toJson(envelope.payload)],
          [nonce, BigInt(fee), { to, amount: Number(amount), memo }],
        )
        assertSigned(transaction, wallet.publicKey)
      },
    ),
    { numRuns: 20 },
  )
})

test('a session wallet signs for another identity and names its key', () => {
  const owner = createWallet(zeroWords)
  const secretKey = new Uint8Array(32).fill(7)
  const session = createSessionWallet(secretKey, owner.did)
  assert.deepEqual([session.did, session.address], [owner.did, owner.address])
  const transaction = decode(session.sign(order).bytes)
  assert.equal(`0x${transaction.envelope.signer}`, session.publicKey)
  assert.equal(session.publicKey, createWallet(secretKey).publicKey)
  assert.equal(formatDid(transaction.envelope.sender), owner.did)
  assertSigned(transaction, session.publicKey)
})

test('a session wallet of the key in the DID is the wallet itself', () => {
  const secretKey = new Uint8Array(32).fill(7)
  const owner = createWallet(secretKey)
  assert.deepEqual(createSessionWallet(secretKey, owner.did).sign(order), owner.sign(order))
})

test('a session wallet wants a DID and a key of 32 bytes', () => {
  assert.throws(() => createSessionWallet(new Uint8Array(32), to), /must be a DID/)
  assert.throws(() => createSessionWallet(new Uint8Array(33), createWallet(zeroWords).did), /has 33/)
})

test('the key of one wallet agrees to become that of another’s identity', () => {
  const [owner, next] = [createWallet(zeroWords), createWallet(zeroWords, 1)]
  const proof = next.rotationProof({ chainId, did: owner.did, rotation: 1 })
  const body = { newKey: next.publicKey, rotation: 1, proof }
  const [, consent] = signatureStatements(decode(owner.sign({ ...order, kind: 'identity.rotate', body }).bytes))
  const { signature, message, publicKey } = consent ?? assert.fail('a rotation has two signatures')
  assert.equal(`0x${toHex(publicKey)}`, next.publicKey)
  assert.ok(verify(null, message, ed25519Key(publicKey), signature))
})

test('a wallet adds the signature that a payload needs of it', () => {
  const wallet = createWallet(zeroWords)
  const signed = wallet.sign({
    ...order,
    kind: 'identity.attest',
    body: { credential: { credentialSubject: { capability: 'translation zh-en' } } },
  })
  const transaction = decode(signed.bytes)
  assert.equal(signatureStatements(transaction).length, 2)
  assertSigned(transaction, wallet.publicKey)
})

test('a plain credential is signed with the key of the wallet, also inside', () => {
  const body = { credential: { credentialSubject: { capability: 'translation' } } }
  const own = createWallet(zeroWords)
  const rotated = createSessionWallet(new Uint8Array(32).fill(7), own.did)
  for (const wallet of [own, rotated]) {
    const { bytes } = wallet.sign({ chainId, kind: 'identity.attest', body, nonce: 1, fee: 1 })
    const transaction = decode(bytes)
    assert.equal(signatureStatements(transaction).length, 2)
    assertSigned(transaction, wallet.publicKey)
  }
})

test('an order that is not well-formed is refused with the name of its field', () => {
  const wallet = createWallet(zeroWords)
  const refusals: [Partial<Record<keyof typeof order, unknown>>, RegExp][] = [
    [{ body: { to, amount: 0 } }, /^payload\.amount: /],
    [{ body: { to, amount: 1.5 } }, /^payload\.amount: /],
    [{ body: { to: 'claw1nobody', amount: 1 } }, /^payload\.to: /],
    [{ body: { to, amount: 1, memo: 'x'.repeat(257) } }, /^payload\.memo: /],
    [{ body: { to, amount: 1, note: 'x' } }, /^payload\.note: /],
    [{ nonce: 0 }, /^nonce: /],
    [{ fee: -1 }, /^fee: /],
    [{ chainId: '0x12' }, /^chainId: /],
    [{ prev: 'yesterday' }, /^prev: /],
  ]
  for (const [change, message] of refusals) {
    assert.throws(() => wallet.sign({ ...order, ...change } as typeof order), { name: 'DecodeError', message })
  }
})

test('a secret that is none is refused, and its words are not repeated', () => {
  assert.throws(() => createWallet(new Uint8Array(31)), /has 32 bytes/)
  assert.throws(() => createWallet('abandon ability'), /24 words/)
  const stranger = zeroWords.replace(/^\w+/, 'clawnet')
  assert.throws(
    () => createWallet(stranger),
    (error: Error) => /word 1 /.test(error.message) && !error.message.includes('clawnet'),
  )
})

function assertSigned(transaction: Transaction, by: string): void {
  for (const { signature, message, publicKey } of signatureStatements(transaction)) {
    assert.equal(`0x${toHex(publicKey)}`, by)
    assert.ok(isCanonicalSignature(signature, publicKey))
    assert.ok(verify(null, message, ed25519Key(publicKey), signature))
  }
}

function ed25519Key(publicKey: Uint8Array): ReturnType<typeof createPublicKey> {
  const prefix = Buffer.from('302a300506032b6570032100', 'hex')
  return createPublicKey({ key: Buffer.concat([prefix, publicKey]), format: 'der', type: 'spki' })
}
