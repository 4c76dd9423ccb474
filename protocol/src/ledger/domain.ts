/**
 * A domain is data: its transactions, queries and hooks. The node, CLI, SDK and reference documentation interpret these
 * tables and know no domain by name.
 */
import type { Hash } from '../crypto/hash.ts'
import type { Address, Did, PublicKey } from '../crypto/keys.ts'
import type { Codec, StructCodec } from '../lib/codec.ts'
import type { EnvelopeHead } from './envelope.ts'
import type { Genesis } from './genesis.ts'
import type { Params } from './params.ts'
import type { Draft, RangeView, View } from './state.ts'

/** Everything a transaction may depend on besides the state and its own body. */
export interface TransactionContext {
  readonly id: Hash
  readonly sender: Did
  readonly account: Address
  readonly height: number
  readonly timeMs: number
  readonly params: Params
}

/** How a declared transaction or query is reached over HTTP and from the command line. */
export interface Access {
  /** `/api/wallet/escrow/:id/release`: `:id` is the field of that name. */
  readonly path: string
  /** `transfer <to> <amount>`: positional fields in order; the other fields become options. */
  readonly command: string
  /** A command line that works, shown first in the help. */
  readonly example: string
}

export interface TransactionKind<K extends string, B, R extends string> extends Access {
  readonly kind: K
  /** One sentence for the reference documentation. */
  readonly doc: string
  readonly body: StructCodec<B>
  /** Every way `apply` can refuse, in the order tested, each with the sentence users read. */
  readonly rejections: { readonly [code in R]: string }
  /** Tokens that leave the sender's available balance if this succeeds, the fee aside. */
  spends(body: B): bigint
  /** Checks, then writes; after a rejection nothing was written. */
  apply(draft: Draft, body: B, context: TransactionContext): R | undefined
}

// Method bivariance lets kinds of every body stand in one table.
export type AnyTransactionKind = TransactionKind<string, unknown, string>

export function transaction<const K extends string, B, const R extends string>(
  kind: TransactionKind<K, B, R>,
): TransactionKind<K, B, R> {
  return kind
}

export interface QueryContext {
  readonly height: number
  /** Tokens in unconfirmed transactions sent by this account, fees included. */
  pending(this: void, account: Address): bigint
  /** The node's own identity, answered for when the caller names none; absent on a node without one. */
  readonly self?: Did
}

export interface Query<I, O> extends Access {
  readonly doc: string
  readonly input: StructCodec<I>
  readonly output: Codec<O>
  /** `undefined` answers that there is no such thing. */
  read(view: View, input: I, context: QueryContext): O | undefined
}

export type AnyQuery = Query<unknown, unknown>

/** Keeps the path as a literal type: the SDK names queries by it. */
export function query<const P extends string, I, O>(
  declared: Query<I, O> & { readonly path: P },
): Query<I, O> & { readonly path: P } {
  return declared
}

/**
 * What a domain says to an envelope before its payload runs. `refused` keeps the transaction out of the block;
 * `rejected` lets it in and charges the fee, without effect.
 */
export type Admission = { readonly refused: string } | { readonly rejected: string } | undefined

export interface BlockContext {
  readonly height: number
  readonly timeMs: number
  readonly params: Params
  /** Fees of this block's transactions. */
  readonly fees: bigint
  /** Who signed the last block's commit; in the first block, its proposer. */
  readonly signers: readonly { readonly address: Address; readonly power: bigint }[]
  readonly proposer: { readonly publicKey: PublicKey; readonly address: Address }
}

export interface Domain {
  readonly name: string
  readonly doc: string
  readonly transactions: readonly AnyTransactionKind[]
  readonly queries: readonly AnyQuery[]
  /** Codes `admit` may refuse or reject with, each with the sentence users read. */
  readonly admissions?: { readonly [code: string]: string }
  genesis?(draft: Draft, genesis: Genesis): void
  /** Checks only. */
  admit?(view: View, envelope: EnvelopeHead, context: TransactionContext): Admission
  /** Writes what every transaction costs its sender, once all domains have admitted it. */
  enter?(draft: Draft, envelope: EnvelopeHead, context: TransactionContext): void
  endBlock?(draft: Draft, context: BlockContext): void
  /** Tokens in this domain's rows: all domains together hold what was issued and not burned. */
  holdings?(view: RangeView): bigint
  /** A random transaction for the simulator, or undefined where none makes sense now. */
  workload?(draw: WorkloadDraw): { readonly kind: string; readonly payload: unknown } | undefined
}

export interface WorkloadDraw {
  readonly accounts: readonly Address[]
  below(bound: number): number
}
