import { hash } from '../../crypto/hash.ts'
import { hashData, withProof } from '../../crypto/data-integrity.ts'
import { type Endorsement, transaction } from '../../ledger/domain.ts'
import { at, describe, type Infer, struct } from '../../lib/codec.ts'
import { credentialDocument, credentialStatement, credentialToSign, readSigned } from './credential.ts'
import { addCredential, credentials } from './credential-rows.ts'
import { keyOf } from './rows.ts'

const body = struct({ credential: credentialDocument })

/** The issuer's node signs a credential that has no proof. One that has is left as it is, whoever made it. */
const endorsement: Endorsement<Infer<typeof body>> = {
  message({ credential }, by) {
    if (credential['proof'] !== undefined) return undefined
    const { document, config } = at('credential', () => credentialToSign(credential, by))
    return hashData(document, config)
  },
  endorsed({ credential }, by, signature) {
    return at('credential', () => {
      const { document, config } = credentialToSign(credential, by)
      return { credential: credentialDocument.fromJson(withProof(document, config, signature)) }
    })
  },
}

/** L72 to L75. */
export const attest = transaction({
  kind: 'identity.attest',
  doc: 'Registers a capability credential: a claim where issuer and subject are the same, else an attestation.',
  path: '/api/identity/capabilities',
  command: 'identity attest <credential>',
  example: `identity attest '{"credentialSubject":{"capability":"translation zh-en"}}'`,
  body,
  needsOwnKey: true,
  rejections: {
    sender_is_no_party: 'Only the issuer or the subject of a credential may register it.',
    key_is_not_issuers: 'The proof was made with a key that is not the one the issuer signs with now.',
    credential_has_expired: 'The credential is not valid any more: validUntil has passed.',
    credential_is_registered: 'This credential is registered already; one that was revoked stays revoked.',
  },
  spends: () => 0n,
  statements: ({ credential }) => [at('credential', () => credentialStatement(credential))],
  endorsement,
  apply(draft, { credential: document }, { sender, id, height, timeMs }) {
    const { credential, proof } = readSigned(document)
    const { hash: name, ...said } = credential
    const { issuer, subject, validUntil } = said
    if (sender !== issuer && sender !== subject) return 'sender_is_no_party'
    if (proof.key !== keyOf(draft, issuer)) return 'key_is_not_issuers'
    if (validUntil !== undefined && timeMs >= validUntil) return 'credential_has_expired'
    if (credentials.get(draft, name) !== undefined) return 'credential_is_registered'

    addCredential(draft, name, { ...said, transaction: id, height })
    return
  },
})

/** L76. */
export const revokeCredential = transaction({
  kind: 'identity.revokeCredential',
  doc: 'Revokes a registered credential, for good.',
  path: '/api/identity/capabilities/:credential/revoke',
  command: 'identity revoke-credential <credential>',
  example: `identity revoke-credential 0x${'5a'.repeat(32)}`,
  body: struct({ credential: describe(hash, 'Hash of the credential, as the list of capabilities has it') }),
  needsOwnKey: true,
  rejections: {
    credential_is_unknown: 'No credential with this hash is registered.',
    sender_is_not_issuer: 'Only the issuer of a credential may revoke it.',
    credential_is_revoked: 'The credential has been revoked already.',
  },
  spends: () => 0n,
  apply(draft, { credential: name }, { sender, timeMs }) {
    const credential = credentials.get(draft, name)
    if (credential === undefined) return 'credential_is_unknown'
    if (credential.issuer !== sender) return 'sender_is_not_issuer'
    if (credential.revokedAtMs !== undefined) return 'credential_is_revoked'

    credentials.set(draft, name, { ...credential, revokedAtMs: timeMs })
    return
  },
})
