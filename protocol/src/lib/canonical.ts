import { DecodeError } from './codec.ts'

/** Nesting that no declared type comes near; keeps a hostile frame from exhausting the stack. */
const depthMax = 16

/**
 * Accepts exactly the subset of CBOR that clawnet writes (docs/spec/encoding.md, E1 to E6): unsigned integers, byte and
 * text strings, arrays, false, true, null; shortest heads; definite lengths; one item. Leaves UTF-8 to the decoder.
 * Every length is checked against what is left before anything is allocated.
 */
export function checkCanonical(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const open: number[] = [] // items still to come in each enclosing array
  let position = 0

  do {
    if (position >= bytes.length) throw new DecodeError('bytes end too early')
    const head = bytes[position] as number
    const major = head >> 5
    const minor = head & 31
    position += 1

    if (major === 7) {
      if (head < 0xf4 || head > 0xf6) throw new DecodeError('floats, undefined and other simple values are not allowed')
    } else {
      if (major === 1 || major === 5 || major === 6) {
        throw new DecodeError('negative integers, maps and tags are not allowed')
      }
      let argument = minor
      if (minor >= 24) {
        const size = minor === 24 ? 1 : minor === 25 ? 2 : minor === 26 ? 4 : minor === 27 ? 8 : 0
        if (size === 0) throw new DecodeError('indefinite lengths are not allowed')
        if (position + size > bytes.length) throw new DecodeError('bytes end too early')
        argument =
          size === 1
            ? (bytes[position] as number)
            : size === 2
              ? view.getUint16(position)
              : size === 4
                ? view.getUint32(position)
                : view.getUint32(position) * 0x1_0000_0000 + view.getUint32(position + 4)
        const smallest = size === 1 ? 24 : size === 2 ? 0x100 : size === 4 ? 0x1_0000 : 0x1_0000_0000
        if (argument < smallest) throw new DecodeError('a length or integer is not in its shortest form')
        position += size
      }
      if (major === 2 || major === 3) {
        if (argument > bytes.length - position) throw new DecodeError('bytes end too early')
        position += argument
      } else if (major === 4) {
        if (open.length >= depthMax) throw new DecodeError(`nesting is deeper than ${depthMax}`)
        if (argument > bytes.length - position) throw new DecodeError('bytes end too early')
        if (argument > 0) {
          open.push(argument)
          continue
        }
      } else if (argument > Number.MAX_SAFE_INTEGER) {
        throw new DecodeError('an integer is 2^53 or more')
      }
    }

    // The item is complete; so may be the arrays around it.
    while (open.length > 0) {
      const left = (open.pop() as number) - 1
      if (left > 0) {
        open.push(left)
        break
      }
    }
  } while (open.length > 0)

  if (position !== bytes.length) throw new DecodeError('bytes follow after the end')
}
