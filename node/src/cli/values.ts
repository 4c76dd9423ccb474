/** The texts of a command line as values, judged by the same codecs as everything else. */
import { type Codec, DecodeError, type Json, type JsonSchema } from '@claw-network/protocol'
import { type Call, usageError } from './arguments.ts'
import type { Messages } from './messages.ts'

/** The option's or argument's value; undefined where the call does not give it. Throws CliError that names it. */
export function valueOf<T>(call: Call, name: string, codec: Codec<T>, messages: Messages): T | undefined {
  const text = call.text(name)
  if (text === undefined) return undefined
  try {
    return codec.fromJson(jsonOf(text, codec.schema))
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    throw usageError(messages.valueIsWrong(name, error.problem, text))
  }
}

/** The text as the JSON its schema asks for; what does not fit stays a text, for the codec to explain. */
export function jsonOf(text: string, { type }: JsonSchema): Json {
  if (type === 'string') return text
  if (type === 'integer') return /^-?\d+$/.test(text) ? Number(text) : text
  try {
    return JSON.parse(text) as Json
  } catch {
    // Not JSON, so surely not what the codec expects.
    return text
  }
}

/** `validUntil` is `--valid-until`. */
export function optionNameOf(field: string): string {
  return field.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
}
