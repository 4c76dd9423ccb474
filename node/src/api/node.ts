/**
 * What the API asks of the node behind it. Chain, mempool and keystore satisfy these interfaces by their shape;
 * `daemon.ts` puts them together.
 */
import type {
  Address,
  DecidedBlock,
  Did,
  Effect,
  Hash,
  Json,
  Ledger,
  Movement,
  NetworkName,
  Params,
  PublicKey,
  QueryContext,
  Receipt,
  Transaction,
  ValidatorSet,
  View,
} from '@claw-network/protocol'
import type { Clock, Log, Peer, SignatureCheck } from '../ports.ts'

export interface ApiOptions {
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  /** Names besides the loopback ones under which the API may be called, without port. */
  readonly hostNames: readonly string[]
  /** Absent where the node has no Unix socket. */
  readonly socketPath?: string
  /** Holds `api.cookie` and the journal of the last day. */
  readonly directory: string
  /** With it every request except `/health` needs it; without it reads are open on loopback. */
  readonly token?: string
  readonly readonly: boolean
  readonly limits: SpendingLimits
}

/** In Tokens, over all identities of the node, the network's lowest fee aside; absent where there is no limit. */
export interface SpendingLimits {
  readonly maxTransferPerTx?: bigint
  readonly maxTransferPerDay?: bigint
}

export interface ApiNode {
  readonly version: string
  readonly network: NetworkName
  readonly chain: ApiChain
  readonly mempool: ApiMempool
  /** Codes that `submit` and the mempool give besides those of the ledger, each with its sentence. */
  readonly mempoolCodes: { readonly [code: string]: string }
  readonly wallet: ApiWallet
  readonly signatures: SignatureCheck
  readonly clock: Clock
  readonly log: Log
  condition(): NodeCondition
  peers(): readonly Peer[]
  /** The effective configuration as JSON, secrets already left out. */
  config(): { readonly [setting: string]: Json }
  /** What it would do in the next block, perhaps only after those of its account that wait already. */
  effectOf(transaction: Transaction): Effect
  /** Takes a transaction whose signature is right; undefined where it now waits for a block. */
  submit(transaction: Transaction): Refusal | undefined
  /** What touched an account, newest first. */
  history(account: Address, page: HistoryPage): readonly HistoryEntry[]
  readonly begun: QueryContext['begun']
}

/** `Chain` satisfies this. */
export interface ApiChain {
  readonly chainId: Hash
  readonly ledger: Ledger
  readonly tip: { readonly height: number; readonly blockHash: Hash; readonly timeMs: number }
  /** The state after the tip. */
  readonly view: View
  readonly params: Params
  /** Throws DecodeError unless the bytes are a transaction of this chain; its signature is not checked. */
  decode(bytes: Uint8Array): Transaction
  readonly store: {
    /** Undefined where this node does not have that height. */
    decidedAt(height: number): DecidedBlock | undefined
    outcomeAt(height: number): HeightOutcome | undefined
    placeOf(
      transaction: Hash,
    ): { readonly height: number; readonly index: number; readonly rejected?: string } | undefined
    heightOf(blockHash: Hash): number | undefined
    /** The set that decided a height. */
    validatorsAt(height: number): ValidatorSet | undefined
  }
  /** The set that decides `height`, from the tip's own to two above it. */
  validators(height: number): ValidatorSet
  /** Told after a block is final and stored. */
  onDecided(listener: (decided: { readonly receipts: readonly Receipt[] }) => void): void
}

/** What became of the transactions of a height. */
export interface HeightOutcome {
  readonly transactionIds: readonly Hash[]
  /** One entry per transaction: the code of its rejection, or undefined where it was applied. */
  readonly rejections: readonly (string | undefined)[]
  /** What each transaction moved, then what the end of the block paid. */
  readonly movements: readonly (readonly Movement[])[]
}

/** `Mempool` satisfies this. */
export interface ApiMempool {
  readonly size: number
  get(id: Hash): Transaction | undefined
  /** Why a transaction that once waited never came into a block. */
  fate(id: Hash): Refusal | undefined
  onEnd(listener: (id: Hash, refusal: Refusal) => void): () => void
  pending(account: Address): bigint
  nextNonce(account: Address): number
}

