/** What concerns an account: an index in SQLite that follows the chain and can be made again from it. */
import { rmSync } from 'node:fs'
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite'
import { type Address, fromHex, type Hash, type Movement } from '@claw-network/protocol'

export interface Place {
  readonly height: number
  /** The place of the transaction in its block; one past the last for what the end of the block paid. */
  readonly index: number
}

/** What the index knows of one place in a block. */
export interface HistoryItem {
  readonly movements: readonly Movement[]
  /** Present where a transaction began something that its parties will look for: an escrow, a listing. */
  readonly begun?: { readonly kind: string; readonly parties: readonly Address[] }
}

/** What the index is made from. */
export interface HistorySource {
  chainId(): Hash | undefined
  tip(): { readonly height: number } | undefined
  itemsAt(height: number): readonly HistoryItem[] | undefined
}

/** Counts up with every change of the tables: an index of another layout is made again. */
const layoutVersion = 2
/** Losing the last transactions in a crash means indexing them again, no more. */
const settings = 'pragma journal_mode = wal; pragma synchronous = normal'
const layout = `
  create table touched (account blob, height integer, place integer, primary key (account, height, place))
    without rowid, strict;
  create table begun (account blob, kind text, height integer, place integer, primary key (account, kind, height, place))
    without rowid, strict;
  create table indexed (only integer primary key check (only = 0), layout integer, chain text, height integer) strict;
`

export interface PlacePage {
  readonly limit: number
  readonly offset: number
  readonly before?: Place
}

interface Index {
  readonly database: DatabaseSync
  readonly height: number
}

export class History {
  readonly #source: HistorySource
  readonly #database: DatabaseSync
  readonly #insert: StatementSync
  readonly #page: StatementSync
  readonly #insertBegun: StatementSync
  readonly #pageOfBegun: StatementSync
  readonly #progress: StatementSync
  #height: number

  /** What is not indexed yet is on the first `catchUp`. A file that is damaged or of another chain is begun anew. */
  constructor(file: string, source: HistorySource) {
    this.#source = source
    const opened = openIndex(file, source.chainId() ?? '')
    this.#database = opened.database
    this.#height = opened.height
    this.#insert = this.#database.prepare('insert or ignore into touched values (?, ?, ?)')
    this.#page = this.#database.prepare(
      'select height, place from touched where account = ? and (height, place) < (?, ?) order by height desc, place desc limit ? offset ?',
    )
    this.#insertBegun = this.#database.prepare('insert or ignore into begun values (?, ?, ?, ?)')
    this.#pageOfBegun = this.#database.prepare(
      'select height, place from begun where account = ? and kind = ? and (height, place) < (?, ?) order by height desc, place desc limit ? offset ?',
    )
    this.#progress = this.#database.prepare('update indexed set height = ?')
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
        this.#index(height, this.#source.itemsAt(height) ?? [])
      }
    })
    return last === tip
  }

  /** Indexes the block that follows the last indexed one; false where it does not follow. */
  follow(height: number, items: readonly HistoryItem[]): boolean {
    if (height !== this.#height + 1) return false
    this.#inOneGo(height, () => this.#index(height, items))
    return true
  }

  /** What touched an account: the newest first, only what came before `before`. */
  page(account: Address, { limit, offset, before = theEnd }: PlacePage): readonly Place[] {
    return this.#page.all(fromHex(account), before.height, before.index, limit, offset).map(placeIn)
  }

  /** The transactions of a kind that began something to which the account is a party, in the same order. */
  begun(account: Address, kind: string, { limit, offset, before = theEnd }: PlacePage): readonly Place[] {
    return this.#pageOfBegun.all(fromHex(account), kind, before.height, before.index, limit, offset).map(placeIn)
  }

  close(): void {
    this.#database.close()
  }

  #inOneGo(height: number, work: () => void): void {
    this.#database.exec('begin')
    try {
      work()
      this.#progress.run(height)
      this.#database.exec('commit')
    } catch (error) {
      this.#database.exec('rollback')
      throw error
    }
    this.#height = height
  }

  #index(height: number, items: readonly HistoryItem[]): void {
    items.forEach(({ movements, begun }, index) => {
      const accounts = new Set(movements.flatMap(({ from, to }) => [from, to].filter(side => side !== undefined)))
      for (const account of accounts) this.#insert.run(fromHex(account), height, index)
      for (const party of begun?.parties ?? []) this.#insertBegun.run(fromHex(party), begun?.kind ?? '', height, index)
    })
  }
}

const theEnd: Place = { height: Number.MAX_SAFE_INTEGER, index: 0 }

function placeIn(row: Record<string, SQLOutputValue>): Place {
  return { height: Number(row['height']), index: Number(row['place']) }
}

function openIndex(file: string, chain: string): Index {
  const kept = reopenIndex(file, chain)
  if (kept !== undefined) return kept
  for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true })
  const database = new DatabaseSync(file)
  database.exec(`${settings}; ${layout}`)
  database.prepare('insert into indexed values (0, ?, ?, 0)').run(layoutVersion, chain)
  return { database, height: 0 }
}

/** Undefined where there is none of this chain and layout. */
function reopenIndex(file: string, chain: string): Index | undefined {
  const database = new DatabaseSync(file)
  try {
    const height = heightIn(database, chain)
    if (height !== undefined) return { database, height }
  } catch (error) {
    // Of a damaged index nothing is lost that the chain does not have.
    if (!isDamage(error)) throw error
  }
  database.close()
  return
}

function heightIn(database: DatabaseSync, chain: string): number | undefined {
  database.exec(settings)
  if (database.prepare(`select 1 from sqlite_schema where name = 'indexed'`).get() === undefined) return
  const row = database.prepare('select height from indexed where layout = ? and chain = ?').get(layoutVersion, chain)
  return row === undefined ? undefined : Number(row['height'])
}

/** SQLITE_CORRUPT and SQLITE_NOTADB. */
function isDamage(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (error.errcode === 11 || error.errcode === 26)
}
