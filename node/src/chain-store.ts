/** What the chain needs of a store. `store/` implements it on LevelDB, the simulator in memory. */
import type {
  Block,
  Commit,
  DecidedBlock,
  Hash,
  Movement,
  NodeStorage,
  StateKey,
  TreeWrite,
  ValidatorSet,
  View,
} from '@claw-network/protocol'

/** A row and its new bytes, or undefined where it goes. */
export type StateChange = readonly [StateKey, Uint8Array | undefined]

export interface Tip {
  readonly height: number
  readonly blockHash: Hash
  readonly timeMs: number
  readonly stateRoot: Hash
  /** The precommits that made the tip final; absent at genesis. */
  readonly commit?: Commit
}

/** Everything a height adds, written as one. */
export interface HeightRecord {
  readonly block: Block
  readonly blockHash: Hash
  readonly commit: Commit
  readonly transactionIds: readonly Hash[]
  /** One entry per transaction: the code of its rejection, or undefined where it was applied. */
  readonly rejections: readonly (string | undefined)[]
  /** What each transaction moved, then what the end of the block paid: for histories, which re-execution could give too. */
  readonly movements: readonly (readonly Movement[])[]
  readonly validators: ValidatorSet
  readonly state: readonly StateChange[]
  readonly tree: readonly TreeWrite[]
}

export interface GenesisRecord {
  readonly chainId: Hash
  readonly timeMs: number
  readonly stateRoot: Hash
  readonly state: readonly StateChange[]
  readonly tree: readonly TreeWrite[]
}

/** What became of the transactions of a height. */
export interface HeightOutcome {
  readonly transactionIds: readonly Hash[]
  readonly rejections: readonly (string | undefined)[]
  readonly movements: readonly (readonly Movement[])[]
}

export interface TransactionPlace {
  readonly height: number
  readonly index: number
  readonly rejected?: string
}

/**
 * Reads are synchronous. `begin` and `append` resolve once their batch is durable, and are there whole or not at all; tip
 * and view move when they resolve.
 */
export interface ChainStore {
  /** The state after the tip. Always the current one: it moves with `append`. */
  readonly view: View
  readonly tree: NodeStorage
  /** Undefined in a store that never saw a genesis. */
  chainId(): Hash | undefined
  tip(): Tip | undefined
  begin(record: GenesisRecord): Promise<void>
  append(record: HeightRecord): Promise<void>
  decidedAt(height: number): DecidedBlock | undefined
  outcomeAt(height: number): HeightOutcome | undefined
  validatorsAt(height: number): ValidatorSet | undefined
  heightOf(blockHash: Hash): number | undefined
  placeOf(transactionId: Hash): TransactionPlace | undefined
}
