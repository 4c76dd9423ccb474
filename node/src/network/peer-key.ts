/** The key that names this node to its peers. It holds no funds and is not the agent's key: docs/spec/network.md, N2. */
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

const seedBytes = 32

/** The Ed25519 seed in `file`, made on the first start. Throws when others may read the file or it holds no seed. */
export function loadPeerSeed(file: string): Uint8Array {
  const known = readSeed(file)
  if (known !== undefined) return known

  const seed = randomBytes(seedBytes)
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  // `wx`: two processes that start at once must not both believe in their own key.
  const handle = openSync(file, 'wx', 0o600)
  try {
    writeSync(handle, `${seed.toString('hex')}\n`)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  return seed
}

function readSeed(file: string): Uint8Array | undefined {
  const stats = statSync(file, { throwIfNoEntry: false })
  if (stats === undefined) return undefined
  if (process.platform !== 'win32' && (stats.mode & 0o077) !== 0) {
    throw new Error(`${file} is readable by others; run: chmod 600 ${file}`)
  }
  const text = readFileSync(file, 'utf8').trim()
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new Error(`${file} is no peer key; remove it to get a new one (other nodes will see a new peer)`)
  }
  return Buffer.from(text, 'hex')
}
