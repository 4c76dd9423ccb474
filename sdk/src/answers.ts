/** What a node answers, as JSON. The same shapes stand in its OpenAPI document. */

export interface NodeStatus {
  /** The node's first identity; absent before `clawnet init`. */
  readonly did?: string
  readonly address?: string
  /** The node knows the current state of the network. */
  readonly synced: boolean
  /** The last final block on this node. */
  readonly blockHeight: number
  readonly blockHash: string
  readonly blockTimeMs: number
  /** Connected nodes. */
  readonly peers: number
  readonly network: 'mainnet' | 'testnet' | 'local'
  readonly chainId: string
  readonly version: string
  readonly type: 'full' | 'light'
  /** The highest block any peer is known to have. */
  readonly targetHeight: number
  /** What is wrong, as sentences; empty while all is well. */
  readonly degraded: readonly string[]
  readonly validator?: { readonly publicKey: string; readonly power: number }
  readonly pendingTransactions: number
  readonly peerId: string
  /** Where other nodes reach this one. */
  readonly listen: readonly string[]
  readonly startedAtMs: number
}

export interface PeerList {
  readonly peers: readonly {
    readonly id: string
    readonly address: string
    readonly direction: 'inbound' | 'outbound'
    readonly connectedAtMs: number
  }[]
}

export interface Identity {
  readonly did: string
  readonly address: string
  /** Its place among the identities of the node's 24 words. */
  readonly index: number
  /** The key that signs now, where it is no longer the one in the DID. */
  readonly key?: string
  /** The node has the key that signs now. */
  readonly holdsKey: boolean
  /** It signs without a passphrase. */
  readonly isUnlocked: boolean
  /** Absent where it stays open until the node stops. */
  readonly unlockedUntilMs?: number
}

export interface IdentityList {
  /** The default identity. */
  readonly did?: string
  readonly address?: string
  /** Its DID document. */
  readonly document?: { readonly [field: string]: unknown }
  readonly identities: readonly Identity[]
}

/** What the owner of a node lets an agent do; amounts are Tokens, fees included. */
export interface TokenGrant {
  /** For people. */
  readonly name?: string
  /** What it may write, such as `wallet`; with `read` alone it writes nothing. */
  readonly scopes: readonly string[]
  readonly perTx?: number
  /** In any 24 hours. */
  readonly perDay?: number
  readonly total?: number
  /** The only ones who may come to have Tokens: addresses or DIDs. */
  readonly payees?: readonly string[]
  /** What takes more waits for the owner's approval. */
  readonly approvalAbove?: number
  /** Milliseconds since 1970-01-01 UTC. */
  readonly expiresAt?: number
}

export interface AgentToken extends TokenGrant {
  readonly id: string
  readonly did: string
  readonly address: string
  readonly status: 'live' | 'expired' | 'revoked'
  readonly createdAt: number
  readonly spentLastDay: number
  readonly spentTotal: number
  readonly leftToday?: number
  readonly leftTotal?: number
}

/** What an agent asked for above `approvalAbove` of its token. */
export interface Approval {
  readonly id: string
  readonly status: 'waiting' | 'approved' | 'refused'
  /** The id of the agent token. */
  readonly token: string
  readonly tokenName?: string
  readonly did: string
  readonly kind: string
  readonly payload: { readonly [field: string]: unknown }
  /** What it takes, fee included. */
  readonly tokens: number
  /** Who may come to have them. */
  readonly payees: readonly string[]
  readonly askedAt: number
  readonly expiresAt: number
  /** The transaction that was made of it. */
  readonly txHash?: string
}

interface TransactionContent {
  readonly txHash: string
  readonly kind?: string
  /** Who sent it. */
  readonly did?: string
  readonly address?: string
  readonly nonce?: number
  readonly fee?: number
  readonly payload?: { readonly [field: string]: unknown }
}

interface Place {
  readonly height: number
  readonly index: number
  readonly blockHash: string
  readonly timeMs: number
}

/** A transaction and what became of it. */
export type TransactionAnswer = TransactionContent &
  (
    | { readonly status: 'broadcast' }
    | ({ readonly status: 'final' } & Place)
    /** With a place it stands in a block, paid its fee and changed nothing else. */
    | ({
        readonly status: 'failed'
        readonly code: string
        readonly detail: string
        readonly by?: string
      } & Partial<Place>)
    /** Not decided while the request waited. */
    | { readonly status: 'unknown' }
  )

/** A final block, with the first of its transactions and the commit that proves it final. */
export interface BlockAnswer {
  readonly height: number
  readonly blockHash: string
  readonly timeMs: number
  readonly header: { readonly [field: string]: unknown }
  readonly commit: {
    readonly round: number
    readonly signers: readonly string[]
    readonly signatures: readonly string[]
  }
  readonly transactionCount: number
  readonly transactions: readonly TransactionAnswer[]
}

/** Tokens that moved; a fee has no `to`, a reward no `from`. */
export interface Movement {
  readonly from?: string
  readonly to?: string
  readonly amount: number
}

export interface HistoryAnswer {
  readonly address: string
  /** What touched the account, newest first. */
  readonly entries: readonly HistoryEntry[]
  /** Where the next page begins; absent on the last one. */
  readonly cursor?: string
}

export interface HistoryEntry {
  readonly height: number
  readonly index: number
  readonly timeMs: number
  readonly status: 'final' | 'failed'
  /** Absent for what the end of a block paid. */
  readonly txHash?: string
  /** Why it had no effect but its fee. */
  readonly code?: string
  readonly kind?: string
  /** Who sent it. */
  readonly did?: string
  readonly nonce?: number
  readonly fee?: number
  /** What it did to this account, in Tokens, fee included. */
  readonly change: number
  readonly movements: readonly Movement[]
}
