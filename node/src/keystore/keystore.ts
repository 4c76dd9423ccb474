/** The node's wallet and the agents derived from it, each key sealed in a file of its own (docs/spec/keystore.md). */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  assert,
  DecodeError,
  type Did,
  formatDid,
  identityKey,
  identityPath,
  present,
  type PublicKey,
  publicKeyOf,
  seedOf,
  walletEntropyBytes,
} from '@claw-network/protocol'
import type { Entropy } from '../ports.ts'
import { createPrivateFile, ensurePrivateDirectory, readPrivateFile } from '../private-files.ts'
import { formatBundle, parseBundle } from './bundle.ts'
import { formatSealedFile, type KdfCost, parseSealedFile, type SealedFile, seal, unseal } from './format.ts'
import {
  importedName,
  isKeyFileName,
  type KeyFile,
  keyFileName,
  keyFileOf,
  walletFileName,
  walletPath,
} from './key-files.ts'

/** The keystore cannot do what was asked; the message names the file and the way out. */
export class KeystoreError extends Error {
  override readonly name = 'KeystoreError'
}

export interface KeystoreOptions {
  /** `keys/`, made if it is not there. */
  readonly directory: string
  readonly cost: KdfCost
}

export interface Identity {
  readonly did: Did
  /** Its place in the wallet: `m/44'/9527'/index'/0'`. */
  readonly index: number
  /** Those that are here, in the order of their rotations. Which of them signs now is the chain's to say (K22). */
  readonly keys: readonly PublicKey[]
  /** It came from another node (K26). */
  readonly isImported: boolean
}

/** The caller wipes the secret. */
export interface OpenKey {
  readonly key: PublicKey
  readonly secretKey: Uint8Array
}

/** Why the wallet has no such key. */
export interface KeyRefusal {
  readonly refused: 'key_is_missing' | 'wallet_is_another'
}

/** How many rotations beyond the last one that has a file here are tried to find a key again (K24). */
const rotationsTriedMax = 256

export class Keystore {
  readonly directory: string
  readonly #cost: KdfCost
  readonly #entropy: Entropy
  /** The keys of each identity by their rotation, ascending. */
  readonly #files = new Map<Did, readonly KeyFile[]>()

  /** Reads what is there. Throws ExposedFileError or KeystoreError where a file is not as it must be. */
  constructor({ directory, cost }: KeystoreOptions, { entropy }: { entropy: Entropy }) {
    this.directory = directory
    this.#cost = cost
    this.#entropy = entropy
    ensurePrivateDirectory(directory)
    const imported = join(directory, importedName)
    if (existsSync(imported)) ensurePrivateDirectory(imported)
    for (const isImported of [false, true]) {
      const names = isImported ? (existsSync(imported) ? readdirSync(imported) : []) : readdirSync(directory)
      for (const name of names) if (isKeyFileName(name)) this.#keep(this.#readKeyFile(name, isImported))
    }
  }

  get hasWallet(): boolean {
    return readPrivateFile(join(this.directory, walletFileName)) !== undefined
  }

