import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import type { Entropy } from '../ports.ts'

/**
 * A secret key between two requests that bring its passphrase: sealed under a keyed hash of the passphrase, so that
 * opening it is the check, and quick (K18). The key of the hash lives and dies with the copy.
 */
export class WarmCopy {
  readonly #hashKey: Uint8Array
  readonly #ciphertext: Buffer
  readonly #tag: Buffer

  constructor(secretKey: Uint8Array, passphrase: string, { entropy }: { entropy: Entropy }) {
    this.#hashKey = entropy.bytes(32)
    const key = this.#sealingKey(passphrase)
    const cipher = createCipheriv('aes-256-gcm', key, nonce)
    this.#ciphertext = Buffer.concat([cipher.update(secretKey), cipher.final()])
    this.#tag = cipher.getAuthTag()
    key.fill(0)
  }

  /** The secret key, or undefined where the passphrase is another. */
  open(passphrase: string): Uint8Array | undefined {
    const key = this.#sealingKey(passphrase)
    const decipher = createDecipheriv('aes-256-gcm', key, nonce)
    key.fill(0)
    decipher.setAuthTag(this.#tag)
    const secretKey = decipher.update(this.#ciphertext)
    try {
      decipher.final()
    } catch {
      secretKey.fill(0)
      return undefined // the tag does not match: another passphrase
    }
    return secretKey
  }

  wipe(): void {
    this.#hashKey.fill(0)
    this.#ciphertext.fill(0)
  }

  #sealingKey(passphrase: string): Buffer {
    return createHmac('sha256', this.#hashKey).update(passphrase.normalize('NFKC')).digest()
  }
}

// Constant, because every copy has a hash key of its own and seals once.
const nonce = new Uint8Array(12)
