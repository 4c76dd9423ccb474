/**
 * One declaration per wire type gives its TypeScript type, canonical bytes, JSON form and JSON Schema.
 * Bytes are deterministic CBOR: docs/spec/encoding.md, rules E1 to E9.
 */
import { decode as decodeCbor, encode as encodeCbor } from 'cborg'
import { assert } from './assert.ts'
import { bytesEqual, fromHex, toHex, utf8Length } from './bytes.ts'
import { checkCanonical } from './canonical.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type JsonSchema = { readonly [key: string]: Json }

/** Somebody's bytes or JSON are not what the declaration says. `path` names the field, `problem` the fix. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError'
  readonly path: (string | number)[] = []
  readonly problem: string

  constructor(problem: string) {
    super(problem)
    this.problem = problem
  }

  /** The same error as seen from the enclosing structure. */
  within(step: string | number): this {
    this.path.unshift(step)
    this.message = `${this.field}: ${this.problem}`
    return this
  }

  /** `releaseRules[0].id`; empty for the value itself. */
  get field(): string {
    return this.path.reduce<string>(
      (text, step) => (typeof step === 'number' ? `${text}[${step}]` : text === '' ? step : `${text}.${step}`),
      '',
    )
  }
}

/**
 * `toCbor` and `toJson` trust their input; `fromCbor` and `fromJson` accept anything and throw DecodeError. None needs
 * its `this`, so they can be taken over one by one.
 */
export interface Codec<T> {
  readonly schema: JsonSchema
  readonly isOptional?: true
  toCbor(this: void, value: T): unknown
  fromCbor(this: void, cbor: unknown): T
  toJson(this: void, value: T): Json
  fromJson(this: void, json: unknown): T
  /** The canonical bytes in hex, where they are at hand without encoding: state keys are made of them all the time. */
  toHex?(this: void, value: T): string
}

export interface OptionalCodec<T> extends Codec<T | undefined> {
  readonly isOptional: true
}

export type Infer<C> = C extends Codec<infer T> ? T : never

/** The canonical bytes of a value. */
export function toBytes<T>(codec: Codec<T>, value: T): Uint8Array {
  const { buffer, byteOffset, byteLength } = encodeCbor(codec.toCbor(value))
  // Under Node the encoder answers with a Buffer, whose `slice` would share memory.
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** The value of canonical bytes. Throws DecodeError for anything that `toBytes` would not have written. */
export function fromBytes<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const value = codec.fromCbor(itemOf(bytes))
  // Closes what the decoder lets through, such as text that is not UTF-8.
  if (!bytesEqual(toBytes(codec, value), bytes)) throw new DecodeError('bytes are not in canonical form')
  return value
}

/** The value of bytes that `toBytes` wrote and that nobody else could: not checked again. */
export function fromOwnBytes<T>(codec: Codec<T>, bytes: Uint8Array): T {
  return codec.fromCbor(decodeCbor(bytes))
}

/** What `fromCbor` takes, of bytes from anywhere. Their text need not be UTF-8 before they were encoded again. */
export function itemOf(bytes: Uint8Array): unknown {
  checkCanonical(bytes)
  return decodeCbor(bytes, { strict: true, allowIndefinite: false, allowUndefined: false })
}

/** The same codec with a sentence for the reference documentation. */
export function describe<C extends Codec<unknown>>(codec: C, description: string): C {
  return { ...codec, schema: { ...codec.schema, description } }
}

// Plain values

export const boolean: Codec<boolean> = {
  schema: { type: 'boolean' },
  toCbor: value => value,
  fromCbor: expectBoolean,
  toJson: value => value,
  fromJson: expectBoolean,
}

/** An unsigned integer up to `max` (by default 2^53 - 1). */
export function uint(max: number = Number.MAX_SAFE_INTEGER, min = 0): Codec<number> {
  const read = (input: unknown): number => {
    if (typeof input !== 'number' || !Number.isSafeInteger(input) || input < min || input > max) {
      throw new DecodeError(`must be an integer from ${min} to ${max}`)
    }
    return input
  }
  return {
    schema: { type: 'integer', minimum: min, maximum: max },
    toCbor: value => value,
    fromCbor: read,
    toJson: value => value,
    fromJson: read,
  }
}

