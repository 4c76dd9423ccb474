/** Makes, signs and hands on the transactions of this node's identities. */
import {
  addressOf,
  assemble,
  type Address,
  type AnyTransactionKind,
  type Did,
  type Effect,
  type Envelope,
  type Hash,
  type Json,
  keyOf,
  type PublicKey,
  signingBytes,
  type Transaction,
} from '@claw-network/protocol'
import { payeesShownMax } from '../audit-log.ts'
import type { AuditRemarks } from './audit.ts'
import { scopeIsMissing, tokenHasEnded } from './guard.ts'
import type { ApiNode, WalletRefusal } from './node.ts'
import { type Approvals, checkApproved } from './approvals.ts'
import type { Orders } from './orders.ts'
import type { Outcomes } from './outcomes.ts'
import { guesserOf, owner, type Principal } from './principal.ts'
import { Problem, type Rejections } from './problems.ts'
import type { Call } from './route.ts'
import { scopeOf } from './scopes.ts'
import { checkPayees, payeesOf, type Share } from './spending.ts'
import type { AgentToken, AgentTokens } from './tokens.ts'

/** How long a request waits for room in the account's queue before it gives up. */
const roomWaitMs = 15_000
/** In place of the signature while a transaction is only weighed. */
const noSignature = new Uint8Array(64)

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
  readonly orders: Orders
  readonly tokens: AgentTokens
  readonly rejections: Rejections
}

export class Sender {
  readonly #deps: SenderDependencies
  /** The last request of each account: nonces are handed out one after the other. */
  readonly #turns = new Map<Address, Promise<unknown>>()

  constructor(dependencies: SenderDependencies) {
    this.#deps = dependencies
  }

  /** The identity a request means: one of this node's, and of an agent its own. */
  identity(named: Did | undefined, principal: Principal = owner.socket): Did {
    const identities = this.#deps.node.wallet.identities()
    const own = principal.role === 'agent' ? principal.token.did : identities[0]?.did
    const meant = named ?? own
    if (principal.role === 'agent' && meant !== own) throw Problem.of('not_your_identity', { field: 'did' })
    const found = identities.find(({ did }) => did === meant)
    if (found !== undefined) return found.did
    throw Problem.of('identity_is_unknown', {
      field: 'did',
      ...(meant === undefined && { detail: 'did: this node has no identity yet; run "clawnet init".' }),
    })
  }

