import { readFileSync } from 'node:fs'
import { DecodeError, type Genesis, genesis } from '@claw-network/protocol'
import { usageError } from './arguments.ts'
import type { Messages } from './messages.ts'

/** The genesis in a file, well-formed but perhaps not ready to start a network. Throws CliError naming the file. */
export function readGenesisFile(file: string, messages: Messages): Genesis {
  try {
    return genesis.fromJson(JSON.parse(readFileSync(file, 'utf8')))
  } catch (error) {
    const isExpected = error instanceof DecodeError || error instanceof SyntaxError || isSystemError(error)
    if (!isExpected) throw error
    throw usageError(messages.cannotRead(file, error.message))
  }
}

export function genesisText(value: Genesis): string {
  return `${JSON.stringify(genesis.toJson(value), undefined, 2)}\n`
}

function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error
}
