/** The routes about single transactions: prepared here, signed elsewhere, looked up. */
import {
  assemble,
  bytes,
  DecodeError,
  describe,
  type Envelope,
  envelopeCodec,
  formatDid,
  hash,
  type Json,
  optional,
  publicKey,
  signatureStatements,
  signingBytes,
  struct,
  text,
  type Transaction,
  transactionBytesMax,
} from '@claw-network/protocol'
import { sendFields } from './domain-routes.ts'
import { jsonObject } from './json.ts'
import type { ApiNode } from './node.ts'
import { Problem } from './problems.ts'
import { jsonRoute, type Route } from './route.ts'
import { transactionAnswer, transactionAnswerOf } from './transaction-answer.ts'

const transactionId = describe(hash, 'The id of the transaction')

const submit = jsonRoute({
  method: 'POST',
  path: '/api/tx',
  tag: 'transactions',
  access: 'submit',
  doc: 'Takes a transaction signed elsewhere, so that the key never comes to this node: bytes, or envelope and signature.',
  input: struct({
    bytes: optional(describe(bytes(transactionBytesMax, 1), 'The canonical bytes of [body, signature]')),
    envelope: optional(describe(jsonObject, 'The envelope as POST /api/tx/prepare gives it')),
    signature: optional(describe(bytes(64, 64), 'The Ed25519 signature of its signing bytes')),
  }),
  answer: transactionAnswer,
  waits: true,
  codes: ['signature_is_wrong'],
  async handle({ node, sender, outcomes, rejections }, input, call) {
    const transaction = transactionOf(node, input)
    const isSigned = signatureStatements(transaction).every(({ signature, message, publicKey }) =>
      node.signatures.verify(signature, message, publicKey),
    )
    if (!isSigned) {
      throw Problem.of('signature_is_wrong', { field: input.bytes === undefined ? 'signature' : 'bytes' })
    }
    call.note({ did: transaction.envelope.sender, txHash: transaction.id })
    sender.pass(transaction, call.principal)
    const outcome = await outcomes.settled(transaction.id, call.waitMs, call.signal)
    return transactionAnswerOf(transaction.id, outcome, rejections, call.waitMs > 0)
  },
})

const { passphrase: _, ...envelopeFields } = sendFields

const prepare = jsonRoute({
  method: 'POST',
  path: '/api/tx/prepare',
  tag: 'transactions',
  access: 'read',
  doc: 'Gives the bytes to sign for a transaction, its id and a summary to read before signing. Nothing is sent or reserved.',
  input: struct({
    kind: describe(text(64, 1), 'The kind of transaction'),
    payload: describe(jsonObject, 'The fields of that kind'),
    ...envelopeFields,
    signer: optional(describe(publicKey, 'The session key that will sign, where it is not the identity’s own')),
  }),
  answer: struct({
    txHash: transactionId,
    signingBytes: describe(bytes(transactionBytesMax + 128), 'What the Ed25519 key signs'),
    envelope: describe(jsonObject, 'What POST /api/tx takes beside the signature'),
    summary: describe(text(transactionBytesMax), 'The same in words'),
  }),
  example: {
    kind: 'wallet.transfer',
    payload: { to: 'did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK', amount: 100 },
  },
  handle({ node, sender }, { kind: name, payload, ...fields }, { principal }) {
    const { kinds } = node.chain.ledger
    const kind = kinds.get(name)
    if (kind === undefined) {
      throw new DecodeError(`is not a known kind; known are ${[...kinds.keys()].join(', ')}`).within('kind')
    }
    const subject = fields.did ?? sender.identity(undefined, principal)
    const body = within('payload', () => kind.body.fromJson(payload))
    const envelope = sender.envelope(kind, body, { ...fields, sender: subject })
    const { id } = assemble(kinds, envelope, new Uint8Array(64))
    return {
      txHash: id,
      signingBytes: signingBytes(kinds, envelope),
      envelope: envelopeCodec(kinds).toJson(envelope) as { [field: string]: Json },
      summary: summaryOf(envelope, kind.body.toJson(body) as { [field: string]: Json }, node),
    }
  },
})

const lookUp = jsonRoute({
  method: 'GET',
  path: '/api/tx/:hash',
  tag: 'transactions',
  access: 'read',
  doc: 'What became of a transaction.',
  input: struct({ hash: transactionId }),
  answer: transactionAnswer,
  waits: true,
  codes: ['not_found'],
  example: { hash: `0x${'5f'.repeat(32)}` },
  async handle({ outcomes, rejections }, { hash: id }, call) {
    const outcome = await outcomes.settled(id, call.waitMs, call.signal)
    if (outcome === undefined) {
      throw Problem.of('not_found', {
        field: 'hash',
        detail: 'hash: no transaction with this id is known to this node.',
      })
    }
    return transactionAnswerOf(id, outcome, rejections, call.waitMs > 0)
  },
})

export const transactionRoutes: readonly Route[] = [submit, prepare, lookUp]

function transactionOf(
  node: ApiNode,
  input: {
    readonly bytes?: Uint8Array
    readonly envelope?: { readonly [field: string]: Json }
    readonly signature?: Uint8Array
  },
): Transaction {
  const { kinds } = node.chain.ledger
  const { bytes: given, envelope, signature } = input
  if (given !== undefined && envelope === undefined && signature === undefined) {
    return within('bytes', () => node.chain.decode(given))
  }
  if (given !== undefined)
    throw new DecodeError('stands alone, or leave it out and give envelope and signature').within('bytes')
  if (envelope === undefined) throw new DecodeError('is missing (or give bytes)').within('envelope')
  if (signature === undefined) throw new DecodeError('is missing').within('signature')
  return within('envelope', () => {
    const assembled = assemble(kinds, envelopeCodec(kinds).fromJson(envelope), signature)
    return node.chain.decode(assembled.bytes)
  })
}

function summaryOf(
  envelope: Envelope,
  payload: { readonly [field: string]: Json },
  { network, chain }: ApiNode,
): string {
  const fields = Object.entries(payload).map(([name, value]) => `${name} ${JSON.stringify(value)}`)
  return [
    `${envelope.kind}: ${fields.join(', ')}`,
    `from ${formatDid(envelope.sender)}`,
    `transaction ${envelope.nonce} of this account`,
    `fee ${envelope.fee} Tokens`,
    ...(envelope.validUntil === undefined ? [] : [`not after ${new Date(envelope.validUntil).toISOString()}`]),
    ...(envelope.prev === undefined ? [] : [`only after 0x${envelope.prev}`]),
    `on ${network} (chain 0x${chain.chainId})`,
  ].join('; ')
}

/** Runs a decoder of a part and names the part in its error. */
function within<T>(name: string, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    throw error instanceof DecodeError ? error.within(name) : error
  }
}
