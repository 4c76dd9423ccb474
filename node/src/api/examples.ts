/** Turns the example command line of a transaction or query into the fields of a request, for the reference. */
import type { Access, Json, JsonSchema, StructCodec } from '@claw-network/protocol'
import { fromText } from './request-fields.ts'

/** `transfer <to> <amount>` with `transfer claw1… 100 --memo "invoice 7"` gives `{to, amount: 100, memo}`. */
export function exampleOf({ command, example }: Access, input: StructCodec<unknown>): { [field: string]: Json } {
  const pattern = command.split(' ')
  const words = (example.match(/'[^']*'|"[^"]*"|\S+/g) ?? []).map(word => word.replace(/^(['"])(.*)\1$/, '$2'))
  const fields: { [field: string]: Json } = {}
  const put = (name: string, word: string | undefined): void => {
    const codec = input.fields[name]
    if (codec !== undefined && word !== undefined) fields[name] = valueIn(word, codec.schema)
  }
  pattern.forEach((part, index) => {
    const word = words[index]
    if (/^[<[]/.test(part) && word?.startsWith('--') === false) put(part.slice(1, -1), word)
  })
  words.forEach((word, index) => {
    if (word.startsWith('--')) put(camelCase(word.slice(2)), words[index + 1])
  })
  return fields
}

/** Objects and lists are JSON in a command line, too. */
function valueIn(word: string, schema: JsonSchema): Json {
  const isJson = schema['type'] === 'object' || schema['type'] === 'array'
  return isJson ? (JSON.parse(word) as Json) : fromText(schema, word)
}

function camelCase(option: string): string {
  return option.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
