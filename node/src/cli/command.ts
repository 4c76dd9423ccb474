/** What a command is: one entry of the table that help, completion, parsing and the reference read. */
import type { ClawnetClient } from '@claw-network/sdk'
import type { Call } from './arguments.ts'
import type { ExitCode } from './exit-codes.ts'
import type { Messages } from './messages.ts'
import type { Output } from './output.ts'

export interface Option {
  /** Without the dashes. */
  readonly name: string
  /** Stands for the value in the help; an option without it is a switch. */
  readonly value?: string
  readonly doc: string
  readonly isRepeatable?: true
}

export interface Command {
  /** `genesis add <file> <address>`: the words that name it, then its arguments. */
  readonly usage: string
  /** The heading it stands under in the help. */
  readonly group: string
  /** One sentence. */
  readonly doc: string
  /** Command lines that work, without `clawnet`. */
  readonly examples: readonly string[]
  readonly options: readonly Option[]
  run(call: Call, shell: Shell): Promise<ExitCode>
}

/** Everything a command may touch. */
export interface Shell {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The directory of the node that is meant: `~/.clawnet` unless told otherwise. */
  readonly home: string
  readonly messages: Messages
  readonly output: Output
  readonly secrets: Secrets
  /** The node's client; nothing is sent before its first call. */
  readonly connect: () => Promise<ClawnetClient>
}

/** Where passphrases and words come from. Throws CliError where nobody can be asked. */
export interface Secrets {
  /** As the options of this call say, else by asking on the terminal; asked twice where a new one is set. */
  passphrase(call: Call, purpose: { readonly isNew: boolean }): Promise<string>
  words(call: Call): Promise<string>
  /** Throws CliError unless `showWords` will have somewhere to show them. */
  requireWordsOutlet(call: Call): void
  /** Shows the words once, on the terminal or the descriptor named by the call. */
  showWords(call: Call, words: string): void
  /** Whether a person sits at a terminal. */
  readonly canAsk: boolean
}

export const passphraseOptions: readonly Option[] = [
  { name: 'passphrase-file', value: 'FILE', doc: 'Read the passphrase from the first line of this file' },
  { name: 'passphrase-fd', value: 'N', doc: 'Read the passphrase from this open file descriptor' },
  { name: 'passphrase-stdin', doc: 'Read the passphrase from standard input' },
]

/** Understood by every command. */
export const globalOptions: readonly Option[] = [
  { name: 'json', doc: 'Answer in JSON, with the name of its schema' },
  { name: 'quiet', doc: 'Only data and errors: no hints, no progress' },
  { name: 'lang', value: 'en|zh', doc: 'Language of messages; by default that of LANG' },
  { name: 'home', value: 'DIR', doc: 'Directory of the node; by default CLAWNET_HOME or ~/.clawnet' },
  { name: 'node', value: 'N', doc: 'Talk to node N of the devnet' },
  { name: 'api', value: 'URL', doc: 'Talk to the node at this address instead of the local one' },
  { name: 'token-file', value: 'FILE', doc: 'Authenticate with the API token in this file' },
  { name: 'help', doc: 'Explain the command' },
  { name: 'version', doc: 'Print the version' },
]
