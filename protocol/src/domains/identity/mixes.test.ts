/** No mix of whatever the ledger can do takes more than a budget; whoever adds a kind with a workload is tested here too. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { actor } from '../../../../test/helpers/actors.ts'
import { BudgetRecount, pictureOf, type Terms } from '../../../../test/helpers/budget-recount.ts'
import { IdentityRun, outcomeText } from '../../../../test/helpers/identity-run.ts'
import type { Hash } from '../../crypto/hash.ts'
import type { Did, PublicKey } from '../../crypto/keys.ts'
import { Prng } from '../../lib/prng.ts'
import type { WorkloadDraw, WorkloadOrder } from '../../ledger/domain.ts'
import type { Transaction } from '../../ledger/envelope.ts'
import { escrowIds, escrowTerms } from '../escrow/rows.ts'
import { leftOf } from './budget.ts'
import { grants, identityOf, keyOf, rotationsOf } from './rows.ts'

const owners = ['alice', 'bob', 'carol'].map(actor)
const keys = ['thief', 'agent', 'bob', 'spare'].map(actor)
const everybody = [...new Set([...owners, ...keys])]
const periodMs = 20_000

type GrantPayload = Omit<Terms, 'notBefore'> & { readonly key: PublicKey; readonly notBefore?: number }

class Mix {
  readonly run = new IdentityRun({ balances: { alice: 4_000n, bob: 2_000n, carol: 2_000n } })
  readonly recount = new BudgetRecount()
  /** `session wallet.transfer: applied`, and so on. */
  readonly seen = new Map<string, number>()
  readonly #prng: Prng

  constructor(seed: number) {
    this.#prng = new Prng(seed)
  }

  /** One transaction in a block of its own, some time after the last. */
  step(): void {
    const { run } = this
    const prng = this.#prng
    const timeMs = run.timeMs + (prng.chance(100) ? prng.between(1, 2 * periodMs) : prng.between(1, 400))
    const transaction = this.#transaction(timeMs)
    const { sender, signer = sender, kind } = transaction.envelope
    const isSession = signer !== keyOf(run.view, sender)

    const { height } = run
    const proposer = actor('val').consensusKey
    const execution = run.ledger.begin(run.view, { height: height + 1, timeMs, proposer })
    const accounts = everybody.map(({ address }) => address)
    const before = pictureOf(execution.draft, accounts)
    const outcome = execution.apply(transaction)
    const after = pictureOf(execution.draft, accounts)
    const code = outcomeText(outcome)
    const what = `${isSession ? 'session' : 'own'} ${kind}: ${code}`
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1)
    assert.equal(run.act(transaction, timeMs), code)
    if (outcome.type === 'refused') return assert.deepEqual(after, before)

    const isApplied = outcome.type === 'applied'
    this.recount.acted(transaction, { isSession, isApplied, timeMs, pictures: [before, after], view: run.view })
    if (isApplied) this.#note(transaction, timeMs)
    assert.deepEqual(run.ledger.violations(run.view), [])
  }

  /** Grants and their ends, as their transactions say. */
  #note({ envelope: { sender, kind, payload } }: Transaction, timeMs: number): void {
    if (kind === 'identity.grant') {
      const { key, notBefore = timeMs, ...terms } = payload as GrantPayload
      this.recount.granted(sender, key, { ...terms, notBefore })
    }
    if (kind === 'identity.revoke') this.recount.ended(sender, (payload as { readonly key: PublicKey }).key)
    if (kind === 'identity.rotate') for (const { did } of everybody) this.recount.ended(sender, did)
  }

  #transaction(timeMs: number): Transaction {
    const { run } = this
    const prng = this.#prng
    const sender = prng.chance(650) ? actor('alice') : prng.pick(owners)
    const isThief = prng.chance(750)
    const granted = identityOf(run.view, sender.did).grants
    const stolen = granted.length > 0 && prng.chance(950) ? prng.pick(granted) : prng.pick(keys).did
    const order = this.#order(sender.did, isThief, stolen, timeMs)
    const signer = order.signer ?? (isThief ? stolen : keyOf(run.view, sender.did))
    return run.unsigned({
      chainId: run.chainId,
      kind: order.kind,
      sender: sender.did,
      nonce: run.account(sender.name).nonce + 1,
      fee: prng.chance(50) ? BigInt(prng.between(1, 60)) : BigInt(prng.between(1, 3)),
      ...(signer !== sender.did && { signer }),
      payload: order.payload,
    })
  }

  #order(sender: Did, isThief: boolean, stolen: PublicKey, timeMs: number): WorkloadOrder {
    const prng = this.#prng
    if (prng.chance(200)) return this.#drawn(sender, timeMs) ?? this.#order(sender, isThief, stolen, timeMs)
    if (!isThief && prng.chance(350)) return this.#ownerOrder(sender, timeMs)
    return this.#spending(sender, stolen, timeMs)
  }

  /** What the domains' own workloads would do, whichever key signs it in the end. */
  #drawn(sender: Did, nowMs: number): WorkloadOrder | undefined {
    const { run } = this
    const prng = this.#prng
    const busy = run.ledger.domains.filter(domain => domain.workload !== undefined)
    const draw: WorkloadDraw = {
      sender,
      identities: everybody.map(({ did }) => did),
      accounts: everybody.map(({ address }) => address),
      chainId: run.chainId,
      nowMs,
      view: run.view,
      below: bound => prng.below(bound),
      // The ledger does not look at signatures.
      sign: () => new Uint8Array(64),
    }
    return prng.pick(busy).workload?.(draw)
  }

  #ownerOrder(sender: Did, timeMs: number): WorkloadOrder {
    const { run } = this
    const prng = this.#prng
    const key = prng.pick(keys).did
    if (prng.chance(60)) return { kind: 'identity.revoke', payload: { key } }
    if (prng.chance(40)) {
      const rotation = rotationsOf(run.view, sender) + 1
      return { kind: 'identity.rotate', payload: { newKey: key, rotation, proof: new Uint8Array(64) } }
    }
    const perTx = BigInt(prng.between(20, 150))
    const budget = perTx + BigInt(prng.below(200))
    const payload = {
      key,
      perTx,
      budget,
      periodMs: prng.between(1_000, periodMs),
      ...(prng.chance(500) && { total: budget + BigInt(prng.below(150)) }),
      ...(prng.chance(300) && { payees: everybody.filter(() => prng.chance(500)).map(({ address }) => address) }),
      ...(prng.chance(150) && { kinds: ['wallet.transfer', 'escrow.release', 'escrow.create'] }),
      ...(prng.chance(200) && { notBefore: timeMs + prng.between(-periodMs, periodMs) }),
      notAfter: timeMs + prng.between(1, 40 * periodMs),
    }
    return { kind: 'identity.grant', payload }
  }

  /** Every way to move Tokens that is known here, around what the key has left. */
  #spending(sender: Did, stolen: PublicKey, timeMs: number): WorkloadOrder {
    const prng = this.#prng
    const amount = this.#amount(sender, stolen, timeMs)
    const to = prng.pick(everybody).address
    switch (prng.below(8)) {
      case 0:
      case 1:
        return { kind: 'wallet.transfer', payload: { to, amount } }
      case 2:
        return { kind: 'escrow.create', payload: this.#escrow(amount, timeMs) }
      default:
        return this.#escrowOrder(amount) ?? { kind: 'escrow.create', payload: this.#escrow(amount, timeMs) }
    }
  }

  #escrow(amount: bigint, timeMs: number): unknown {
    const prng = this.#prng
    const [alice, bob, carol] = owners.map(({ did }) => did)
    const rules = [
      { id: 'depositor' },
      { id: 'alice', when: { type: 'sig', value: alice } },
      { id: 'bob', when: { type: 'sig', value: bob }, cap: 30n },
      { id: 'two', when: { type: 'kOf', value: { k: 2, dids: [alice, bob, carol] } } },
      { id: 'elsewhere', to: prng.pick(everybody).address },
    ]
    return {
      beneficiary: prng.pick(everybody).address,
      amount,
      releaseRules: rules.filter((_, index) => index === 0 || prng.chance(600)),
      ...(prng.chance(200) && {
        expiresAt: timeMs + prng.between(1, 3 * periodMs),
        onExpiry: prng.pick(['release', 'refund']),
      }),
    }
  }

  #escrowOrder(amount: bigint): WorkloadOrder | undefined {
    const prng = this.#prng
    const ids: Hash[] = [...escrowIds(this.run.view)]
    // The last ones are most often still open.
    const id = ids.length > 0 ? prng.pick(ids) : undefined
    if (id === undefined) return
    const rules = escrowTerms.get(this.run.view, id)?.releaseRules ?? []
    const ruleId = prng.pick(rules)?.id
    switch (prng.below(5)) {
      case 0:
        return { kind: 'escrow.fund', payload: { id, amount } }
      case 1:
        return { kind: 'escrow.refund', payload: { id, ...(prng.chance(500) && { amount }) } }
      case 2:
        return { kind: 'escrow.approve', payload: { id, amount, ruleId } }
      default:
        return {
          kind: 'escrow.release',
          payload: { id, ...(prng.chance(700) && { amount }), ...(prng.chance(600) && { ruleId }) },
        }
    }
  }

  /** Often just what the key has left, or one Token more; and now and then anything. */
  #amount(did: Did, key: PublicKey, timeMs: number): bigint {
    const prng = this.#prng
    const grant = grants.get(this.run.view, { did, key })
    if (grant === undefined || prng.chance(400)) return BigInt(prng.pick([prng.between(1, 20), prng.between(1, 300)]))
    const { now } = leftOf(grant, timeMs)
    const near = now + BigInt(prng.between(-4, 1))
    return near > 0n ? near : 1n
  }
}

test('whatever is mixed, no session key takes more than it was granted', () => {
  const seen = new Map<string, number>()
  const runs = fc.property(fc.nat(), seed => {
    const mix = new Mix(seed)
    for (let step = 0; step < 250; step += 1) mix.step()
    mix.recount.check()
    for (const [what, count] of mix.seen) seen.set(what, (seen.get(what) ?? 0) + count)
  })
  fc.assert(runs, { numRuns: 80, endOnFailure: true })

  const kinds = ['wallet.transfer', 'escrow.create', 'escrow.fund', 'escrow.release', 'escrow.approve', 'escrow.refund']
  const codes = ['exceeds_per_tx', 'exceeds_budget', 'exceeds_total', 'payee_is_not_granted']
  for (const what of [
    ...kinds.map(kind => `session ${kind}: applied`),
    ...codes.map(code => `session wallet.transfer: rejected: ${code}`),
    ...codes.map(code => `session escrow.create: rejected: ${code}`),
    'session escrow.release: rejected: exceeds_per_tx',
  ]) {
    assert.ok(seen.has(what), `it never came to "${what}"`)
  }
})
