import { hash } from '../../crypto/hash.ts'
import { address } from '../../crypto/keys.ts'
import { type Infer, optional, struct, tokenSum, uint } from '../../lib/codec.ts'
import { table } from '../../ledger/state.ts'

/** `nonce` counts the account's transactions; `head` is the id of the last one. */
export const account = struct({ available: tokenSum, locked: tokenSum, nonce: uint(), head: optional(hash) })
export type Account = Infer<typeof account>

export const accounts = table('accounts', address, account)

/** One row: all Tokens ever issued and all ever burned. */
export const supply = table('supply', uint(0), struct({ issued: tokenSum, burned: tokenSum }))
