/** A chain store without a disk, for simulations and tests; what a real store keeps, it keeps in maps. */
import type {
  DecidedBlock,
  Hash,
  NodeStorage,
  StateKey,
  TreeWrite,
  ValidatorSet,
  RangeView,
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

export class MemoryStore implements ChainStore {
  readonly #rows = new Map<StateKey, Uint8Array>()
  readonly #pages = new Map<string, Uint8Array>()
  readonly #heights: HeightRecord[] = []
  readonly #places = new Map<Hash, TransactionPlace>()
  readonly #byHash = new Map<Hash, number>()
  #start: GenesisRecord | undefined

  readonly view: RangeView = {
    get: key => this.#rows.get(key),
    range: prefix => [...this.#rows].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1)),
  }

  readonly tree: NodeStorage = { get: page => this.#pages.get(page) }

  chainId(): Hash | undefined {
    return this.#start?.chainId
  }

  tip(): Tip | undefined {
    const last = this.#heights.at(-1)
    if (last !== undefined) {
      const { height, timeMs, stateRoot } = last.block.header
      return { height, blockHash: last.blockHash, timeMs, stateRoot, commit: last.commit }
    }
    if (this.#start === undefined) return
    const { chainId, timeMs, stateRoot } = this.#start
    return { height: 0, blockHash: chainId, timeMs, stateRoot }
  }

  async begin(record: GenesisRecord): Promise<void> {
    this.#start = record
    this.#write(record.state, record.tree)
  }

  async append(record: HeightRecord): Promise<void> {
    const { height } = record.block.header
    this.#heights.push(record)
    this.#byHash.set(record.blockHash, height)
    record.transactionIds.forEach((id, index) => {
      const rejected = record.rejections[index]
      this.#places.set(id, { height, index, ...(rejected !== undefined && { rejected }) })
    })
    this.#write(record.state, record.tree)
  }

  decidedAt(height: number): DecidedBlock | undefined {
    const record = this.#heights[height - 1]
    return record && { block: record.block, commit: record.commit }
  }

  outcomeAt(height: number): HeightOutcome | undefined {
    return this.#heights[height - 1]
  }

  validatorsAt(height: number): ValidatorSet | undefined {
    return this.#heights[height - 1]?.validators
  }

  heightOf(blockHash: Hash): number | undefined {
    return this.#byHash.get(blockHash)
  }

  placeOf(transactionId: Hash): TransactionPlace | undefined {
    return this.#places.get(transactionId)
  }

  #write(state: readonly StateChange[], tree: readonly TreeWrite[]): void {
    for (const [key, row] of state) {
      if (row === undefined) this.#rows.delete(key)
      else this.#rows.set(key, row)
    }
    for (const [page, bytes] of tree) {
      if (bytes === undefined) this.#pages.delete(page)
      else this.#pages.set(page, bytes)
    }
  }
}