/** Milliseconds since 1970-01-01 UTC. The format tells those who ask people for a time that it is one. */
export const timestamp: Codec<number> = {
  ...uint(),
  schema: { ...uint().schema, format: 'unix-ms', description: 'Milliseconds since 1970-01-01 UTC' },
}

function tokens(min: number): Codec<bigint> {
  const claim = `Tokens are from ${min} to 2^53 - 1`
  const read = (input: unknown): bigint => {
    if (typeof input !== 'number' || !Number.isSafeInteger(input) || input < min) {
      throw new DecodeError(`must be an integer number of Tokens, from ${min} to 9007199254740991`)
    }
    return BigInt(input)
  }
  return {
    schema: { type: 'integer', minimum: min, maximum: Number.MAX_SAFE_INTEGER, description: 'Tokens' },
    toCbor(value) {
      assert(value >= min && value <= Number.MAX_SAFE_INTEGER, claim)
      return Number(value)
    },
    fromCbor: read,
    toJson: value => Number(value),
    fromJson: read,
  }
}

/** Tokens, zero included: balances, sums. */
export const tokenSum: Codec<bigint> = tokens(0)
/** Tokens that move: at least one. */
export const amount: Codec<bigint> = tokens(1)

/** Some decoders of UTF-8 swallow it at the beginning, so that texts with it would not be the same everywhere (E5). */
const byteOrderMark = '\ufeff'

/** Text of at most `maxBytes` UTF-8 bytes. */
export function text(maxBytes: number, minBytes = 0): Codec<string> {
  const read = (input: unknown): string => {
    if (typeof input !== 'string') throw new DecodeError('must be a text')
    if (!input.isWellFormed()) throw new DecodeError('must be well-formed Unicode')
    if (input.startsWith(byteOrderMark)) throw new DecodeError('must not begin with a byte order mark (U+FEFF)')
    const length = utf8Length(input)
    if (length > maxBytes || length < minBytes) {
      throw new DecodeError(`must have ${minBytes} to ${maxBytes} bytes, has ${length}`)
    }
    return input
  }
  return {
    schema: { type: 'string', minLength: minBytes === 0 ? 0 : 1, maxLength: maxBytes },
    toCbor: value => value,
    fromCbor: read,
    toJson: value => value,
    fromJson: read,
  }
}

/** One of a closed list of names; travels as its index. Never reorder a list that is on a chain. */
export function enumeration<const N extends string>(...names: readonly N[]): Codec<N> {
  const expected = `must be one of ${names.join(', ')}`
  return {
    schema: { type: 'string', enum: [...names] },
    toCbor: value => names.indexOf(value),
    fromCbor(cbor) {
      const name = typeof cbor === 'number' ? names[cbor] : undefined
      if (name === undefined) throw new DecodeError(expected)
      return name
    },
    toJson: value => value,
    fromJson(json) {
      if (typeof json !== 'string' || !names.includes(json as N)) throw new DecodeError(expected)
      return json as N
    },
  }
}

// Bytes

/** Up to `maxLength` bytes; `0x…` in JSON. */
export function bytes(maxLength: number, minLength = 0): Codec<Uint8Array> {
  const expected = minLength === maxLength ? `must be ${maxLength} bytes` : `must be ${minLength} to ${maxLength} bytes`
  const written = minLength === maxLength ? `0x and ${maxLength * 2} lowercase hex digits` : '0x and lowercase hex'
  const hasLength = ({ length }: Uint8Array): boolean => length >= minLength && length <= maxLength
  return {
    schema: {
      type: 'string',
      pattern:
        minLength === maxLength ? `^0x[0-9a-f]{${maxLength * 2}}$` : `^0x([0-9a-f]{2}){${minLength},${maxLength}}$`,
    },
    toCbor: value => value,
    fromCbor(cbor) {
      if (!(cbor instanceof Uint8Array && hasLength(cbor))) throw new DecodeError(expected)
      return cbor
    },
    toJson: value => `0x${toHex(value)}`,
    fromJson(json) {
      const value = typeof json === 'string' && /^0x([0-9a-f]{2})*$/.test(json) ? fromHex(json.slice(2)) : undefined
      if (value === undefined || !hasLength(value)) throw new DecodeError(`${expected}, written as ${written}`)
      return value
    },
  }
}

