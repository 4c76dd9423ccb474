/** `init`: makes the identity, the keys and the configuration of a new node. */
import { randomBytes } from 'node:crypto'
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
  examples: ['init', 'init --network testnet --genesis genesis.json', 'init --restore'],
  options: [
    {
      name: 'network',
      value: 'local|testnet|mainnet',
      doc: 'Which network to join; by default a local one of your own',
    },
    { name: 'genesis', value: 'FILE', doc: 'The genesis file of that network' },
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
  const { configFileIn, createKeys, foundLocalNetwork, hasKeys, settle } = await import('../home.ts')
  if (hasKeys(home)) throw new CliError(exitCodes.conflict, 'already_initialised', messages.alreadyInitialised(home))
  const given = genesisGiven(call, shell)
  const network = given?.network ?? valueOf(call, 'network', networkName, messages) ?? 'local'
  if (network !== 'local' && given === undefined) throw usageError(messages.genesisNeeded(network))
  if (!call.has('restore')) secrets.requireWordsOutlet(call)

  const walletEntropy = call.has('restore') ? entropyOf(await secrets.words(call)) : randomBytes(walletEntropyBytes)
  // A local network keeps a passphrase beside its keys, unless one is given, so that it runs without asking anybody.
  const needsPassphrase = network !== 'local' || passphraseOptions.some(({ name }) => call.has(name))
  const passphrase = needsPassphrase ? await secrets.passphrase(call, { isNew: true }) : undefined
  const founder = await createKeys(home, { walletEntropy, ...(passphrase === undefined ? {} : { passphrase }) })
  settle(home, given ?? foundLocalNetwork('local', [founder], Date.now()))

  output.say([line, output.bold(messages.initTitle()), line].join('\n'))
  if (!call.has('restore')) output.say(messages.initKeys())
  output.say(messages.initDid(formatDid(founder.did)))
  output.say(messages.initConfig(configFileIn(home)))
  output.say(messages.initKeystore(`${home}/keys/`))
  if (!call.has('restore')) secrets.showWords(call, mnemonicOf(walletEntropy))
  output.say(line)
  output.data('init', { did: formatDid(founder.did), address: formatAddress(founder.address), network, home }, () => '')
  output.say(messages.initNext(network))
  return exitCodes.ok
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
