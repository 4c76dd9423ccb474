/** What the database holds, one line per kind of entry. A letter that was once in use is never given to another kind. */
import type { Hash } from '@claw-network/protocol'

/** The version of this layout; a node refuses data of a newer one. */
export const layoutVersion = 1

export const buckets = {
  /** Layout version, chain id, genesis time and root, height of the tip. */
  meta: (name: 'layout' | 'genesis' | 'tip') => named('m', name),
  /** Row of the state after the tip, by state key. */
  row: (key: string) => named('s', key),
  /** Page of the state tree after the tip, by hexadecimal prefix. */
  page: (prefix: string) => named('t', prefix),
  /** Decided block with its commit, by height. */
  block: (height: number) => numbered('b', height),
  /** What became of a block's transactions, by height. */
  outcome: (height: number) => numbered('o', height),
  /** The validator set that decided a height. */
  validators: (height: number) => numbered('v', height),
  /** Height of a block, by hash. */
  height: (blockHash: Hash) => hashed('h', blockHash),
  /** Height and index of a transaction, by id. */
  place: (transactionId: Hash) => hashed('x', transactionId),
} as const

// Made by the thousand per block: Buffer takes them from its pool.

function named(letter: string, name: string): Uint8Array {
  return Buffer.from(`${letter}/${name}`, 'latin1')
}

/** Big endian, so that heights stand in order. */
function numbered(letter: string, height: number): Uint8Array {
  const key = Buffer.from(`${letter}/........`, 'latin1')
  key.writeBigUInt64BE(BigInt(height), 2)
  return key
}

function hashed(letter: string, hash: Hash): Uint8Array {
  return Buffer.concat([Buffer.from(`${letter}/`, 'latin1'), Buffer.from(hash, 'hex')])
}
