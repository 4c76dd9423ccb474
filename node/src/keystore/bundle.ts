/** One identity on its way to another node: its sealed files in one, which open with the passphrase they had (K26). */
import { DecodeError, type Did, did as didCodec, formatDid } from '@claw-network/protocol'
import { type SealedFile, sealedFileJson, sealedFileOf } from './format.ts'
import { type KeyFile, keyFileOf } from './key-files.ts'

export function formatBundle(did: Did, files: readonly SealedFile[]): string {
  return `${JSON.stringify({ version: 1, did: formatDid(did), keys: files.map(sealedFileJson) }, null, 2)}\n`
}

/** At least one key, all of one identity. Throws DecodeError that names the field. */
export function parseBundle(text: string): readonly KeyFile[] {
  const { version, did, keys, ...unknown } = parsed(text)
  const stranger = Object.keys(unknown)[0]
  if (stranger !== undefined) throw new DecodeError('is not a known field').within(stranger)
  if (version !== 1) throw new DecodeError('must be 1').within('version')
  const subject = within(['did'], () => didCodec.fromJson(did))
  if (!Array.isArray(keys) || keys.length === 0) throw new DecodeError('must be a list of sealed keys').within('keys')
  return keys.map((json: unknown, index) =>
    within(['keys', index], () => {
      const keyFile = keyFileOf(sealedFileOf(json), true)
      if (keyFile.did !== subject) throw new DecodeError('is not that of the bundle').within('did')
      return keyFile
    }),
  )
}

/** Says where in the bundle it is that something is wrong. */
function within<T>(place: readonly (string | number)[], decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    throw place.reduceRight((inner: DecodeError, step) => inner.within(step), error)
  }
}

function parsed(text: string): { readonly [field: string]: unknown } {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new DecodeError('is not JSON')
  }
  if (typeof json !== 'object' || json === null) throw new DecodeError('must be an object')
  return json as { readonly [field: string]: unknown }
}