/** Why a transaction is not, or not any more, waiting. `by` is the transaction that has its place. */
export interface Refusal {
  readonly code: string
  readonly by?: Hash
}

/** For whom the wrong passphrases of a request count: nobody's may lock the owner out. */
export type Guesser = 'owner' | 'stranger'

/** The keystore with its open sessions. */
export interface ApiWallet {
  /** The default identity first; empty on a node without one. */
  identities(): readonly WalletIdentity[]
  /**
   * With a passphrase it signs for this call only, and a wrong one is refused even where the identity is unlocked;
   * without one the identity must be unlocked. `key` is the one that signs for the identity now, by default the one in
   * its DID. Wrong passphrases of strangers are counted apart from the owner's.
   */
  sign(
    did: Did,
    message: Uint8Array,
    passphrase?: string,
    key?: PublicKey,
    by?: Guesser,
  ): Promise<Uint8Array | WalletRefusal>
  /** Undefined where the identity is now unlocked for `durationMs`; `key` is the one that signs for it now. */
  unlock(
    did: Did,
    passphrase: string,
    durationMs: number,
    key?: PublicKey,
    by?: Guesser,
  ): Promise<WalletRefusal | undefined>
  lock(did: Did): void
  /** Makes the next identity of this node's mnemonic, sealed with the same passphrase, which only `local` knows by itself. */
  create(passphrase?: string, by?: Guesser): Promise<Did | WalletRefusal>
  /**
   * Makes the key of a rotation that is to come, the same one whenever it is asked for, with its signature of
   * `proofOf`.
   */
  nextKey(
    did: Did,
    rotation: number,
    passphrase: string | undefined,
    proofOf: (key: PublicKey) => Uint8Array,
    by?: Guesser,
  ): Promise<{ readonly key: PublicKey; readonly proof: Uint8Array } | WalletRefusal>
}

export interface WalletIdentity {
  readonly did: Did
  /** Its place in the wallet. */
  readonly index: number
  /** Those that are here; which of them signs now is the chain's to say. */
  readonly keys: readonly PublicKey[]
  /** Absent while locked; `Number.POSITIVE_INFINITY` where it stays open until the node stops. */
  readonly unlockedUntilMs?: number
}

export interface WalletRefusal {
  readonly refused:
    | 'identity_is_unknown'
    | 'identity_is_locked'
    | 'key_is_missing'
    | 'wallet_is_another'
    | 'passphrase_is_missing'
    | 'passphrase_is_wrong'
    | 'too_many_attempts'
  /** With `too_many_attempts`. */
  readonly retryAfterMs?: number
}

export interface NodeCondition {
  readonly type: 'full' | 'light'
  readonly synced: boolean
  /** The highest block any peer is known to have, at least the own tip. */
  readonly targetHeight: number
  /** Sentences for people; empty while all is well. */
  readonly degraded: readonly string[]
  readonly peerId: string
  /** Where other nodes reach this one. */
  readonly listen: readonly string[]
  readonly startedAtMs: number
  /** Absent on a node that holds no consensus key of the current set. */
  readonly validator?: { readonly publicKey: PublicKey; readonly power: bigint }
}

export interface HistoryPage {
  readonly limit: number
  readonly offset: number
  /** Only what came before this place. */
  readonly before?: { readonly height: number; readonly index: number }
}

export interface HistoryEntry {
  readonly height: number
  /** The place of the transaction in its block; what the end of the block paid stands after the last one. */
  readonly index: number
  readonly timeMs: number
  /** Absent for what the end of a block paid. */
  readonly transaction?: {
    readonly id: Hash
    readonly kind: string
    readonly sender: Did
    readonly nonce: number
    readonly fee: bigint
    /** The code, where it paid its fee and changed nothing else. */
    readonly rejected?: string
  }
  /** Those that touch the account. A fee is a movement without `to`. */
  readonly movements: readonly Movement[]
}
