/** The key that names this node to its peers. It holds no funds and is not the agent's key: docs/spec/network.md, N2. */
import { randomBytes } from 'node:crypto'
import { createPrivateFile, readPrivateFile } from '../private-files.ts'

const seedBytes = 32

/** The Ed25519 seed in `file`, made on the first start. Throws when others may read the file or it holds no seed. */
export function loadPeerSeed(file: string): Uint8Array {
  let text = readPrivateFile(file)
  if (text === undefined) {
    createPrivateFile(file, `${randomBytes(seedBytes).toString('hex')}\n`)
    // Read back, for another process may have been first.
    text = readPrivateFile(file) ?? ''
  }
  if (!/^[0-9a-f]{64}\n?$/.test(text)) {
    throw new Error(`${file} is no peer key; remove it to get a new one (other nodes will see a new peer)`)
  }
  return Buffer.from(text.trim(), 'hex')
}
