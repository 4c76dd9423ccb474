/** Keys that never leave this process: transactions are built and signed here, the node only passes them on. */
import {
  addressOf,
  DecodeError,
  type Did,
  entropyOf,
  envelopeCodec,
  formatAddress,
  formatDid,
  hash,
  identityKey,
  ledger,
  parseDid,
  publicKey,
  publicKeyOf,
  rotationMessage,
  seedOf,
  sign,
  signEnvelope,
  toHex,
} from '@claw-network/protocol'
import type { BodyOf, KindName } from './tables.ts'
import { toJsonText } from './json-form.ts'

export interface Wallet {
  /** `did:claw:z6Mk…` of the identity it signs for. */
  readonly did: string
  /** `claw1…` */
  readonly address: string
  /** `0x…` of the key that signs: what `identity.grant` and `identity.rotate` call it. */
  readonly publicKey: string
  /** Throws DecodeError that names the field where the order is not well-formed. */
  sign<K extends KindName>(order: Order<K>): SignedTransaction
  /** The `proof` of an `identity.rotate` that makes the key of this wallet the key of `did`; `0x…`. */
  rotationProof(rotation: Rotation): string
}

export interface Rotation {
  /** `0x…` of the network. */
  readonly chainId: string
  /** Whose key it becomes. */
  readonly did: string
  /** One more than the rotations in the DID document. */
  readonly rotation: number
}

/** Everything a signature covers. */
export interface Order<K extends KindName> {
  /** `0x…` of the network it is meant for: it is void on every other one. */
  readonly chainId: string
  readonly kind: K
  readonly body: BodyOf<K>
  /** One more than the account's last one. */
  readonly nonce: number
  /** In Tokens; the network's minimum or more. */
  readonly fee: number | bigint
  /** Milliseconds since 1970-01-01 UTC after which no block may hold it. */
  readonly validUntil?: number
  /** Void unless this is still the account's last transaction. */
  readonly prev?: string
}

export interface SignedTransaction {
  readonly txHash: string
  /** The canonical bytes, as `0x…`. */
  readonly bytes: string
}

/**
 * The wallet of 24 words, or of a 32-byte Ed25519 secret key. `index` counts the agents of one mnemonic: the same words
 * give the same DIDs here and in a node. Throws DecodeError for words that are no mnemonic.
 */
export function createWallet(secret: string | Uint8Array, index = 0): Wallet {
  const secretKey = typeof secret === 'string' ? identityKey(seedOf(entropyOf(secret)), index) : secret
  checkLength(secretKey)
  return walletOf(secretKey, publicKeyOf(secretKey) as Did)
}

/**
 * A wallet that signs for `did` with a key that is not the one in the DID: a session key, within what the identity
 * granted it, or the key that the identity has rotated to. Throws DecodeError for what is no DID.
 */
export function createSessionWallet(secretKey: Uint8Array, did: string): Wallet {
  checkLength(secretKey)
  return walletOf(secretKey, parseDid(did))
}

function walletOf(secretKey: Uint8Array, sender: Did): Wallet {
  const key = publicKeyOf(secretKey)
  const did = formatDid(sender)
  const codec = envelopeCodec(ledger.kinds)

  return {
    did,
    address: formatAddress(addressOf(sender)),
    publicKey: publicKey.toJson(key) as string,
    sign({ body, ...head }) {
      const given = JSON.parse(toJsonText({ ...head, sender: did, payload: body })) as unknown
      const envelope = { ...codec.fromJson(given), ...(key !== sender && { signer: key }) }
      const { id, bytes } = signEnvelope(ledger.kinds, envelope, {
        sign: message => sign(message, secretKey),
        nowMs: Date.now(),
      })
      return { txHash: hash.toJson(id) as string, bytes: `0x${toHex(bytes)}` }
    },
    rotationProof({ chainId, did: subject, rotation }) {
      const message = rotationMessage(hash.fromJson(chainId), parseDid(subject), key, rotation)
      return `0x${toHex(sign(message, secretKey))}`
    },
  }
}

function checkLength({ length }: Uint8Array): void {
  if (length !== 32) throw new DecodeError(`a secret key has 32 bytes, this one has ${length}`)
}
