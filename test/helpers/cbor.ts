/**
 * A second reader and writer of CBOR (RFC 8949), written from the RFC for tests alone: what our codecs write must be
 * what anybody's library reads. Slow, general where cheap, and it shares no code with the sources.
 */

export type Item =
  | { readonly type: 'uint'; readonly value: bigint }
  | { readonly type: 'negative'; readonly value: bigint }
  | { readonly type: 'bytes'; readonly value: Uint8Array }
  /** The bytes of the text, UTF-8 or not. */
  | { readonly type: 'text'; readonly value: Uint8Array }
  | { readonly type: 'array'; readonly value: readonly Item[] }
  | { readonly type: 'simple'; readonly value: boolean | null }

/** The one item that `bytes` are. Throws Error for anything else: maps, tags, floats and indefinite lengths as well. */
export function readCbor(bytes: Uint8Array): Item {
  const { item, end } = itemAt(bytes, 0)
  if (end !== bytes.length) throw new Error('bytes are left over')
  return item
}

/** Core deterministic encoding, section 4.2.1. */
export function writeCbor(item: Item): Uint8Array {
  switch (item.type) {
    case 'uint':
      return headOf(0, item.value)
    case 'negative':
      return headOf(1, -1n - item.value)
    case 'bytes':
      return joined([headOf(2, BigInt(item.value.length)), item.value])
    case 'text':
      return joined([headOf(3, BigInt(item.value.length)), item.value])
    case 'array':
      return joined([headOf(4, BigInt(item.value.length)), ...item.value.map(writeCbor)])
    case 'simple':
      return Uint8Array.of(item.value === false ? 0xf4 : item.value === true ? 0xf5 : 0xf6)
  }
}

/** How many arrays lie in each other. */
export function depthOf(item: Item): number {
  return item.type === 'array' ? 1 + Math.max(0, ...item.value.map(depthOf)) : 0
}

function itemAt(bytes: Uint8Array, start: number): { item: Item; end: number } {
  const initial = byteAt(bytes, start)
  const major = initial >> 5
  const info = initial & 0x1f
  if (major === 7) {
    if (initial === 0xf4) return { item: { type: 'simple', value: false }, end: start + 1 }
    if (initial === 0xf5) return { item: { type: 'simple', value: true }, end: start + 1 }
    if (initial === 0xf6) return { item: { type: 'simple', value: null }, end: start + 1 }
    throw new Error(`no reading of the simple value or float 0x${initial.toString(16)}`)
  }
  if (info > 27) throw new Error('a reserved or indefinite length')

  const size = info < 24 ? 0 : 2 ** (info - 24)
  let argument = BigInt(info)
  if (size > 0) {
    argument = 0n
    for (let i = 1; i <= size; i++) argument = argument * 256n + BigInt(byteAt(bytes, start + i))
  }
  const body = start + 1 + size
  if (major === 0) return { item: { type: 'uint', value: argument }, end: body }
  if (major === 1) return { item: { type: 'negative', value: -1n - argument }, end: body }
  if (major === 2 || major === 3) {
    const end = body + Number(argument)
    if (end > bytes.length) throw new Error('a string runs over the end')
    const content = bytes.slice(body, end)
    return { item: { type: major === 2 ? 'bytes' : 'text', value: content }, end }
  }
  if (major === 4) {
    const value: Item[] = []
    let end = body
    for (let left = argument; left > 0n; left--) {
      const next = itemAt(bytes, end)
      value.push(next.item)
      end = next.end
    }
    return { item: { type: 'array', value }, end }
  }
  throw new Error('no reading of maps and tags')
}

function headOf(major: number, argument: bigint): Uint8Array {
  if (argument < 24n) return Uint8Array.of((major << 5) | Number(argument))
  const size = argument < 0x100n ? 1 : argument < 0x1_0000n ? 2 : argument < 0x1_0000_0000n ? 4 : 8
  const head = new Uint8Array(1 + size)
  head[0] = (major << 5) | (24 + Math.log2(size))
  for (let i = 0; i < size; i++) head[size - i] = Number((argument >> BigInt(8 * i)) & 0xffn)
  return head
}

function byteAt(bytes: Uint8Array, index: number): number {
  const byte = bytes[index]
  if (byte === undefined) throw new Error('bytes end too early')
  return byte
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let end = 0
  for (const part of parts) {
    whole.set(part, end)
    end += part.length
  }
  return whole
}
