/** A ledger on which actors create escrows and act on them by name; bodies are JSON, as users write them. */
import assert from 'node:assert/strict'
import type { Hash } from '../../protocol/src/crypto/hash.ts'
import { formatAddress, formatDid } from '../../protocol/src/crypto/keys.ts'
import { show } from '../../protocol/src/domains/escrow/queries.ts'
import { paramsOf } from '../../protocol/src/ledger/params.ts'
import type { Transaction } from '../../protocol/src/ledger/envelope.ts'
import type { Infer, Json } from '../../protocol/src/lib/codec.ts'
import { actor } from './actors.ts'
import { LedgerRun, type NetworkOptions } from './ledger-run.ts'

export const depositor = 'alice'
export const beneficiary = 'bob'

export type Fields = { readonly [field: string]: Json | undefined }

export function didOf(name: string): string {
  return formatDid(actor(name).did)
}

export class EscrowRun extends LedgerRun {
  constructor(options: NetworkOptions = {}) {
    const names = [depositor, beneficiary, 'arbiter', 'payee', 'signer', 'stranger']
    super({ balances: Object.fromEntries(names.map(name => [name, 1_000n])), ...options })
  }

  /** `ahead` are transactions of the same sender before it. */
  send(from: string, action: string, body: Fields, ahead = 0): Transaction {
    const kind = this.ledger.kinds.get(`escrow.${action}`) ?? assert.fail(`escrow.${action} is a kind`)
    return this.unsigned({
      chainId: this.chainId,
      kind: kind.kind,
      sender: actor(from).did,
      nonce: this.account(from).nonce + 1 + ahead,
      fee: 1n,
      payload: kind.body.fromJson(JSON.parse(JSON.stringify(body))),
    })
  }

  /** What becomes of it in the next block, a second later or at `timeMs`: `applied` or the code. */
  act(from: string, action: string, body: Fields, timeMs?: number): string {
    if (timeMs !== undefined) this.timeMs = timeMs - 1_000
    const outcome =
      this.block([this.send(from, action, body)]).outcomes[0] ?? assert.fail('a transaction has an outcome')
    return outcome.type === 'applied' ? 'applied' : outcome.code
  }

  /** What a transaction would come to at a time whose deadlines nobody has swept yet. */
  unswept(from: string, action: string, body: Fields, timeMs: number): string {
    const at = { height: this.height + 1, timeMs, params: paramsOf(this.view) }
    return this.ledger.dryRun(this.view, this.send(from, action, body), at).rejected ?? 'applied'
  }

  /** An escrow of 100 Tokens by alice for bob, whose only rule is alice's signature; its id in JSON. */
  create(fields: Fields = {}, timeMs?: number): string {
    const body = { beneficiary: didOf(beneficiary), amount: 100, releaseRules: [{ id: 'own' }], ...fields }
    if (timeMs !== undefined) this.timeMs = timeMs - 1_000
    const created = this.send(depositor, 'create', body)
    assert.deepEqual(this.block([created]).outcomes, [{ type: 'applied' }])
    return `0x${created.id}`
  }

  show(id: string, timeMs = this.timeMs): Infer<typeof show.output> {
    const context = { height: this.height, timeMs, pending: () => 0n, begun: () => [] }
    return show.read(this.view, { id: id.slice(2) as Hash }, context) ?? assert.fail('there is this escrow')
  }

  /** `funded 100 = 30 + 0 + 70`: state, deposited, released, refunded, held. */
  sums(id: string): string {
    const { state, deposited, released, refunded, held } = this.show(id)
    return `${state} ${deposited} = ${released} + ${refunded} + ${held}`
  }

  available(name: string): bigint {
    return this.account(name).available
  }

  /** Nothing is wrong with the rows, and no Token was lost. */
  check(): void {
    assert.deepEqual(this.ledger.violations(this.view), [])
    assert.equal(this.ledger.holdings(this.view) + this.supply.burned, this.supply.issued)
  }
}

export function addressTextOf(name: string): string {
  return formatAddress(actor(name).address)
}
