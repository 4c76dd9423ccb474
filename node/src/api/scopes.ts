/** What an agent token may be good for. A path's scope is its part after `/api`: all that is done with a wallet is `wallet`. */
import { assert } from '@claw-network/protocol'

/** Every token may read what everybody on this machine may; one with `read` alone does nothing else. */
export const scopes = ['read', 'wallet', 'identity', 'market', 'contracts', 'reputation'] as const
export type Scope = (typeof scopes)[number]

/** The scope that writing under a path needs. */
export function scopeOf(path: string): Scope {
  const [, , part = ''] = path.split('/')
  const name = part === 'markets' ? 'market' : part
  const found = scopes.find(scope => scope === name)
  assert(found !== undefined, `${path} belongs to a scope`)
  return found
}
