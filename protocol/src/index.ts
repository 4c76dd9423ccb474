export {
  derivationIndexLimit,
  entropyOf,
  identityKey,
  identityPath,
  mnemonicOf,
  seedOf,
  walletEntropyBytes,
} from './crypto/derivation.ts'
export { isCanonicalSignature, publicKeyOf, sign } from './crypto/ed25519.ts'
export { hash, hashOf } from './crypto/hash.ts'
export {
  type Address,
  address,
  addressOf,
  type Did,
  did,
  formatAddress,
  formatDid,
  type PublicKey,
  parseAddress,
  parseDid,
  publicKey,
} from './crypto/keys.ts'
export { assert, present } from './lib/assert.ts'
export { bytesEqual, compareBytes, concat, fromHex, toHex, utf8 } from './lib/bytes.ts'
export { DecodeError, type Json } from './lib/codec.ts'
