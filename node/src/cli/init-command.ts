/** `init`: makes the identity, the keys and the configuration of a new node. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import {
  checkGenesis,
  DecodeError,
  entropyOf,
  formatAddress,
  formatDid,
  type Genesis,
  mnemonicOf,
  networkName,
  walletEntropyBytes,
} from '@claw-network/protocol'
import { type Call, usageError } from './arguments.ts'
import { type Command, passphraseOptions, type Shell } from './command.ts'
import { CliError, type ExitCode, exitCodes } from './exit-codes.ts'
import { readGenesisFile } from './genesis-file.ts'
import { valueOf } from './values.ts'

export const initCommand: Command = {
  usage: 'init',
  group: 'Node',
  doc: 'Makes the identity, the keys and the configuration of a new node.',
  examples: ['init', 'init --network testnet --genesis genesis.json', 'init --restore', 'init --keys-only'],
  options: [
    {
      name: 'network',
      value: 'local|testnet|mainnet',
      doc: 'Which network to join; by default a local one of your own',
    },
    { name: 'genesis', value: 'FILE', doc: 'The genesis file of that network' },
    { name: 'keys-only', doc: 'Make the keys of a founder, whose network has no genesis file yet' },
    { name: 'restore', doc: 'Bring an identity back from its 24 words' },
    {
      name: 'mnemonic-fd',
      value: 'N',
      doc: 'Write the 24 words to this file descriptor (with --restore read them from it)',
    },
    ...passphraseOptions,
  ],
  run: init,
}

const line = '━'.repeat(41)

async function init(call: Call, shell: Shell): Promise<ExitCode> {
  const { home, messages, output, secrets } = shell
  const { configFileIn, createKeys, foundLocalNetwork, hasKeys, readFounder, settle } = await import('../home.ts')
  const isKeysOnly = call.has('keys-only')
  // A founder has made the keys before: what is left is to say of which network the node is.
  const hasOwn = hasKeys(home)
  const isDone = hasOwn && (isKeysOnly || call.has('restore') || existsSync(configFileIn(home)))
  if (isDone) throw new CliError(exitCodes.conflict, 'already_initialised', messages.alreadyInitialised(home))
  const given = genesisGiven(call, shell)
  const network = given?.network ?? valueOf(call, 'network', networkName, messages)
  if (isKeysOnly && network !== undefined)
    throw usageError(messages.optionsExclude('--keys-only, --network, --genesis'))
  if (network !== undefined && network !== 'local' && given === undefined) {
    throw usageError(messages.genesisNeeded(network))
  }

  const isPrivate = !isKeysOnly && (network ?? 'local') === 'local'
  const made = hasOwn ? undefined : await newKeys(call, { isPrivate }, secrets)
  const founder = made === undefined ? readFounder(home) : await createKeys(home, made)
  if (!isKeysOnly) settle(home, given ?? foundLocalNetwork('local', [founder], Date.now()))

  output.say([line, output.bold(messages.initTitle()), line].join('\n'))
  if (made !== undefined && !call.has('restore')) output.say(messages.initKeys())
  output.say(messages.initDid(formatDid(founder.did)))
  if (!isKeysOnly) output.say(messages.initConfig(configFileIn(home)))
  output.say(made === undefined ? messages.initKeysKept(`${home}/keys/`) : messages.initKeystore(`${home}/keys/`))
  if (made !== undefined && !call.has('restore')) secrets.showWords(call, mnemonicOf(made.walletEntropy))
  output.say(line)
  const [did, owner, key] = [formatDid(founder.did), formatAddress(founder.address), `0x${founder.consensusKey}`]
  const place = isKeysOnly ? { consensusKey: key } : { network: network ?? 'local' }
  output.data('init', { did, address: owner, ...place, home }, () => '')
  output.say(isKeysOnly ? messages.initNextFounder(owner, key) : messages.initNext(network ?? 'local'))
  return exitCodes.ok
}

/** Asks for whatever is secret before anything is made. */
async function newKeys(
  call: Call,
  { isPrivate }: { readonly isPrivate: boolean },
  secrets: Shell['secrets'],
): Promise<{ readonly walletEntropy: Uint8Array; readonly passphrase?: string }> {
  const isRestore = call.has('restore')
  if (!isRestore) secrets.requireWordsOutlet(call)
  const walletEntropy = isRestore ? entropyOf(await secrets.words(call)) : randomBytes(walletEntropyBytes)
  // A local network keeps a passphrase beside its keys, unless one is given, so that it runs without asking anybody.
  const needsPassphrase = !isPrivate || passphraseOptions.some(({ name }) => call.has(name))
  return needsPassphrase
    ? { walletEntropy, passphrase: await secrets.passphrase(call, { isNew: true }) }
    : { walletEntropy }
}

/** Throws CliError for a file that no network can start from, or that is of another network than the one named. */
function genesisGiven(call: Call, { messages }: Shell): Genesis | undefined {
  const file = call.text('genesis')
  if (file === undefined) return undefined
  const named = valueOf(call, 'network', networkName, messages)
  const value = readGenesisFile(file, messages)
  try {
    checkGenesis(value)
  } catch (error) {
    if (error instanceof DecodeError) throw usageError(messages.cannotRead(file, error.message))
    throw error
  }
  if (named !== undefined && named !== value.network) throw usageError(messages.genesisIsOf(file, value.network, named))
  return value
}
