import { address } from '../../crypto/keys.ts'
import { amount, describe, optional, struct, text } from '../../lib/codec.ts'
import { transaction } from '../../ledger/domain.ts'
import { pay } from './money.ts'

/** L19: pays from the sender's available balance. Paying oneself is allowed and costs the fee. */
export const transfer = transaction({
  kind: 'wallet.transfer',
  doc: 'Pays Tokens to an address or DID.',
  path: '/api/wallet/transfer',
  command: 'transfer <to> <amount>',
  example: 'transfer did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK 100 --memo "invoice 7"',
  body: struct({
    to: describe(address, 'Who is paid: an address (claw1…) or a DID'),
    amount: describe(amount, 'Tokens to pay, at least 1'),
    memo: optional(describe(text(256), 'A note on the ledger, public for ever, at most 256 bytes')),
  }),
  rejections: {
    funds_are_short: 'The available balance is lower than the amount plus the fee.',
  },
  spends: ({ amount }) => amount,
  apply(draft, { to, amount }, { account }) {
    if (!pay(draft, account, to, amount)) return 'funds_are_short'
    return
  },
})
