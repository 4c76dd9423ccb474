/** A sealed file of the keystore: 32 secret bytes under a passphrase (docs/spec/keystore.md, K8 to K12). */
import { argon2, createCipheriv, createDecipheriv } from 'node:crypto'
import { promisify } from 'node:util'
import {
  bytes,
  DecodeError,
  type Did,
  did,
  enumeration,
  type Infer,
  struct,
  text,
  toBytes,
  uint,
} from '@claw-network/protocol'
import type { Entropy } from '../ports.ts'

export interface KdfCost {
  readonly memoryKiB: number
  readonly passes: number
  readonly parallelism: number
}

/** OWASP asks for 19 MiB and two passes at least; this takes about a quarter of a second (K9). */
export const kdfCostDefault: KdfCost = { memoryKiB: 65_536, passes: 3, parallelism: 1 }

export type SealedFile = Infer<typeof sealedFile>

/** What the file says in the clear, and nobody can alter without the passphrase. */
export interface Subject {
  readonly did: Did
  /** Where the secret stands in the wallet; `m` for the wallet's own entropy. */
  readonly path: string
}

export async function seal(
  secret: Uint8Array,
  passphrase: string,
  subject: Subject,
  cost: KdfCost,
  { entropy }: { entropy: Entropy },
): Promise<SealedFile> {
  const header: Infer<typeof sealedHeader> = {
    version: 1,
    ...subject,
    kdf: { name: 'argon2id', ...cost, salt: entropy.bytes(saltBytes) },
    cipher: { name: 'aes-256-gcm', nonce: entropy.bytes(nonceBytes) },
  }
  const key = await passphraseKey(passphrase, header.kdf)
  const cipher = createCipheriv('aes-256-gcm', key, header.cipher.nonce)
  cipher.setAAD(toBytes(sealedHeader, header))
  const ciphertext = Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()])
  key.fill(0)
  return { ...header, ciphertext: new Uint8Array(ciphertext) }
}

/** The secret; undefined where the passphrase is wrong or the file was altered, which look the same. */
export async function unseal(file: SealedFile, passphrase: string): Promise<Uint8Array | undefined> {
  const key = await passphraseKey(passphrase, file.kdf)
  const decipher = createDecipheriv('aes-256-gcm', key, file.cipher.nonce)
  key.fill(0)
  decipher.setAAD(toBytes(sealedHeader, file))
  decipher.setAuthTag(file.ciphertext.subarray(-tagBytes))
  const secret = decipher.update(file.ciphertext.subarray(0, -tagBytes))
  try {
    decipher.final()
  } catch {
    secret.fill(0)
    return undefined // the tag does not match: that is how a wrong passphrase shows
  }
  return secret
}

export function formatSealedFile(file: SealedFile): string {
  return `${JSON.stringify(sealedFile.toJson(file), null, 2)}\n`
}

/** Throws DecodeError that names the field: not JSON, not this format, or a cost above the caps. */
export function parseSealedFile(text: string): SealedFile {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new DecodeError('is not JSON')
  }
  return sealedFile.fromJson(json)
}

const saltBytes = 16
const nonceBytes = 12
const tagBytes = 16
const secretBytes = 32

// The caps (K10) keep a planted file from taking the machine's memory or an hour of its time.
const memoryKiBMax = 1_048_576
const passesMax = 16
const parallelismMax = 16

const headerFields = {
  version: uint(1, 1),
  did,
  path: text(64, 1),
  kdf: struct({
    name: enumeration('argon2id'),
    memoryKiB: uint(memoryKiBMax, 8 * parallelismMax),
    passes: uint(passesMax, 1),
    parallelism: uint(parallelismMax, 1),
    salt: bytes(saltBytes, saltBytes),
  }),
  cipher: struct({ name: enumeration('aes-256-gcm'), nonce: bytes(nonceBytes, nonceBytes) }),
}
const sealedHeader = struct(headerFields)
const sealedFile = struct({ ...headerFields, ciphertext: bytes(secretBytes + tagBytes, secretBytes + tagBytes) })

/** The same characters typed on another keyboard must give the same key, hence NFKC (K9). */
async function passphraseKey(passphrase: string, kdf: SealedFile['kdf']): Promise<Buffer> {
  const message = Buffer.from(passphrase.normalize('NFKC'), 'utf8')
  const { salt: nonce, memoryKiB: memory, passes, parallelism } = kdf
  try {
    return await promisify(argon2)('argon2id', { message, nonce, memory, passes, parallelism, tagLength: 32 })
  } finally {
    message.fill(0)
  }
}
