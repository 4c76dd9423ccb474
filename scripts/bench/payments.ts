/** Signed payments in advance, so that signing is not what is measured. */
import {
  addressOf,
  assemble,
  type Did,
  type Genesis,
  type Hash,
  ledger,
  signingBytes,
  toHex,
  type Transaction,
} from '@claw-network/protocol'
import { nativeEd25519 } from '../../node/src/signatures/ed25519.ts'

const ed25519 = nativeEd25519()

export interface Payer {
  readonly did: Did
  sign(message: Uint8Array): Uint8Array
}

/** The same payers for the same count, whatever the run. */
export function makePayers(count: number): readonly Payer[] {
  return Array.from({ length: count }, (_, index) => {
    const secret = new Uint8Array(32).fill(0xb3)
    new DataView(secret.buffer).setUint32(0, index)
    const key = ed25519.signingKey(secret)
    return { did: toHex(key.publicKey) as Did, sign: message => key.sign(message) }
  })
}

export function fund(genesis: Genesis, payers: readonly Payer[], balance: bigint): Genesis {
  const accounts = payers.map(({ did }) => ({ address: addressOf(did), balance }))
  return { ...genesis, accounts: [...genesis.accounts, ...accounts] }
}

/** `count` payments, round and round the payers, nonces from `firstNonce`. */
export function signPayments(
  chainId: Hash,
  payers: readonly Payer[],
  { count, firstNonce }: { readonly count: number; readonly firstNonce: number },
): readonly Transaction[] {
  return Array.from({ length: count }, (_, index) => {
    const payer = payers[index % payers.length] as Payer
    const payee = payers[(index * 7 + 1) % payers.length] as Payer
    const envelope = {
      chainId,
      kind: 'wallet.transfer',
      sender: payer.did,
      nonce: firstNonce + Math.floor(index / payers.length),
      fee: 1n,
      payload: { to: addressOf(payee.did), amount: 1n },
    }
    return assemble(ledger.kinds, envelope, payer.sign(signingBytes(ledger.kinds, envelope)))
  })
}
