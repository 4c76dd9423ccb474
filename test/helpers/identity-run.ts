/** A ledger on which actors act by name, with any of their keys: each actor's DID is also somebody's session key. */
import { sign } from '../../protocol/src/crypto/ed25519.ts'
import { rotationMessage, rotationsOf } from '../../protocol/src/domains/identity/index.ts'
import type { AnyTransactionKind } from '../../protocol/src/ledger/domain.ts'
import type { Transaction } from '../../protocol/src/ledger/envelope.ts'
import type { Ledger, Outcome } from '../../protocol/src/ledger/ledger.ts'
import { actor } from './actors.ts'
import { genesisTimeMs, LedgerRun, type NetworkOptions } from './ledger-run.ts'

/** Time of the first block, unless a test says otherwise. */
export const startMs = genesisTimeMs + 1_000

export interface Said {
  /** Whose key signs; the sender's own where it is left out. */
  readonly by?: string
  readonly fee?: bigint
  readonly nonce?: number
}

export interface GrantTerms {
  readonly perTx?: bigint
  readonly budget?: bigint
  readonly periodMs?: number
  readonly total?: bigint
  readonly payees?: readonly string[]
  readonly kinds?: readonly AnyTransactionKind['kind'][]
  readonly notBefore?: number
  readonly notAfter?: number
}

export class IdentityRun extends LedgerRun {
  constructor(options: NetworkOptions = {}, domains?: Ledger) {
    super({ balances: { alice: 10_000n, bob: 1_000n, carol: 1_000n }, ...options }, domains)
  }

  order(from: string, kind: string, payload: unknown, { by, fee = 1n, nonce }: Said = {}): Transaction {
    return this.unsigned({
      chainId: this.chainId,
      kind,
      sender: actor(from).did,
      nonce: nonce ?? this.account(from).nonce + 1,
      fee,
      ...(by !== undefined && { signer: actor(by).did }),
      payload,
    })
  }

  pay(from: string, to: string, amount: bigint, said: Said = {}): Transaction {
    return this.order(from, 'wallet.transfer', { to: actor(to).address, amount }, said)
  }

  /** What is not said: 100 per transaction, 300 per hour, for a day from now. */
  grant(from: string, to: string, { payees, ...terms }: GrantTerms = {}, said: Said = {}): Transaction {
    const payload = {
      key: actor(to).did,
      perTx: 100n,
      budget: 300n,
      periodMs: 3_600_000,
      notAfter: this.timeMs + 86_400_000,
      ...(payees !== undefined && { payees: payees.map(name => actor(name).address) }),
      ...terms,
    }
    return this.order(from, 'identity.grant', payload, said)
  }

  revoke(from: string, key: string, said: Said = {}): Transaction {
    return this.order(from, 'identity.revoke', { key: actor(key).did }, said)
  }

  /** With the proof of the new key, for the rotation that is next unless said otherwise. */
  rotate(from: string, to: string, { rotation, ...said }: Said & { readonly rotation?: number } = {}): Transaction {
    const { did: subject } = actor(from)
    const { did: newKey, secretKey } = actor(to)
    const count = rotation ?? rotationsOf(this.view, subject) + 1
    const proof = sign(rotationMessage(this.chainId, subject, newKey, count), secretKey)
    return this.order(from, 'identity.rotate', { newKey, rotation: count, proof }, said)
  }

  /** What becomes of a transaction in the next block, which is kept; its time is a second later unless given. */
  act(transaction: Transaction, timeMs?: number): string {
    if (timeMs !== undefined) this.timeMs = timeMs - 1_000
    return outcomeText(this.block([transaction]).outcomes[0])
  }
}

/** `applied`, `rejected: funds_are_short`, `refused: grant_is_over`. */
export function outcomeText(outcome: Outcome | undefined): string {
  if (outcome === undefined) throw new Error('every transaction of a block has an outcome')
  return outcome.type === 'applied' ? 'applied' : `${outcome.type}: ${outcome.code}`
}
