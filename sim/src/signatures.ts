/**
 * Signatures for simulations. The fast scheme is a keyed hash that anybody could forge: simulated traitors use their own
 * keys only, and fifty times as many schedules are worth more than curves that have their own tests.
 */
import type { ConsensusKey } from '@claw-network/node/chain/signer'
import type { SignatureCheck, SignedBytes } from '@claw-network/node/ports'
import { nativeEd25519 } from '@claw-network/node/signatures/ed25519'

export interface SignatureScheme extends SignatureCheck {
  keyOf(secret: Uint8Array): ConsensusKey
}

export type SchemeName = 'keyed-hash' | 'ed25519'

export function schemeOf(name: SchemeName): SignatureScheme {
  return name === 'ed25519' ? ed25519Scheme() : keyedHashScheme
}

const keyedHashScheme: SignatureScheme = {
  keyOf: secret => ({ publicKey: secret.slice(), sign: message => keyedHash(secret, message) }),
  verify: (signature, message, publicKey) => isEqual(signature, keyedHash(publicKey, message)),
  verifyMany: batch => Promise.resolve(batch.map(item => isSound(keyedHashScheme, item))),
}

function ed25519Scheme(): SignatureScheme {
  const { verify, signingKey } = nativeEd25519()
  const scheme: SignatureScheme = {
    keyOf: signingKey,
    verify,
    verifyMany: batch => Promise.resolve(batch.map(item => isSound(scheme, item))),
  }
  return scheme
}

function isSound(scheme: SignatureScheme, { signature, message, publicKey }: SignedBytes): boolean {
  return scheme.verify(signature, message, publicKey)
}

/** 64 bytes from 64 bits of state, which two multiplications per byte spread well enough to tell messages apart. */
function keyedHash(key: Uint8Array, message: Uint8Array): Uint8Array {
  let low = 0x9e3779b9
  let high = 0x85ebca6b
  for (const bytes of [key, message]) {
    for (const byte of bytes) {
      low = Math.imul(low ^ byte, 0x01000193)
      high = Math.imul(high ^ byte ^ (low >>> 13), 0x5bd1e995)
    }
    low ^= bytes.length
  }
  const words = new Uint32Array(16)
  for (let place = 0; place < words.length; place += 2) {
    low = Math.imul(low ^ (high >>> 15), 0x2c1b3c6d)
    high = Math.imul(high ^ (low >>> 12), 0x297a2d39)
    words[place] = low
    words[place + 1] = high
  }
  return new Uint8Array(words.buffer)
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, place) => byte === b[place])
}
