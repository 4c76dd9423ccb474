/** What a value of a codec looks like in JSON, as types: ids as text, Tokens as integers, bytes as `0x…`. */
import type { Address, Hash, PublicKey } from '@claw-network/protocol'

/** What a caller may write. Tokens are given as `number` or `bigint`. */
export type JsonInput<T> = JsonForm<T, number | bigint>

/** What the node answers. Tokens stay below 2^53, so a `number` holds them. */
export type JsonOutput<T> = JsonForm<T, number>

// The order matters: ids are branded strings, and a tagged union is also an object.
type JsonForm<T, Tokens> = T extends Hash | PublicKey | Address
  ? string
  : T extends bigint
    ? Tokens
    : T extends Uint8Array
      ? string
      : T extends readonly (infer Item)[]
        ? readonly JsonForm<Item, Tokens>[]
        : T extends { readonly type: infer Tag extends string; readonly value: infer Value }
          ? { readonly [K in Tag]: JsonForm<Value, Tokens> }
          : T extends object
            ? { readonly [K in keyof T]: JsonForm<T[K], Tokens> }
            : T

/** JSON text of a value that may hold bigints. Throws RangeError for one that no JSON number can carry exactly. */
export function toJsonText(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? exactNumber(part) : part))
}

function exactNumber(value: bigint): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw new RangeError(`${value} is not an integer below 2^53`)
  return number
}
