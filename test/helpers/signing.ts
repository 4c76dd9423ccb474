import { fromHex, toHex, type Did } from '@claw-network/protocol'
import { localPassphraseIn } from '../../node/src/home.ts'
import { Keystore } from '../../node/src/keystore/keystore.ts'
import { kdfCostDefault } from '../../node/src/keystore/format.ts'
import { machineEntropy as entropy } from '../../node/src/machine.ts'
import { nativeEd25519 } from '../../node/src/signatures/ed25519.ts'
import { join } from 'node:path'

/** Signs what `/api/tx/prepare` answered with the default identity of a home, as an agent with its own key would. */
export async function signWithHome(
  home: string,
  prepared: { readonly signingBytes: string; readonly envelope: unknown },
): Promise<{ envelope: unknown; signature: string }> {
  const signature = nativeEd25519()
    .signingKey(await secretKeyIn(home))
    .sign(fromHex(prepared.signingBytes.slice(2)))
  return { envelope: prepared.envelope, signature: `0x${toHex(signature)}` }
}

/** Of the default identity of a `local` home: the key in its DID. */
export async function secretKeyIn(home: string): Promise<Uint8Array> {
  const keystore = new Keystore({ directory: join(home, 'keys'), cost: kdfCostDefault }, { entropy })
  const did = keystore.identities[0]?.did as Did
  const secretKey = await keystore.secretKey(did, localPassphraseIn(home) ?? '')
  if (secretKey === undefined) throw new Error('the local passphrase opens the local keystore')
  return secretKey
}
