/**
 * Signatures inside JSON documents: W3C Data Integrity with the cryptosuite eddsa-jcs-2022 ("Data Integrity EdDSA
 * Cryptosuites v1.0", section 3.3). One proof per document; its key is the fragment of its verification method.
 */
import { base58 } from '@scure/base'
import { concat, utf8 } from '../lib/bytes.ts'
import { at, DecodeError, enumeration, optional, struct, text } from '../lib/codec.ts'
import { parseDateTime } from '../lib/date-time.ts'
import { canonicalJson } from '../lib/jcs.ts'
import type { JsonObject } from '../lib/json-object.ts'
import { digest } from './hash.ts'
import { parseMultikey, type PublicKey } from './keys.ts'

export interface ProofOptions {
  /** `<controller>#z6Mk…`. */
  readonly verificationMethod: string
  /** `2026-11-22T09:30:00Z`. */
  readonly created: string
}

/** A proof as its signature covers it: everything but the signature. */
export function proofConfig(document: JsonObject, { verificationMethod, created }: ProofOptions): JsonObject {
  const context = document['@context']
  return {
    type: 'DataIntegrityProof',
    cryptosuite: 'eddsa-jcs-2022',
    created,
    verificationMethod,
    proofPurpose: 'assertionMethod',
    ...(context !== undefined && { '@context': context }),
  }
}

/** The 64 bytes to sign: SHA-256 of the canonical proof configuration, then of the canonical document without proof. */
export function hashData(document: JsonObject, config: JsonObject): Uint8Array {
  return concat(digest(utf8(canonicalJson(config))), digest(utf8(canonicalJson(document))))
}

export function withProof(document: JsonObject, config: JsonObject, signature: Uint8Array): JsonObject {
  return { ...document, proof: { ...config, proofValue: `z${base58.encode(signature)}` } }
}

/** A proof whose form is right; whether the signature is, is for a verifier to say. */
export interface Proof {
  /** The document without the proof. */
  readonly document: JsonObject
  /** Who claims the key: the verification method up to its fragment. */
  readonly controller: string
  readonly key: PublicKey
  readonly signature: Uint8Array
  /** What the signature covers. */
  readonly message: Uint8Array
  /** SHA-256 of the canonical document. */
  readonly documentHash: Uint8Array
}

/** Throws DecodeError, naming the field, unless the document has exactly one proof of this suite. */
export function readProof(secured: JsonObject): Proof {
  const { proof: given, ...document } = secured
  if (given === undefined) throw new DecodeError('is missing').within('proof')
  return at('proof', () => {
    if (Array.isArray(given)) throw new DecodeError('must be one proof; sets and chains of proofs are not taken')
    if (typeof given !== 'object' || given === null) throw new DecodeError('must be an object')
    const { '@context': context, ...fields } = given
    const { created, verificationMethod, proofValue } = proof.fromJson(fields)
    if (context !== undefined) at('@context', () => checkContext(context, document['@context']))
    if (created !== undefined) at('created', () => parseDateTime(created))
    const [controller, key] = at('verificationMethod', () => methodOf(verificationMethod))
    const signature = at('proofValue', () => signatureOf(proofValue))
    const { proofValue: _, ...config } = given
    const message = hashData(document, config)
    return { document, controller, key, signature, message, documentHash: message.subarray(32) }
  })
}

const proof = struct({
  type: enumeration('DataIntegrityProof'),
  cryptosuite: enumeration('eddsa-jcs-2022'),
  created: optional(text(32)),
  verificationMethod: text(512),
  proofPurpose: enumeration('assertionMethod'),
  // 64 bytes have at most 88 digits in base58; decoding many would take long.
  proofValue: text(89),
})

/** The suite lets a document add to the contexts that were signed. Nothing here is to mean more than was signed. */
function checkContext(context: unknown, own: unknown): void {
  if (own === undefined || canonicalJson(context) !== canonicalJson(own)) {
    throw new DecodeError('must be the @context of the document')
  }
}

function methodOf(verificationMethod: string): [controller: string, key: PublicKey] {
  const [controller = '', fragment, ...rest] = verificationMethod.split('#')
  if (controller === '' || fragment === undefined || rest.length > 0) {
    throw new DecodeError('must be a controller, "#" and a Multikey, like did:claw:z6Mk…#z6Mk…')
  }
  return [controller, parseMultikey(fragment)]
}

function signatureOf(proofValue: string): Uint8Array {
  const wrong = 'must be "z" and an Ed25519 signature in base58'
  let bytes: Uint8Array
  try {
    bytes = base58.decode(proofValue.slice(1))
  } catch {
    throw new DecodeError(wrong)
  }
  if (!proofValue.startsWith('z') || bytes.length !== 64) throw new DecodeError(wrong)
  return bytes
}