  /**
   * Signs and sends; the answer is the id of the transaction, which now waits for a block. Throws a Problem where it does
   * not.
   */
  async send(kind: AnyTransactionKind, payload: unknown, fields: SendFields, call: Call): Promise<Hash> {
    const { node, orders } = this.#deps
    if (!node.condition().synced) throw Problem.of('node_is_syncing', { headers: { 'retry-after': '5' } })
    const sender = this.identity(fields.did, call.principal)
    call.note({ did: sender })

    const id = await this.#inTurn(addressOf(sender), async () => {
      const earlier = await this.#sentEarlier(call)
      if (earlier !== undefined) return earlier.id
      const approved = call.approval === undefined ? orders.approvals.outcomeOf(call.keySlot?.claim) : undefined
      if (approved !== undefined) return approved

      const envelope = await this.#endorsed(kind, this.envelope(kind, payload, { ...fields, sender }), fields, call)
      this.#checkStatements(kind, envelope)
      const unsigned = assemble(node.chain.ledger.kinds, envelope, noSignature)
      // The same request once more, nonce and all, is the same transaction, and counts once.
      const open = orders.openOf(unsigned.id)
      if (open !== undefined || this.#isKnown(unsigned)) {
        await this.#sign(envelope, fields, call)
        if (open !== undefined && !this.#isKnown(open)) this.#sendAgain(open, call)
        return unsigned.id
      }
      const shares = await this.#reserve(unsigned, fields, call)
      const transaction = await this.#keep(envelope, shares, fields, call)
      await this.#submit(transaction, fields.nonce === undefined, call)
      return transaction.id
    })
    call.note({ txHash: id })
    return id
  }

  /**
   * Hands on what the last run signed and perhaps did not send, and what waited when it ended. What is refused now gets
   * its chance when its request comes again; what an agent ordered whose token was revoked since does not go out.
   */
  resume(): void {
    const { node, outcomes, orders, tokens } = this.#deps
    for (const { transaction, shares } of orders.unsettled()) {
      const isRevoked = shares.some(({ subject }) => subject !== '' && tokens.get(subject)?.revokedAt !== undefined)
      if (!isRevoked && outcomes.of(transaction.id) === undefined) node.submit(transaction)
    }
  }

  /** Hands on a transaction signed elsewhere. */
  pass(transaction: Transaction, principal: Principal): void {
    if (principal.role === 'agent') {
      this.identity(transaction.envelope.sender, principal)
      const scope = scopeOf(transaction.kind.path)
      if (!principal.token.scopes.includes(scope)) throw scopeIsMissing(scope)
    }
    if (this.#isKnown(transaction)) return
    const refusal = this.#deps.node.submit(transaction)
    if (refusal !== undefined) throw this.#deps.rejections.problem(refusal, fieldsOf(transaction))
  }

  /** The envelope that a request describes, with next nonce, lowest fee and current key where it names none. */
  envelope(
    kind: AnyTransactionKind,
    payload: unknown,
    fields: SendFields & { readonly sender: Did; readonly signer?: PublicKey },
  ): Envelope {
    const { chain, mempool } = this.#deps.node
    const { sender, nonce, fee, validUntil, prev } = fields
    const signer = fields.signer ?? keyOf(chain.view, sender)
    return {
      chainId: chain.chainId,
      kind: kind.kind,
      sender,
      nonce: nonce ?? mempool.nextNonce(addressOf(sender)),
      fee: fee ?? chain.params.feeMin,
      ...(validUntil !== undefined && { validUntil }),
      ...(prev !== undefined && { prev }),
      ...(signer !== sender && { signer }),
      payload,
    }
  }

  /** Puts the sender's own signature into a payload that needs one. */
  async #endorsed(
    kind: AnyTransactionKind,
    envelope: Envelope,
    { passphrase }: SendFields,
    { principal }: Call,
  ): Promise<Envelope> {
    const { wallet, clock } = this.#deps.node
    const { sender, signer: key = sender, payload } = envelope
    const by = { did: sender, key, nowMs: clock.nowMs() }
    const message = kind.endorsement?.message(payload, by)
    if (kind.endorsement === undefined || message === undefined) return envelope
    const signature = await wallet.sign(sender, message, passphrase, key, guesserOf(principal))
    if ('refused' in signature) throw walletProblem(signature)
    return { ...envelope, payload: kind.endorsement.endorsed(payload, by, signature) }
  }

  /** Whatever this node hands on it may propose, so that a bad signature of somebody else's must not get any further. */
  #checkStatements(kind: AnyTransactionKind, envelope: Envelope): void {
    const { signatures } = this.#deps.node
    const statements = kind.statements?.(envelope.payload, envelope) ?? []
    if (statements.every(({ signature, message, publicKey }) => signatures.verify(signature, message, publicKey)))
      return
    throw Problem.of('signature_is_wrong', {
      detail: 'A signature in the payload does not belong to what it says and to the key it names.',
    })
  }

  /** Counts what the transaction would take. Throws a Problem where that is too much, or must be approved first. */
  async #reserve(unsigned: Transaction, fields: SendFields, call: Call): Promise<readonly Share[]> {
    const { node, orders, rejections } = this.#deps
    const token = call.principal.role === 'agent' ? call.principal.token : undefined
    const effect = node.effectOf(unsigned)
    call.note(outlaysOf(unsigned, effect))
    if (effect.rejected !== undefined) throw rejections.problem({ code: effect.rejected }, fieldsOf(unsigned))

    const shares = orders.spending.weigh(unsigned, effect, { token, feeMin: node.chain.params.feeMin })
    if (token !== undefined) checkPayees(token, unsigned, effect)
    orders.spending.check(shares, token)
    if (token !== undefined && this.#needsApproval(token, shares, call)) {
      throw await orders.approvals.ask(requestOf(unsigned, effect, { token, tokens: tokensOf(shares), fields, call }))
    }
    const approval = call.approval === undefined ? undefined : orders.approvals.get(call.approval)
    if (approval !== undefined) {
      checkApproved(approval.asked, { tokens: tokensOf(shares), payees: payeesOf(unsigned.account, effect.outlays) })
    }
    // Nothing comes in between: requests that arrive together cannot all pass.
    orders.spending.count(shares)
    return shares
  }

  #needsApproval({ approvalAbove }: AgentToken, shares: readonly Share[], call: Call): boolean {
    return approvalAbove !== undefined && call.approval === undefined && tokensOf(shares) > approvalAbove
  }

  /** Signs what is counted and makes it durable; counts it off again where that fails. */
  async #keep(envelope: Envelope, shares: readonly Share[], fields: SendFields, call: Call): Promise<Transaction> {
    const { orders, tokens } = this.#deps
    const { keySlot, approval } = call
    try {
      const transaction = await this.#sign(envelope, fields, call)
      if (hasEnded(call.principal, tokens)) throw tokenHasEnded()
      const claim = keySlot?.claim
      if (claim === undefined && shares.length === 0) return transaction
      await orders.keep({ transaction, shares, ...(claim && { claim }), ...(approval && { approval }) })
      return transaction
    } catch (error) {
      orders.spending.giveBack(shares, { paidFee: false })
      throw error
    }
  }

  async #sign(envelope: Envelope, { passphrase }: SendFields, { principal }: Call): Promise<Transaction> {
    const { chain, wallet } = this.#deps.node
    const { sender, signer = sender } = envelope
    const message = signingBytes(chain.ledger.kinds, envelope)
    const signed = await wallet.sign(sender, message, passphrase, signer, guesserOf(principal))
    if ('refused' in signed) throw walletProblem(signed)
    return assemble(chain.ledger.kinds, envelope, signed)
  }

  /** Hands on what was made durable. What is refused has never left; after anything else it may have. */
  async #submit(transaction: Transaction, nonceIsOurs: boolean, call: Call): Promise<void> {
    const { node, outcomes, orders, tokens, rejections } = this.#deps
    const giveUpAtMs = node.clock.nowMs() + roomWaitMs
    for (;;) {
      if (hasEnded(call.principal, tokens)) {
        await orders.free(transaction)
        throw tokenHasEnded()
      }
      const refusal = node.submit(transaction)
      if (refusal === undefined) break
      const waitMs = giveUpAtMs - node.clock.nowMs()
      if (refusal.code !== 'nonce_is_too_far' || !nonceIsOurs || waitMs <= 0 || call.signal.aborted) {
        await orders.free(transaction)
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
    const { node, outcomes, orders } = this.#deps
    const bytes = call.keySlot?.transaction
    if (bytes === undefined) return
    const transaction = node.chain.decode(bytes)
    if (outcomes.of(transaction.id) !== undefined) return transaction
    // It never left the node, and its nonce went to another one: a fresh one cannot pay twice.
    if (!orders.canCome(transaction)) return
    this.#sendAgain(transaction, call)
    return transaction
  }

  /** What may have left before: whatever becomes of it now, it stays counted. */
  #sendAgain(transaction: Transaction, { principal }: Call): void {
    const { node, tokens, rejections } = this.#deps
    if (hasEnded(principal, tokens)) throw tokenHasEnded()
    const refusal = node.submit(transaction)
    if (refusal !== undefined) throw rejections.problem(refusal, fieldsOf(transaction))
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
  const field = refused.startsWith('passphrase_') || refused === 'too_many_attempts' ? 'passphrase' : 'did'
  if (retryAfterMs === undefined) return Problem.of(refused, { field })
  const seconds = Math.ceil(retryAfterMs / 1000)
  return Problem.of(refused, {
    field,
    detail: `passphrase: too many wrong ones; try again in ${seconds} s.`,
    headers: { 'retry-after': String(seconds) },
  })
}

