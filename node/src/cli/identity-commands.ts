/** `identity new|list|rotate`, `unlock`, `lock`: the agents whose keys this node holds. */
import { did, formatDid, uint } from '@claw-network/protocol'
import type { Identity } from '@claw-network/sdk'
import type { Call } from './arguments.ts'
import { type Command, passphraseOptions, type Shell } from './command.ts'
import { reportTransaction, unlocking, waitingOf, waitOptions } from './domain-commands.ts'
import { CliError, type ExitCode, exitCodes } from './exit-codes.ts'
import type { Messages } from './messages.ts'
import { valueOf } from './values.ts'

const group = 'Identity'
const secondsDefault = 15 * 60
const secondsMax = 24 * 60 * 60

export const identityCommands: readonly Command[] = [
  {
    usage: 'identity list',
    group,
    doc: 'Lists the identities whose keys this node holds, the default one first.',
    examples: ['identity list'],
    options: [],
    run: listIdentities,
  },
  {
    usage: 'identity new',
    group,
    doc: 'Makes one more identity from the node’s 24 words: every agent should have its own.',
    examples: ['identity new'],
    options: passphraseOptions,
    run: createIdentity,
  },
  {
    usage: 'identity rotate [did]',
    group,
    doc: 'Gives an identity of this node its next key, from the node’s 24 words; the DID and the account stay.',
    examples: ['identity rotate', 'identity rotate --passphrase-file ~/passphrase'],
    options: [...passphraseOptions, ...waitOptions],
    run: rotate,
  },
  {
    usage: 'unlock [did]',
    group,
    doc: 'Lets the node sign for an identity without its passphrase, for a while.',
    examples: ['unlock', 'unlock --for 3600 --passphrase-file ~/passphrase'],
    options: [
      { name: 'for', value: 'SECONDS', doc: `How long, at most ${secondsMax}; by default ${secondsDefault}` },
      ...passphraseOptions,
    ],
    run: unlock,
  },
  {
    usage: 'lock [did]',
    group,
    doc: 'Makes the node forget the secret of an identity, or of all.',
    examples: ['lock'],
    options: [],
    run: lock,
  },
]

async function listIdentities(_call: Call, { output, messages, connect }: Shell): Promise<ExitCode> {
  const { identities } = await (await connect()).identity()
  output.data('identities', { identities: identities.map(identity => ({ ...identity })) }, () =>
    output.table(
      ['index', 'did', 'address', 'unlocked', 'key'],
      identities.map(identity => [
        String(identity.index),
        identity.did,
        identity.address,
        unlockedOf(identity),
        keyOf(identity, messages),
      ]),
    ),
  )
  if (identities.length === 0) output.say(messages.noIdentity())
  return exitCodes.ok
}

async function createIdentity(call: Call, shell: Shell): Promise<ExitCode> {
  const client = await shell.connect()
  show(await unlocking(call, shell, ({ passphrase }) => client.createIdentity(passphrase)), shell)
  return exitCodes.ok
}

async function rotate(call: Call, shell: Shell): Promise<ExitCode> {
  const { messages, connect, output } = shell
  const named = valueOf(call, 'did', did, messages)
  const waiting = waitingOf(call, messages)
  const client = await connect()
  const subject = named === undefined ? (await client.identity()).did : formatDid(named)
  if (subject === undefined) throw new CliError(exitCodes.notFound, 'identity_is_unknown', messages.noIdentity())
  const answer = await unlocking(call, shell, passphrase => client.rotateKey(subject, { ...waiting, ...passphrase }))
  const code = reportTransaction(answer, shell)
  if (answer.status === 'final') output.say(messages.keyIsRotated())
  return code
}

async function unlock(call: Call, shell: Shell): Promise<ExitCode> {
  const { connect, secrets, messages } = shell
  const subject = valueOf(call, 'did', did, messages)
  const seconds = valueOf(call, 'for', uint(secondsMax, 1), messages) ?? secondsDefault
  const client = await connect()
  const passphrase = await secrets.passphrase(call, { isNew: false })
  show(await client.unlock(passphrase, { seconds, ...(subject && { did: formatDid(subject) }) }), shell)
  return exitCodes.ok
}

async function lock(call: Call, { connect, output, messages }: Shell): Promise<ExitCode> {
  const subject = valueOf(call, 'did', did, messages)
  const locked = await (await connect()).lock(subject && formatDid(subject))
  output.data('locked', { locked: [...locked] }, () => locked.join('\n'))
  return exitCodes.ok
}

function show(identity: Identity, { output, messages }: Shell): void {
  const { did: subject, address, index } = identity
  output.data('identity', identity, () =>
    output.record([
      ['did', subject],
      ['address', address],
      ['index', String(index)],
      ['unlocked', unlockedOf(identity)],
      ['key', keyOf(identity, messages)],
    ]),
  )
}

function unlockedOf({ isUnlocked, unlockedUntilMs }: Identity): string {
  if (!isUnlocked) return 'no'
  return unlockedUntilMs === undefined ? 'yes' : `until ${new Date(unlockedUntilMs).toISOString()}`
}

function keyOf({ key, holdsKey }: Identity, messages: Messages): string {
  return `${key ?? messages.keyOfDid()}${holdsKey ? '' : ` ${messages.keyIsElsewhere()}`}`
}
