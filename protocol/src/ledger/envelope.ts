/** A signed transaction: who, in which order, at what fee, and the payload of one kind (docs/spec/ledger.md, L10 to L16). */
import { type Hash, hash, hashOf } from '../crypto/hash.ts'
import { type Address, addressOf, type Did, did, type PublicKey, publicKey } from '../crypto/keys.ts'
import { leafHashOf } from '../crypto/merkle.ts'
import { bytesEqual, concat, fromHex, utf8 } from '../lib/bytes.ts'
import {
  type Codec,
  DecodeError,
  type Infer,
  itemOf,
  type Json,
  optional,
  struct,
  text,
  toBytes,
  timestamp,
  tokenSum,
  uint,
} from '../lib/codec.ts'
import type { AnyTransactionKind, SignatureStatement } from './domain.ts'
import { transactionBytesMax } from './params.ts'

const fields = {
  chainId: hash,
  kind: text(64, 1),
  sender: did,
  nonce: uint(Number.MAX_SAFE_INTEGER, 1),
  fee: tokenSum,
  validUntil: optional(timestamp),
  prev: optional(hash),
  signer: optional(publicKey),
}
const head = struct(fields)

export type EnvelopeHead = Infer<typeof head>
export type Envelope = EnvelopeHead & { readonly payload: unknown }

/** A transaction whose bytes are well-formed. Its signature is checked apart: `signedBy` over `signingBytes`. */
export interface Transaction {
  readonly id: Hash
  /**
   * The hash of `bytes` as a leaf of a block's transaction tree. Unlike the id it covers the signature: a signer may
   * make several for one transaction.
   */
  readonly wireHash: Hash
  /** The account of the sender. */
  readonly account: Address
  readonly envelope: Envelope
  readonly kind: AnyTransactionKind
  readonly signature: Uint8Array
  /** The canonical bytes of `[body, signature]`: what travels and what a block commits to. */
  readonly bytes: Uint8Array
}

export type TransactionKinds = ReadonlyMap<string, AnyTransactionKind>

/** `[chainId, kind, sender, nonce, fee, validUntil?, prev?, signer?, payload]`, the payload as its kind declares it. */
export function envelopeCodec(kinds: TransactionKinds): Codec<Envelope> {
  const bodyOf = (name: string): Codec<unknown> => {
    const kind = kinds.get(name)
    if (kind === undefined) {
      throw new DecodeError(`is not a known kind; known are ${[...kinds.keys()].join(', ')}`).within('kind')
    }
    return kind.body
  }
  const payloadOf = (name: string, read: (body: Codec<unknown>) => unknown): unknown => {
    const body = bodyOf(name)
    try {
      return read(body)
    } catch (error) {
      throw error instanceof DecodeError ? error.within('payload') : error
    }
  }
  return {
    schema: {
      type: 'object',
      properties: { ...(head.schema['properties'] as { [key: string]: Json }), payload: { type: 'object' } },
      required: [...(head.schema['required'] as string[]), 'payload'],
      additionalProperties: false,
    },
    toCbor: value => [...(head.toCbor(value) as unknown[]), bodyOf(value.kind).toCbor(value.payload)],
    fromCbor(cbor) {
      if (!Array.isArray(cbor) || cbor.length !== Object.keys(fields).length + 1) {
        throw new DecodeError(`must be an array of ${Object.keys(fields).length + 1} fields`)
      }
      const value = head.fromCbor(cbor.slice(0, -1))
      return { ...value, payload: payloadOf(value.kind, body => body.fromCbor(cbor.at(-1))) }
    },
    toJson: value => ({
      ...(head.toJson(value) as { [key: string]: Json }),
      payload: bodyOf(value.kind).toJson(value.payload),
    }),
    fromJson(json) {
      if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new DecodeError('must be an object')
      const { payload, ...rest } = json as Record<string, unknown>
      const value = head.fromJson(rest)
      return { ...value, payload: payloadOf(value.kind, body => body.fromJson(payload)) }
    },
  }
}

/** The bytes a signature covers: `"clawnet/tx/1" || chainId || body`. Their SHA-256 is the transaction's id. */
export function signingBytes(kinds: TransactionKinds, envelope: Envelope): Uint8Array {
  return signingBytesOf(envelope.chainId, toBytes(envelopeCodec(kinds), envelope))
}

/** Puts a signature to an envelope. Whether it is right is for `signedBy` and the verifier to say. */
export function assemble(kinds: TransactionKinds, envelope: Envelope, signature: Uint8Array): Transaction {
  const body = toBytes(envelopeCodec(kinds), envelope)
  const bytes = concat(prefix, body, signaturePrefix, signature)
  return {
    id: hashOf(signingBytesOf(envelope.chainId, body)),
    wireHash: leafHashOf(bytes),
    account: addressOf(envelope.sender),
    envelope,
    kind: kinds.get(envelope.kind) as AnyTransactionKind,
    signature,
    bytes,
  }
}

// A signed transaction is a two-element array: 0x82, the body, then 64 bytes under the head 0x58 0x40.
const prefix = Uint8Array.of(0x82)
const signaturePrefix = Uint8Array.of(0x58, 0x40)

/** Throws DecodeError unless the bytes are the canonical form of a transaction of this chain and of a known kind. */
export function decodeTransaction(kinds: TransactionKinds, chainId: Hash, bytes: Uint8Array): Transaction {
  if (bytes.length > transactionBytesMax) {
    throw new DecodeError(`a transaction has at most ${transactionBytesMax} bytes`)
  }
  const parts = itemOf(bytes)
  if (!Array.isArray(parts) || parts.length !== 2 || !(parts[1] instanceof Uint8Array) || parts[1].length !== 64) {
    throw new DecodeError('must be a body and a signature of 64 bytes')
  }
  const envelope = envelopeCodec(kinds).fromCbor(parts[0])
  if (envelope.chainId !== chainId) {
    throw new DecodeError(`is another network's; this one is 0x${chainId}`).within('chainId')
  }
  const transaction = assemble(kinds, envelope, parts[1])
  // Throws where a signature that the payload should carry is not there.
  transaction.kind.statements?.(envelope.payload, envelope)
  if (!bytesEqual(transaction.bytes, bytes)) throw new DecodeError('bytes are not in canonical form')
  return transaction
}

/** The key that must have signed: the session key where one is named, else the identity's own. */
export function signedBy(envelope: Envelope): PublicKey | Did {
  return envelope.signer ?? envelope.sender
}

/** All signatures a transaction stands on: its own, then those its payload carries (L12). */
export function signatureStatements({ kind, envelope, signature, bytes }: Transaction): readonly SignatureStatement[] {
  const own = {
    signature,
    message: signingBytesOf(envelope.chainId, bytes.subarray(1, -66)),
    publicKey: fromHex(signedBy(envelope)),
  }
  return kind.statements === undefined ? [own] : [own, ...kind.statements(envelope.payload, envelope)]
}

function signingBytesOf(chainId: Hash, body: Uint8Array): Uint8Array {
  return concat(utf8('clawnet/tx/1'), fromHex(chainId), body)
}
