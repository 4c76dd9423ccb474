/**
 * Ed25519 in native code under one acceptance rule (docs/spec/encoding.md, E30 to E34): libsodium where there is a
 * build of it, Node's own otherwise. Both agree on the equation; the encodings, on which they differ, are checked here.
 */
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { createRequire } from 'node:module'
import { isCanonicalSignature } from '@claw-network/protocol'

export interface Ed25519 {
  readonly library: 'sodium-native' | 'node:crypto'
  readonly verify: (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => boolean
  /** A key ready to sign. Copies the 32 secret bytes; the caller may wipe its own. */
  readonly signingKey: (secretKey: Uint8Array) => SigningKey
}

export interface SigningKey {
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array
  /** Overwrites the secret where it is ours to overwrite; the key must not be used again. */
  wipe(): void
}

/** The fastest library that this machine has. */
export function nativeEd25519(): Ed25519 {
  return sodiumEd25519() ?? nodeEd25519
}

/** Undefined where sodium-native has no build for this platform. */
export function sodiumEd25519(): Ed25519 | undefined {
  let sodium: Sodium
  try {
    sodium = createRequire(import.meta.url)('sodium-native') as Sodium
  } catch {
    return undefined // no prebuilt binary here: that is what the other implementation is for
  }
  return {
    library: 'sodium-native',
    verify: (signature, message, publicKey) =>
      isCanonicalSignature(signature, publicKey) && sodium.crypto_sign_verify_detached(signature, message, publicKey),
    signingKey(secretKey) {
      const publicKey = new Uint8Array(32)
      const expanded = new Uint8Array(64)
      sodium.crypto_sign_seed_keypair(publicKey, expanded, secretKey)
      return {
        publicKey,
        sign(message) {
          const signature = new Uint8Array(64)
          sodium.crypto_sign_detached(signature, message, expanded)
          return signature
        },
        wipe: () => sodium.sodium_memzero(expanded),
      }
    },
  }
}

export const nodeEd25519: Ed25519 = {
  library: 'node:crypto',
  verify(signature, message, publicKey) {
    if (!isCanonicalSignature(signature, publicKey)) return false

    const key = createPublicKey({ key: Buffer.concat([spkiHead, publicKey]), format: 'der', type: 'spki' })
    return verify(null, message, key, signature)
  },
  signingKey(secretKey) {
    const encoded = Buffer.concat([pkcs8Head, secretKey])
    const key = createPrivateKey({ key: encoded, format: 'der', type: 'pkcs8' })
    encoded.fill(0)
    const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
    return {
      publicKey: new Uint8Array(spki.subarray(spkiHead.length)),
      sign: message => new Uint8Array(sign(null, message, key)),
      wipe() {}, // the copy is OpenSSL's, which clears it when the key is collected
    }
  },
}

// RFC 8410: what stands in DER before the 32 bytes of an Ed25519 key, public and secret.
const spkiHead = Buffer.from('302a300506032b6570032100', 'hex')
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex')

/** What we call of sodium-native, which brings no types. */
interface Sodium {
  crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
  crypto_sign_seed_keypair(publicKey: Uint8Array, expanded: Uint8Array, secretKey: Uint8Array): void
  crypto_sign_detached(signature: Uint8Array, message: Uint8Array, expanded: Uint8Array): void
  sodium_memzero(bytes: Uint8Array): void
}
