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
import type { Draft, Outlay, RangeView, View } from './state.ts'

/** Everything a transaction may depend on besides the state and its own body. */
export interface TransactionContext {
  readonly id: Hash
  readonly chainId: Hash
  readonly sender: Did
  /** The key that signed: the sender's own, or a session key. */
  readonly signer: PublicKey
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
  /** Who, besides the sender, will look for what it begins: nodes list objects by their parties. */
  parties?(body: B): readonly Address[]
  /** No session key may sign it, whatever it was granted. */
  readonly needsOwnKey?: true
  /** It gives other keys the right to sign: whoever may send it is bound by no limit, so nodes let no agent token. */
  readonly empowersKeys?: true
  /** Signatures inside the body; throws DecodeError where one is missing. They are checked with the transaction's own. */
  statements?(body: B, envelope: EnvelopeHead): readonly SignatureStatement[]
  readonly endorsement?: Endorsement<B>
  /** Checks, then writes; after a rejection nothing was written. */
  apply(draft: Draft, body: B, context: TransactionContext): R | undefined
}

/** An Ed25519 signature with what it should cover, in raw bytes. */
export interface SignatureStatement {
  readonly signature: Uint8Array
  readonly message: Uint8Array
  readonly publicKey: Uint8Array
}

/** Who signs inside a body, and when. */
export interface Endorser {
  readonly did: Did
  readonly key: PublicKey
  readonly nowMs: number
}

/** A signature of the sender's inside the body, which the node or wallet that holds the key adds. */
export interface Endorsement<B> {
  /** What to sign; undefined where the body needs no signature of this sender. Throws DecodeError for an unfit body. */
  message(body: B, by: Endorser): Uint8Array | undefined
  /** The body with that signature in its place. */
  endorsed(body: B, by: Endorser, signature: Uint8Array): B
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
  /** Now; the next block will not be earlier. */
  readonly timeMs: number
  /** Tokens in unconfirmed transactions sent by this account, fees included. */
  pending(this: void, account: Address): bigint
  /**
   * Ids of the applied transactions of a kind that began something to which the account is a party, newest first: a
   * node's own index, not part of the state.
   */
  begun(
    this: void,
    account: Address,
    page: { readonly kind: string; readonly limit: number; readonly offset: number },
  ): readonly Hash[]
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

/** A block, as far as the effects of its beginning depend on it. */
export interface BlockPlace {
  readonly height: number
  readonly timeMs: number
  readonly params: Params
}

export interface BlockContext extends BlockPlace {
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
  /** Codes its hooks may refuse or reject with, each with the sentence users read. */
  readonly admissions?: { readonly [code: string]: string }
  genesis?(draft: Draft, genesis: Genesis): void
  /** Whether the key that signed may act for the sender. One domain at most has it; else only the sender's own key may. */
  authorize?(view: View, envelope: EnvelopeHead, context: TransactionContext, kind: AnyTransactionKind): Admission
  /** Checks only. */
  admit?(view: View, envelope: EnvelopeHead, context: TransactionContext): Admission
  /** Writes what every transaction costs its sender, once all domains have admitted it. */
  enter?(draft: Draft, envelope: EnvelopeHead, context: TransactionContext): void
  /** Counts what a transaction took, once its payload has run; a code rejects it after all. */
  charge?(
    draft: Draft,
    outlays: readonly Outlay[],
    context: TransactionContext,
    envelope: EnvelopeHead,
  ): string | undefined
  /** A deadline that this domain scheduled (deadlines.ts) has passed. */
  deadline?(draft: Draft, id: Hash, context: BlockPlace): void
  endBlock?(draft: Draft, context: BlockContext): void
  /** Tokens in this domain's rows: all domains together hold what was issued and not burned. */
  holdings?(view: RangeView): bigint
  /** What is wrong with this domain's rows, as sentences: always nothing. The simulator asks after every block. */
  violations?(view: RangeView): readonly string[]
  /** A random transaction for the simulator, or undefined where none makes sense now. */
  workload?(draw: WorkloadDraw): WorkloadOrder | undefined
}

export interface WorkloadOrder {
  readonly kind: string
  readonly payload: unknown
  /** The session key that signs, or the one the sender rotated to: the key of another identity of the draw. */
  readonly signer?: PublicKey
}

export interface WorkloadDraw {
  /** Who will send it. */
  readonly sender: Did
  readonly identities: readonly Did[]
  readonly accounts: readonly Address[]
  readonly chainId: Hash
  readonly nowMs: number
  /** The state at some node, perhaps a few blocks old. */
  readonly view: RangeView
  below(this: void, bound: number): number
  /** Signs like the identity itself, for signatures inside a payload. */
  sign(this: void, signer: PublicKey, message: Uint8Array): Uint8Array
}
