/** Thrown when our own code broke a promise to itself. Never the answer to somebody else's input. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/** Says what must hold here; a failure is a bug of ours. */
export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new AssertionError(claim)
}

/** The value, which our own code guarantees to be there. */
export function present<T>(value: T | undefined | null, claim: string): T {
  if (value === undefined || value === null) throw new AssertionError(claim)
  return value
}
