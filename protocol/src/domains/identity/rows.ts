import { hash } from '../../crypto/hash.ts'
import { address, did, type Did, parseDid, publicKey, type PublicKey } from '../../crypto/keys.ts'
import {
  amount,
  type Codec,
  type Infer,
  list,
  optional,
  struct,
  text,
  timestamp,
  tokenSum,
  uint,
} from '../../lib/codec.ts'
import { type Draft, table, type View } from '../../ledger/state.ts'

/** Grants of an identity that are not over. */
export const grantsMax = 32
/** Entries of each list of a DID document or grant. */
export const entriesMax = { services: 16, alsoKnownAs: 16, payees: 32, kinds: 32 } as const

const second = 1_000
const day = 86_400 * second

/** JSON accepts `0x…` or the DID that was born with the key; it always answers with `0x…`. */
export const signingKey: Codec<PublicKey> = {
  ...publicKey,
  schema: {
    type: 'string',
    description: 'An Ed25519 public key (0x…) or its DID (did:claw:…)',
    pattern: '^(0x|did:claw:)',
  },
  fromJson: json => (typeof json === 'string' && json.startsWith('did:') ? parseDid(json) : publicKey.fromJson(json)),
}

/** As in DID core; `id` may be `#agent`, which is relative to the DID. */
export const service = struct({ id: text(256, 1), type: text(64, 1), serviceEndpoint: text(512, 1) })
export const services = list(service, entriesMax.services)
export const alsoKnownAs = list(text(256, 1), entriesMax.alsoKnownAs)
export const displayName = text(128)

/**
 * What an identity has changed since it was born; there is no row before. `key` is the one that signs now, `grants` the
 * session keys that have a row in `grants`.
 */
export const identity = struct({
  key: publicKey,
  rotations: uint(),
  name: displayName,
  services,
  alsoKnownAs,
  grants: list(publicKey, grantsMax),
})
export type Identity = Infer<typeof identity>

export const identities = table('identities', did, identity)

/** What an owner says of a session key, apart from which key it is and from when. */
export const limits = {
  perTx: amount,
  budget: amount,
  periodMs: uint(366 * day, second),
  total: optional(amount),
  payees: optional(list(address, entriesMax.payees)),
  kinds: optional(list(text(64, 1), entriesMax.kinds)),
}

/** `spent` counts since `periodStartMs`, the start of the period in which something was spent last. */
export const grant = struct({
  ...limits,
  notBefore: timestamp,
  notAfter: timestamp,
  periodStartMs: timestamp,
  spent: tokenSum,
  spentInAll: tokenSum,
})
export type Grant = Infer<typeof grant>

export const grants = table('grants', struct({ did, key: publicKey }), grant)

/** Tokens that a session key locked in an object and may still give out of it without counting them again. */
export const charges = table('charges', struct({ did, key: publicKey, object: hash }), amount)

export function identityOf(view: View, subject: Did): Identity {
  return identities.get(view, subject) ?? unchanged(subject)
}

/** Deletes the row where nothing differs from birth any more. */
export function putIdentity(draft: Draft, subject: Did, changed: Identity): void {
  const { key, rotations, name, services, alsoKnownAs, grants } = changed
  const differs =
    key !== subject || rotations > 0 || name !== '' || services.length + alsoKnownAs.length + grants.length > 0
  if (differs) identities.set(draft, subject, changed)
  else identities.delete(draft, subject)
}

/** The key that signs for an identity: the one in its DID until it is rotated. */
export function keyOf(view: View, subject: Did): PublicKey {
  return identities.get(view, subject)?.key ?? subject
}

/** How often an identity has rotated its key. */
export function rotationsOf(view: View, subject: Did): number {
  return identities.get(view, subject)?.rotations ?? 0
}

/** A grant is live until it is over, also before it begins. */
export function isLive({ notAfter }: Grant, timeMs: number): boolean {
  return timeMs < notAfter
}

function unchanged(subject: Did): Identity {
  return { key: subject, rotations: 0, name: '', services: [], alsoKnownAs: [], grants: [] }
}
