/** `identity export|import`: moves the sealed keys of an agent from one node to another. Both work on the files alone. */
import { readFileSync } from 'node:fs'
import { DecodeError, type Did, did, formatDid } from '@claw-network/protocol'
import { type Call, usageError } from './arguments.ts'
import type { Command, Shell } from './command.ts'
import { CliError, type ExitCode, exitCodes } from './exit-codes.ts'
import { fieldsOf } from './output.ts'
import { valueOf } from './values.ts'

const group = 'Identity'

export const identityFileCommands: readonly Command[] = [
  {
    usage: 'identity export <did> <file>',
    group,
    doc: 'Writes the sealed keys of one identity to a file, for another node; the passphrase stays what it is.',
    examples: ['identity export did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK agent.keys.json'],
    options: [],
    run: exportIdentity,
  },
  {
    usage: 'identity import <file>',
    group,
    doc: 'Adds an identity that was exported on another node; it is there after the next start of clawnetd.',
    examples: ['identity import agent.keys.json'],
    options: [],
    run: importIdentity,
  },
]

async function exportIdentity(call: Call, shell: Shell): Promise<ExitCode> {
  const { messages, output } = shell
  const subject = valueOf(call, 'did', did, messages) as Did
  const file = call.text('file') as string
  const keystore = await keystoreOf(shell)
  if (keystore.keysOf(subject).length === 0) {
    throw new CliError(exitCodes.notFound, 'identity_is_unknown', messages.identityIsNotHere(formatDid(subject)))
  }
  const { createPrivateFile } = await import('../private-files.ts')
  let isNew: boolean
  try {
    isNew = createPrivateFile(file, keystore.exported(subject))
  } catch (error) {
    throw usageError(messages.cannotWrite(file, reasonOf(error)))
  }
  if (!isNew) throw usageError(messages.cannotWrite(file, messages.fileExists()))
  const answer = { did: formatDid(subject), file, keys: keystore.keysOf(subject).length }
  output.data('identity-export', answer, () => output.record(fieldsOf(answer)))
  output.say(messages.identityIsExported())
  return exitCodes.ok
}

async function importIdentity(call: Call, shell: Shell): Promise<ExitCode> {
  const { messages, output } = shell
  const file = call.text('file') as string
  const bundle = textOf(file, shell)
  const keystore = await keystoreOf(shell)
  try {
    const { did: added, keys } = keystore.add(bundle)
    const answer = { did: formatDid(added), keys: keys.length }
    output.data('identity-import', answer, () => output.record(fieldsOf(answer)))
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    throw usageError(messages.bundleIsWrong(file, error.message))
  }
  output.say(messages.identityIsImported())
  return exitCodes.ok
}

async function keystoreOf({ home, messages }: Shell) {
  const { keystoreIn } = await import('../home.ts')
  const keystore = keystoreIn(home)
  if (keystore === undefined) throw new CliError(exitCodes.notFound, 'identity_is_unknown', messages.noIdentity())
  return keystore
}

function textOf(file: string, { messages }: Shell): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw usageError(messages.cannotRead(file, reasonOf(error)))
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
