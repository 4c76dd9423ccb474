/** Makes, signs and hands on the transactions of this node's identities. */
import {
  accountAt,
  addressOf,
  assemble,
  DecodeError,
  type Address,
  type AnyTransactionKind,
  type Did,
  type Envelope,
  type Hash,
  type PublicKey,
  signingBytes,
  type Transaction,
} from '@claw-network/protocol'
import type { ApiNode, WalletRefusal } from './node.ts'
import type { Outcomes } from './outcomes.ts'
import { Problem, type Rejections } from './problems.ts'
import type { Call } from './route.ts'
import type { Spending } from './spending.ts'

/** How long a request waits for room in the account's queue before it gives up. */
const roomWaitMs = 15_000

/** What a request may say about its transaction besides the payload. */
export interface SendFields {
  readonly did?: Did
  readonly passphrase?: string
  readonly nonce?: number
  readonly fee?: bigint
  readonly prev?: Hash
  readonly validUntil?: number
}

export interface SenderDependencies {
  readonly node: ApiNode
  readonly outcomes: Outcomes
  readonly spending: Spending
  readonly rejections: Rejections
}

export class Sender {
  readonly #deps: SenderDependencies
  /** The last request of each account: nonces are handed out one after the other. */
  readonly #turns = new Map<Address, Promise<unknown>>()

  constructor(dependencies: SenderDependencies) {
    this.#deps = dependencies
  }

  /** The identity a request means, or the default one. */
  identity(named: Did | undefined): Did {
    const identities = this.#deps.node.wallet.identities()
    const found = named === undefined ? identities[0] : identities.find(({ did }) => did === named)
    if (found !== undefined) return found.did
    throw Problem.of('identity_is_unknown', {
      field: 'did',
      ...(named === undefined && { detail: 'did: this node has no identity yet; run "clawnet init".' }),
    })
  }

