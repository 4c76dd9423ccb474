import { type Address, address, addressOf, type Did, did } from '../../crypto/keys.ts'
import { DecodeError, describe, optional, struct, tokenSum, uint } from '../../lib/codec.ts'
import { hash } from '../../crypto/hash.ts'
import { query } from '../../ledger/domain.ts'
import { accountAt } from './money.ts'

export const balance = query({
  path: '/api/wallet/balance',
  command: 'balance [address]',
  example: 'balance',
  doc: 'What an account holds: balance = available + pending + locked.',
  input: struct({
    did: optional(describe(did, 'Whose balance; the node’s own identity where neither did nor address is given')),
    address: optional(describe(address, 'Whose balance, by address or DID')),
  }),
  output: struct({
    address,
    balance: describe(tokenSum, 'All Tokens of the account'),
    available: describe(tokenSum, 'Tokens that can be spent now'),
    pending: describe(tokenSum, 'Tokens in own transactions that are not final yet, fees included'),
    locked: describe(tokenSum, 'Tokens held as stakes, bonds, escrow deposits and channels'),
    nonce: describe(uint(), 'Final transactions of the account so far'),
    head: optional(describe(hash, 'Id of its last final transaction: the value for prev')),
  }),
  read(view, input, { pending, self }) {
    const of = ownerOf(input, self)
    if (of === undefined) return
    const { available, locked, nonce, head } = accountAt(view, of)
    const waiting = pending(of)
    const spendable = available > waiting ? available - waiting : 0n
    return {
      address: of,
      balance: available + locked,
      available: spendable,
      pending: available - spendable,
      locked,
      nonce,
      ...(head === undefined ? {} : { head }),
    }
  },
})

function ownerOf(input: { did?: Did; address?: Address }, self: Did | undefined): Address | undefined {
  const named = input.did ?? (input.address === undefined ? self : undefined)
  if (named === undefined) return input.address
  const owner = addressOf(named)
  if (input.address !== undefined && input.address !== owner) {
    throw new DecodeError('is of another account than did; give one of the two').within('address')
  }
  return owner
}
