/** A client of one node. */
import { ledger, present } from '@claw-network/protocol'
import type {
  AgentToken,
  Approval,
  BlockAnswer,
  HistoryAnswer,
  Identity,
  IdentityList,
  NodeStatus,
  PeerList,
  TokenGrant,
  TransactionAnswer,
} from './answers.ts'
import { events, type EventFilter, type NodeEvent } from './events.ts'
import { type Fetch, Http, pause, type PlainField, queryText } from './http.ts'
import { ProblemError, TermsError } from './problem.ts'
import type { BodyOf, InputOf, KindName, OutputOf, QueryPath } from './tables.ts'
import type { SignedTransaction, Wallet } from './wallet.ts'

export interface ClientOptions {
  /** By default `http://127.0.0.1:9528`. */
  readonly url?: string
  /** The node's API token, its cookie, or an agent's token. Reads of a local node need none. */
  readonly token?: string
  /** How often a request is sent before a lost connection becomes a ConnectionError; by default 4. */
  readonly attempts?: number
  /** The network that wallets sign for; by default that of the node's first answer. */
  readonly chainId?: string
}

/** What a transaction may say besides its body. */
export interface TransactionOptions {
  readonly fee?: number | bigint
  readonly nonce?: number
  readonly prev?: string
  readonly validUntil?: number
  /** Waits up to this long for the outcome, at most two minutes; without it the answer comes once the node has sent it. */
  readonly waitMs?: number
}

export interface SendOptions extends TransactionOptions {
  /** The identity that signs; by default the node's first one. */
  readonly did?: string
  /** Unlocks the identity for this request only. */
  readonly passphrase?: string
  /** The same key never makes a second transaction. A fresh one is taken where there is none. */
  readonly idempotencyKey?: string
}

export interface WalletOptions extends TransactionOptions {
  /** The most to pay where `fee` is left to the node; by default 10 Tokens. */
  readonly feeMax?: number | bigint
}

const urlDefault = 'http://127.0.0.1:9528'
const attemptsDefault = 4
const feeMaxDefault = 10
/** How long an answer may take, waiting for an outcome aside. */
const answerTimeoutMs = 30_000
const waitMsDefault = 60_000
/** Longest wait of one look at a transaction; longer ones are cut into several. */
const waitPerLookMs = 25_000
/** Longest wait that a node allows a write. */
const waitPerWriteMs = 120_000
/** Between two looks at a transaction that this node has not heard of yet. */
const lookAgainMs = 250
/** How often a wallet asks for a nonce again when another process with the same key was faster. */
const nonceAttempts = 3

