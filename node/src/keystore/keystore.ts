/** The node's wallet and the agents derived from it, each sealed in a file of its own (docs/spec/keystore.md). */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  assert,
  DecodeError,
  type Did,
  derivationIndexLimit,
  formatDid,
  identityKey,
  identityPath,
  publicKeyOf,
  seedOf,
  walletEntropyBytes,
} from '@claw-network/protocol'
import type { Entropy } from '../ports.ts'
import { createPrivateFile, ensurePrivateDirectory, readPrivateFile } from '../private-files.ts'
import {
  formatSealedFile,
  type KdfCost,
  parseSealedFile,
  type SealedFile,
  type Subject,
  seal,
  unseal,
} from './format.ts'

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
}

export class Keystore {
  readonly directory: string
  readonly #cost: KdfCost
  readonly #entropy: Entropy
  readonly #files = new Map<Did, SealedFile>()

  /** Reads what is there. Throws ExposedFileError or KeystoreError where a file is not as it must be. */
  constructor({ directory, cost }: KeystoreOptions, { entropy }: { entropy: Entropy }) {
    this.directory = directory
    this.#cost = cost
    this.#entropy = entropy
    ensurePrivateDirectory(directory)
    for (const name of readdirSync(directory)) {
      if (!identityFileName.test(name)) continue
      const file = this.#read(name)
      if (name !== fileNameOf(file.did)) {
        throw new KeystoreError(
          `${join(directory, name)} holds ${formatDid(file.did)}: give it the name of its DID again`,
        )
      }
      this.#files.set(file.did, file)
    }
  }

  get hasWallet(): boolean {
    return readPrivateFile(join(this.directory, walletFileName)) !== undefined
  }

  /** In the order of their indices; the first is the node's default identity. */
  get identities(): readonly Identity[] {
    const all = [...this.#files.values()].map(({ did, path }) => ({ did, index: indexOf(path) }))
    return all.sort((a, b) => a.index - b.index)
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
    const walletEntropy = await this.walletEntropy(passphrase)
    if (walletEntropy === undefined) return undefined

    const index = (this.identities.at(-1)?.index ?? -1) + 1
    const seed = seedOf(walletEntropy)
    walletEntropy.fill(0)
    return this.#addIdentity(seed, index, passphrase)
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

  /** The identity's secret key. Undefined where the passphrase is wrong. The identity must be one of `identities`. */
  async secretKey(did: Did, passphrase: string): Promise<Uint8Array | undefined> {
    const file = this.#files.get(did)
    assert(file !== undefined, 'the identity is one of ours')
    return unseal(file, passphrase)
  }

  /** Wipes the seed. */
  async #addIdentity(seed: Uint8Array, index: number, passphrase: string): Promise<Identity> {
    const secretKey = identityKey(seed, index)
    const did = publicKeyOf(secretKey) as Did
    const sealed = await this.#seal(secretKey, passphrase, { did, path: identityPath(index) })
    seed.fill(0)
    secretKey.fill(0)

    const path = join(this.directory, fileNameOf(did))
    if (!createPrivateFile(path, formatSealedFile(sealed))) {
      throw new KeystoreError(`${path} exists: restart the node so that it reads the identities added meanwhile`)
    }
    this.#files.set(did, sealed)
    return { did, index }
  }

  #seal(secret: Uint8Array, passphrase: string, subject: Subject): Promise<SealedFile> {
    return seal(secret, passphrase, subject, this.#cost, { entropy: this.#entropy })
  }

  #read(name: string): SealedFile {
    const path = join(this.directory, name)
    try {
      const file = parseSealedFile(readPrivateFile(path) ?? '')
      const isWallet = name === walletFileName
      if (isWallet !== (file.path === walletPath)) throw new DecodeError('is not the path of this file').within('path')
      if (!isWallet) indexOf(file.path)
      return file
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      throw new KeystoreError(
        `${path}: ${error.message}. The file is damaged, or of a newer clawnet: restore it from a backup or from the 24 words, or upgrade`,
      )
    }
  }
}

const walletFileName = 'wallet.json'
const identityFileName = /^z[1-9A-HJ-NP-Za-km-z]+\.json$/
const walletPath = 'm'
const didHead = 'did:claw:'

function fileNameOf(did: Did): string {
  return `${formatDid(did).slice(didHead.length)}.json`
}

/** Throws DecodeError for a path that is not an identity's. */
function indexOf(path: string): number {
  const index = Number(/^m\/44'\/9527'\/(\d{1,10})'\/0'$/.exec(path)?.[1])
  // Not a number fails every comparison.
  if (!(index < derivationIndexLimit) || identityPath(index) !== path) {
    throw new DecodeError("must be like m/44'/9527'/0'/0'").within('path')
  }
  return index
}
