/**
 * JSON as requests must write it: UTF-8, no name twice in an object, numbers only as plain integers that a double holds
 * exactly. `JSON.parse` lets all of that through: 1e3 and 1.0 become integers, the second of two names wins.
 */
import { type Codec, DecodeError, type Json } from '@claw-network/protocol'

/** Deeper bodies are refused before they cost a stack. */
const depthMax = 32

/** Throws DecodeError that names the field. Objects have no prototype, so `__proto__` is a name like any other. */
export function parseJson(bytes: Uint8Array): Json {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    throw new DecodeError('is not valid UTF-8')
  }
  return new Parser(text).document()
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const space = /[ \t\n\r]*/y
const numeral = /-?\d[\d.eE+-]*/y
const integer = /^(0|-?[1-9]\d*)$/
/** A quoted text up to its closing quote; `JSON.parse` judges the escapes in it. */
const quoted = /"[^"\\]*(?:\\.[^"\\]*)*"/y
const literals: readonly (readonly [string, Json])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
]

/** Any JSON object, as it is: for answers whose fields another codec has written already. */
export const jsonObject: Codec<{ readonly [name: string]: Json }> = {
  schema: { type: 'object' },
  toCbor: value => value,
  fromCbor: readObject,
  toJson: value => ({ ...value }),
  fromJson: readObject,
}

function readObject(input: unknown): { readonly [name: string]: Json } {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) throw new DecodeError('must be an object')
  return input as { readonly [name: string]: Json }
}

class Parser {
  readonly #text: string
  readonly #path: (string | number)[] = []
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): Json {
    const value = this.#value()
    this.#skipSpace()
    if (this.#at < this.#text.length) throw this.#unexpected('the end')
    return value
  }

  #value(): Json {
    this.#skipSpace()
    switch (this.#text.charAt(this.#at)) {
      case '{':
        return this.#object()
      case '[':
        return this.#array()
      case '"':
        return this.#string()
      default:
        return this.#number() ?? this.#literal()
    }
  }

  #object(): Json {
    const object = Object.create(null) as { [name: string]: Json }
    this.#items('}', () => {
      this.#skipSpace()
      if (this.#text[this.#at] !== '"') throw this.#unexpected('a name in double quotes')
      const name = this.#string()
      this.#path.push(name)
      if (Object.hasOwn(object, name)) throw this.#error('stands in the object twice')
      this.#expect(':')
      object[name] = this.#value()
      this.#path.pop()
    })
    return object
  }

  #array(): Json {
    const array: Json[] = []
    this.#items(']', () => {
      this.#path.push(array.length)
      array.push(this.#value())
      this.#path.pop()
    })
    return array
  }

  /** Reads what stands between brackets, separated by commas. */
  #items(close: string, read: () => void): void {
    if (this.#path.length >= depthMax) throw this.#error(`is nested deeper than ${depthMax} levels`)
    this.#at += 1
    this.#skipSpace()
    if (this.#text[this.#at] === close) {
      this.#at += 1
      return
    }
    for (;;) {
      read()
      this.#skipSpace()
      if (this.#text[this.#at] === close) break
      this.#expect(',')
    }
    this.#at += 1
  }

  #string(): string {
    const token = this.#match(quoted)
    if (token === undefined) throw this.#error('has a text without its closing quote')
    try {
      return JSON.parse(token) as string
    } catch {
      // The only reason left: a bad escape or a bare control character.
      throw this.#error('has a text with an escape or control character that JSON does not allow')
    }
  }

  #number(): number | undefined {
    const token = this.#match(numeral)
    if (token === undefined) return
    if (!integer.test(token)) throw this.#error(`must be an integer in plain digits, not ${shorten(token)}`)
    const value = Number(token)
    if (!Number.isSafeInteger(value)) throw this.#error('must be an integer between -(2^53 - 1) and 2^53 - 1')
    return value
  }

  #literal(): Json {
    for (const [name, value] of literals) {
      if (!this.#text.startsWith(name, this.#at)) continue
      this.#at += name.length
      return value
    }
    throw this.#unexpected('a value')
  }

  #expect(character: string): void {
    this.#skipSpace()
    if (this.#text[this.#at] !== character) throw this.#unexpected(`"${character}"`)
    this.#at += 1
  }

  #skipSpace(): void {
    this.#match(space)
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const token = pattern.exec(this.#text)?.[0]
    this.#at += token?.length ?? 0
    return token
  }

  #unexpected(expected: string): DecodeError {
    const found = this.#text[this.#at]
    const what = found === undefined ? 'the body ends' : `there is ${JSON.stringify(found)}`
    return this.#error(`is not JSON: at character ${this.#at + 1} ${what}, expected ${expected}`)
  }

  #error(problem: string): DecodeError {
    return this.#path.reduceRight((error, step) => error.within(step), new DecodeError(problem))
  }
}

function shorten(token: string): string {
  return token.length > 24 ? `${token.slice(0, 24)}…` : token
}
