import { address, addressOf, did, formatDid } from '../../crypto/keys.ts'
import { describe, list, struct, text, uint } from '../../lib/codec.ts'
import { query } from '../../ledger/domain.ts'
import { accountAt } from '../accounts/index.ts'

const uri = text(512)
const verificationMethod = struct({ id: uri, type: text(32), controller: did, publicKeyMultibase: text(64) })

export const resolve = query({
  path: '/api/identity/:did',
  command: 'identity show <did>',
  example: 'identity show did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
  doc: 'The DID document (W3C DID 1.0) of an identity, with its account.',
  input: struct({ did: describe(did, 'Whose document') }),
  output: struct({
    '@context': list(uri, 2),
    id: did,
    alsoKnownAs: list(uri, 16),
    verificationMethod: list(verificationMethod, 16),
    authentication: list(uri, 16),
    assertionMethod: list(uri, 16),
    address: describe(address, 'The account of this identity'),
    nonce: describe(uint(), 'Final transactions of the account so far; 0 where it never sent one'),
  }),
  read(view, { did: subject }) {
    const text = formatDid(subject)
    const multikey = text.slice('did:claw:'.length)
    const keyId = `${text}#${multikey}`
    const account = addressOf(subject)
    return {
      '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
      id: subject,
      alsoKnownAs: [`did:key:${multikey}`],
      verificationMethod: [{ id: keyId, type: 'Multikey', controller: subject, publicKeyMultibase: multikey }],
      authentication: [keyId],
      assertionMethod: [keyId],
      address: account,
      nonce: accountAt(view, account).nonce,
    }
  },
})
