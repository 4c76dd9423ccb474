import assert from 'node:assert/strict'
import test from 'node:test'
import { bech32, bech32m } from '@scure/base'
import fc from 'fast-check'
import { fromHex, toHex } from '../lib/bytes.ts'
import { fromBytes, toBytes } from '../lib/codec.ts'
import { publicKeyOf } from './ed25519.ts'
import {
  type Address,
  address,
  addressOf,
  type Did,
  did,
  formatAddress,
  formatDid,
  parseAddress,
  parseDid,
} from './keys.ts'

const anyDid = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => toHex(bytes) as Did)
const anyAddress = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(bytes => toHex(bytes) as Address)

// The did:key test vectors of the W3C Credentials Community Group for Ed25519: seed, method-specific id.
const didKey = [
  [
    '0000000000000000000000000000000000000000000000000000000000000000',
    'z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp',
  ],
  [
    '0000000000000000000000000000000000000000000000000000000000000001',
    'z6MkjchhfUsD6mmvni8mCdXHw216Xrm9bQe2mBH1P5RDjVJG',
  ],
  [
    '0000000000000000000000000000000000000000000000000000000000000002',
    'z6MknGc3ocHs3zdPiJbnaaqDi58NGb4pk1Sp9WxWufuXSdxf',
  ],
] as const

test('a DID has the body of the did:key of the same key', () => {
  for (const [seed, body] of didKey) {
    const key = publicKeyOf(fromHex(seed)) as Did
    assert.equal(formatDid(key), `did:claw:${body}`)
    assert.equal(parseDid(`did:claw:${body}`), key)
  }
})

test('a DID survives its text, JSON and bytes', () => {
  fc.assert(
    fc.property(anyDid, key => {
      assert.equal(parseDid(formatDid(key)), key)
      assert.equal(did.fromJson(did.toJson(key)), key)
      assert.equal(fromBytes(did, toBytes(did, key)), key)
    }),
  )
})

test('texts that are no DID are refused with the form to use', () => {
  const good = formatDid('ab'.repeat(32) as Did)
  for (const [text, problem] of [
    ['', /must be a DID like/],
    ['did:key:z6Mk', /must be a DID like/],
    [good.toUpperCase(), /must be a DID like/],
    [`${good}0`, /outside base58/],
    [`${good}1`, /is not a DID of an Ed25519 key/],
    [good.slice(0, -1), /is not a DID of an Ed25519 key/],
    // The multicodec of secp256k1 before the same bytes.
    ['did:claw:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme', /is not a DID of an Ed25519 key/],
  ] as const) {
    assert.throws(() => parseDid(text), problem, text)
  }
})

// BIP-350, valid and invalid bech32m: the library that addresses rest on.
test('the checksum of addresses is that of BIP-350', () => {
  for (const valid of [
    'A1LQFN3A',
    'a1lqfn3a',
    'an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6',
    'abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx',
    `11${'l'.repeat(83)}udsr8`,
    'split1checkupstagehandshakeupstreamerranterredcaperredlc445v',
    '?1v759aa',
  ]) {
    assert.doesNotThrow(() => bech32m.decode(valid as `${string}1${string}`), valid)
  }
  for (const invalid of [
    '1xj0phk',
    'qyrz8wqd2c9m',
    'y1b0jsk6g',
    'lt1igcx5c0',
    'in1muywd',
    'mm1crxm3i',
    'au1s5cgom',
    'M1VUXWEZ',
    '16plkw9',
    '1p2gdwpf',
  ]) {
    assert.throws(() => bech32m.decode(invalid as `${string}1${string}`), Error, invalid)
  }
})

test('an address is its 20 bytes in bech32m and survives text, JSON and bytes', () => {
  fc.assert(
    fc.property(anyAddress, value => {
      assert.equal(parseAddress(formatAddress(value)), value)
      assert.equal(address.fromJson(address.toJson(value)), value)
      assert.equal(fromBytes(address, toBytes(address, value)), value)
    }),
  )
})

test('this key has this address for ever', () => {
  const key = publicKeyOf(new Uint8Array(32)) as Did
  assert.equal(formatAddress(addressOf(key)), 'claw1w26feqjg9ajfu02mesutj8ujcpzhjmepqkslwv')
})

test('where JSON wants an address, a DID stands for its own', () => {
  fc.assert(fc.property(anyDid, key => assert.equal(address.fromJson(formatDid(key)), addressOf(key))))
})

test('a mistyped address never resolves: any one or two wrong characters are noticed', () => {
  const alphabet = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
  fc.assert(
    fc.property(
      anyAddress,
      fc.uniqueArray(fc.nat({ max: 37 }), { minLength: 1, maxLength: 2 }),
      fc.nat({ max: 30 }),
      (value, places, shift) => {
        const text = formatAddress(value).split('')
        for (const place of places) {
          const at = 'claw1'.length + place
          text[at] = alphabet[(alphabet.indexOf(text[at]!) + 1 + shift) % 32]!
        }
        assert.throws(() => parseAddress(text.join('')), /the checksum does not match/)
      },
    ),
  )
})

test('an address of another network, length or checksum is refused', () => {
  const raw = new Uint8Array(20)
  assert.throws(() => parseAddress(bech32.encode('claw', bech32.toWords(raw))), /the checksum does not match/)
  assert.throws(() => parseAddress(bech32m.encode('bc', bech32m.toWords(raw))), /must be an address like claw1/)
  assert.throws(
    () => parseAddress(bech32m.encode('claw', bech32m.toWords(new Uint8Array(21)))),
    /must be an address like claw1/,
  )
  assert.throws(() => address.fromJson('recipient'), /must be an address \(claw1…\) or a DID/)
})
