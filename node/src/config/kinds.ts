/** What a setting may be: how it is read from YAML and from text, and how that is said in messages. */
import { isIP } from 'node:net'
import { isAbsolute, join, resolve } from 'node:path'
import { DecodeError, type Json } from '@claw-network/protocol'

/** Where a value was written; paths are relative to it. */
export interface Place {
  /** The directory that stands for `~/.clawnet`. */
  readonly home: string
  /** What `~` is. */
  readonly userHome: string
  /** What relative paths start from: the directory of the file, or the working directory. */
  readonly directory: string
}

export interface Kind<T> {
  /** Completes "must be …". */
  readonly expected: string
  /** Throws DecodeError. The value is what YAML makes of it; null where nothing is written. */
  readonly fromYaml: (value: unknown, place: Place) => T
  /** From a flag or an environment variable. Throws DecodeError. */
  readonly fromText: (text: string, place: Place) => T
  readonly toJson: (value: T) => Json
  readonly isList?: true
}

export const boolean: Kind<boolean> = {
  expected: 'true or false',
  fromYaml: value => (typeof value === 'boolean' ? value : mismatch('true or false', value)),
  fromText: text => (text === 'true' || text === 'false' ? text === 'true' : mismatch('true or false', text)),
  toJson: value => value,
}

export function integer(min: number, max: number): Kind<number> {
  const expected = `an integer from ${min} to ${max}`
  const check = (value: unknown): number => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      return mismatch(expected, value)
    }
    return value
  }
  return {
    expected,
    fromYaml: check,
    fromText: text => (/^\d+$/.test(text) ? check(Number(text)) : mismatch(expected, text)),
    toJson: value => value,
  }
}

/** 0 takes a free one. */
export const port: Kind<number> = integer(0, 65_535)

/** A whole number of Tokens. */
export const tokens: Kind<bigint> = (() => {
  const { expected, ...number } = integer(0, Number.MAX_SAFE_INTEGER)
  return {
    expected: `${expected} (Tokens)`,
    fromYaml: (value, place) => BigInt(number.fromYaml(value, place)),
    fromText: (text, place) => BigInt(number.fromText(text, place)),
    toJson: value => Number(value),
  }
})()

export function choice<const N extends string>(...names: readonly N[]): Kind<N> {
  const expected = `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
  const check = (value: unknown): N => {
    const name = names.find(candidate => candidate === value)
    return name ?? mismatch(expected, value)
  }
  return { expected, fromYaml: check, fromText: check, toJson: value => value }
}

/** Text that messages and logs never repeat. */
export const secret: Kind<string> = (() => {
  const expected = 'a text in quotes, not empty'
  const check = (value: unknown): string => {
    if (typeof value !== 'string' || value === '') throw new DecodeError(`must be ${expected}`)
    return value
  }
  return { expected, fromYaml: check, fromText: check, toJson: () => '(set)' }
})()

/** A host name or IP address. */
export const host: Kind<string> = (() => {
  const expected = 'an IP address or a host name'
  const check = (value: unknown): string => {
    if (typeof value !== 'string' || (isIP(value) === 0 && !isHostName(value))) return mismatch(expected, value)
    return value
  }
  return { expected, fromYaml: check, fromText: check, toJson: value => value }
})()

/** An absolute path. `~/.clawnet` stands for the node's home wherever that is, `~` for the user's. */
export const path: Kind<string> = (() => {
  const expected = 'a path'
  const check = (value: unknown, place: Place): string => {
    if (typeof value !== 'string' || value === '') return mismatch(expected, value)
    const [, inHome] = /^~\/\.clawnet(?:\/(.*))?$/s.exec(value) ?? []
    if (/^~\/\.clawnet(\/|$)/.test(value)) return join(place.home, inHome ?? '')
    if (value === '~' || value.startsWith('~/')) return join(place.userHome, value.slice(1))
    return isAbsolute(value) ? value : resolve(place.directory, value)
  }
  return { expected, fromYaml: check, fromText: check, toJson: value => value }
})()

/** Where to listen: `/ip4/0.0.0.0/tcp/9527`. */
export const listenAddress: Kind<string> = multiaddr('an address like /ip4/0.0.0.0/tcp/9527', ({ protocol }) =>
  ['ip4', 'ip6'].includes(protocol),
)

/** Where another node is: `/dns4/node.example/tcp/9527/p2p/12D3…`. */
export const peerAddress: Kind<string> = multiaddr(
  'an address like /ip4/203.0.113.7/tcp/9527/p2p/12D3… or /dns4/node.example/tcp/9527/p2p/12D3…',
  () => true,
)

/** In YAML a list, or nothing for none; in text separated by commas. */
export function list<T>(item: Kind<T>): Kind<readonly T[]> {
  const expected = `a list, each ${item.expected}`
  const at = (index: number, read: () => T): T => {
    try {
      return read()
    } catch (error) {
      throw error instanceof DecodeError ? error.within(index) : error
    }
  }
  return {
    expected,
    isList: true,
    fromYaml(value, place) {
      if (value === null) return []
      if (!Array.isArray(value)) return mismatch(expected, value)
      return value.map((entry, index) => at(index, () => item.fromYaml(entry, place)))
    },
    fromText: (text, place) =>
      text.split(',').map((entry, index) => at(index, () => item.fromText(entry.trim(), place))),
    toJson: values => values.map(value => item.toJson(value)),
  }
}

/** Nothing, written `null` in YAML and `none` in text; or a value. */
export function optional<T>(kind: Kind<T>): Kind<T | null> {
  return {
    expected: `${kind.expected}, or null`,
    fromYaml: (value, place) => (value === null ? null : kind.fromYaml(value, place)),
    fromText: (text, place) => (text === 'none' ? null : kind.fromText(text, place)),
    toJson: value => (value === null ? null : kind.toJson(value)),
  }
}

function multiaddr(expected: string, accepts: (parts: { protocol: string }) => boolean): Kind<string> {
  const check = (value: unknown): string => {
    const match = typeof value === 'string' ? multiaddrForm.exec(value) : null
    if (match === null) return mismatch(expected, value)
    const [, written = '', hostPart = '', portPart = '', rest = ''] = match
    // People write /ip4/ before a name, as in our own first example; what they mean is clear.
    const protocol = written === 'ip4' && isIP(hostPart) === 0 ? 'dns4' : written
    const isHost =
      protocol === 'ip4' ? isIP(hostPart) === 4 : protocol === 'ip6' ? isIP(hostPart) === 6 : isHostName(hostPart)
    if (!isHost || !accepts({ protocol })) return mismatch(expected, value)
    return `/${protocol}/${hostPart}/tcp/${port.fromYaml(Number(portPart), nowhere)}${rest}`
  }
  return { expected, fromYaml: check, fromText: check, toJson: value => value }
}

const multiaddrForm = /^\/(ip4|ip6|dns|dns4|dns6)\/([^/\s]+)\/tcp\/(\d{1,5})(\/p2p\/[^\s]+)?$/
const nowhere: Place = { home: '', userHome: '', directory: '' }

function isHostName(text: string): boolean {
  return text.length <= 253 && /^([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i.test(text)
}

function mismatch(expected: string, value: unknown): never {
  throw new DecodeError(`must be ${expected}, not ${shown(value)}`)
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return 'empty'
  if (typeof value === 'string') return `the text "${value.length > 60 ? `${value.slice(0, 60)}…` : value}"`
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'a section' : JSON.stringify(value)
}
