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
  type Json,
  type PublicKey,
  publicKey,
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

export type SealedFile = Infer<typeof firstFile> | Infer<typeof rotatedFile>

/** What the file says in the clear, and nobody can alter without the passphrase. */
export interface Subject {
  readonly did: Did
  /** Of a key that is not the one in the DID (K22). */
  readonly key?: PublicKey
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
  const { did, key: rotatedKey, path } = subject
  const method = {
    kdf: { name: 'argon2id' as const, ...cost, salt: entropy.bytes(saltBytes) },
    cipher: { name: 'aes-256-gcm' as const, nonce: entropy.bytes(nonceBytes) },
  }
  const header: Header =
    rotatedKey === undefined
      ? { version: 1, did, path, ...method }
      : { version: 2, did, key: rotatedKey, path, ...method }
  const key = await passphraseKey(passphrase, header.kdf)
  const cipher = createCipheriv('aes-256-gcm', key, header.cipher.nonce)
  cipher.setAAD(headerBytes(header))
  const ciphertext = Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()])
  key.fill(0)
  return { ...header, ciphertext: new Uint8Array(ciphertext) }
}

/** The secret; undefined where the passphrase is wrong or the file was altered, which look the same. */
export async function unseal(file: SealedFile, passphrase: string): Promise<Uint8Array | undefined> {
  const key = await passphraseKey(passphrase, file.kdf)
  const decipher = createDecipheriv('aes-256-gcm', key, file.cipher.nonce)
  key.fill(0)
  decipher.setAAD(headerBytes(file))
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
  return `${JSON.stringify(sealedFileJson(file), null, 2)}\n`
}

export function sealedFileJson(file: SealedFile): Json {
  return 'key' in file ? rotatedFile.toJson(file) : firstFile.toJson(file)
}

/** Throws DecodeError that names the field: not JSON, not this format, or a cost above the caps. */
export function parseSealedFile(text: string): SealedFile {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new DecodeError('is not JSON')
  }
  return sealedFileOf(json)
}

/** Throws DecodeError as `parseSealedFile` does. */
export function sealedFileOf(json: unknown): SealedFile {
  const version = versionOf(json)
  return (version === 2 ? rotatedFile : firstFile).fromJson(json)
}

const saltBytes = 16
const nonceBytes = 12
const tagBytes = 16
const secretBytes = 32

// The caps (K10) keep a planted file from taking the machine's memory or an hour of its time.
const memoryKiBMax = 1_048_576
const passesMax = 16
const parallelismMax = 16

const methodFields = {
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
/** Of the wallet, and of the key in a DID. */
const firstFields = { version: uint(1, 1), did, ...methodFields }
/** Of a key that came later. */
const rotatedFields = { version: uint(2, 2), did, key: publicKey, ...methodFields }
const firstHeader = struct(firstFields)
const rotatedHeader = struct(rotatedFields)
const ciphertext = bytes(secretBytes + tagBytes, secretBytes + tagBytes)
const firstFile = struct({ ...firstFields, ciphertext })
const rotatedFile = struct({ ...rotatedFields, ciphertext })

type Header = Infer<typeof firstHeader> | Infer<typeof rotatedHeader>

/** What the passphrase holds together with the secret (K12). */
function headerBytes(header: Header): Uint8Array {
  return 'key' in header ? toBytes(rotatedHeader, header) : toBytes(firstHeader, header)
}

/** Throws DecodeError for a version that is not known here. */
function versionOf(json: unknown): 1 | 2 {
  const { version } = (json ?? {}) as { readonly version?: unknown }
  if (version === 1 || version === 2) return version
  throw new DecodeError('must be 1 or 2').within('version')
}

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