  /** Those of the wallet in the order of their indices, then those of others; the first is the node's default identity. */
  get identities(): readonly Identity[] {
    const all = [...this.#files].map(([did, files]) => ({
      did,
      index: files[0]?.index ?? 0,
      keys: files.map(({ key }) => key),
      isImported: files[0]?.isImported ?? false,
    }))
    return all.sort(
      (a, b) => Number(a.isImported) - Number(b.isImported) || a.index - b.index || (a.did < b.did ? -1 : 1),
    )
  }

  /** Seals a new or restored wallet and its first identity. Throws KeystoreError where there is a wallet already. */
  async createWallet(walletEntropy: Uint8Array, passphrase: string): Promise<Identity> {
    assert(walletEntropy.length === walletEntropyBytes, 'a wallet has 32 bytes of entropy')
    if (passphrase === '') throw new KeystoreError('the passphrase is empty: anybody who reads the files could sign')

    const seed = seedOf(walletEntropy)
    const did = publicKeyOf(identityKey(seed, 0)) as Did
    const sealed = await this.#seal(walletEntropy, passphrase, { did, path: walletPath })
    const path = join(this.directory, walletFileName)
    if (!createPrivateFile(path, formatSealedFile(sealed))) {
      throw new KeystoreError(`${path} exists, this node has a wallet: move the directory away to begin another one`)
    }
    return this.#addIdentity(seed, 0, passphrase)
  }

  /** Derives and seals the identity after the last one. Undefined where the passphrase is not the wallet's. */
  async deriveIdentity(passphrase: string): Promise<Identity | undefined> {
    const seed = await this.#seed(passphrase)
    if (seed === undefined) return undefined
    const last = this.identities.findLast(({ isImported }) => !isImported)?.index ?? -1
    // Another node with the same words may have been there before.
    const index = this.#firstFree(seed, last + 1)
    return this.#addIdentity(seed, index, passphrase)
  }

  /** The sealed files of one of our identities, to move it to another node (K26). */
  exported(did: Did): string {
    const files = this.#files.get(did)
    assert(files !== undefined, 'the identity is one of ours')
    return formatBundle(
      did,
      files.map(({ file }) => file),
    )
  }

  /** Adds the identity of another node. Throws DecodeError for what is no bundle, KeystoreError for one that is here. */
  add(bundle: string): Identity {
    const files = parseBundle(bundle)
    const { did, index } = present(files[0], 'a bundle has a key')
    // Of an import that ended half-way the rest is added now.
    const missing = files.filter(({ key }) => !this.holds(did, key))
    if (missing.length === 0) throw new KeystoreError(`${formatDid(did)} is on this node already, with all these keys`)
    for (const file of missing) this.#keep(file)
    ensurePrivateDirectory(join(this.directory, importedName))
    for (const file of missing) {
      const path = this.#pathOf(file)
      if (!createPrivateFile(path, formatSealedFile(file.file))) throw new KeystoreError(`${path} exists`)
    }
    return { did, index, keys: this.keysOf(did), isImported: true }
  }

  /** What the 24 words stand for. Undefined where the passphrase is not the wallet's. */
  async walletEntropy(passphrase: string): Promise<Uint8Array | undefined> {
    if (!this.hasWallet) {
      throw new KeystoreError(
        `${this.directory} has no wallet: run "clawnet init", or "clawnet init --restore" with 24 words`,
      )
    }
    return unseal(this.#read(walletFileName), passphrase)
  }

  /** Empty for an identity that is not one of ours. */
  keysOf(did: Did): readonly PublicKey[] {
    return (this.#files.get(did) ?? []).map(({ key }) => key)
  }

  holds(did: Did, key: PublicKey): boolean {
    return this.#fileOf(did, key) !== undefined
  }

  /** The secret of a key that is held. Undefined where the passphrase is wrong. The caller wipes it. */
  async secretKey(did: Did, passphrase: string, key: PublicKey = did): Promise<Uint8Array | undefined> {
    const found = this.#fileOf(did, key)
    assert(found !== undefined, 'the key is one of ours')
    return unseal(found.file, passphrase)
  }

  /**
   * Derives and seals a key that was made on another node from the same words, or before this node was restored (K24).
   * Undefined where the passphrase is not the wallet's.
   */
  async recoverKey(did: Did, key: PublicKey, passphrase: string): Promise<OpenKey | KeyRefusal | undefined> {
    const opened = await this.#withSeed(did, passphrase, async (seed, index): Promise<OpenKey | KeyRefusal> => {
      const found = await this.#found(seed, { did, key, index }, passphrase)
      if (found === undefined) return { refused: 'key_is_missing' }
      return { key, secretKey: identityKey(seed, index, found.rotation) }
    })
    // Where the words are another's, they have no such key either.
    return opened !== undefined && 'refused' in opened ? { refused: 'key_is_missing' } : opened
  }

  /**
   * The key of a rotation that is to come, derived and sealed before anything is sent; the same one whenever it is asked
   * for (K23). Undefined where the passphrase is not the wallet's.
   */
  async nextKey(did: Did, rotation: number, passphrase: string): Promise<OpenKey | KeyRefusal | undefined> {
    return this.#withSeed(did, passphrase, async (seed, index): Promise<OpenKey> => {
      const secretKey = identityKey(seed, index, rotation)
      const key = publicKeyOf(secretKey)
      if (!this.holds(did, key)) await this.#addKey({ did, key, index, rotation }, secretKey, passphrase)
      return { key, secretKey }
    })
  }

  /** The file of the key, made again where it is a key of the wallet that has none here. */
  async #found(seed: Uint8Array, { did, key, index }: Wanted, passphrase: string): Promise<KeyFile | undefined> {
    const held = this.#fileOf(did, key)
    if (held !== undefined) return held
    const last = this.#files.get(did)?.at(-1)?.rotation ?? 0
    for (let rotation = 0; rotation <= last + rotationsTriedMax; rotation++) {
      const secretKey = identityKey(seed, index, rotation)
      try {
        if (publicKeyOf(secretKey) === key) {
          return await this.#addKey({ did, key, index, rotation }, secretKey, passphrase)
        }
      } finally {
        secretKey.fill(0)
      }
    }
    return undefined
  }

  /** Undefined where the passphrase is not the wallet's. */
  async #withSeed<T>(
    did: Did,
    passphrase: string,
    work: (seed: Uint8Array, index: number) => Promise<T>,
  ): Promise<T | KeyRefusal | undefined> {
    const index = this.#files.get(did)?.[0]?.index
    assert(index !== undefined, 'the identity is one of ours')
    const seed = await this.#seed(passphrase)
    if (seed === undefined) return undefined

    try {
      // Its file may have come from a node with other words.
      const first = identityKey(seed, index)
      const isOfWallet = publicKeyOf(first) === did
      first.fill(0)
      return isOfWallet ? await work(seed, index) : { refused: 'wallet_is_another' }
    } finally {
      seed.fill(0)
    }
  }

  async #seed(passphrase: string): Promise<Uint8Array | undefined> {
    const walletEntropy = await this.walletEntropy(passphrase)
    if (walletEntropy === undefined) return undefined
    const seed = seedOf(walletEntropy)
    walletEntropy.fill(0)
    return seed
  }

  /** Wipes the seed. */
  async #addIdentity(seed: Uint8Array, index: number, passphrase: string): Promise<Identity> {
    const secretKey = identityKey(seed, index)
    seed.fill(0)
    const did = publicKeyOf(secretKey) as Did
    await this.#addKey({ did, key: did, index, rotation: 0 }, secretKey, passphrase)
    secretKey.fill(0)
    return { did, index, keys: [did], isImported: false }
  }

  #firstFree(seed: Uint8Array, index: number): number {
    const secretKey = identityKey(seed, index)
    const isTaken = this.#files.has(publicKeyOf(secretKey) as Did)
    secretKey.fill(0)
    return isTaken ? this.#firstFree(seed, index + 1) : index
  }

  async #addKey(
    place: Omit<KeyFile, 'file' | 'isImported'>,
    secretKey: Uint8Array,
    passphrase: string,
  ): Promise<KeyFile> {
    const { did, key, index, rotation } = place
    const file = await this.#seal(secretKey, passphrase, {
      did,
      path: identityPath(index, rotation),
      ...(rotation > 0 && { key }),
    })
    const made = { ...place, file, isImported: this.#files.get(did)?.[0]?.isImported ?? false }
    const path = this.#pathOf(made)
    const isNew = createPrivateFile(path, formatSealedFile(file))
    // Of a rotation there is only one key, so another process may as well have made it.
    const added = isNew ? made : rotation > 0 ? this.#readKeyFile(keyFileName(made), made.isImported) : undefined
    if (added?.key !== key) {
      throw new KeystoreError(`${path} exists: restart the node so that it reads the keys added meanwhile`)
    }
    this.#keep(added)
    return added
  }

  #keep(added: KeyFile): void {
    const files = [...(this.#files.get(added.did) ?? []), added]
    const path = this.#pathOf(added)
    if (files.some(({ index }) => index !== added.index)) {
      throw new KeystoreError(`${path}: path: names another identity than the other files of ${formatDid(added.did)}`)
    }
    if (files.filter(({ key }) => key === added.key).length > 1) {
      throw new KeystoreError(`${path}: key: is that of another file of ${formatDid(added.did)}`)
    }
    this.#files.set(
      added.did,
      files.sort((a, b) => a.rotation - b.rotation),
    )
  }

  #fileOf(did: Did, key: PublicKey): KeyFile | undefined {
    return this.#files.get(did)?.find(file => file.key === key)
  }

  #seal(secret: Uint8Array, passphrase: string, subject: Parameters<typeof seal>[2]): Promise<SealedFile> {
    return seal(secret, passphrase, subject, this.#cost, { entropy: this.#entropy })
  }

  #pathOf(keyFile: KeyFile): string {
    return join(this.directory, keyFile.isImported ? importedName : '', keyFileName(keyFile))
  }

  #readKeyFile(baseName: string, isImported: boolean): KeyFile {
    const name = isImported ? join(importedName, baseName) : baseName
    const keyFile = this.#decoded(name, () => keyFileOf(this.#read(name), isImported))
    const rightName = keyFileName(keyFile)
    if (baseName !== rightName) {
      throw new KeystoreError(
        `${join(this.directory, name)} holds ${formatDid(keyFile.did)}: give it the name of its DID again, ${rightName}`,
      )
    }
    return keyFile
  }

  #read(name: string): SealedFile {
    return this.#decoded(name, () => {
      const file = parseSealedFile(readPrivateFile(join(this.directory, name)) ?? '')
      const isWallet = name === walletFileName
      if (isWallet !== (file.path === walletPath)) throw new DecodeError('is not the path of this file').within('path')
      if (isWallet && file.version !== 1) throw new DecodeError('must be 1 for a wallet').within('version')
      return file
    })
  }

  #decoded<T>(name: string, decode: () => T): T {
    try {
      return decode()
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      throw new KeystoreError(
        `${join(this.directory, name)}: ${error.message}. The file is damaged, or of a newer clawnet: restore it from a backup or from the 24 words, or upgrade`,
      )
    }
  }
}

interface Wanted {
  readonly did: Did
  readonly key: PublicKey
  readonly index: number
}
