import { address, addressOf, did, type Did, formatDid, type PublicKey } from '../../crypto/keys.ts'
import { describe, list, optional, struct, text, uint } from '../../lib/codec.ts'
import { query } from '../../ledger/domain.ts'
import { accountAt } from '../accounts/index.ts'
import { displayName, entriesMax, identityOf } from './rows.ts'

const uri = text(512)
const verificationMethod = struct({ id: uri, type: text(32), controller: did, publicKeyMultibase: text(64) })

export const resolve = query({
  path: '/api/identity/:did',
  command: 'identity show [did]',
  example: 'identity show did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
  doc: 'The DID document (W3C DID 1.0) of an identity, with its account.',
  input: struct({ did: describe(did, 'Whose document') }),
  output: struct({
    '@context': list(uri, 2),
    id: did,
    alsoKnownAs: describe(
      list(uri, entriesMax.alsoKnownAs + 1),
      'The did:key of the key that signs now, then what the identity says',
    ),
    verificationMethod: list(verificationMethod, 16),
    authentication: list(uri, 16),
    assertionMethod: list(uri, 16),
    capabilityInvocation: list(uri, 16),
    service: list(struct({ id: uri, type: text(64), serviceEndpoint: uri }), entriesMax.services),
    name: optional(describe(displayName, 'What the identity calls itself; nobody has checked it')),
    rotations: describe(uint(), 'How often it has changed its key'),
    address: describe(address, 'The account of this identity'),
    nonce: describe(uint(), 'Final transactions of the account so far; 0 where it never sent one'),
  }),
  read(view, { did: subject }) {
    const { key, rotations, name, services, alsoKnownAs } = identityOf(view, subject)
    const multikey = multikeyOf(key)
    const id = formatDid(subject)
    const keyId = `${id}#${multikey}`
    const account = addressOf(subject)
    return {
      '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
      id: subject,
      alsoKnownAs: [`did:key:${multikey}`, ...alsoKnownAs],
      verificationMethod: [{ id: keyId, type: 'Multikey', controller: subject, publicKeyMultibase: multikey }],
      authentication: [keyId],
      assertionMethod: [keyId],
      capabilityInvocation: [keyId],
      service: services.map(service => ({ ...service, id: service.id.startsWith('#') ? id + service.id : service.id })),
      ...(name !== '' && { name }),
      rotations,
      address: account,
      nonce: accountAt(view, account).nonce,
    }
  },
})

/** The key as in did:key: what a DID of ours has after `did:claw:`. */
function multikeyOf(key: PublicKey): string {
  return formatDid(key as Did).slice('did:claw:'.length)
}
