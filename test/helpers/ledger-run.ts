/** A ledger on its own: blocks without headers and votes, state and tree in maps. */
import assert from 'node:assert/strict'
import type { Commit } from '../../protocol/src/consensus/messages.ts'
import { sign } from '../../protocol/src/crypto/ed25519.ts'
import { digest, type Hash } from '../../protocol/src/crypto/hash.ts'
import { emptyRoot, updateTree } from '../../protocol/src/crypto/state-tree.ts'
import { ledger as allDomains } from '../../protocol/src/domains/index.ts'
import { type Account, accountAt, supply } from '../../protocol/src/domains/accounts/index.ts'
import { assemble, type Envelope, signingBytes, type Transaction } from '../../protocol/src/ledger/envelope.ts'
import { chainIdOf, type Genesis } from '../../protocol/src/ledger/genesis.ts'
import type { Ledger, Outcome, Receipt } from '../../protocol/src/ledger/ledger.ts'
import { type Params, presets } from '../../protocol/src/ledger/params.ts'
import { type Draft, type RangeView, type StateKey, statePath } from '../../protocol/src/ledger/state.ts'
import { validatorsAt } from '../../protocol/src/ledger/validators.ts'
import { toHex } from '../../protocol/src/lib/bytes.ts'
import { type Actor, actor } from './actors.ts'

export const genesisTimeMs = 1_760_000_000_000

const defaultStakes = { val: 100n }

export interface NetworkOptions {
  readonly params?: Partial<Params>
  readonly balances?: { readonly [name: string]: bigint }
  readonly stakes?: { readonly [name: string]: bigint }
}

/** A local network of actors; without more said, alice, bob and carol have 1,000 Tokens each and val makes the blocks. */
export function genesisOf({ params, balances, stakes }: NetworkOptions = {}): Genesis {
  return {
    network: 'local',
    name: 'test',
    timeMs: genesisTimeMs,
    params: { ...presets.local, ...params },
    accounts: Object.entries(balances ?? { alice: 1_000n, bob: 1_000n, carol: 1_000n }).map(([name, balance]) => ({
      address: actor(name).address,
      balance,
    })),
    validators: Object.entries(stakes ?? defaultStakes).map(([name, stake]) => ({
      address: actor(name).address,
      consensusKey: actor(name).consensusKey,
      stake,
    })),
  }
}

export interface TransferOptions extends Partial<Omit<Envelope, 'payload' | 'sender'>> {
  readonly to?: Actor
  readonly amount?: bigint
  readonly memo?: string
}

/** What is not said is the simplest that can be: 10 Tokens to bob, nonce 1, fee 1. */
export function transferEnvelope(
  chainId: Hash,
  from: Actor,
  { to = actor('bob'), amount = 10n, memo, ...head }: TransferOptions = {},
): Envelope {
  return {
    chainId,
    kind: 'wallet.transfer',
    sender: from.did,
    nonce: 1,
    fee: 1n,
    ...head,
    payload: { to: to.address, amount, ...(memo !== undefined && { memo }) },
  }
}

/** Signed by the account's own key. */
export function transfer(chainId: Hash, from: Actor, options: TransferOptions = {}): Transaction {
  const envelope = transferEnvelope(chainId, from, options)
  return assemble(allDomains.kinds, envelope, sign(signingBytes(allDomains.kinds, envelope), from.secretKey))
}

export interface Executed {
  readonly outcomes: readonly Outcome[]
  readonly receipts: readonly Receipt[]
  readonly draft: Draft
}

export class LedgerRun {
  readonly ledger: Ledger
  readonly genesis: Genesis
  readonly chainId: Hash
  readonly rows = new Map<StateKey, Uint8Array>()
  readonly validators: readonly string[]
  readonly #pages = new Map<string, Uint8Array>()
  root = emptyRoot
  height = 0
  timeMs = genesisTimeMs

  constructor(options: NetworkOptions = {}, ledger: Ledger = allDomains) {
    this.ledger = ledger
    this.genesis = genesisOf(options)
    this.validators = Object.keys(options.stakes ?? defaultStakes)
    this.chainId = chainIdOf(this.genesis)
    this.#write(ledger.genesis(this.genesis))
  }

  readonly view: RangeView = {
    get: key => this.rows.get(key),
    range: prefix => [...this.rows].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1)),
  }

  account(name: string): Account {
    return accountAt(this.view, actor(name).address)
  }

  get supply(): { readonly issued: bigint; readonly burned: bigint } {
    return supply.get(this.view, 0) ?? assert.fail('a state has a supply')
  }

  /** Signed, unlike what random workloads send: the ledger does not look at signatures. */
  transfer(from: string, options: TransferOptions = {}): Transaction {
    return transfer(this.chainId, actor(from), { nonce: this.account(from).nonce + 1, ...options })
  }

  unsigned(envelope: Envelope): Transaction {
    return assemble(this.ledger.kinds, envelope, new Uint8Array(64))
  }

  /** Executes without keeping. */
  try(transactions: readonly Transaction[], signers?: readonly string[], proposer?: string): Executed {
    const set = validatorsAt(this.view, this.height + 1)
    const proposing = proposer === undefined ? set.validators[0]?.publicKey : actor(proposer).consensusKey
    const execution = this.ledger.begin(this.view, {
      height: this.height + 1,
      timeMs: this.timeMs + 1_000,
      proposer: proposing ?? assert.fail('a set has a validator'),
      ...(signers !== undefined && { lastCommit: this.#commitBy(signers) }),
    })
    const outcomes = transactions.map(transaction => execution.apply(transaction))
    execution.end()
    return { outcomes, receipts: execution.receipts, draft: execution.draft }
  }

  /** The next block, a second after the last; from the second on, signed by everybody unless said otherwise. */
  block(transactions: readonly Transaction[] = [], signers?: readonly string[], proposer?: string): Executed {
    const executed = this.try(transactions, signers ?? (this.height === 0 ? undefined : this.validators), proposer)
    this.height += 1
    this.timeMs += 1_000
    this.#write(executed.draft)
    return executed
  }

  /** A commit whose bitmap names these; the ledger looks at nothing else of it. */
  #commitBy(names: readonly string[]): Commit {
    const { validators } = validatorsAt(this.view, this.height)
    const signers = new Uint8Array(Math.ceil(validators.length / 8))
    for (const name of names) {
      const index = validators.findIndex(validator => validator.publicKey === actor(name).consensusKey)
      assert.ok(index >= 0, `${name} is a validator`)
      signers[index >> 3] = (signers[index >> 3] ?? 0) | (1 << (index & 7))
    }
    return { height: this.height, round: 0, blockHash: this.chainId, signers, signatures: [] }
  }

  #write(draft: Draft): void {
    const changes = draft.changes()
    for (const [key, row] of changes) {
      if (row === undefined) this.rows.delete(key)
      else this.rows.set(key, row)
    }
    const leaves = changes.map(([key, row]) => ({ path: statePath(key), valueHash: row && digest(row) }))
    const update = updateTree({ get: page => this.#pages.get(page) }, this.root, leaves)
    this.root = update.root
    for (const [page, bytes] of update.writes) {
      if (bytes === undefined) this.#pages.delete(page)
      else this.#pages.set(page, bytes)
    }
  }
}

/** Every row as text, for comparing whole states. */
export function dump(rows: Iterable<readonly [string, Uint8Array | undefined]>): Record<string, string> {
  return Object.fromEntries([...rows].map(([key, row]) => [key, row === undefined ? 'deleted' : toHex(row)]))
}
