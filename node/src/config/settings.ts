/**
 * The one table of settings. Files, environment, flags, the comments of a new config.yaml, messages and the reference
 * documentation all read it.
 */
import type { Json, NetworkName } from '@claw-network/protocol'
import {
  boolean,
  choice,
  host,
  type Kind,
  list,
  listenAddress,
  optional,
  type Place,
  path,
  peerAddress,
  port,
  secret,
  tokens,
} from './kinds.ts'

export interface Setting<T> {
  readonly kind: Kind<T>
  /** The value where nothing is written, in the form in which a file would say it. */
  readonly fallback: T | Derived<T>
  /** One sentence. What is not obvious from the name: the unit, what 0 or null means, what it excludes. */
  readonly doc: string
  readonly flag?: Flag<T>
}

/** A default that follows from other settings, and how that is said. */
export interface Derived<T> {
  readonly says: string
  readonly from: (basis: Basis) => T
}

/** What defaults may follow from. */
export interface Basis {
  readonly network: NetworkName
  readonly p2pPort: number
  /** Whether this machine has an IPv6 address; listening there fails otherwise. */
  readonly hasIpv6: boolean
}

/** With `value` the flag is followed by one; with `sets` it stands alone and needs a sentence of its own. */
export type Flag<T> = { readonly name: string } & (
  | { readonly value: string }
  | { readonly sets: T; readonly doc: string }
)

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type SettingKey = keyof typeof settings
export type SettingValues = { readonly [K in SettingKey]: (typeof settings)[K] extends Setting<infer T> ? T : never }

export const settings = {
  network: setting<NetworkName>({
    kind: choice('mainnet', 'testnet', 'local'),
    fallback: 'mainnet',
    doc: 'The network to join. `local` is a network of your own, made by `clawnet init --network local`.',
    flag: { name: '--network', value: 'NAME' },
  }),

  'p2p.port': setting({
    kind: port,
    fallback: 9527,
    doc: 'TCP port for other nodes; 0 takes a free one.',
  }),
  'p2p.listen': setting({
    kind: list(listenAddress),
    fallback: {
      says: 'every IPv4 and IPv6 address of this machine at `p2p.port`; on `local` 127.0.0.1 only',
      from: ({ network, p2pPort, hasIpv6 }) => [
        `/ip4/${network === 'local' ? '127.0.0.1' : '0.0.0.0'}/tcp/${p2pPort}`,
        ...(network !== 'local' && hasIpv6 ? [`/ip6/::/tcp/${p2pPort}`] : []),
      ],
    },
    doc: 'Addresses to listen on for other nodes. Where it is given, `p2p.port` is not used.',
    flag: { name: '--listen', value: 'ADDRESS' },
  }),
  'p2p.bootstrap': setting<readonly string[]>({
    kind: list(peerAddress),
    fallback: [],
    doc: 'Nodes to meet first, any of the network; replace them with nodes of your community, or leave it empty.',
    flag: { name: '--bootstrap', value: 'ADDRESS' },
  }),
  'p2p.mdns': setting({
    kind: boolean,
    fallback: { says: 'true on `local`, else false', from: ({ network }) => network === 'local' },
    doc: 'Whether to look for nodes on the same local network by multicast DNS.',
  }),
  'p2p.announce': setting<readonly string[]>({
    kind: list(peerAddress),
    fallback: [],
    doc: 'Addresses to tell other nodes instead of those listened on, for a node behind a forwarded port.',
  }),
  'p2p.upnp': setting({
    kind: boolean,
    fallback: { says: 'false on `local`, else true', from: ({ network }) => network !== 'local' },
    doc: 'Whether to ask the router to forward the port.',
  }),
  'p2p.relay': setting({
    kind: boolean,
    fallback: { says: 'false on `local`, else true', from: ({ network }) => network !== 'local' },
    doc: 'Whether to be reached through other nodes where this one cannot be dialled.',
  }),

  'api.enabled': setting({
    kind: boolean,
    fallback: true,
    doc: 'Whether agents and the command line can use this node by HTTP.',
    flag: { name: '--no-api', sets: false, doc: 'Serve no API: a member of the network only.' },
  }),
  'api.host': setting({
    kind: host,
    fallback: '127.0.0.1',
    doc: 'Address of the API. Anything but this machine alone needs a token.',
    flag: { name: '--api-host', value: 'HOST' },
  }),
  'api.port': setting({
    kind: port,
    fallback: 9528,
    doc: 'TCP port of the API; 0 takes a free one.',
    flag: { name: '--api-port', value: 'PORT' },
  }),
  'api.hostNames': setting<readonly string[]>({
    kind: list(host),
    fallback: [],
    doc: 'Names besides localhost and 127.0.0.1 under which the API may be called; others are refused, against DNS rebinding.',
  }),
  'api.token': setting<string | null>({
    kind: optional(secret),
    fallback: null,
    doc: 'With a token, every request must bring it (`Authorization: Bearer …`).',
    flag: { name: '--api-token', value: 'TOKEN' },
  }),
  'api.tokenFile': setting<string | null>({
    kind: optional(path),
    fallback: null,
    doc: 'A file that holds the token, so that it stands in no configuration and no list of processes.',
    flag: { name: '--api-token-file', value: 'FILE' },
  }),
  'api.readonly': setting({
    kind: boolean,
    fallback: false,
    doc: 'Whether the API answers questions only.',
    flag: { name: '--api-readonly', sets: true, doc: 'Let the API answer questions only.' },
  }),

  'node.type': setting<'full' | 'light'>({
    kind: choice('full', 'light'),
    fallback: 'full',
    doc: 'A full node holds the whole ledger and may validate; a light node holds verified headers.',
    flag: { name: '--light', sets: 'light', doc: 'Run a light node.' },
  }),
  'node.dataDir': setting({
    kind: path,
    fallback: '~/.clawnet/data',
    doc: 'Where the ledger is kept.',
    flag: { name: '--data-dir', value: 'DIR' },
  }),
  'node.genesis': setting({
    kind: path,
    fallback: '~/.clawnet/genesis.json',
    doc: 'The genesis file, which says which network this is.',
    flag: { name: '--genesis', value: 'FILE' },
  }),
  'node.passphraseFile': setting<string | null>({
    kind: optional(path),
    fallback: null,
    doc: 'A file that holds the passphrase of the default identity, to keep it unlocked on an unattended node.',
    flag: { name: '--passphrase-file', value: 'FILE' },
  }),

  'limits.maxTransferPerTx': setting<bigint | null>({
    kind: optional(tokens),
    fallback: 1000n,
    doc: 'Most Tokens that one transaction made through this node may spend; null for no limit.',
    flag: { name: '--max-transfer', value: 'TOKENS' },
  }),
  'limits.maxTransferPerDay': setting<bigint | null>({
    kind: optional(tokens),
    fallback: 10_000n,
    doc: 'Most Tokens that all transactions of 24 hours made through this node may spend; null for no limit.',
  }),

  'logging.level': setting<LogLevel>({
    kind: choice('debug', 'info', 'warn', 'error'),
    fallback: 'info',
    doc: 'The least important messages that are logged.',
    flag: { name: '--log-level', value: 'LEVEL' },
  }),
  'logging.file': setting<string | null>({
    kind: optional(path),
    fallback: '~/.clawnet/logs/node.log',
    doc: 'Where the log is written as JSON lines, ten files of 10 MiB at most; null for no file.',
  }),
} as const

