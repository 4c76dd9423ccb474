/** What the database holds, one line per kind of entry. A letter that was once in use is never given to another kind. */
import { concat, fromHex, type Hash, uint64, utf8 } from '@claw-network/protocol'

/** The version of this layout; a node refuses data of a newer one. */
export const layoutVersion = 1

export const buckets = {
  /** Layout version, chain id, genesis time and root, height of the tip. */
  meta: (name: 'layout' | 'genesis' | 'tip') => utf8(`m/${name}`),
  /** Row of the state after the tip, by state key. */
  row: (key: string) => utf8(`s/${key}`),
  /** Page of the state tree after the tip, by hexadecimal prefix. */
  page: (prefix: string) => utf8(`t/${prefix}`),
  /** Decided block with its commit, by height. */
  block: (height: number) => concat(utf8('b/'), uint64(height)),
  /** What became of a block's transactions, by height. */
  outcome: (height: number) => concat(utf8('o/'), uint64(height)),
  /** The validator set that decided a height. */
  validators: (height: number) => concat(utf8('v/'), uint64(height)),
  /** Height of a block, by hash. */
  height: (blockHash: Hash) => concat(utf8('h/'), fromHex(blockHash)),
  /** Height and index of a transaction, by id. */
  place: (transactionId: Hash) => concat(utf8('x/'), fromHex(transactionId)),
} as const
