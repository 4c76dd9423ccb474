import { assemble, type Envelope, signedBy, signingBytes, type Transaction, type TransactionKinds } from './envelope.ts'

export interface Signing {
  /** With the key that the envelope names. */
  readonly sign: (message: Uint8Array) => Uint8Array
  readonly nowMs: number
}

/**
 * Signs for a sender: first what the payload needs of his key, then all of it. Throws DecodeError where the payload cannot
 * be completed.
 */
export function signEnvelope(kinds: TransactionKinds, envelope: Envelope, { sign, nowMs }: Signing): Transaction {
  const endorsement = kinds.get(envelope.kind)?.endorsement
  const by = { did: envelope.sender, key: signedBy(envelope), nowMs }
  const message = endorsement?.message(envelope.payload, by)
  const isComplete = endorsement === undefined || message === undefined
  const complete = isComplete
    ? envelope
    : { ...envelope, payload: endorsement.endorsed(envelope.payload, by, sign(message)) }
  return assemble(kinds, complete, sign(signingBytes(kinds, complete)))
}
