/** Commands from the tables of the domains: a new transaction or query has its command without a line here. */
import {
  type AnyQuery,
  type AnyTransactionKind,
  type Codec,
  DecodeError,
  describe,
  did,
  type Domain,
  hash,
  type Json,
  type JsonSchema,
  optional,
  struct,
  timestamp,
  tokenSum,
  uint,
} from '@claw-network/protocol'
import type { BodyOf, InputOf, KindName, QueryPath, TransactionAnswer } from '@claw-network/sdk'
import { type Call, usageError } from './arguments.ts'
import { type Command, type Option, passphraseOptions, type Shell } from './command.ts'
import { CliError, type ExitCode, exitCodeOfRejection, exitCodes } from './exit-codes.ts'
import type { Messages } from './messages.ts'
import { layout } from './layout.ts'
import { fieldsOf } from './output.ts'
import { parseUsage } from './usage.ts'
import { hintOf, jsonOf, optionNameOf, placeholderOf, valueOf } from './values.ts'

export function domainCommands(domains: readonly Domain[]): readonly Command[] {
  return domains.flatMap(domain => {
    const group = domain.name.slice(0, 1).toUpperCase() + domain.name.slice(1).replaceAll('-', ' ')
    return [
      ...domain.transactions.map(kind => transactionCommand(kind, group)),
      ...domain.queries.map(query => queryCommand(query, group)),
    ]
  })
}

/** What every transaction may say besides its body. */
const orderFields = {
  did: optional(describe(did, 'The identity that signs; by default the node’s first one')),
  fee: optional(describe(tokenSum, 'Tokens for the validators; by default the least that the network takes')),
  nonce: optional(
    describe(uint(Number.MAX_SAFE_INTEGER, 1), 'Its place among the account’s transactions; by default the next one'),
  ),
  prev: optional(describe(hash, 'Fail unless this is still the account’s last transaction')),
  validUntil: optional(describe(timestamp, 'No block after this time may hold it')),
}

/** How much of a wrong value its message repeats. */
const excerptMax = 80

/** How the client waits for the outcome. */
export const waitOptions: readonly Option[] = [
  { name: 'no-wait', doc: 'Return as soon as the node has sent it; do not wait until it is final' },
  { name: 'timeout', value: 'SECONDS', doc: 'Longest wait for the outcome; by default 30' },
  { name: 'idempotency-key', value: 'KEY', doc: 'Repeat an earlier command safely: the same key never pays twice' },
]

function transactionCommand(kind: AnyTransactionKind, group: string): Command {
  const { positionals } = parseUsage(kind.command)
  const options = [...optionsOf(kind.body.fields, positionals), ...optionsOf(orderFields, [])]
  return {
    usage: kind.command,
    group,
    doc: kind.doc,
    examples: [kind.example],
    options: [...options, ...passphraseOptions, ...waitOptions],
    async run(call, shell) {
      const body = decoded(kind.body, valuesIn(call, kind.body.fields, shell.messages), shell.messages)
      const order = decoded(struct(orderFields), valuesIn(call, orderFields, shell.messages), shell.messages)
      const options = { ...order, ...waitingOf(call, shell.messages) }
      const client = await shell.connect()
      const answer = await unlocking(call, shell, passphrase =>
        client.send(kind.kind as KindName, body as BodyOf<KindName>, { ...options, ...passphrase }),
      )
      return reportTransaction(answer, shell)
    },
  }
}

function queryCommand(query: AnyQuery, group: string): Command {
  const { positionals } = parseUsage(query.command)
  const name = parseUsage(query.command).words.join('-')
  return {
    usage: query.command,
    group,
    doc: query.doc,
    examples: [query.example],
    options: optionsOf(query.input.fields, positionals),
    async run(call, shell) {
      const values = valuesIn(call, query.input.fields, shell.messages)
      const client = await shell.connect()
      // A path cannot leave its field out; where the usage does, the node's own identity is meant.
      const isOwn = values['did'] === undefined && query.command.includes('[did]')
      const own = isOwn ? (await client.identity()).did : undefined
      const input = decoded(query.input, own === undefined ? values : { ...values, did: own }, shell.messages)
      const answer = await client.query(query.path as QueryPath, input as InputOf<QueryPath>)
      if (answer === undefined) throw new CliError(exitCodes.notFound, 'not_found', shell.messages.notFound())
      shell.output.data(name, answer, () => layout(answer, query.output.schema, shell.output))
      return exitCodes.ok
    },
  }
}