export const settingKeys: readonly SettingKey[] = Object.keys(settings) as SettingKey[]

export function settingOf(key: SettingKey): Setting<unknown> {
  return settings[key] as Setting<unknown>
}

/** `CLAWNET_P2P_PORT` for `p2p.port`, `CLAWNET_NODE_DATA_DIR` for `node.dataDir`. */
export function environmentName(key: string): string {
  return `CLAWNET_${key
    .replaceAll('.', '_')
    .replaceAll(/(?<=[a-z])[A-Z]/g, '_$&')
    .toUpperCase()}`
}

/** What a file would say for the default; undefined where it follows from other settings. */
export function writtenFallback({ kind, fallback }: Setting<unknown>): Json | undefined {
  return isDerived(fallback) ? undefined : kind.toJson(fallback)
}

/** The default in words, for people. */
export function fallbackText(setting: Setting<unknown>): string {
  if (isDerived(setting.fallback)) return setting.fallback.says
  const written = writtenFallback(setting)
  return typeof written === 'string' ? `\`${written}\`` : `\`${JSON.stringify(written)}\``
}

export function fallbackValue({ kind, fallback }: Setting<unknown>, basis: Basis, place: Place): unknown {
  return isDerived(fallback) ? fallback.from(basis) : kind.fromYaml(kind.toJson(fallback), place)
}

function isDerived(fallback: unknown): fallback is Derived<unknown> {
  return typeof fallback === 'object' && fallback !== null && 'says' in fallback
}

function setting<T>(declared: Setting<T>): Setting<T> {
  return declared
}
