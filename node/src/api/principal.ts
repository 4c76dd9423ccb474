/** Who asks. */
import type { Guesser } from './node.ts'
import type { AgentToken } from './tokens.ts'

/**
 * `owner`: may use unlocked identities and administer the node. `agent`: bound to the identity and limits of its token.
 * `guest`: must show a passphrase in the body to write.
 */
export type Principal =
  | { readonly role: 'owner'; readonly via: OwnerProof }
  | { readonly role: 'agent'; readonly token: AgentToken }
  | { readonly role: 'guest' }

/** How he showed it; on `loopback` a `local` network asks for nothing. */
export type OwnerProof = 'socket' | 'cookie' | 'token' | 'loopback'

export const owner: { readonly [proof in OwnerProof]: Principal } = {
  socket: { role: 'owner', via: 'socket' },
  cookie: { role: 'owner', via: 'cookie' },
  token: { role: 'owner', via: 'token' },
  loopback: { role: 'owner', via: 'loopback' },
}
export const guest: Principal = { role: 'guest' }

/** Whose idempotency keys are meant; owner and guest share theirs, so that no change of credential pays twice. */
export function callerOf(principal: Principal): string {
  return principal.role === 'agent' ? principal.token.id : ''
}

/** For whom a passphrase is counted that comes with the request. */
export function guesserOf({ role }: Principal): Guesser {
  return role === 'owner' ? 'owner' : 'stranger'
}
