import type { Hash } from '../../crypto/hash.ts'
import { did, type Did, publicKey, type PublicKey } from '../../crypto/keys.ts'
import { concat, fromHex, utf8 } from '../../lib/bytes.ts'
import { bytes, describe, struct, toBytes, uint } from '../../lib/codec.ts'
import { transaction } from '../../ledger/domain.ts'
import { grants, identityOf, isLive, putIdentity, signingKey } from './rows.ts'

const statement = struct({ did, newKey: publicKey, rotation: uint(Number.MAX_SAFE_INTEGER, 1) })

/**
 * What a key signs to become the key of `subject` by its rotation number `rotation`, which is 1 for the first: the
 * number makes it good for once (L44).
 */
export function rotationMessage(chainId: Hash, subject: Did, newKey: PublicKey, rotation: number): Uint8Array {
  return concat(utf8('clawnet/rotate/1'), fromHex(chainId), toBytes(statement, { did: subject, newKey, rotation }))
}

/** L44: the DID and its account stay. What the old key granted ends with it. */
export const rotate = transaction({
  kind: 'identity.rotate',
  doc: 'Makes another key the one that signs for the identity; the DID and the account stay, session keys end.',
  path: '/api/identity/rotate',
  command: 'identity rotate-to <newKey> <proof>',
  example: `identity rotate-to did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK 0x${'5a'.repeat(64)} --rotation 1`,
  needsOwnKey: true,
  empowersKeys: true,
  body: struct({
    newKey: describe(signingKey, 'The key that signs from now on: 0x…, or the DID that was born with it'),
    rotation: describe(uint(Number.MAX_SAFE_INTEGER, 1), 'One more than the identity’s rotations so far'),
    proof: describe(bytes(64, 64), 'The new key’s signature over the rotation message (docs/spec/ledger.md, L44)'),
  }),
  rejections: {
    stale_rotation:
      'rotation is not one more than the identity’s rotations: read the identity and sign the proof anew.',
    key_is_own: 'This is the identity’s own key already.',
    key_is_a_session_key: 'The new key is a session key of this identity; revoke it first, or take another.',
  },
  spends: () => 0n,
  statements: ({ newKey, rotation, proof }, { chainId, sender }) => [
    {
      signature: proof,
      message: rotationMessage(chainId, sender, newKey, rotation),
      publicKey: fromHex(newKey),
    },
  ],
  apply(draft, { newKey, rotation }, { sender, timeMs }) {
    const before = identityOf(draft, sender)
    if (rotation !== before.rotations + 1) return 'stale_rotation'
    if (newKey === before.key) return 'key_is_own'
    const granted = grants.get(draft, { did: sender, key: newKey })
    if (granted !== undefined && isLive(granted, timeMs)) return 'key_is_a_session_key'

    for (const key of before.grants) grants.delete(draft, { did: sender, key })
    putIdentity(draft, sender, { ...before, key: newKey, rotations: rotation, grants: [] })
    return
  },
})
