/** A node's home directory: made once by `clawnet init`, `clawnet devnet` or `npm start`, then read. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Address,
  addressOf,
  type Did,
  type Genesis,
  genesis as genesisCodec,
  present,
  presets,
  type PublicKey,
  toHex,
} from '@claw-network/protocol'
import { type Config, effectiveSettings, loadConfig, processSurroundings } from './config/config.ts'
import { renderConfigFile } from './config/config-file.ts'
import type { SettingValues } from './config/settings.ts'
import { loadOrCreateConsensusKey } from './consensus-key.ts'
import { kdfCostDefault } from './keystore/format.ts'
import { Keystore } from './keystore/keystore.ts'
import { loadOrCreateLocalPassphrase } from './keystore/local-passphrase.ts'
import { machineEntropy as entropy } from './machine.ts'
import { createPrivateFile, ensurePrivateDirectory, readPrivateFile } from './private-files.ts'
import { nativeEd25519 } from './signatures/ed25519.ts'

/** What others need to know of a node to put it into a genesis file. */
export interface Founder {
  /** The node's default identity. */
  readonly did: Did
  readonly address: Address
  readonly consensusKey: PublicKey
}

/** The directory is not as the command needs it; the message says what to do. */
export class HomeError extends Error {
  override readonly name = 'HomeError'
}

/** What each founder of a `local` network gets to spend, and as much again as a stake. */
const localTokens = 1_000_000n

/** Seals the wallet and makes the consensus key. Without a passphrase takes one that the directory keeps (`local` only). */
export async function createKeys(
  home: string,
  { walletEntropy, passphrase }: { readonly walletEntropy: Uint8Array; readonly passphrase?: string },
): Promise<Founder> {
  ensurePrivateDirectory(home)
  const directory = keysIn(home)
  const keystore = new Keystore({ directory, cost: kdfCostDefault }, { entropy })
  await keystore.createWallet(walletEntropy, passphrase ?? loadOrCreateLocalPassphrase(directory, { entropy }))
  return founderOf(keystore)
}

/** The founder who lives here. Throws HomeError before `clawnet init`. */
export function readFounder(home: string): Founder {
  const keystore = keystoreIn(home)
  if (keystore === undefined)
    throw new HomeError(
      `${home} holds no identity: run "clawnet init" first, or "clawnet init --keys-only" where the network has no genesis file yet`,
    )
  return founderOf(keystore)
}

/** The sealed keys that lie here; undefined before `clawnet init`. */
export function keystoreIn(home: string): Keystore | undefined {
  if (!existsSync(keysIn(home))) return undefined
  return new Keystore({ directory: keysIn(home), cost: kdfCostDefault }, { entropy })
}

/** Whether `clawnet init` has run here. */
export function hasKeys(home: string): boolean {
  return existsSync(join(keysIn(home), 'wallet.json'))
}

/** The passphrase that a `local` network keeps in its directory. */
export function localPassphraseIn(home: string): string | undefined {
  return readPrivateFile(join(keysIn(home), 'local.passphrase'))?.trimEnd()
}

/** A network of one's own: every founder funded and a validator. */
export function foundLocalNetwork(name: string, founders: readonly Founder[], timeMs: number): Genesis {
  return {
    network: 'local',
    name,
    timeMs,
    params: presets.local,
    accounts: founders.map(({ address }) => ({ address, balance: localTokens })),
    validators: founders.map(({ address, consensusKey }) => ({ address, consensusKey, stake: localTokens })),
  }
}

/** Writes genesis.json and config.yaml, where they are not there yet. */
export function settle(home: string, genesis: Genesis, settings: Partial<SettingValues> = {}): void {
  ensurePrivateDirectory(home)
  createPrivateFile(join(home, 'genesis.json'), `${JSON.stringify(genesisCodec.toJson(genesis), undefined, 2)}\n`)
  createPrivateFile(configFileIn(home), renderConfigFile({ network: genesis.network, ...settings }))
}

export function configFileIn(home: string): string {
  return join(home, 'config.yaml')
}

/** The configuration in force for the node that lives here. Throws ConfigError. */
export function configOf(home: string, environment: Readonly<Record<string, string | undefined>>): Config {
  return loadConfig({ ...processSurroundings(), environment: { ...environment, CLAWNET_HOME: home } })
}

/** The same as a list, with the reason for each. */
export function settingsIn(
  home: string,
  environment: Readonly<Record<string, string | undefined>>,
): { readonly settings: ReturnType<typeof effectiveSettings>; readonly warnings: readonly string[] } {
  const config = configOf(home, environment)
  return { settings: effectiveSettings(config), warnings: config.warnings }
}

function founderOf(keystore: Keystore): Founder {
  const { did } = present(keystore.identities[0], 'a wallet has its first identity')
  const { key, disk } = loadOrCreateConsensusKey(keystore.directory, { entropy, ed25519: nativeEd25519() })
  const consensusKey = toHex(key.publicKey) as PublicKey
  key.wipe()
  disk.close()
  return { did, address: addressOf(did), consensusKey }
}

function keysIn(home: string): string {
  return join(home, 'keys')
}
