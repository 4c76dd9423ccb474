import { publicKeyOf } from '../../protocol/src/crypto/ed25519.ts'
import { digest } from '../../protocol/src/crypto/hash.ts'
import { type Address, addressOf, type Did, type PublicKey } from '../../protocol/src/crypto/keys.ts'
import { utf8 } from '../../protocol/src/lib/bytes.ts'

/** Somebody with an account and, where he is a validator, a consensus key. */
export interface Actor {
  readonly name: string
  readonly secretKey: Uint8Array
  readonly did: Did
  readonly address: Address
  readonly consensusSecretKey: Uint8Array
  readonly consensusKey: PublicKey
}

const known = new Map<string, Actor>()

/** The same keys for the same name in every run. */
export function actor(name: string): Actor {
  const met = known.get(name)
  if (met !== undefined) return met
  const secretKey = digest(utf8(`account of ${name}`))
  const consensusSecretKey = digest(utf8(`validator ${name}`))
  const did = publicKeyOf(secretKey) as Did
  const made: Actor = {
    name,
    secretKey,
    did,
    address: addressOf(did),
    consensusSecretKey,
    consensusKey: publicKeyOf(consensusSecretKey),
  }
  known.set(name, made)
  return made
}