export class ClawnetClient {
  readonly #http: Http
  /** The last order of each wallet: one wallet's transactions are numbered one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>()
  #chainId: string | undefined

  constructor(
    options: ClientOptions = {},
    dependencies: { readonly fetch: Fetch } = { fetch: (url, init) => fetch(url, init) },
  ) {
    const { url = urlDefault, token, attempts = attemptsDefault, chainId } = options
    this.#http = new Http({ url, attempts, ...(token === undefined ? {} : { token }) }, dependencies)
    this.#chainId = chainId
  }

  async status(): Promise<NodeStatus> {
    return (await this.#http.get('/api/node/status')) as NodeStatus
  }

  async peers(): Promise<PeerList> {
    return (await this.#http.get('/api/node/peers')) as PeerList
  }

  /** The identities whose keys the node holds, the default one first. */
  async identity(): Promise<IdentityList> {
    return (await this.#http.get('/api/identity')) as IdentityList
  }

  /** Of a DID or address; of the node's own identity where none is given. */
  async balance(of?: string): Promise<OutputOf<'/api/wallet/balance'>> {
    const answer = await this.query('/api/wallet/balance', of === undefined ? {} : { address: of })
    return present(answer, 'every account has a balance')
  }

  /** What touched an account, newest first. */
  async history(
    page: { readonly of?: string; readonly limit?: number; readonly offset?: number; readonly cursor?: string } = {},
  ): Promise<HistoryAnswer> {
    const { of: address, ...rest } = page
    return (await this.#http.get(`/api/wallet/history${queryText({ address, ...rest })}`)) as HistoryAnswer
  }

  /** Undefined for a transaction that this node has not heard of. */
  async transaction(txHash: string): Promise<TransactionAnswer | undefined> {
    return (await this.#http.find(`/api/tx/${encodeURIComponent(txHash)}`)) as TransactionAnswer | undefined
  }

  /** By height, block hash or `latest`; undefined where this node has no such block. */
  async block(id: number | string): Promise<BlockAnswer | undefined> {
    return (await this.#http.find(`/api/blocks/${encodeURIComponent(id)}`)) as BlockAnswer | undefined
  }

  /** A query of a domain, named by its path: `query('/api/wallet/balance', { did })`. Undefined where there is no such thing. */
  async query<P extends QueryPath>(path: P, input: InputOf<P>): Promise<OutputOf<P> | undefined> {
    const { filled, rest } = fill(path, input)
    return (await this.#http.find(filled + queryText(rest as Record<string, PlainField>))) as OutputOf<P> | undefined
  }

  /** Makes a transaction that the node signs: `send('wallet.transfer', { to, amount: 100 })`. */
  async send<K extends KindName>(kind: K, body: BodyOf<K>, options: SendOptions = {}): Promise<TransactionAnswer> {
    const { waitMs, idempotencyKey, ...order } = options
    const { path } = present(ledger.kinds.get(kind), `${kind} is in the table of kinds`)
    const { filled, rest } = fill(path, body)
    return this.#write(filled, { ...order, ...rest }, waitMs, idempotencyKey)
  }

  /** Makes a transaction that the wallet signs here; the node only passes it on. */
  async submitSigned<K extends KindName>(
    wallet: Wallet,
    kind: K,
    body: BodyOf<K>,
    options: WalletOptions = {},
  ): Promise<TransactionAnswer> {
    const { waitMs, ...order } = options
    const sent = await this.#inTurn(wallet.did, async () => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await this.submit(await this.#sign(wallet, kind, body, order))
        } catch (error) {
          const isTaken = error instanceof ProblemError && /^nonce_is_(used|taken)$/.test(error.code)
          if (!isTaken || order.nonce !== undefined || attempt === nonceAttempts) throw error
        }
      }
    })
    return waitMs === undefined || sent.status !== 'broadcast' ? sent : this.wait(sent.txHash, { timeoutMs: waitMs })
  }

  /** Hands on a signed transaction. Its hash is the idempotency key: repeating it does no more than the first time. */
  async submit(
    { bytes, txHash }: SignedTransaction,
    { waitMs }: { readonly waitMs?: number } = {},
  ): Promise<TransactionAnswer> {
    return this.#write('/api/tx', { bytes }, waitMs, txHash)
  }

  /** The outcome of a transaction; `unknown` where it is not decided after `timeoutMs`, by default a minute. */
  async wait(
    txHash: string,
    { timeoutMs = waitMsDefault }: { readonly timeoutMs?: number } = {},
  ): Promise<TransactionAnswer> {
    const endsAtMs = Date.now() + timeoutMs
    const path = `/api/tx/${encodeURIComponent(txHash)}`
    for (;;) {
      const leftMs = endsAtMs - Date.now()
      const answer = await this.#http.find(path, waitHeader(Math.min(leftMs, waitPerLookMs)))
      const { status } = (answer ?? {}) as Partial<TransactionAnswer>
      if (status === 'final' || status === 'failed') return answer as TransactionAnswer
      if (Date.now() + lookAgainMs >= endsAtMs) return { ...(answer as object | undefined), txHash, status: 'unknown' }
      await pause(lookAgainMs)
    }
  }

  /** Transactions and blocks as they become final, for ever; resumes by itself where the connection is lost. */
  events(filter: EventFilter = {}): AsyncGenerator<NodeEvent> {
    return events(this.#http, filter)
  }

  /** Makes an identity from the node's 24 words, sealed with the passphrase of its wallet, which a local network knows. */
  async createIdentity(passphrase?: string): Promise<Identity> {
    return (await this.#post('/api/identity', passphrase === undefined ? {} : { passphrase })) as Identity
  }

  /**
   * Gives an identity of the node its next key; the DID and the account stay. Takes the passphrase of the wallet. May be
   * repeated: it is the same key until a rotation is final.
   */
  async rotateKey(did: string, options: Omit<SendOptions, 'did'> = {}): Promise<TransactionAnswer> {
    const { waitMs, idempotencyKey, ...order } = options
    return this.#write(`/api/identity/${encodeURIComponent(did)}/rotate`, order, waitMs, idempotencyKey)
  }

  /** Lets the node sign for an identity without a passphrase, for 15 minutes where `seconds` is left out. */
  async unlock(
    passphrase: string,
    options: { readonly did?: string; readonly seconds?: number } = {},
  ): Promise<Identity> {
    return (await this.#post('/api/identity/unlock', { passphrase, ...options })) as Identity
  }

  /** Locks one identity, or all; answers with the DIDs that are locked now. */
  async lock(did?: string): Promise<readonly string[]> {
    const answer = (await this.#post('/api/identity/lock', did === undefined ? {} : { did })) as {
      locked: readonly string[]
    }
    return answer.locked
  }

  /** The node's agent tokens with what is left of them; an agent gets its own only. */
  async tokens(): Promise<readonly AgentToken[]> {
    const { tokens } = (await this.#http.get('/api/tokens')) as { readonly tokens: readonly AgentToken[] }
    return tokens
  }

  /** Makes a credential for an agent; `token` in the answer is shown this once. For the node's owner. */
  async createToken(grant: TokenGrant & { readonly did?: string }): Promise<AgentToken & { readonly token: string }> {
    // The answer is a secret, which nothing keeps for a repetition.
    const write = { body: grant, timeoutMs: answerTimeoutMs }
    return (await this.#http.post('/api/tokens', write)) as AgentToken & { readonly token: string }
  }

  /** Ends an agent token at once and for good. */
  async revokeToken(id: string): Promise<AgentToken> {
    return (await this.#post(`/api/tokens/${encodeURIComponent(id)}/revoke`, {})) as AgentToken
  }

  /** What agents asked for above their limit of approval, the oldest first; an agent gets its own only. */
  async approvals(filter: { readonly status?: Approval['status'] } = {}): Promise<readonly Approval[]> {
    const answer = (await this.#http.get(`/api/approvals${queryText(filter)}`)) as { approvals: readonly Approval[] }
    return answer.approvals
  }

  /** Undefined where there is none with this id. */
  async approval(id: string): Promise<Approval | undefined> {
    return (await this.#http.find(`/api/approvals/${encodeURIComponent(id)}`)) as Approval | undefined
  }

  /** Lets the node make and send the transaction now. The passphrase unlocks the identity for this request only. */
  async approve(id: string, options: { readonly passphrase?: string } = {}): Promise<Approval> {
    return (await this.#post(`/api/approvals/${encodeURIComponent(id)}/approve`, options)) as Approval
  }

  /** Nothing is sent, and the agent is told. */
  async refuse(id: string): Promise<Approval> {
    return (await this.#post(`/api/approvals/${encodeURIComponent(id)}/refuse`, {})) as Approval
  }

  /** The order comes from the node, what is signed is built here from the caller's own words. */
  async #sign<K extends KindName>(wallet: Wallet, kind: K, body: BodyOf<K>, options: Omit<WalletOptions, 'waitMs'>) {
    const { feeMax = feeMaxDefault, ...order } = options
    const request = { kind, payload: body, did: wallet.did, ...order }
    const prepared = (await this.#post('/api/tx/prepare', request)) as { envelope: PreparedEnvelope }
    const { chainId, nonce, fee } = prepared.envelope
    this.#chainId ??= chainId
    if (chainId !== this.#chainId)
      throw new TermsError(`the node is on another network: ${chainId} instead of ${this.#chainId}`)
    if (order.fee === undefined && fee > feeMax)
      throw new TermsError(`the node asks a fee of ${fee} Tokens, above feeMax (${feeMax})`)
    return wallet.sign({ ...order, chainId, kind, body, nonce: order.nonce ?? nonce, fee: order.fee ?? fee })
  }

  #write(path: string, body: unknown, waitMs = 0, idempotencyKey = freshKey()): Promise<TransactionAnswer> {
    const heldMs = Math.min(waitMs, waitPerWriteMs)
    const write = { body, idempotencyKey, timeoutMs: heldMs + answerTimeoutMs, headers: waitHeader(heldMs) }
    return this.#http.post(path, write) as Promise<TransactionAnswer>
  }

  #post(path: string, body: unknown): Promise<unknown> {
    return this.#http.post(path, { body, idempotencyKey: freshKey(), timeoutMs: answerTimeoutMs })
  }

  async #inTurn<T>(wallet: string, work: () => Promise<T>): Promise<T> {
    // Whoever came before has told its own caller of its error.
    const mine = (this.#turns.get(wallet) ?? Promise.resolve()).then(work, work)
    this.#turns.set(wallet, mine)
    try {
      return await mine
    } finally {
      if (this.#turns.get(wallet) === mine) this.#turns.delete(wallet)
    }
  }
}

/** What the node says of a transaction that is to be signed. */
interface PreparedEnvelope {
  readonly chainId: string
  readonly nonce: number
  readonly fee: number
}

/** Puts fields into the `:name` places of a path; the others are the rest. */
function fill<T>(
  path: string,
  fields: T,
): { readonly filled: string; readonly rest: { readonly [field: string]: T[keyof T] } } {
  const rest = { ...fields } as Record<string, T[keyof T]>
  const filled = path.replace(/:([A-Za-z]+)/g, (_place, name: string) => {
    const value = rest[name] as PlainField
    delete rest[name]
    return encodeURIComponent(String(value))
  })
  return { filled, rest }
}

/** RFC 7240: whole seconds. */
function waitHeader(waitMs: number): Record<string, string> {
  return waitMs > 0 ? { prefer: `wait=${Math.ceil(waitMs / 1000)}` } : {}
}

function freshKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, '0')).join('')
}
