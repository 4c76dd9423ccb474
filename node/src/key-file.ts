import { fromHex, toHex } from '@claw-network/protocol'
import type { Entropy } from './ports.ts'
import { createPrivateFile, readPrivateFile } from './private-files.ts'

const secretKeyBytes = 32

/**
 * The 32 secret bytes in `path`, made on first use: the node's consensus key or peer key, which the daemon reads
 * without a passphrase and which hold no funds (K7). The directory must be there.
 */
export function loadOrCreateKeyFile(path: string, { entropy }: { entropy: Entropy }): Uint8Array {
  if (readPrivateFile(path) === undefined) {
    createPrivateFile(path, `${toHex(entropy.bytes(secretKeyBytes))}\n`)
  }
  // Read again even after making it: of two processes that start at once, one file wins for both.
  const text = readPrivateFile(path) ?? ''
  if (!/^[0-9a-f]{64}\n?$/.test(text)) {
    throw new Error(
      `${path} is not a key file: it must be 64 hexadecimal digits. Restore it from a backup; moving it away makes a new key, and with it a new identity of this node`,
    )
  }
  return fromHex(text.trim())
}
