import { at, DecodeError } from './codec.ts'

/**
 * The one spelling of a JSON value (JCS, RFC 8785): names ordered by UTF-16 code units, no white space, texts and numbers
 * as ECMAScript writes them. Throws DecodeError for what JCS has no form for, such as lone surrogates and infinity.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'object') {
    return Array.isArray(value) ? canonicalList(value) : canonicalObject(value as Record<string, unknown>)
  }
  if (typeof value !== 'number') throw new DecodeError('must be a JSON value')
  if (!Number.isFinite(value)) throw new DecodeError('must be a finite number')
  return JSON.stringify(value)
}

function canonicalList(items: readonly unknown[]): string {
  return `[${Array.from(items, (item, index) => at(index, () => canonicalJson(item))).join(',')}]`
}

function canonicalObject(fields: { readonly [name: string]: unknown }): string {
  // Without a comparison of one's own, `sort` compares UTF-16 code units.
  const names = Object.keys(fields).sort()
  return `{${names.map(name => `${quoted(name)}:${at(name, () => canonicalJson(fields[name]))}`).join(',')}}`
}

function quoted(text: string): string {
  if (!text.isWellFormed()) throw new DecodeError('must be well-formed Unicode')
  return JSON.stringify(text)
}