/** A transaction as lines for people: its payload field by field, its time as a date. */
export function linesOf(answer: TransactionAnswer): readonly (readonly [name: string, value: string])[] {
  return Object.entries(answer).flatMap(([name, value]) => {
    if (name === 'payload') return fieldsOf(value as object)
    return name === 'timeMs'
      ? [['time', new Date(value as number).toISOString()] as const]
      : fieldsOf({ [name]: value })
  })
}

/** What `waitOptions` say. */
export function waitingOf(
  call: Call,
  messages: Messages,
): { readonly waitMs?: number; readonly idempotencyKey?: string } {
  const seconds = valueOf(call, 'timeout', uint(3600, 1), messages) ?? 30
  const idempotencyKey = call.text('idempotency-key')
  return {
    ...(call.has('no-wait') ? {} : { waitMs: seconds * 1000 }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  }
}

/** Prints a transaction; the exit code tells what became of it. */
export function reportTransaction(answer: TransactionAnswer, { output, messages }: Shell): ExitCode {
  output.data('transaction', answer, () => output.record(linesOf(answer)))
  switch (answer.status) {
    case 'final':
      output.say(messages.isFinal(answer.height))
      return exitCodes.ok
    case 'broadcast':
      output.say(messages.isBroadcast(answer.txHash))
      return exitCodes.ok
    case 'failed':
      throw new CliError(exitCodeOfRejection(answer.code), answer.code, answer.detail)
    case 'unknown':
      throw new CliError(exitCodes.unknown, 'outcome_unknown', messages.notYetFinal(answer.txHash))
  }
}

/** Sends; where that takes a passphrase and a person sits here, asks for it and sends again. */
export async function unlocking<T>(
  call: Call,
  { secrets }: Shell,
  send: (passphrase: { readonly passphrase?: string }) => Promise<T>,
): Promise<T> {
  const ask = async (): Promise<T> => send({ passphrase: await secrets.passphrase(call, { isNew: false }) })
  if (passphraseOptions.some(({ name }) => call.has(name))) return ask()
  try {
    return await send({})
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if ((code !== 'identity_is_locked' && code !== 'passphrase_is_missing') || !secrets.canAsk) throw error
    return ask()
  }
}

type Fields = { readonly [name: string]: Codec<unknown> }

function optionsOf(fields: Fields, positionals: readonly { readonly name: string }[]): readonly Option[] {
  return Object.entries(fields)
    .filter(([field]) => !positionals.some(({ name }) => name === field))
    .map(([field, { schema, isOptional }]) => ({
      name: optionNameOf(field),
      value: placeholderOf(schema, field),
      doc: docOf(field, schema) + hintOf(schema, field) + (isOptional ? '' : ' (required)'),
    }))
}

/** The fields that the call names, as JSON. */
function valuesIn(call: Call, fields: Fields, messages: Messages): { [field: string]: Json } {
  const values: { [field: string]: Json } = {}
  for (const [field, { schema }] of Object.entries(fields)) {
    const text = call.text(field) ?? call.text(optionNameOf(field))
    if (text !== undefined) values[field] = jsonOf(text, schema, field, messages)
  }
  return values
}

/** The JSON, once its codec has accepted it. Throws CliError that names the argument. */
function decoded<T>(codec: Codec<T>, values: { [field: string]: Json }, messages: Messages): { [field: string]: Json } {
  try {
    codec.fromJson(values)
    return values
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    const field = String(error.path[0] ?? '')
    const given = values[field]
    throw given === undefined
      ? usageError(messages.optionRequired(`--${optionNameOf(field)}`))
      : usageError(messages.valueIsWrong(error.field, error.problem, excerptOf(given, error.path)))
  }
}

function docOf(field: string, { description }: JsonSchema): string {
  // The node wants milliseconds; who types here need not.
  return typeof description === 'string' ? description.replace(/,? in milliseconds since 1970\b/, '') : field
}

/** What stands at the wrong place, and no more of it than a line takes. */
function excerptOf(given: Json, [, ...path]: readonly (string | number)[]): string {
  const wrong = path.reduce<unknown>((value, step) => (value as Record<string | number, unknown> | null)?.[step], given)
  const text = typeof wrong === 'string' ? wrong : (JSON.stringify(wrong) ?? '')
  return text.length > excerptMax ? `${text.slice(0, excerptMax)}…` : text
}
