/** Names of keys: DIDs and addresses (docs/spec/encoding.md, E20 to E24). */
import { base58, bech32m } from '@scure/base'
import { concat, fromHex, toHex, utf8 } from '../lib/bytes.ts'
import { type Codec, DecodeError, hexId } from '../lib/codec.ts'
import { digest } from './hash.ts'

/** An Ed25519 public key as lowercase hex. */
export type PublicKey = string & { readonly publicKey: unique symbol }
/** The public key an identity was born with, as lowercase hex; `did:claw:z6Mk…` in JSON. */
export type Did = PublicKey & { readonly did: unique symbol }
/** 20 bytes as lowercase hex; `claw1…` in JSON. */
export type Address = string & { readonly address: unique symbol }

const didPrefix = 'did:claw:'
const ed25519Multicodec = Uint8Array.of(0xed, 0x01)
/** A Multikey of an Ed25519 key has 48 characters; a longer text is looked at no further. */
const multikeyLengthMax = 64
const addressPrefix = 'claw'
/** Names kept with what was derived from them; a few MiB. */
const rememberedMax = 20_000

export const publicKey: Codec<PublicKey> = hexId<PublicKey>(32)

/** `z6Mk…`: the public key as a Multikey, in multibase base58btc. */
export function formatMultikey(key: PublicKey): string {
  return `z${base58.encode(concat(ed25519Multicodec, fromHex(key)))}`
}

/** Throws DecodeError with what is wrong. */
export function parseMultikey(input: string): PublicKey {
  return keyIn(input, 'a Multikey')
}

export function formatDid(did: Did): string {
  return didPrefix + formatMultikey(did)
}

/** Throws DecodeError with what is wrong. */
export function parseDid(input: string): Did {
  if (!input.startsWith(`${didPrefix}z`)) throw new DecodeError('must be a DID like did:claw:z6Mk…')
  return keyIn(input.slice(didPrefix.length), 'a DID') as Did
}

export const addressOf: (did: Did) => Address = remembered(
  did => toHex(digest(utf8('clawnet/address'), fromHex(did)).subarray(0, 20)) as Address,
)

export const formatAddress: (address: Address) => string = remembered(address =>
  bech32m.encode(addressPrefix, bech32m.toWords(fromHex(address))),
)

/** Throws DecodeError with what is wrong: a mistyped address never resolves. */
export function parseAddress(input: string): Address {
  let decoded: { prefix: string; words: number[] }
  try {
    decoded = bech32m.decode(input as `${string}1${string}`)
  } catch {
    throw new DecodeError('is not an address: the checksum does not match, look for a mistyped character')
  }
  const raw = decoded.prefix === addressPrefix ? bech32m.fromWordsUnsafe(decoded.words) : undefined
  if (raw?.length !== 20) throw new DecodeError('must be an address like claw1…')
  return toHex(raw) as Address
}

export const did: Codec<Did> = {
  schema: { type: 'string', pattern: '^did:claw:z[1-9A-HJ-NP-Za-km-z]+$', examples: ['did:claw:z6Mk…'] },
  toCbor: value => fromHex(value),
  fromCbor: publicKey.fromCbor as (cbor: unknown) => Did,
  toJson: formatDid,
  fromJson(json) {
    if (typeof json !== 'string') throw new DecodeError('must be a DID like did:claw:z6Mk…')
    return parseDid(json)
  },
}

const rawAddress = hexId<Address>(20)

/** JSON accepts an address or a DID; it always answers with the address. */
export const address: Codec<Address> = {
  schema: { type: 'string', description: 'Address (claw1…) or DID (did:claw:…)', pattern: '^(claw1|did:claw:)' },
  toCbor: rawAddress.toCbor,
  fromCbor: rawAddress.fromCbor,
  ...(rawAddress.toHex && { toHex: rawAddress.toHex }),
  toJson: formatAddress,
  fromJson(json) {
    if (typeof json !== 'string') throw new DecodeError('must be an address (claw1…) or a DID (did:claw:…)')
    if (json.startsWith('did:')) return addressOf(parseDid(json))
    if (!json.startsWith('claw1')) throw new DecodeError('must be an address (claw1…) or a DID (did:claw:…)')
    return parseAddress(json)
  },
}

function keyIn(multikey: string, what: string): PublicKey {
  const wrong = `is not ${what} of an Ed25519 key (z6Mk…, 47 characters after "z")`
  // Decoding base58 takes quadratic time, so the length is looked at first.
  if (multikey.length > multikeyLengthMax || !multikey.startsWith('z')) throw new DecodeError(wrong)
  let body: Uint8Array
  try {
    body = base58.decode(multikey.slice(1))
  } catch {
    throw new DecodeError(`is not ${what}: it has characters outside base58`)
  }
  if (body.length !== 34 || body[0] !== 0xed || body[1] !== 0x01) throw new DecodeError(wrong)
  return toHex(body.subarray(2)) as PublicKey
}

/** The same names come again and again, and hashing one costs more than reading its row. */
function remembered<K, V>(derive: (key: K) => V): (key: K) => V {
  const known = new Map<K, V>()
  return key => {
    const met = known.get(key)
    if (met !== undefined) return met
    if (known.size >= rememberedMax) known.clear()
    const value = derive(key)
    known.set(key, value)
    return value
  }
}
