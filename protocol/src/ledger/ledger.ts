/** The ledger of a table of domains: what a state is at the start and how a block changes it. */
import { validatorsAt, seedValidators, turnValidators } from './validators.ts'
import type { PublicKey } from '../crypto/keys.ts'
import { assert, present } from '../lib/assert.ts'
import type { Commit } from '../consensus/messages.ts'
import { signersOf } from '../consensus/certificate.ts'
import type { Admission, AnyTransactionKind, BlockPlace, Domain, TransactionContext } from './domain.ts'
import { dueDeadlines } from './deadlines.ts'
import type { Result } from './block.ts'
import { type Envelope, signedBy, type Transaction } from './envelope.ts'
import type { Genesis } from './genesis.ts'
import { type Params, paramsOf, paramsTable } from './params.ts'
import { Draft, emptyView, type Movement, type Outlay, type RangeView, type View } from './state.ts'

/** The parts of a block that its effects depend on, besides its transactions. */
export interface BlockInputs {
  readonly height: number
  readonly timeMs: number
  readonly proposer: PublicKey
  readonly lastCommit?: Commit
}

/** What a transaction would do. */
export interface Effect {
  /** The code of its rejection, if it has one. */
  readonly rejected?: string
  readonly outlays: readonly Outlay[]
}

/**
 * `refused`: must not stand in a block. `rejected`: stands in the block, paid its fee, changed nothing else.
 * Both carry the code.
 */
export type Outcome =
  | { readonly type: 'applied' }
  | { readonly type: 'rejected'; readonly code: string }
  | { readonly type: 'refused'; readonly code: string }

/** A transaction of a block with what became of it. */
export interface Receipt {
  readonly transaction: Transaction
  readonly result: Result
  readonly movements: readonly Movement[]
}

/** Deadlines handled at the start of a block; the rest waits for the next one. */
export const deadlinesPerBlockMax = 256

const envelopeCodes: { readonly [code: string]: string } = {
  transaction_expired: 'The time in validUntil has passed; sign the transaction again.',
  signer_is_unknown: 'The key that signed may not sign for this sender.',
}

export class Ledger {
  readonly domains: readonly Domain[]
  readonly kinds: ReadonlyMap<string, AnyTransactionKind>
  /** Every code a transaction can fail with, and its sentence. */
  readonly codes: ReadonlyMap<string, string>

  constructor(domains: readonly Domain[]) {
    this.domains = domains
    const kinds = domains.flatMap(domain => domain.transactions)
    this.kinds = new Map(kinds.map(kind => [kind.kind, kind]))
    assert(this.kinds.size === kinds.length, 'every transaction kind has its own name')
    this.codes = new Map([
      ...Object.entries(envelopeCodes),
      ...domains.flatMap(domain => Object.entries(domain.admissions ?? {})),
      ...kinds.flatMap(kind => Object.entries(kind.rejections)),
    ])
  }

  /** The state before block 1. */
  genesis(genesis: Genesis): Draft {
    const draft = new Draft(emptyView)
    paramsTable.set(draft, 0, genesis.params)
    seedValidators(draft, genesis)
    for (const domain of this.domains) domain.genesis?.(draft, genesis)
    return draft
  }

  begin(base: View, inputs: BlockInputs): BlockExecution {
    return new BlockExecution(this, base, inputs)
  }

  /** What a transaction would do at once on this state, after those in `before`, whatever their fees and nonces. */
  dryRun(view: View, transaction: Transaction, at: BlockPlace, before: readonly Transaction[] = []): Effect {
    const draft = new Draft(view)
    for (const earlier of before) this.perform(draft, earlier, contextOf(earlier, at))
    const { length } = draft.outlays
    const rejected = this.perform(draft, transaction, contextOf(transaction, at))
    return { ...(rejected !== undefined && { rejected }), outlays: draft.outlays.slice(length) }
  }

  /**
   * Runs the payload, then counts what it took. On a draft of its own, so that a rejection leaves nothing behind
   * whatever `apply` had written.
   */
  perform(draft: Draft, { kind, envelope }: Transaction, context: TransactionContext): string | undefined {
    const attempt = new Draft(draft)
    const rejected = kind.apply(attempt, envelope.payload, context) ?? this.#charge(attempt, envelope, context)
    if (rejected === undefined) draft.take(attempt)
    return rejected
  }