/** Names kept in code as lowercase hex of `length` bytes: comparable, usable as a Map key, never a bare string. */
export function hexId<Id extends string>(length: number): Codec<Id> {
  const raw = bytes(length, length)
  const head = toHex(encodeCbor(new Uint8Array(length))).slice(0, -2 * length)
  return {
    schema: raw.schema,
    toHex: value => head + value,
    toCbor: value => fromHex(value),
    fromCbor: cbor => toHex(raw.fromCbor(cbor)) as Id,
    toJson: value => `0x${value}`,
    fromJson: json => toHex(raw.fromJson(json)) as Id,
  }
}

// Structures

/** A field that may be absent: null in bytes, missing in JSON. Only inside `struct`. */
export function optional<T>(codec: Codec<T>): OptionalCodec<T> {
  return {
    isOptional: true,
    schema: codec.schema,
    toCbor: value => (value === undefined ? null : codec.toCbor(value)),
    fromCbor: cbor => (cbor === null ? undefined : codec.fromCbor(cbor)),
    toJson: value => (value === undefined ? null : codec.toJson(value)),
    fromJson: json => (json === undefined ? undefined : codec.fromJson(json)),
  }
}

type Fields = { readonly [name: string]: Codec<unknown> }
type OptionalNames<F> = { [K in keyof F]: F[K] extends { isOptional: true } ? K : never }[keyof F]
type Flat<T> = { [K in keyof T]: T[K] } & {}
export type StructOf<F> = Flat<
  { readonly [K in Exclude<keyof F, OptionalNames<F>>]: Infer<F[K]> } & {
    readonly [K in OptionalNames<F>]?: Exclude<Infer<F[K]>, undefined>
  }
>

export interface StructCodec<T> extends Codec<T> {
  readonly fields: { readonly [name: string]: Codec<unknown> }
}

/** Named fields in a fixed order: an array in bytes, an object in JSON. Unknown and missing fields are errors. */
export function struct<const F extends Fields>(fields: F): StructCodec<StructOf<F>> {
  const entries = Object.entries<Codec<unknown>>(fields)
  const required = entries.filter(([, codec]) => !codec.isOptional).map(([name]) => name)

  return {
    fields,
    schema: {
      type: 'object',
      properties: Object.fromEntries(entries.map(([name, codec]) => [name, codec.schema])),
      ...(required.length > 0 ? { required } : {}),
      additionalProperties: false,
    },
    toCbor(value) {
      return entries.map(([name, codec]) => codec.toCbor((value as Record<string, unknown>)[name]))
    },
    fromCbor(cbor) {
      if (!Array.isArray(cbor) || cbor.length !== entries.length) {
        throw new DecodeError(`must be an array of ${entries.length} fields`)
      }
      const value: Record<string, unknown> = {}
      entries.forEach(([name, codec], index) => {
        const field = at(name, () => codec.fromCbor(cbor[index]))
        if (field !== undefined) value[name] = field
      })
      return value as StructOf<F>
    },
    toJson(value) {
      const json: { [key: string]: Json } = {}
      for (const [name, codec] of entries) {
        const field = (value as Record<string, unknown>)[name]
        if (field !== undefined) json[name] = codec.toJson(field)
      }
      return json
    },
    fromJson(json) {
      if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new DecodeError('must be an object')
      for (const name of Object.keys(json)) {
        if (!Object.hasOwn(fields, name)) {
          const known = entries.map(([field]) => field).join(', ')
          throw new DecodeError(`is not a known field; known are ${known || 'none'}`).within(name)
        }
      }
      const value: Record<string, unknown> = {}
      for (const [name, codec] of entries) {
        const given = Object.hasOwn(json, name) ? (json as Record<string, unknown>)[name] : undefined
        if (given === undefined && !codec.isOptional) throw new DecodeError('is missing').within(name)
        const field = at(name, () => codec.fromJson(given))
        if (field !== undefined) value[name] = field
      }
      return value as StructOf<F>
    },
  }
}

