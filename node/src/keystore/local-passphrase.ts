import { join } from 'node:path'
import type { Entropy } from '../ports.ts'
import { createPrivateFile, ensurePrivateDirectory, readPrivateFile } from '../private-files.ts'
import { KeystoreError } from './keystore.ts'

/**
 * The passphrase of a keystore on a `local` network, which nobody types: random, in `keys/local.passphrase`, made on
 * first use (K20). The files have the same format on every network, and one who copies a sealed file alone has nothing.
 */
export function loadOrCreateLocalPassphrase(directory: string, { entropy }: { entropy: Entropy }): string {
  ensurePrivateDirectory(directory)
  const path = join(directory, 'local.passphrase')
  if (readPrivateFile(path) === undefined) {
    createPrivateFile(path, `${Buffer.from(entropy.bytes(24)).toString('base64url')}\n`)
  }
  const passphrase = readPrivateFile(path)?.trimEnd() ?? ''
  if (passphrase === '') throw new KeystoreError(`${path} is empty: restore it, or begin a new local network`)
  return passphrase
}