  #charge(attempt: Draft, envelope: Envelope, context: TransactionContext): string | undefined {
    for (const domain of this.domains) {
      const rejected = domain.charge?.(attempt, attempt.outlays, context, envelope)
      if (rejected !== undefined) return rejected
    }
    return
  }

  /** All that is checked before the payload runs (L13 to L16). */
  admission(view: View, transaction: Transaction, at: BlockPlace): Admission {
    const { envelope } = transaction
    const context = contextOf(transaction, at)
    if (envelope.validUntil !== undefined && context.timeMs > envelope.validUntil) {
      return { refused: 'transaction_expired' }
    }
    const unauthorized = this.#authorize(view, transaction, context)
    if (unauthorized !== undefined) return unauthorized

    let rejected: Admission
    for (const domain of this.domains) {
      const admission = domain.admit?.(view, envelope, context)
      if (admission !== undefined && 'refused' in admission) return admission
      rejected ??= admission
    }
    return rejected
  }

  #authorize(view: View, { envelope, kind }: Transaction, context: TransactionContext): Admission {
    const domain = this.domains.find(candidate => candidate.authorize !== undefined)
    if (domain?.authorize !== undefined) return domain.authorize(view, envelope, context, kind)
    return context.signer === envelope.sender ? undefined : { refused: 'signer_is_unknown' }
  }

  /** What is wrong with a state, as sentences: always nothing. */
  violations(view: RangeView): readonly string[] {
    return this.domains.flatMap(domain => domain.violations?.(view) ?? [])
  }

  /** Tokens in the rows of all domains: always what was issued and not burned. */
  holdings(view: RangeView): bigint {
    return this.domains.reduce((sum, domain) => sum + (domain.holdings?.(view) ?? 0n), 0n)
  }
}

/** One block in the making: apply transactions in order, then end it. */
export class BlockExecution {
  readonly draft: Draft
  readonly receipts: Receipt[] = []
  /** Tokens that no transaction of this block moved: deadlines at its beginning, rewards at its end. */
  readonly ownMovements: Movement[] = []
  readonly params: Params
  readonly #ledger: Ledger
  readonly #inputs: BlockInputs
  #fees = 0n

  constructor(ledger: Ledger, base: View, inputs: BlockInputs) {
    this.#ledger = ledger
    this.#inputs = inputs
    this.draft = new Draft(base)
    this.params = paramsOf(base)
    this.#sweep()
  }

  /** A refused transaction leaves no trace; the two other outcomes are part of the block. */
  apply(transaction: Transaction): Outcome {
    const { envelope } = transaction
    const at = { ...this.#inputs, params: this.params }
    const movesBefore = this.draft.movements.length

    const admission = this.#ledger.admission(this.draft, transaction, at)
    if (admission !== undefined && 'refused' in admission) return { type: 'refused', code: admission.refused }

    const context = contextOf(transaction, at)
    for (const domain of this.#ledger.domains) domain.enter?.(this.draft, envelope, context)
    const rejected = admission?.rejected ?? this.#ledger.perform(this.draft, transaction, context)
    this.#fees += envelope.fee
    this.receipts.push({
      transaction,
      result: rejected === undefined ? {} : { rejected },
      movements: this.draft.movements.slice(movesBefore),
    })
    return rejected === undefined ? { type: 'applied' } : { type: 'rejected', code: rejected }
  }

  /** Runs what happens at the end of every block. The draft is then the state after the block. */
  end(): void {
    const { height, timeMs, proposer, lastCommit } = this.#inputs
    const validators = validatorsAt(this.draft, height).validators
    const proposing = present(
      validators.find(validator => validator.publicKey === proposer),
      'the proposer of a block is one of its validators',
    )
    const movesBefore = this.draft.movements.length
    const signers =
      lastCommit === undefined ? [proposing] : signersOf(validatorsAt(this.draft, height - 1), lastCommit.signers)
    for (const domain of this.#ledger.domains) {
      domain.endBlock?.(this.draft, {
        height,
        timeMs,
        params: this.params,
        fees: this.#fees,
        signers,
        proposer: proposing,
      })
    }
    this.ownMovements.push(...this.draft.movements.slice(movesBefore))
    turnValidators(this.draft, height)
  }

  /** L29: what became due since the last block. */
  #sweep(): void {
    const { height, timeMs } = this.#inputs
    for (const { domain: name, id } of dueDeadlines(this.draft, timeMs, deadlinesPerBlockMax)) {
      const domain = this.#ledger.domains.find(candidate => candidate.name === name)
      assert(domain?.deadline !== undefined, `the domain ${name} knows its deadlines`)
      domain.deadline(this.draft, id, { height, timeMs, params: this.params })
    }
    this.ownMovements.push(...this.draft.movements)
  }
}

function contextOf(transaction: Transaction, at: BlockPlace): TransactionContext {
  const { id, envelope } = transaction
  return {
    id,
    chainId: envelope.chainId,
    sender: envelope.sender,
    signer: signedBy(envelope),
    account: transaction.account,
    height: at.height,
    timeMs: at.timeMs,
    params: at.params,
  }
}
