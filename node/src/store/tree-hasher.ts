import { hashPairs } from '@claw-network/protocol'

/** The hasher of the state tree: native where there is a build for this machine, else ten times slower and the same. */
export async function loadTreeHasher(): Promise<typeof hashPairs> {
  try {
    const { hashInto } = await import('@chainsafe/hashtree')
    return pairs => {
      const digests = new Uint8Array(pairs.length / 2)
      hashInto(pairs, digests)
      return digests
    }
  } catch {
    // It throws where its optional package for this platform is missing, as on Intel Macs.
    return hashPairs
  }
}
