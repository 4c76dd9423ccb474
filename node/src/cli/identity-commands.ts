/** `identity new|list`, `unlock`, `lock`: the agents whose keys this node holds. */
import { did, formatDid, uint } from '@claw-network/protocol'
import type { Identity } from '@claw-network/sdk'
import type { Call } from './arguments.ts'
import { type Command, passphraseOptions, type Shell } from './command.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
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
      ['did', 'address', 'unlocked'],
      identities.map(({ did: subject, address, isUnlocked, unlockedUntilMs }) => [
        subject,
        address,
        isUnlocked
          ? unlockedUntilMs === undefined
            ? 'yes'
            : `until ${new Date(unlockedUntilMs).toISOString()}`
          : 'no',
      ]),
    ),
  )
  if (identities.length === 0) output.say(messages.noIdentity())
  return exitCodes.ok
}

async function createIdentity(call: Call, { connect, secrets, output }: Shell): Promise<ExitCode> {
  const client = await connect()
  show(await client.createIdentity(await secrets.passphrase(call, { isNew: false })), output)
  return exitCodes.ok
}

async function unlock(call: Call, { connect, secrets, output, messages }: Shell): Promise<ExitCode> {
  const subject = valueOf(call, 'did', did, messages)
  const seconds = valueOf(call, 'for', uint(secondsMax, 1), messages) ?? secondsDefault
  const client = await connect()
  const passphrase = await secrets.passphrase(call, { isNew: false })
  show(await client.unlock(passphrase, { seconds, ...(subject && { did: formatDid(subject) }) }), output)
  return exitCodes.ok
}

async function lock(call: Call, { connect, output, messages }: Shell): Promise<ExitCode> {
  const subject = valueOf(call, 'did', did, messages)
  const locked = await (await connect()).lock(subject && formatDid(subject))
  output.data('locked', { locked: [...locked] }, () => locked.join('\n'))
  return exitCodes.ok
}

function show(identity: Identity, output: Shell['output']): void {
  const { did: subject, address, isUnlocked } = identity
  output.data('identity', identity, () =>
    output.record([
      ['did', subject],
      ['address', address],
      ['unlocked', isUnlocked ? 'yes' : 'no'],
    ]),
  )
}
