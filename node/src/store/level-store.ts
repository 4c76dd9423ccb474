/** The chain on disk: one durable batch per height. */
import {
  address,
  type DecidedBlock,
  decidedBlock,
  fromBytes,
  type Hash,
  hash,
  type Infer,
  list,
  type NodeStorage,
  optional,
  struct,
  text,
  timestamp,
  toBytes,
  tokenSum,
  type TreeWrite,
  uint,
  type ValidatorSet,
  validatorSet,
  type View,
} from '@claw-network/protocol'
import type {
  ChainStore,
  GenesisRecord,
  HeightOutcome,
  HeightRecord,
  StateChange,
  Tip,
  TransactionPlace,
} from '../chain-store.ts'
import { buckets, layoutVersion } from './buckets.ts'
import { Database, DatabaseError, type Write } from './database.ts'
import { PageCache } from './page-cache.ts'
import { ReadCache } from './read-cache.ts'

/** Some 15 MB: the busy part of a large ledger. */
const rowsCached = 50_000
const blocksRemembered = 8
const entriesMax = 100_000
const start = struct({ chainId: hash, timeMs: timestamp, stateRoot: hash })
const movement = struct({ from: optional(address), to: optional(address), amount: tokenSum })
const outcome = struct({
  transactionIds: list(hash, entriesMax),
  rejections: list(struct({ code: optional(text(64)) }), entriesMax),
  movements: list(list(movement, entriesMax), entriesMax + 1),
})
const place = struct({ height: uint(), index: uint(), rejected: optional(text(64)) })

export class LevelStore implements ChainStore {
  readonly #database: Database
  #start: Infer<typeof start> | undefined
  /** Blocks are asked for most just after they became final: by who waits, by peers, by streams of events. */
  readonly #recent = new Map<number, DecidedBlock>()
  #tip: Tip | undefined

  readonly view: View
  readonly tree: NodeStorage
  readonly #rows: ReadCache
  readonly #pages: PageCache

  /** Throws DatabaseLockedError or DatabaseError naming the directory and the way out. */
  static async open(directory: string): Promise<LevelStore> {
    const database = await Database.open(directory)
    try {
      return new LevelStore(database, directory)
    } catch (error) {
      await database.close()
      throw error
    }
  }

  private constructor(database: Database, directory: string) {
    this.#database = database
    this.#rows = new ReadCache(rowsCached, key => database.get(buckets.row(key)))
    this.#pages = new PageCache(page => database.get(buckets.page(page)))
    this.view = this.#rows
    this.tree = this.#pages
    const layout = this.#read(buckets.meta('layout'), uint())
    if (layout !== undefined && layout !== layoutVersion) {
      throw new DatabaseError(`${directory} was written by another version (layout ${layout}): use that version`)
    }
    this.#start = this.#read(buckets.meta('genesis'), start)
    this.#tip = this.#readTip(directory)
  }

  chainId(): Hash | undefined {
    return this.#start?.chainId
  }

  tip(): Tip | undefined {
    return this.#tip
  }

  async begin({ chainId, timeMs, stateRoot, state, tree }: GenesisRecord): Promise<void> {
    await this.#database.write([
      [buckets.meta('layout'), toBytes(uint(), layoutVersion)],
      [buckets.meta('genesis'), toBytes(start, { chainId, timeMs, stateRoot })],
      [buckets.meta('tip'), toBytes(uint(), 0)],
      ...stateWrites(state, tree),
    ])
    this.#start = { chainId, timeMs, stateRoot }
    this.#tip = tipOf(this.#start)
  }

  async append(record: HeightRecord): Promise<void> {
    const { block, blockHash, commit, transactionIds, rejections, movements, validators, state, tree } = record
    const { height, timeMs, stateRoot } = block.header
    const outcomes = {
      transactionIds,
      rejections: rejections.map(code => (code === undefined ? {} : { code })),
      movements,
    }
    await this.#database.write([
      [buckets.block(height), toBytes(decidedBlock, { block, commit })],
      [buckets.outcome(height), toBytes(outcome, outcomes)],
      [buckets.validators(height), toBytes(validatorSet, validators)],
      [buckets.height(blockHash), toBytes(uint(), height)],
      ...transactionIds.map((id, index): Write => {
        const rejected = rejections[index]
        return [buckets.place(id), toBytes(place, { height, index, ...(rejected !== undefined && { rejected }) })]
      }),
      ...stateWrites(state, tree),
      [buckets.meta('tip'), toBytes(uint(), height)],
    ])
    for (const [key, row] of state) this.#rows.put(key, row)
    for (const [page, bytes] of tree) this.#pages.put(page, bytes)
    this.#recent.set(height, { block, commit })
    this.#recent.delete(height - blocksRemembered)
    this.#tip = { height, blockHash, timeMs, stateRoot, commit }
  }

  decidedAt(height: number): DecidedBlock | undefined {
    return this.#recent.get(height) ?? this.#read(buckets.block(height), decidedBlock)
  }

  outcomeAt(height: number): HeightOutcome | undefined {
    const found = this.#read(buckets.outcome(height), outcome)
    return found && { ...found, rejections: found.rejections.map(({ code }) => code) }
  }

  validatorsAt(height: number): ValidatorSet | undefined {
    return this.#read(buckets.validators(height), validatorSet)
  }

  heightOf(blockHash: Hash): number | undefined {
    return this.#read(buckets.height(blockHash), uint())
  }

  placeOf(transactionId: Hash): TransactionPlace | undefined {
    return this.#read(buckets.place(transactionId), place)
  }

  async close(): Promise<void> {
    await this.#database.close()
  }

  #readTip(directory: string): Tip | undefined {
    const height = this.#read(buckets.meta('tip'), uint())
    if (height === undefined || this.#start === undefined) return
    if (height === 0) return tipOf(this.#start)
    const decided = this.decidedAt(height)
    if (decided === undefined) {
      throw new DatabaseError(
        `${directory} has lost block ${height}: restore a copy, or remove it to fetch the chain again`,
      )
    }
    const { timeMs, stateRoot } = decided.block.header
    return { height, blockHash: decided.commit.blockHash, timeMs, stateRoot, commit: decided.commit }
  }

  #read<T>(key: Uint8Array, codec: Parameters<typeof fromBytes<T>>[0]): T | undefined {
    const bytes = this.#database.get(key)
    return bytes === undefined ? undefined : fromBytes(codec, bytes)
  }
}

function tipOf({ chainId, timeMs, stateRoot }: Infer<typeof start>): Tip {
  return { height: 0, blockHash: chainId, timeMs, stateRoot }
}

function stateWrites(state: readonly StateChange[], tree: readonly TreeWrite[]): Write[] {
  return [
    ...state.map(([key, row]): Write => [buckets.row(key), row]),
    ...tree.map(([page, bytes]): Write => [buckets.page(page), bytes]),
  ]
}