/** At least `min` and at most `max` values of one kind. */
export function list<T>(item: Codec<T>, max: number, min = 0): Codec<readonly T[]> {
  const read = (input: unknown, decode: (item: unknown) => T): readonly T[] => {
    if (!Array.isArray(input)) throw new DecodeError('must be a list')
    if (input.length > max) throw new DecodeError(`must have at most ${max} items, has ${input.length}`)
    if (input.length < min) throw new DecodeError(`must have at least ${min} items, has ${input.length}`)
    return input.map((entry, index) => at(index, () => decode(entry)))
  }
  return {
    schema: { type: 'array', items: item.schema, maxItems: max, ...(min > 0 && { minItems: min }) },
    toCbor: value => value.map(entry => item.toCbor(entry)),
    fromCbor: cbor => read(cbor, item.fromCbor),
    toJson: value => value.map(entry => item.toJson(entry)),
    fromJson: json => read(json, item.fromJson),
  }
}

type Variants = { readonly [tag: string]: Codec<unknown> }
export type UnionOf<V> = { [K in keyof V]: { readonly type: K; readonly value: Infer<V[K]> } }[keyof V]

/** One of several forms: `[index, value]` in bytes, `{"tag": value}` in JSON. */
export function union<const V extends Variants>(variants: V): Codec<UnionOf<V>> {
  const entries = Object.entries<Codec<unknown>>(variants)
  const expected = `must be one of ${entries.map(([tag]) => tag).join(', ')}`
  return {
    schema: {
      oneOf: entries.map(([tag, codec]) => ({
        type: 'object',
        properties: { [tag]: codec.schema },
        required: [tag],
        additionalProperties: false,
      })),
    },
    toCbor(value) {
      const index = entries.findIndex(([tag]) => tag === value.type)
      return [index, (entries[index] as [string, Codec<unknown>])[1].toCbor(value.value)]
    },
    fromCbor(cbor) {
      if (!Array.isArray(cbor) || cbor.length !== 2) throw new DecodeError(expected)
      const entry = typeof cbor[0] === 'number' ? entries[cbor[0]] : undefined
      if (entry === undefined) throw new DecodeError(expected)
      const [tag, codec] = entry
      return { type: tag, value: at(tag, () => codec.fromCbor(cbor[1])) } as UnionOf<V>
    },
    toJson(value) {
      return { [value.type as string]: (variants[value.type] as Codec<unknown>).toJson(value.value) }
    },
    fromJson(json) {
      if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new DecodeError(expected)
      const tags = Object.keys(json)
      const entry = entries.find(([tag]) => tag === tags[0])
      if (tags.length !== 1 || entry === undefined) throw new DecodeError(expected)
      const [tag, codec] = entry
      return { type: tag, value: at(tag, () => codec.fromJson((json as Record<string, unknown>)[tag])) } as UnionOf<V>
    },
  }
}

/** The same codec, for those values only in which `problem` finds none. It answers with what is wrong. */
export function checked<T, C extends Codec<T>>(codec: C & Codec<T>, problem: (value: T) => string | undefined): C {
  const check = (value: T): T => {
    const found = problem(value)
    if (found !== undefined) throw new DecodeError(found)
    return value
  }
  return {
    ...codec,
    fromCbor: cbor => check(codec.fromCbor(cbor)),
    fromJson: json => check(codec.fromJson(json)),
  }
}

/**
 * A type that contains itself, at most `depthMax` deep. `form` gets the codec of what is inside. The schema describes
 * the outermost level; what is inside looks the same.
 */
export function recursive<T>(depthMax: number, form: (inner: Codec<T>) => Codec<T>): Codec<T> {
  const schema = { description: `The same again, at most ${depthMax} deep in all` }
  const tooDeep = (): never => {
    throw new DecodeError(`is nested more than ${depthMax} deep`)
  }
  let codec: Codec<T> = { schema, toCbor: tooDeep, fromCbor: tooDeep, toJson: tooDeep, fromJson: tooDeep }
  for (let depth = 0; depth < depthMax; depth += 1) codec = form({ ...codec, schema })
  return codec
}

function expectBoolean(input: unknown): boolean {
  if (typeof input !== 'boolean') throw new DecodeError('must be true or false')
  return input
}

/** Runs a decoder and names the place in its error. */
export function at<T>(step: string | number, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    throw error instanceof DecodeError ? error.within(step) : error
  }
}
