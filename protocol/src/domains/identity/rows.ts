import { did, publicKey, type Did, type PublicKey } from '../../crypto/keys.ts'
import { struct } from '../../lib/codec.ts'
import { table, type View } from '../../ledger/state.ts'

/** What an identity has changed since it was born; there is no row before. `key` is the one that signs now. */
export const identity = struct({ key: publicKey })

export const identities = table('identities', did, identity)

/** The key that signs for an identity: the one in its DID until it is rotated. */
export function keyOf(view: View, subject: Did): PublicKey {
  return identities.get(view, subject)?.key ?? subject
}
