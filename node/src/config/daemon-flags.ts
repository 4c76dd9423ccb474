/** The command line of clawnetd. */
import { DecodeError } from '@claw-network/protocol'
import { closest } from '../spelling.ts'
import type { Place } from './kinds.ts'
import { type SettingKey, settingKeys, settingOf } from './settings.ts'

/** The command line is wrong; the message says what to write instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export type DaemonAction = 'run' | 'check-config' | 'help' | 'version'

export interface DaemonFlags {
  readonly action: DaemonAction
  readonly foreground: boolean
  /** As written; absent for the one in the node's home. */
  readonly configFile?: string
  /** Settings given as flags, with the name of the flag. */
  readonly settings: ReadonlyMap<SettingKey, { readonly value: unknown; readonly flag: string }>
}

/** Reads `--flag value`, `--flag=value` and switches. Throws UsageError. */
export function parseDaemonFlags(argv: readonly string[], place: Place): DaemonFlags {
  const given = new Map<string, string[]>()
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] as string
    const [name, inline] = cut(shortForms.get(word) ?? word)
    if (!name.startsWith('--')) {
      throw new UsageError(
        `clawnetd takes flags only, and "${word}" is none; for commands to a running node see "clawnet --help"`,
      )
    }
    const flag = flagsByName.get(name)
    if (flag === undefined) throw new UsageError(unknownFlag(name))

    if (flag.value === undefined && inline !== undefined) {
      throw new UsageError(`${name} stands alone: write it without "=${inline}"`)
    }
    const value = flag.value === undefined ? '' : (inline ?? argv[++i])
    // A flag in the place of a value means that the value was forgotten.
    if (value === undefined || (inline === undefined && value.startsWith('--'))) {
      throw new UsageError(`${name} needs a value: ${name} ${flag.value}`)
    }
    const before = given.get(name) ?? []
    if (before.length > 0 && !flag.isRepeatable) throw new UsageError(`${name} is given twice: keep one`)
    given.set(name, [...before, value])
  }

  const configFile = given.get('--config')?.[0]
  return {
    action: actions.find(([name]) => given.has(name))?.[1] ?? 'run',
    foreground: given.has('--foreground'),
    settings: settingsOf(given, place),
    ...(configFile === undefined ? {} : { configFile }),
  }
}

/** What `clawnetd --help` prints. */
export function daemonHelp(): string {
  const rows = [...flagsByName.values()].map(({ name, value, doc }) => [
    value === undefined ? name : `${name} ${value}`,
    doc,
  ])
  const width = Math.max(...rows.map(([head = '']) => head.length))
  return `Runs a node of clawnet.

  clawnetd                          start in the background, return when the node answers
  clawnetd --foreground             stay in this terminal, log to it
  clawnetd --network local          a network of your own
  clawnetd --check-config           say what is wrong with the configuration, start nothing

Flags
${rows.map(([head = '', doc]) => `  ${head.padEnd(width)}  ${doc}`).join('\n')}

Flags win over the environment, that over config.yaml, that over the defaults. CLAWNET_HOME moves ~/.clawnet.
`
}

interface FlagForm {
  readonly name: string
  /** What follows it; absent for a switch. */
  readonly value?: string
  readonly isRepeatable?: boolean
  readonly doc: string
}

const actions: readonly (readonly [string, DaemonAction])[] = [
  ['--help', 'help'],
  ['--version', 'version'],
  ['--check-config', 'check-config'],
]
const shortForms = new Map([
  ['-h', '--help'],
  ['-V', '--version'],
])

const ownFlags: readonly FlagForm[] = [
  {
    name: '--foreground',
    doc: 'Stay in the foreground. So it is anyway under systemd, and as the first process of a container.',
  },
  { name: '--config', value: 'FILE', doc: 'The configuration file (~/.clawnet/config.yaml).' },
  { name: '--check-config', doc: 'Check the configuration and exit: 0 where it is right, 2 where not.' },
  { name: '--help', doc: 'Print this.' },
  { name: '--version', doc: 'Print the version.' },
]

const flagsByName: ReadonlyMap<string, FlagForm> = new Map(
  [...settingKeys.flatMap(settingFlag), ...ownFlags].map(form => [form.name, form]),
)

function settingFlag(key: SettingKey): FlagForm[] {
  const { flag, doc, kind } = settingOf(key)
  if (flag === undefined) return []
  if ('sets' in flag) return [{ name: flag.name, doc: flag.doc }]
  const { isList = false } = kind
  return [{ name: flag.name, value: flag.value, isRepeatable: isList, doc: isList ? `${doc} May be repeated.` : doc }]
}

function settingsOf(given: ReadonlyMap<string, readonly string[]>, place: Place): DaemonFlags['settings'] {
  const values = new Map<SettingKey, { value: unknown; flag: string }>()
  for (const key of settingKeys) {
    const { flag, kind } = settingOf(key)
    const texts = flag === undefined ? undefined : given.get(flag.name)
    if (flag === undefined || texts === undefined) continue
    try {
      values.set(key, { value: 'sets' in flag ? flag.sets : kind.fromText(texts.join(','), place), flag: flag.name })
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      throw new UsageError(`${flag.name}${error.field} ${error.problem}`)
    }
  }
  return values
}

function unknownFlag(name: string): string {
  if (name === '--passphrase') {
    return '--passphrase would show the passphrase to every user of this machine: put it in a file and use --passphrase-file FILE'
  }
  const near = closest(name, flagsByName.keys())
  return near === undefined
    ? `${name} is not a flag of clawnetd; "clawnetd --help" lists them`
    : `${name} is not a flag of clawnetd; did you mean ${near}?`
}

function cut(word: string): [name: string, inline: string | undefined] {
  const equals = word.indexOf('=')
  return equals < 0 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)]
}
