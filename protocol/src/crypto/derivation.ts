/** From 24 words to the keys of a node's agents: BIP-39, SLIP-0010 (docs/spec/keystore.md, K1 to K4). */
import { hmac } from '@noble/hashes/hmac.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { entropyToMnemonic, mnemonicToEntropy, mnemonicToSeedSync } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { assert } from '../lib/assert.ts'
import { concat, utf8 } from '../lib/bytes.ts'
import { DecodeError } from '../lib/codec.ts'

/** What a wallet is made of: 256 random bits, 24 words. */
export const walletEntropyBytes = 32
const wordsPerMnemonic = 24
const coinType = 9527
const hardened = 0x8000_0000

/** The first index that a hardened path cannot name. */
export const derivationIndexLimit = hardened

/** The 24 words of 32 bytes of entropy, separated by single spaces. */
export function mnemonicOf(entropy: Uint8Array): string {
  assert(entropy.length === walletEntropyBytes, 'a wallet has 32 bytes of entropy')
  return entropyToMnemonic(entropy, wordlist)
}

/**
 * The entropy of 24 words in any case and spacing. Throws DecodeError that counts to the wrong word and repeats none,
 * because messages end up in logs.
 */
export function entropyOf(mnemonic: string): Uint8Array {
  const words = mnemonic.normalize('NFKD').toLowerCase().trim().split(/\s+/)
  if (words.length !== wordsPerMnemonic) {
    const given = words[0] === '' ? 0 : words.length
    throw new DecodeError(`must be ${wordsPerMnemonic} words, has ${given}`)
  }
  const stranger = words.findIndex(word => !wordlist.includes(word))
  if (stranger >= 0) {
    throw new DecodeError(`word ${stranger + 1} is not in the English BIP-39 list: check its spelling`)
  }
  try {
    return mnemonicToEntropy(words.join(' '), wordlist)
  } catch {
    // All words are known and counted, so what is left to fail is the checksum.
    throw new DecodeError('the checksum of the words does not match: look for swapped or wrong words')
  }
}

/** The 64-byte BIP-39 seed of a wallet, without a BIP-39 passphrase (K2). Takes tens of milliseconds. */
export function seedOf(entropy: Uint8Array): Uint8Array {
  return mnemonicToSeedSync(mnemonicOf(entropy))
}

/** `m/44'/9527'/index'/rotation'`, the path of an agent's key: its first one, or that of a later rotation. */
export function identityPath(index: number, rotation = 0): string {
  return `m/${identitySteps(index, rotation)
    .map(step => `${step}'`)
    .join('/')}`
}

/** The secret key of the agent with this index. */
export function identityKey(seed: Uint8Array, index: number, rotation = 0): Uint8Array {
  const { secretKey, chainCode } = deriveHardened(seed, identitySteps(index, rotation))
  chainCode.fill(0)
  return secretKey
}

export interface ExtendedKey {
  readonly secretKey: Uint8Array
  readonly chainCode: Uint8Array
}

/** SLIP-0010 for ed25519, which knows hardened steps only: `steps` are the indices without their mark. */
export function deriveHardened(seed: Uint8Array, steps: readonly number[]): ExtendedKey {
  let node = split(hmac(sha512, utf8('ed25519 seed'), seed))
  for (const step of steps) {
    assert(Number.isInteger(step) && step >= 0 && step < hardened, 'a derivation index is below 2^31')
    const parent = node
    const data = concat(Uint8Array.of(0), parent.secretKey, hardenedIndex(step))
    node = split(hmac(sha512, parent.chainCode, data))
    for (const secret of [data, parent.secretKey, parent.chainCode]) secret.fill(0)
  }
  return node
}

function identitySteps(index: number, rotation: number): readonly number[] {
  return [44, coinType, index, rotation]
}

function split(digest: Uint8Array): ExtendedKey {
  return { secretKey: digest.subarray(0, 32), chainCode: digest.subarray(32) }
}

function hardenedIndex(step: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, step + hardened)
  return bytes
}
