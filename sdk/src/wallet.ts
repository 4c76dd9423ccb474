/** Keys that never leave this process: transactions are built and signed here, the node only passes them on. */
import {
  type Address,
  addressOf,
  assemble,
  DecodeError,
  type Did,
  entropyOf,
  envelopeCodec,
  formatAddress,
  formatDid,
  hash,
  identityKey,
  ledger,
  publicKeyOf,
  seedOf,
  sign,
  signingBytes,
  toHex,
} from '@claw-network/protocol'
import type { BodyOf, KindName } from './tables.ts'
import { toJsonText } from './json-form.ts'

export interface Wallet {
  /** `did:claw:z6Mk…` */
  readonly did: string
  /** `claw1…` */
  readonly address: string
  /** Throws DecodeError that names the field where the order is not well-formed. */
  sign<K extends KindName>(order: Order<K>): SignedTransaction
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
  if (secretKey.length !== 32) throw new DecodeError(`a secret key has 32 bytes, this one has ${secretKey.length}`)
  const sender = publicKeyOf(secretKey) as Did
  const did = formatDid(sender)
  const account: Address = addressOf(sender)
  const codec = envelopeCodec(ledger.kinds)

  return {
    did,
    address: formatAddress(account),
    sign({ body, ...head }) {
      const given = JSON.parse(toJsonText({ ...head, sender: did, payload: body })) as unknown
      const envelope = codec.fromJson(given)
      const signature = sign(signingBytes(ledger.kinds, envelope), secretKey)
      const { id, bytes } = assemble(ledger.kinds, envelope, signature)
      return { txHash: hash.toJson(id) as string, bytes: `0x${toHex(bytes)}` }
    },
  }
}