  /** Signs and sends; the answer is the transaction, which now waits for a block. Throws a Problem where it does not. */
  async send(kind: AnyTransactionKind, payload: unknown, fields: SendFields, call: Call): Promise<Transaction> {
    const { node, spending } = this.#deps
    if (!node.condition().synced) throw Problem.of('node_is_syncing', { headers: { 'retry-after': '5' } })
    const sender = this.identity(fields.did)
    const { feeMin } = node.chain.params
    const fee = fields.fee ?? feeMin
    const tokens = kind.spends(payload) + (fee > feeMin ? fee - feeMin : 0n)
    spending.checkTransaction(tokens)

    return this.#inTurn(addressOf(sender), async () => {
      const earlier = await this.#sentEarlier(call)
      if (earlier !== undefined) return earlier
      const envelope = this.envelope(kind, payload, { ...fields, sender })
      const transaction = await this.#sign(envelope, fields.passphrase)
      // The same request once more, nonce and all, is the same transaction.
      if (this.#isKnown(transaction)) return transaction
      const giveBack = await spending.reserve(tokens)
      try {
        await call.keySlot?.keep(transaction.bytes)
        await this.#submit(transaction, fields.nonce === undefined, call)
      } catch (error) {
        await giveBack()
        throw error
      }
      return transaction
    })
  }

  /**
   * Hands on what the last run signed and perhaps did not send, and what waited when it ended. What is refused now gets
   * its chance when its request comes again.
   */
  resume(kept: Iterable<Uint8Array>): void {
    const { node, outcomes } = this.#deps
    for (const bytes of kept) {
      const transaction = this.#kept(bytes)
      if (transaction === undefined || !this.#canStillCome(transaction)) continue
      if (outcomes.of(transaction.id) === undefined) node.submit(transaction)
    }
  }

  /** Hands on a transaction signed elsewhere. */
  pass(transaction: Transaction): void {
    if (this.#isKnown(transaction)) return
    const refusal = this.#deps.node.submit(transaction)
    if (refusal !== undefined) throw this.#deps.rejections.problem(refusal, fieldsOf(transaction))
  }

  /** The envelope that a request describes, with the next nonce and the lowest fee where it names none. */
  envelope(
    kind: AnyTransactionKind,
    payload: unknown,
    fields: SendFields & { readonly sender: Did; readonly signer?: PublicKey },
  ): Envelope {
    const { chain, mempool } = this.#deps.node
    const { sender, nonce, fee, validUntil, prev, signer } = fields
    return {
      chainId: chain.chainId,
      kind: kind.kind,
      sender,
      nonce: nonce ?? mempool.nextNonce(addressOf(sender)),
      fee: fee ?? chain.params.feeMin,
      ...(validUntil !== undefined && { validUntil }),
      ...(prev !== undefined && { prev }),
      ...(signer !== undefined && { signer }),
      payload,
    }
  }

  async #sign(envelope: Envelope, passphrase: string | undefined): Promise<Transaction> {
    const { chain, wallet } = this.#deps.node
    const signed = await wallet.sign(envelope.sender, signingBytes(chain.ledger.kinds, envelope), passphrase)
    if ('refused' in signed) throw walletProblem(signed)
    return assemble(chain.ledger.kinds, envelope, signed)
  }

  async #submit(transaction: Transaction, nonceIsOurs: boolean, call: Call): Promise<void> {
    const { node, outcomes, rejections } = this.#deps
    const giveUpAtMs = node.clock.nowMs() + roomWaitMs
    for (;;) {
      const refusal = node.submit(transaction)
      if (refusal === undefined) break
      const waitMs = giveUpAtMs - node.clock.nowMs()
      if (refusal.code !== 'nonce_is_too_far' || !nonceIsOurs || waitMs <= 0 || call.signal.aborted) {
        throw rejections.problem(refusal, fieldsOf(transaction))
      }
      // The account's queue is full. Its head becomes final with the next block, and this is the next in line.
      await outcomes.nextBlock(waitMs, call.signal)
    }
    call.keySlot?.sent()
  }

  #isKnown(transaction: Transaction): boolean {
    const status = this.#deps.outcomes.of(transaction.id)?.status
    return status === 'broadcast' || status === 'final'
  }

  /** What an earlier request with the same key signed, sent again where a crash came in between. */
  async #sentEarlier(call: Call): Promise<Transaction | undefined> {
    const bytes = call.keySlot?.transaction
    const transaction = bytes && this.#kept(bytes)
    if (transaction === undefined) return
    if (this.#deps.outcomes.of(transaction.id) !== undefined) return transaction
    // It never left the node, and its nonce went to another one: a fresh one cannot pay twice.
    if (!this.#canStillCome(transaction)) return
    await this.#submit(transaction, true, call)
    return transaction
  }

  /** Undefined for one of another chain, which this directory was used for before. */
  #kept(bytes: Uint8Array): Transaction | undefined {
    try {
      return this.#deps.node.chain.decode(bytes)
    } catch (error) {
      if (error instanceof DecodeError) return
      throw error
    }
  }

  #canStillCome({ envelope, account }: Transaction): boolean {
    return envelope.nonce > accountAt(this.#deps.node.chain.view, account).nonce
  }

  async #inTurn<T>(account: Address, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(account)
    // Whoever came before has told its own caller of its error.
    const mine = before === undefined ? work() : before.then(work, work)
    this.#turns.set(account, mine)
    try {
      return await mine
    } finally {
      if (this.#turns.get(account) === mine) this.#turns.delete(account)
    }
  }
}

export function walletProblem({ refused, retryAfterMs }: WalletRefusal): Problem {
  const field = refused === 'passphrase_is_wrong' || refused === 'too_many_attempts' ? 'passphrase' : 'did'
  if (retryAfterMs === undefined) return Problem.of(refused, { field })
  const seconds = Math.ceil(retryAfterMs / 1000)
  return Problem.of(refused, {
    field,
    detail: `passphrase: too many wrong ones; try again in ${seconds} s.`,
    headers: { 'retry-after': String(seconds) },
  })
}

function fieldsOf({ kind }: Transaction): string[] {
  return ['nonce', 'prev', 'fee', 'validUntil', 'signer', ...Object.keys(kind.body.fields)]
}
