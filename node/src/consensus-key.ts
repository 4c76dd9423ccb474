/** The key this node votes with and the record of what it signed: one is worth nothing without the other. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Signer } from './chain/signer.ts'
import { loadOrCreateKeyFile } from './key-file.ts'
import { MachineDisk } from './machine.ts'
import type { Entropy } from './ports.ts'
import { ensurePrivateDirectory } from './private-files.ts'
import type { Ed25519, SigningKey } from './signatures/ed25519.ts'

const keyFileName = 'consensus.key'

export interface ConsensusKeyDependencies {
  readonly entropy: Entropy
  readonly ed25519: Ed25519
}

/**
 * The key in `directory`, made with an empty record on first use. A key without its record is left as it is: the signer
 * refuses to start with it.
 */
export function loadOrCreateConsensusKey(
  directory: string,
  { entropy, ed25519 }: ConsensusKeyDependencies,
): { readonly key: SigningKey; readonly disk: MachineDisk } {
  ensurePrivateDirectory(directory)
  const disk = new MachineDisk(directory)
  const path = join(directory, keyFileName)
  const isNew = !existsSync(path)
  const secretKey = loadOrCreateKeyFile(path, { entropy })
  const key = ed25519.signingKey(secretKey)
  secretKey.fill(0)
  if (isNew) Signer.create(disk, key)
  return { key, disk }
}
