/** `genesis new|add|verify`: a community makes the file that defines its network together. */
import { writeFileSync } from 'node:fs'
import {
  type Address,
  address,
  amount,
  chainIdOf,
  checkGenesis,
  DecodeError,
  formatAddress,
  type Genesis,
  genesisSupply,
  hash,
  networkName,
  presets,
  type PublicKey,
  publicKey,
  text,
  tokenSum,
} from '@claw-network/protocol'
import { type Call, usageError } from './arguments.ts'
import type { Command, Shell } from './command.ts'
import { CliError, type ExitCode, exitCodes } from './exit-codes.ts'
import { genesisText, readGenesisFile } from './genesis-file.ts'
import { fieldsOf } from './output.ts'
import { valueOf } from './values.ts'

const group = 'Networks'

export const genesisCommands: readonly Command[] = [
  {
    usage: 'genesis new <file>',
    group,
    doc: 'Writes the genesis file of a new network, without accounts and validators.',
    examples: ['genesis new genesis.json --network testnet --name "Our network"'],
    options: [
      { name: 'network', value: 'testnet|mainnet|local', doc: 'Whose parameters to begin with; by default testnet' },
      { name: 'name', value: 'TEXT', doc: 'What people call the network; by default the kind of network' },
    ],
    run: createGenesis,
  },
  {
    usage: 'genesis add <file> [address]',
    group,
    doc: 'Adds an account, a validator or both to a genesis file; by default this node.',
    examples: [
      'genesis add genesis.json --balance 1000 --stake 100000',
      'genesis add genesis.json did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK --balance 500',
    ],
    options: [
      { name: 'balance', value: 'TOKENS', doc: 'Tokens the account can spend at the start' },
      { name: 'stake', value: 'TOKENS', doc: 'Tokens locked as the stake of a validator, on top of the balance' },
      { name: 'consensus-key', value: '0x…', doc: 'Key the validator votes with; by default that of this node' },
    ],
    run: addToGenesis,
  },
  {
    usage: 'genesis verify <file>',
    group,
    doc: 'Checks that a network can start from this file, and prints its chain id.',
    examples: ['genesis verify genesis.json'],
    options: [],
    run: verifyGenesis,
  },
]

async function createGenesis(call: Call, shell: Shell): Promise<ExitCode> {
  const { messages, output } = shell
  const file = call.text('file') as string
  const network = valueOf(call, 'network', networkName, messages) ?? 'testnet'
  const name = valueOf(call, 'name', text(64, 1), messages) ?? network
  const value: Genesis = { network, name, timeMs: Date.now(), params: presets[network], accounts: [], validators: [] }
  try {
    writeFileSync(file, genesisText(value), { flag: 'wx' })
  } catch (error) {
    throw conflict(messages.cannotWrite(file, reasonOf(error)))
  }
  output.say(messages.genesisIsNew(file))
  output.data('genesis', { file, network, name }, () => '')
  return exitCodes.ok
}

async function addToGenesis(call: Call, shell: Shell): Promise<ExitCode> {
  const { messages, output } = shell
  const file = call.text('file') as string
  const value = readGenesisFile(file, messages)
  const balance = valueOf(call, 'balance', tokenSum, messages)
  const stake = valueOf(call, 'stake', amount, messages)
  if (balance === undefined && stake === undefined) throw usageError(messages.genesisNeedsTokens())
  const owner = valueOf(call, 'address', address, messages) ?? (await ownNode(shell)).address
  const accounts = [...value.accounts]
  if (balance !== undefined) {
    if (accounts.some(account => account.address === owner))
      throw conflict(messages.genesisHasAccount(formatAddress(owner)))
    accounts.push({ address: owner, balance })
  }
  const validators = [...value.validators]
  if (stake !== undefined) {
    const consensusKey = valueOf(call, 'consensus-key', publicKey, messages) ?? (await ownNode(shell)).consensusKey
    if (validators.some(validator => validator.consensusKey === consensusKey)) {
      throw conflict(messages.genesisHasValidator(`0x${consensusKey}`))
    }
    validators.push({ address: owner, consensusKey, stake })
  }
  writeFileSync(file, genesisText({ ...value, accounts, validators }))
  output.say(messages.genesisHas(file, accounts.length, validators.length))
  output.data('genesis', { file, address: formatAddress(owner) }, () => '')
  return exitCodes.ok
}

async function verifyGenesis(call: Call, { messages, output }: Shell): Promise<ExitCode> {
  const file = call.text('file') as string
  const value = readGenesisFile(file, messages)
  try {
    checkGenesis(value)
  } catch (error) {
    if (error instanceof DecodeError) throw new CliError(exitCodes.failure, 'malformed', `${file}: ${error.message}`)
    throw error
  }
  const { network, name, accounts, validators } = value
  const answer = {
    chainId: hash.toJson(chainIdOf(value)),
    network,
    name,
    supply: tokenSum.toJson(genesisSupply(value)),
    accounts: accounts.length,
    validators: validators.length,
  }
  output.data('genesis', answer, () => output.record(fieldsOf(answer)))
  if (validators.length < 4) output.say(messages.genesisIsFragile(validators.length))
  return exitCodes.ok
}

/** The node in the home directory, for those who add themselves. */
async function ownNode({ home }: Shell): Promise<{ address: Address; consensusKey: PublicKey }> {
  const { readFounder } = await import('../home.ts')
  return readFounder(home)
}

function conflict(message: string): CliError {
  return new CliError(exitCodes.conflict, 'conflict', message)
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
