import type { SignedBytes } from '../ports.ts'

/** A batch of checks as two buffers, so that a worker thread takes it over without a copy. */
export interface PackedBatch {
  /** Length of each message. */
  readonly messageBytes: Uint32Array<ArrayBuffer>
  /** Signature (64), public key (32), message of each item, one after the other. */
  readonly content: Uint8Array<ArrayBuffer>
}

const signatureBytes = 64
const publicKeyBytes = 32

/** Packs a batch. Signatures and keys must have their lengths: what has not is no signature and needs no worker. */
export function packBatch(batch: readonly SignedBytes[]): PackedBatch {
  const messageBytes = Uint32Array.from(batch, item => item.message.length)
  const total = messageBytes.reduce((sum, length) => sum + signatureBytes + publicKeyBytes + length, 0)
  const content = new Uint8Array(total)
  let offset = 0
  for (const { signature, publicKey, message } of batch) {
    for (const part of [signature, publicKey, message]) {
      content.set(part, offset)
      offset += part.length
    }
  }
  return { messageBytes, content }
}

export function hasPackableLengths({ signature, publicKey }: SignedBytes): boolean {
  return signature.length === signatureBytes && publicKey.length === publicKeyBytes
}

/** One byte per item: 1 where the signature is accepted. */
export function verifyPacked(
  { messageBytes, content }: PackedBatch,
  verify: (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => boolean,
): Uint8Array<ArrayBuffer> {
  const verdicts = new Uint8Array(messageBytes.length)
  let offset = 0
  const take = (length: number): Uint8Array => {
    offset += length
    return content.subarray(offset - length, offset)
  }
  messageBytes.forEach((length, index) => {
    const signature = take(signatureBytes)
    const publicKey = take(publicKeyBytes)
    verdicts[index] = verify(signature, take(length), publicKey) ? 1 : 0
  })
  return verdicts
}
