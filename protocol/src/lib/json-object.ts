import { utf8Length } from './bytes.ts'
import { at, type Codec, DecodeError, type Json } from './codec.ts'
import { canonicalJson } from './jcs.ts'

export type JsonObject = { readonly [name: string]: Json }

/** Objects and lists inside each other, the outermost counted. */
const depthMax = 16

/** Somebody else's JSON document: its canonical text in bytes, itself in JSON (docs/spec/encoding.md, E13). */
export function jsonObject(maxBytes: number): Codec<JsonObject> {
  const textOf = (value: unknown): string => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new DecodeError('must be an object')
    check(value, 1)
    const text = canonicalJson(value)
    checkLength(text, maxBytes)
    return text
  }
  return {
    schema: { type: 'object' },
    toCbor: value => canonicalJson(value),
    fromCbor(cbor) {
      if (typeof cbor !== 'string') throw new DecodeError('must be a text')
      checkLength(cbor, maxBytes)
      const value = parse(cbor)
      // Notices white space, another order, another spelling, and names that are there twice.
      if (textOf(value) !== cbor) throw new DecodeError('is not canonical JSON (RFC 8785)')
      return value as JsonObject
    },
    toJson: value => value,
    // A copy: nobody else holds it, and -0 is 0.
    fromJson: json => parse(textOf(json)) as JsonObject,
  }
}

function checkLength(text: string, maxBytes: number): void {
  const length = utf8Length(text)
  if (length > maxBytes) throw new DecodeError(`must have at most ${maxBytes} bytes as canonical JSON, has ${length}`)
}

/** Throws DecodeError where the document is too deep, or has numbers that some language does not read exactly. */
function check(value: unknown, depth: number): void {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new DecodeError('must be an integer of at most 2^53 - 1; other numbers are written as text')
  }
  if (typeof value !== 'object' || value === null) return
  if (depth > depthMax) throw new DecodeError(`nesting is deeper than ${depthMax}`)
  if (Array.isArray(value)) value.forEach((item, index) => at(index, () => check(item, depth + 1)))
  else for (const [name, item] of Object.entries(value)) at(name, () => check(item, depth + 1))
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new DecodeError('must be JSON')
  }
}
