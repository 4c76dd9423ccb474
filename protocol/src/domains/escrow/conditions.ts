/** Under which conditions a rule pays (L53). */
import { digest } from '../../crypto/hash.ts'
import { did, type Did } from '../../crypto/keys.ts'
import { bytesEqual } from '../../lib/bytes.ts'
import {
  bytes,
  checked,
  type Codec,
  describe,
  type Infer,
  list,
  recursive,
  struct,
  timestamp,
  uint,
  union,
} from '../../lib/codec.ts'

export const conditionDepthMax = 4
export const signersMax = 16
const partsMax = 8
/** Bytes of a preimage that is shown to a rule. */
export const preimageBytesMax = 64

const kOf = checked(
  struct({ k: uint(signersMax, 1), dids: list(did, signersMax, 1) }),
  ({ k, dids }: { readonly k: number; readonly dids: readonly Did[] }) => {
    if (k > dids.length) return `k is at most the number of dids, ${dids.length}`
    return new Set(dids).size < dids.length ? 'dids names somebody twice' : undefined
  },
)

/** One member per form: the SDK makes `{after: …}` of each. */
export type Condition =
  | { readonly type: 'sig'; readonly value: Did }
  | { readonly type: 'kOf'; readonly value: Infer<typeof kOf> }
  | { readonly type: 'preimage'; readonly value: Uint8Array }
  | { readonly type: 'after'; readonly value: number }
  | { readonly type: 'before'; readonly value: number }
  | { readonly type: 'and'; readonly value: readonly Condition[] }
  | { readonly type: 'or'; readonly value: readonly Condition[] }

// What other domains decide about is appended, never put in between: the bytes have the index.
export const condition: Codec<Condition> = recursive(conditionDepthMax, (inner: Codec<Condition>) =>
  union({
    sig: describe(did, 'This DID sends the transaction, or has approved its amount'),
    kOf: describe(kOf, 'k of these DIDs approve, the sender included'),
    preimage: describe(bytes(32, 32), 'The transaction shows bytes of which this is the SHA-256'),
    after: describe(timestamp, 'From this block time on, in milliseconds since 1970'),
    before: describe(timestamp, 'Until this block time, which is excluded, in milliseconds since 1970'),
    and: describe(list(inner, partsMax, 1), 'All of these hold'),
    or: describe(list(inner, partsMax, 1), 'One of these holds'),
  }),
)

/** What a condition is judged by. */
export interface Evidence {
  /** Whether this DID agrees to the payment. */
  consents(this: void, did: Did): boolean
  readonly timeMs: number
  readonly preimage?: Uint8Array
}

export function holds({ type, value }: Condition, evidence: Evidence): boolean {
  switch (type) {
    case 'sig':
      return evidence.consents(value)
    case 'kOf':
      return value.dids.filter(evidence.consents).length >= value.k
    case 'preimage':
      return evidence.preimage !== undefined && bytesEqual(digest(evidence.preimage), value)
    case 'after':
      return evidence.timeMs >= value
    case 'before':
      return evidence.timeMs < value
    case 'and':
      return value.every(part => holds(part, evidence))
    case 'or':
      return value.some(part => holds(part, evidence))
  }
}

/** The DIDs whose agreement counts somewhere in it, each once. */
export function signersOf(of: Condition): readonly Did[] {
  return [...new Set(named(of))]
}

/** Conditions and DIDs in it: what judging and storing it costs. */
export function weightOf({ type, value }: Condition): number {
  if (type === 'kOf') return 1 + value.dids.length
  if (type !== 'and' && type !== 'or') return 1
  return value.reduce((sum, part) => sum + weightOf(part), 1)
}

function named({ type, value }: Condition): readonly Did[] {
  if (type === 'sig') return [value]
  if (type === 'kOf') return value.dids
  return type === 'and' || type === 'or' ? value.flatMap(named) : []
}
