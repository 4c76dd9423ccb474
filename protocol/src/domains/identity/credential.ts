/** Capability credentials: W3C Verifiable Credentials 2.0 that say what an identity can do (L70 to L74). */
import { formatDateTime, parseDateTime } from '../../lib/date-time.ts'
import { type Proof, proofConfig, readProof, withProof, hashData } from '../../crypto/data-integrity.ts'
import { type Hash, hashOf } from '../../crypto/hash.ts'
import { type Did, did, formatDid, formatMultikey, type PublicKey } from '../../crypto/keys.ts'
import type { Endorser, SignatureStatement } from '../../ledger/domain.ts'
import { fromHex, toHex, utf8 } from '../../lib/bytes.ts'
import { at, type Codec, DecodeError, describe, type Json, text } from '../../lib/codec.ts'
import { canonicalJson } from '../../lib/jcs.ts'
import { type JsonObject, jsonObject } from '../../lib/json-object.ts'

/** Canonical JSON; a transaction has room for several. */
export const credentialBytesMax = 8_192

export const credentialDocument: Codec<JsonObject> = describe(
  jsonObject(credentialBytesMax),
  'A W3C Verifiable Credential 2.0 of type CapabilityCredential, at most 8 KiB; without proof it is signed for its issuer',
)

export const capabilityText = text(256, 1)

/** What a credential says, as far as the ledger reads it. */
interface Said {
  readonly issuer: Did
  readonly subject: Did
  readonly capability: string
  /** Valid from this time on, in milliseconds. */
  readonly validFrom?: number
  /** Not valid at this time or after it, in milliseconds. */
  readonly validUntil?: number
}

export interface Credential extends Said {
  /** SHA-256 of the canonical document without its proof: another signature is no other credential. */
  readonly hash: Hash
}

/** Throws DecodeError, naming the field, unless the document is a capability credential (L71). Its proof is not looked at. */
export function readCredential(secured: JsonObject): Credential {
  const { proof: _, ...document } = secured
  return { hash: hashOf(utf8(canonicalJson(document))), ...saidIn(document) }
}

/**
 * A credential and its proof, whose signature is still to be checked. Throws DecodeError, naming the field, where there
 * is none that the issuer could have made (L72).
 */
export function readSigned(secured: JsonObject): { readonly credential: Credential; readonly proof: Proof } {
  const proof = readProof(secured)
  const said = saidIn(proof.document)
  if (proof.controller !== formatDid(said.issuer)) {
    throw new DecodeError('must be a key of the issuer').within('verificationMethod').within('proof')
  }
  return { credential: { hash: toHex(proof.documentHash) as Hash, ...said }, proof }
}

/** What a verifier has to check of a credential. Throws DecodeError for anything that is not a signed credential. */
export function credentialStatement(secured: JsonObject): SignatureStatement {
  const { signature, message, key } = readSigned(secured).proof
  return { signature, message, publicKey: fromHex(key) }
}

/**
 * A credential that the issuer is to sign: what was given, and where that says nothing, the contexts and types that
 * every capability credential has, and the issuer for issuer and subject. Throws DecodeError where it is another's.
 */
export function credentialToSign(given: JsonObject, by: Endorser): { document: JsonObject; config: JsonObject } {
  const issuer = formatDid(by.did)
  const subject = given['credentialSubject']
  const document: JsonObject = {
    '@context': [baseContext, openTermsContext],
    type: [...types],
    issuer,
    ...given,
    ...(isObject(subject) && { credentialSubject: { id: issuer, ...subject } }),
  }
  if (saidIn(document).issuer !== by.did) {
    throw new DecodeError('is missing, and only the issuer can make it').within('proof')
  }
  const created = formatDateTime(by.nowMs)
  return { document, config: proofConfig(document, { verificationMethod: methodOf(by), created }) }
}

/** Signs a credential as its issuer. `sign` makes an Ed25519 signature with the key that `by` names. */
export function signCredential(given: JsonObject, by: Endorser, sign: (message: Uint8Array) => Uint8Array): JsonObject {
  const { document, config } = credentialToSign(given, by)
  return credentialDocument.fromJson(withProof(document, config, sign(hashData(document, config))))
}

const baseContext = 'https://www.w3.org/ns/credentials/v2'
/** Gives a meaning to terms that no context defines, such as `capability`. */
const openTermsContext = 'https://www.w3.org/ns/credentials/undefined-terms/v2'
const types = ['VerifiableCredential', 'CapabilityCredential'] as const

/** What would limit a credential in a way that the ledger does not follow. */
const refusedFields: { readonly [name: string]: string } = {
  credentialStatus: 'is not followed here: the ledger itself keeps what was revoked (identity.revokeCredential)',
  expirationDate: 'is of version 1 of the data model; write validUntil',
  issuanceDate: 'is of version 1 of the data model; write validFrom',
}

function saidIn(document: JsonObject): Said {
  for (const [name, problem] of Object.entries(refusedFields)) {
    if (Object.hasOwn(document, name)) throw new DecodeError(problem).within(name)
  }
  at('@context', () => checkContext(document['@context']))
  at('type', () => checkType(document['type']))
  const issuer = at('issuer', () => issuerIn(document['issuer']))
  const { subject, capability } = at('credentialSubject', () => subjectIn(document['credentialSubject']))
  const validFrom = at('validFrom', () => timeIn(document['validFrom']))
  const validUntil = at('validUntil', () => timeIn(document['validUntil']))
  if (validFrom !== undefined && validUntil !== undefined && validUntil <= validFrom) {
    throw new DecodeError('must be later than validFrom').within('validUntil')
  }
  return {
    issuer,
    subject,
    capability,
    ...(validFrom !== undefined && { validFrom }),
    ...(validUntil !== undefined && { validUntil }),
  }
}

function methodOf({ did: subject, key }: { readonly did: Did; readonly key: PublicKey }): string {
  return `${formatDid(subject)}#${formatMultikey(key)}`
}

function checkContext(contexts: Json | undefined): void {
  if (!Array.isArray(contexts) || contexts[0] !== baseContext) {
    throw new DecodeError(`must be a list that begins with ${baseContext}`)
  }
}

function checkType(given: Json | undefined): void {
  if (!Array.isArray(given) || !types.every(type => given.includes(type))) {
    throw new DecodeError(`must be a list with ${types.join(' and ')}`)
  }
}

function issuerIn(issuer: Json | undefined): Did {
  return isObject(issuer) ? at('id', () => did.fromJson(issuer['id'])) : did.fromJson(issuer)
}

function subjectIn(subject: Json | undefined): { subject: Did; capability: string } {
  if (!isObject(subject)) throw new DecodeError('must be one object with id and capability')
  return {
    subject: at('id', () => did.fromJson(subject['id'])),
    capability: at('capability', () => capabilityText.fromJson(subject['capability'])),
  }
}

function timeIn(time: Json | undefined): number | undefined {
  if (time === undefined) return undefined
  if (typeof time !== 'string') throw new DecodeError('must be a text')
  return parseDateTime(time)
}

function isObject(json: Json | undefined): json is { [key: string]: Json } {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}
