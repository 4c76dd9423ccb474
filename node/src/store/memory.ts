/** A chain store without a disk, for simulations and tests; what a real store keeps, it keeps in maps. */
import type {
  Commit,
  DecidedBlock,
  Hash,
  Movement,
  NodeStorage,
  StateKey,
  TreeWrite,
  ValidatorSet,
  RangeView,
} from '@claw-network/protocol'

type StateChange = readonly [StateKey, Uint8Array | undefined]

interface Height {
  readonly block: DecidedBlock['block']
  readonly blockHash: Hash
  readonly commit: Commit
  readonly transactionIds: readonly Hash[]
  readonly rejections: readonly (string | undefined)[]
  readonly movements: readonly (readonly Movement[])[]
  readonly validators: ValidatorSet
  readonly state: readonly StateChange[]
  readonly tree: readonly TreeWrite[]
}

interface Start {
  readonly chainId: Hash
  readonly timeMs: number
  readonly stateRoot: Hash
  readonly state: readonly StateChange[]
  readonly tree: readonly TreeWrite[]
}

export class MemoryStore {
  readonly #rows = new Map<StateKey, Uint8Array>()
  readonly #pages = new Map<string, Uint8Array>()
  readonly #heights: Height[] = []
  readonly #places = new Map<Hash, { height: number; index: number; rejected?: string }>()
  readonly #byHash = new Map<Hash, number>()
  #start: Start | undefined

  readonly view: RangeView = {
    get: key => this.#rows.get(key),
    range: prefix => [...this.#rows].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1)),
  }

  readonly tree: NodeStorage = { get: page => this.#pages.get(page) }

  chainId(): Hash | undefined {
    return this.#start?.chainId
  }

  tip(): { height: number; blockHash: Hash; timeMs: number; stateRoot: Hash; commit?: Commit } | undefined {
    const last = this.#heights.at(-1)
    if (last !== undefined) {
      const { height, timeMs, stateRoot } = last.block.header
      return { height, blockHash: last.blockHash, timeMs, stateRoot, commit: last.commit }
    }
    if (this.#start === undefined) return
    const { chainId, timeMs, stateRoot } = this.#start
    return { height: 0, blockHash: chainId, timeMs, stateRoot }
  }

  async begin(record: Start): Promise<void> {
    this.#start = record
    this.#write(record.state, record.tree)
  }

  async append(record: Height): Promise<void> {
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

  outcomeAt(height: number): Pick<Height, 'transactionIds' | 'rejections' | 'movements'> | undefined {
    return this.#heights[height - 1]
  }

  validatorsAt(height: number): ValidatorSet | undefined {
    return this.#heights[height - 1]?.validators
  }

  heightOf(blockHash: Hash): number | undefined {
    return this.#byHash.get(blockHash)
  }

  placeOf(transactionId: Hash): { height: number; index: number; rejected?: string } | undefined {
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
