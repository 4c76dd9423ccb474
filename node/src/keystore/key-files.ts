/** How the sealed files of a keystore are named, and what their headers must say of whose key they hold (K8, K22). */
import {
  DecodeError,
  type Did,
  derivationIndexLimit,
  formatDid,
  identityPath,
  type PublicKey,
} from '@claw-network/protocol'
import type { SealedFile } from './format.ts'

export const walletFileName = 'wallet.json'
export const walletPath = 'm'
/** The directory of identities that came from other nodes, in that of the keystore. */
export const importedName = 'imported'
const didHead = 'did:claw:'

/** One key of an identity, in its file. */
export interface KeyFile {
  readonly did: Did
  readonly key: PublicKey
  readonly index: number
  /** 0 for the key in the DID. */
  readonly rotation: number
  readonly file: SealedFile
  /** It came from another node, and perhaps from other words (K26). */
  readonly isImported: boolean
}

export function isKeyFileName(name: string): boolean {
  return /^z[1-9A-HJ-NP-Za-km-z]+(\.[1-9]\d*)?\.json$/.test(name)
}

/** `z6Mk….json`, and `z6Mk….2.json` for the key of the second rotation. */
export function keyFileName({ did, rotation }: Pick<KeyFile, 'did' | 'rotation'>): string {
  return `${formatDid(did).slice(didHead.length)}${rotation === 0 ? '' : `.${rotation}`}.json`
}

/** Throws DecodeError that names the field where the header does not fit an identity's key. */
export function keyFileOf(file: SealedFile, isImported: boolean): KeyFile {
  const { index, rotation } = placeOf(file.path)
  const key = 'key' in file ? file.key : file.did
  // One key, one way to write it: the version says whether it is the one in the DID.
  if ((rotation === 0) !== (file.version === 1))
    throw new DecodeError(`is not the version of a file with the path ${file.path}`).within('version')
  if (rotation > 0 && key === file.did) throw new DecodeError('is the key in the DID').within('key')
  return { did: file.did, key, index, rotation, file, isImported }
}

/** Throws DecodeError for a path that is not an identity's. */
function placeOf(path: string): { readonly index: number; readonly rotation: number } {
  const match = /^m\/44'\/9527'\/(\d{1,10})'\/(\d{1,10})'$/.exec(path)
  const [index, rotation] = [Number(match?.[1]), Number(match?.[2])]
  // Not a number fails every comparison.
  const isPlace = index < derivationIndexLimit && rotation < derivationIndexLimit
  if (!isPlace || identityPath(index, rotation) !== path) {
    throw new DecodeError("must be like m/44'/9527'/0'/0'").within('path')
  }
  return { index, rotation }
}
