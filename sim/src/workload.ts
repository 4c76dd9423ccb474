/** Clients: they sign what the domains' workloads come up with and hand it to some node. */
import type { SignatureScheme } from './signatures.ts'
import {
  type Address,
  addressOf,
  assemble,
  type Did,
  type Envelope,
  type Hash,
  keyOf,
  type Ledger,
  paramsOf,
  present,
  type Prng,
  type PublicKey,
  signedBy,
  signingBytes,
  toHex,
  type Transaction,
  type View,
  type WorkloadDraw,
  type WorkloadOrder,
} from '@claw-network/protocol'
import type { ConsensusKey } from '@claw-network/node/chain/signer'

export interface Client {
  readonly did: Did
  readonly address: Address
  readonly key: ConsensusKey
}

export interface WorkloadDependencies {
  readonly ledger: Ledger
  readonly chainId: Hash
  readonly prng: Prng
}

export function clientOf(scheme: SignatureScheme, number: number): Client {
  const key = scheme.keyOf(new Uint8Array(32).fill(200 + number))
  const did = toHex(key.publicKey) as Did
  return { did, address: addressOf(did), key }
}

export class Workload {
  readonly #clients: readonly Client[]
  /** Who has dealings with each other: the clients that make the load. */
  readonly #traders: readonly Did[]
  readonly #deps: WorkloadDependencies

  constructor(
    options: { readonly clients: readonly Client[]; readonly traders: readonly Client[] },
    dependencies: WorkloadDependencies,
  ) {
    this.#clients = options.clients
    this.#traders = options.traders.map(({ did }) => did)
    this.#deps = dependencies
  }

  /** A random transaction of a client, signed; undefined where the domains have none to offer. */
  draw(client: Client, nonce: number, at: Pick<WorkloadDraw, 'view' | 'nowMs'>): Transaction | undefined {
    const { ledger, prng, chainId } = this.#deps
    const busy = ledger.domains.filter(domain => domain.workload !== undefined)
    const drawn = prng.pick(busy).workload?.({
      sender: client.did,
      identities: this.#traders,
      accounts: this.#clients.map(({ address }) => address),
      chainId,
      ...at,
      below: bound => prng.below(bound),
      sign: (signer, message) => this.#keyOf(signer).sign(message),
    })
    if (drawn === undefined) return
    const own = this.sign(client, nonce, { signer: keyOf(at.view, client.did), ...drawn })
    if (drawn.signer !== undefined || !prng.chance(400)) return own
    const others = this.#traders.map(signer => this.sign(client, nonce, { ...drawn, signer }))
    // Now and then somebody tries a key that may not sign, perhaps one that could once.
    if (prng.chance(100)) return prng.pick(others)
    const allowed = others.filter(transaction => mayStand(ledger, transaction, at))
    return allowed.length === 0 ? own : prng.pick(allowed)
  }

  /** A small payment, which is sound while the client has funds; a client that may have rotated needs a view. */
  pay(client: Client, nonce: number, view?: View): Transaction {
    const to = this.#deps.prng.pick(this.#clients).address
    const signer = view === undefined ? client.did : keyOf(view, client.did)
    return this.sign(client, nonce, { kind: 'wallet.transfer', payload: { to, amount: 1n }, signer })
  }

  /** A payment in the name of `victim` that `thief` signed. */
  forge(victim: Client, nonce: number, thief: Client): Transaction {
    return this.sign({ ...victim, key: thief.key }, nonce, {
      kind: 'wallet.transfer',
      payload: { to: thief.address, amount: 100n },
    })
  }

  /** By the client's own key, unless the order names another. */
  sign(client: Client, nonce: number, order: WorkloadOrder): Transaction {
    const { chainId, ledger, prng } = this.#deps
    const fee = BigInt(prng.between(1, 4))
    const { signer = client.did, ...said } = order
    const envelope: Envelope = {
      chainId,
      sender: client.did,
      nonce,
      fee,
      ...said,
      ...(signer !== client.did && { signer }),
    }
    const key = signer === client.did ? client.key : this.#keyOf(signer)
    return assemble(ledger.kinds, envelope, key.sign(signingBytes(ledger.kinds, envelope)))
  }

  #keyOf(signer: PublicKey): ConsensusKey {
    const owner = this.#clients.find(({ did }) => did === signer)
    return present(owner, 'workloads sign with keys of clients').key
  }
}

/** Whether the key that signed may do so by now; nonces and fees are for the mempool to judge. */
function mayStand(ledger: Ledger, transaction: Transaction, { view, nowMs }: Pick<WorkloadDraw, 'view' | 'nowMs'>) {
  const { id, account, kind, envelope } = transaction
  const { chainId, sender } = envelope
  const at = { height: 0, timeMs: nowMs, params: paramsOf(view) }
  const context = { id, chainId, sender, account, signer: signedBy(envelope), ...at }
  return ledger.domains.every(domain => domain.authorize?.(view, envelope, context, kind) === undefined)
}
