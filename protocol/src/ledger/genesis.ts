/** The file that defines a network (docs/spec/ledger.md, L1 to L5). Nobody has any power after it. */
import { hashIn, type Hash } from '../crypto/hash.ts'
import { address, publicKey } from '../crypto/keys.ts'
import { validatorsMax } from '../consensus/messages.ts'
import {
  amount,
  DecodeError,
  describe,
  enumeration,
  type Infer,
  list,
  struct,
  text,
  timestamp,
  toBytes,
  tokenSum,
} from '../lib/codec.ts'
import { params } from './params.ts'

export const networkName = enumeration('mainnet', 'testnet', 'local')
export type NetworkName = Infer<typeof networkName>

export const genesis = struct({
  network: networkName,
  name: describe(text(64, 1), 'What people call this network'),
  timeMs: timestamp,
  params,
  accounts: describe(list(struct({ address, balance: tokenSum }), 1_000_000), 'Balances at the start, in Tokens'),
  validators: describe(
    list(struct({ address, consensusKey: publicKey, stake: amount }), validatorsMax),
    'Who makes the first blocks; the stake is locked in the account of that address, on top of its balance',
  ),
})
export type Genesis = Infer<typeof genesis>

export function chainIdOf(value: Genesis): Hash {
  return hashIn('clawnet/genesis/1', toBytes(genesis, value))
}

/** Tokens there are at the start. */
export function genesisSupply(value: Genesis): bigint {
  const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, next) => total + next, 0n)
  return sum(value.accounts.map(account => account.balance)) + sum(value.validators.map(validator => validator.stake))
}

/** Throws DecodeError naming the field where a well-formed genesis could not start a network. */
export function checkGenesis(value: Genesis): void {
  if (value.validators.length === 0) throw new DecodeError('must name at least one validator').within('validators')
  requireDistinct(
    value.validators.map(validator => validator.consensusKey),
    'validators',
    'consensusKey',
  )
  requireDistinct(
    value.accounts.map(account => account.address),
    'accounts',
    'address',
  )

  const issuedMax = genesisSupply(value) + value.params.subsidy * BigInt(value.params.subsidyHalvingBlocks) * 2n
  if (issuedMax > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new DecodeError('balances, stakes and all subsidies together must stay below 2^53 Tokens')
  }
}

function requireDistinct(ids: readonly string[], list: string, field: string): void {
  const seen = new Set<string>()
  ids.forEach((id, index) => {
    if (seen.has(id)) throw new DecodeError('stands in the list twice').within(field).within(index).within(list)
    seen.add(id)
  })
}
