import type { Prng } from '../../protocol/src/lib/prng.ts'

/** One to three bytes or bits changed, cut out or put in; now and then a few bytes that are all new. */
export function damagedCopy(prng: Prng, original: Uint8Array): Uint8Array {
  if (prng.chance(20)) return prng.bytes(prng.below(12))
  let bytes: Uint8Array = original.slice()
  for (let times = 1 + prng.below(3); times > 0; times--) {
    const at = prng.below(bytes.length + 1)
    const kind = prng.below(4)
    if (kind === 0) bytes = spliced(bytes, at, 1 + prng.below(4), new Uint8Array())
    else if (kind === 1) bytes = spliced(bytes, at, 0, prng.bytes(1 + prng.below(4)))
    else if (at < bytes.length) {
      bytes[at] = kind === 2 ? prng.below(256) : (bytes[at] as number) ^ (1 << prng.below(8))
    }
  }
  return bytes
}

function spliced(bytes: Uint8Array, at: number, cut: number, put: Uint8Array): Uint8Array {
  const rest = bytes.subarray(Math.min(bytes.length, at + cut))
  const result = new Uint8Array(at + put.length + rest.length)
  result.set(bytes.subarray(0, at))
  result.set(put, at)
  result.set(rest, at + put.length)
  return result
}
