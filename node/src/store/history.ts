/** Which transactions touched an account: an index in SQLite that follows the chain and can be made again from it. */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { fromHex, type Address, type Movement } from '@claw-network/protocol'

export interface Place {
  readonly height: number
  /** The place of the transaction in its block; one past the last for what the end of the block paid. */
  readonly index: number
}

/** What the index is made from; `ChainStore` satisfies it. */
export interface HistorySource {
  tip(): { readonly height: number } | undefined
  outcomeAt(height: number): { readonly movements: readonly (readonly Movement[])[] } | undefined
}

const layout = `
  create table if not exists touched (account blob, height integer, place integer, primary key (account, height, place))
    without rowid, strict;
  create table if not exists indexed (only integer primary key check (only = 0), height integer) strict;
`

export class History {
  readonly #source: HistorySource
  readonly #database: DatabaseSync
  readonly #insert: StatementSync
  readonly #page: StatementSync
  #height: number

  /** What is not indexed yet is on the first `catchUp`. */
  constructor(file: string, source: HistorySource) {
    this.#source = source
    this.#database = new DatabaseSync(file)
    // Losing the last transactions in a crash means indexing them again, no more.
    this.#database.exec(`pragma journal_mode = wal; pragma synchronous = normal; ${layout}`)
    this.#insert = this.#database.prepare('insert or ignore into touched values (?, ?, ?)')
    this.#page = this.#database.prepare(
      'select height, place from touched where account = ? and (height, place) < (?, ?) order by height desc, place desc limit ? offset ?',
    )
    const row = this.#database.prepare('select height from indexed').get()
    this.#height = row === undefined ? 0 : Number(row['height'])
  }

  get height(): number {
    return this.#height
  }

  /** Indexes what the chain has and the index has not, at most `heightsMax` heights; true where nothing is left. */
  catchUp(heightsMax: number): boolean {
    const tip = this.#source.tip()?.height ?? 0
    const last = Math.min(tip, this.#height + heightsMax)
    if (last <= this.#height) return true
    this.#inOneGo(last, () => {
      for (let height = this.#height + 1; height <= last; height += 1) {
        this.#index(height, this.#source.outcomeAt(height)?.movements ?? [])
      }
    })
    return last === tip
  }

  /** Indexes the block that follows the last indexed one; false where it does not follow. */
  follow(height: number, movements: readonly (readonly Movement[])[]): boolean {
    if (height !== this.#height + 1) return false
    this.#inOneGo(height, () => this.#index(height, movements))
    return true
  }

  /** The newest first, only what came before `before`. */
  page(
    account: Address,
    { limit, offset, before }: { limit: number; offset: number; before?: Place },
  ): readonly Place[] {
    const { height, index } = before ?? { height: Number.MAX_SAFE_INTEGER, index: 0 }
    return this.#page
      .all(fromHex(account), height, index, limit, offset)
      .map(row => ({ height: Number(row['height']), index: Number(row['place']) }))
  }

  close(): void {
    this.#database.close()
  }

  #inOneGo(height: number, work: () => void): void {
    this.#database.exec('begin')
    try {
      work()
      this.#database.exec(`insert or replace into indexed values (0, ${height})`)
      this.#database.exec('commit')
    } catch (error) {
      this.#database.exec('rollback')
      throw error
    }
    this.#height = height
  }

  #index(height: number, movements: readonly (readonly Movement[])[]): void {
    movements.forEach((moved, index) => {
      const accounts = new Set(moved.flatMap(({ from, to }) => [from, to].filter(side => side !== undefined)))
      for (const account of accounts) this.#insert.run(fromHex(account), height, index)
    })
  }
}