/** What it takes out of the sender's hands, its fee aside, and who may come to have that. */
function outlaysOf({ account }: Transaction, { outlays }: Effect): AuditRemarks {
  const own = outlays.filter(outlay => outlay.account === account)
  const tokens = own.reduce((sum, { amount }) => sum + amount, 0n)
  return { tokens, payees: payeesOf(account, outlays).slice(0, payeesShownMax) }
}

/** An agent token may have been revoked since the request came. */
function hasEnded(principal: Principal, tokens: AgentTokens): boolean {
  return principal.role === 'agent' && !tokens.isLive(principal.token.id)
}

/** What the request counts against its agent token. */
function tokensOf(shares: readonly Share[]): bigint {
  return shares.find(({ subject }) => subject !== '')?.tokens ?? 0n
}

/** The request as its owner reads it. Its passphrase is not part of it. */
function requestOf(
  { envelope, kind, account }: Transaction,
  { outlays }: Effect,
  about: {
    readonly token: AgentToken
    readonly tokens: bigint
    readonly fields: SendFields
    readonly call: Call
  },
): Parameters<Approvals['ask']>[0] {
  const { nonce, fee, prev, validUntil } = about.fields
  const claim = about.call.keySlot?.claim
  return {
    token: about.token.id,
    did: envelope.sender,
    kind: kind.kind,
    payload: kind.body.toJson(envelope.payload) as { [field: string]: Json },
    ...(nonce !== undefined && { nonce }),
    ...(fee !== undefined && { fee }),
    ...(prev !== undefined && { prev }),
    ...(validUntil !== undefined && { validUntil }),
    tokens: about.tokens,
    payees: payeesOf(account, outlays),
    ...(claim && { claim }),
  }
}

function fieldsOf({ kind }: Transaction): string[] {
  return ['nonce', 'prev', 'fee', 'validUntil', 'signer', ...Object.keys(kind.body.fields)]
}
