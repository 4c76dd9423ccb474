/** The node, put together. Read it from top to bottom; what is opened here is closed here, in reverse. */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import {
  checkGenesis,
  DecodeError,
  type Did,
  formatDid,
  type Genesis,
  genesis as genesisCodec,
  type Json,
  keyOf,
  ledger,
  provideSha256,
  type PublicKey,
  toHex,
} from '@claw-network/protocol'
import { begunBy, followChain, historyOf, historySource } from './account-history.ts'
import type { ApiNode, ApiOptions, NodeCondition } from './api/node.ts'
import { ApiServer } from './api/server.ts'
import { BlockSync } from './chain/block-sync.ts'
import { Chain } from './chain/chain.ts'
import { Driver } from './chain/driver.ts'
import { Mempool, mempoolCodes, mempoolDefaults } from './chain/mempool.ts'
import { Relay } from './chain/relay.ts'
import { Signer } from './chain/signer.ts'
import { type Config, effectiveSettings } from './config/config.ts'
import { conditionOf } from './condition.ts'
import { loadOrCreateConsensusKey } from './consensus-key.ts'
import { kdfCostDefault } from './keystore/format.ts'
import { Keystore } from './keystore/keystore.ts'
import { localPassphraseIn } from './home.ts'
import { Sessions } from './keystore/sessions.ts'
import { machineClock as clock, MachineDisk, machineEntropy as entropy, machineSha256 } from './machine.ts'
import { openTransport } from './network/libp2p.ts'
import type { NetworkTransport } from './network/transport.ts'
import type { Log } from './ports.ts'
import { ensurePrivateDirectory } from './private-files.ts'
import { nativeEd25519 } from './signatures/ed25519.ts'
import { SignaturePool } from './signatures/pool.ts'
import { History } from './store/history.ts'
import { LevelStore } from './store/level-store.ts'
import { loadTreeHasher } from './store/tree-hasher.ts'
import { version } from './version.ts'

export interface RunningNode {
  readonly did: Did | undefined
  readonly chain: Chain
  readonly relay: Relay
  readonly transport: NetworkTransport
  /** Where the API answers; absent where it is off. */
  readonly apiUrl: string | undefined
  condition(): NodeCondition
  /** Stops taking work, lets a block that is being made final become so, and closes everything. */
  stop(): Promise<void>
}

/** The node cannot start as it is set up; the message says what to do. */
export class StartError extends Error {
  override readonly name = 'StartError'
}

export async function startNode(config: Config, { log }: { readonly log: Log }): Promise<RunningNode> {
  const { home, values } = config
  if (values['node.type'] === 'light') {
    throw new StartError('light nodes come with a later version: start without --light, or set node.type to full')
  }
  const startedAtMs = clock.nowMs()
  provideSha256(machineSha256)
  const closers: (() => Promise<void> | void)[] = []
  const stop = async (): Promise<void> => {
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close()
  }

  try {
    // What the network is, and what this node remembers of it.
    const genesis = readGenesis(values['node.genesis'], values.network)
    const dataDir = values['node.dataDir']
    const store = await LevelStore.open(join(dataDir, 'chain'))
    closers.push(() => store.close())
    const ed25519 = nativeEd25519()
    const signatures = new SignaturePool({ workers: Math.max(1, availableParallelism() - 1) }, { ed25519, log })
    closers.push(() => signatures.close())
    const chain = await Chain.open(genesis, { ledger, store, signatures, hashPairs: await loadTreeHasher() })

    // Who this node is: to agents, to validators, to peers.
    const keysDir = join(home, 'keys')
    const keystore = new Keystore({ directory: keysDir, cost: kdfCostDefault }, { entropy })
    const localPassphrase = values.network === 'local' ? localPassphraseIn(home) : undefined
    const sessions = new Sessions(localPassphrase === undefined ? {} : { localPassphrase }, {
      keystore,
      ed25519,
      clock,
      entropy,
    })
    closers.push(() => sessions.close())
    await unlockAtStart({ localPassphrase, passphraseFile: values['node.passphraseFile'] }, { chain, sessions })
    const consensus = loadOrCreateConsensusKey(keysDir, { entropy, ed25519 })
    closers.push(() => consensus.disk.close())
    const signer = new Signer(chain.chainId, consensus.key, consensus.disk)
    const networkDir = join(dataDir, 'network')
    ensurePrivateDirectory(networkDir)
    const transport = await openTransport(
      {
        chainId: chain.chainId,
        listen: values['p2p.listen'],
        bootstrap: values['p2p.bootstrap'],
        keyFile: join(keysDir, 'peer.key'),
        directory: networkDir,
        local: values.network === 'local',
        mdns: values['p2p.mdns'],
        announce: values['p2p.announce'],
        upnp: values['p2p.upnp'],
        relay: values['p2p.relay'],
        agent: `clawnetd/${version}`,
      },
      { clock, log },
    )

    // How blocks come about.
    const mempool = new Mempool(mempoolDefaults, { view: () => chain.view })
    const relay = new Relay({ chain, mempool, transport, signatures, clock, log })
    const disk = new MachineDisk(join(dataDir, 'consensus'))
    closers.push(() => disk.close())
    const driver: Driver = new Driver({
      chain,
      mempool,
      relay,
      transport,
      signatures,
      signer,
      disk,
      clock,
      log,
      onPeerHeight: (peer, height) => sync.onPeerHeight(peer, height),
      onFatal: () => {
        // The log has it and `degraded` says it; the node still answers questions.
      },
    })
    const sync: BlockSync = new BlockSync({ chain, driver, relay, transport, clock, log })

    // What people ask about the past.
    const history = new History(join(dataDir, 'history.sqlite'), historySource(chain))
    closers.push(() => history.close())
    closers.push(followChain(history, { chain, log }))

    const publicKey = toHex(signer.publicKey) as PublicKey
    const condition = (): NodeCondition =>
      conditionOf({ chain, driver, sync, transport, startedAtMs, publicKey }, clock.nowMs())

    closers.push(async () => {
      relay.stop()
      sync.stop()
      await driver.stop()
    })
    relay.start()
    driver.start()
    sync.start()
    await transport.start()
    closers.push(() => transport.stop())

    const node: ApiNode = {
      version,
      network: values.network,
      chain,
      mempool,
      mempoolCodes,
      signatures,
      clock,
      log,
      wallet: sessions,
      condition,
      peers: () => transport.peers(),
      config: () => Object.fromEntries(effectiveSettings(config).map(({ key, value }): [string, Json] => [key, value])),
      effectOf: transaction => relay.effectOf(transaction),
      submit: transaction => relay.submit(transaction),
      history: (account, page) => historyOf(account, page, { history, chain }),
      begun: (account, page) => begunBy(account, page, { history, chain }),
    }
    const api = values['api.enabled'] ? await ApiServer.start(apiOptions(config), node) : undefined
    if (api !== undefined) closers.push(() => api.stop())

    return {
      did: keystore.identities[0]?.did,
      chain,
      relay,
      transport,
      apiUrl: api?.url,
      condition,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Throws StartError naming the file and the way out. */
export function readGenesis(file: string, network: string): Genesis {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new StartError(
      `no genesis file for ${network}: ${file} cannot be read (${error instanceof Error ? error.message : String(error)}). ` +
        'Get it from the people of that network and give it with --genesis FILE, or make a network of your own with "clawnet init --network local"',
    )
  }
  try {
    const genesis = genesisCodec.fromJson(JSON.parse(text))
    checkGenesis(genesis)
    if (genesis.network !== network) {
      throw new StartError(`${file} is of the network ${genesis.network}, but this node is set to ${network}`)
    }
    return genesis
  } catch (error) {
    if (error instanceof DecodeError || error instanceof SyntaxError) {
      throw new StartError(`${file} is not a genesis file: ${error.message}`)
    }
    throw error
  }
}

/** On `local` nobody types a passphrase, for no identity; elsewhere an unattended node reads that of its first from a file. */
async function unlockAtStart(
  { localPassphrase, passphraseFile }: { localPassphrase: string | undefined; passphraseFile: string | null },
  { chain, sessions }: { readonly chain: Chain; readonly sessions: Sessions },
): Promise<void> {
  const keep = ({ did }: { readonly did: Did }, passphrase: string): ReturnType<Sessions['keepUnlocked']> =>
    sessions.keepUnlocked(did, passphrase, keyOf(chain.view, did))
  const all = sessions.identities()
  // One whose passphrase is another is unlocked by its owner, as on any network.
  if (localPassphrase !== undefined) await Promise.all(all.map(identity => keep(identity, localPassphrase)))
  const first = all[0]
  if (passphraseFile === null || first === undefined) return
  const refusal = await keep(first, readPassphrase(passphraseFile))
  if (refusal !== undefined) {
    throw new StartError(
      `the passphrase in ${passphraseFile} does not open ${formatDid(first.did)}: ${refusal.refused}`,
    )
  }
}

function readPassphrase(file: string): string {
  try {
    return readFileSync(file, 'utf8').trimEnd()
  } catch (error) {
    throw new StartError(
      `${file} (node.passphraseFile) cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

function apiOptions({ home, values }: Config): ApiOptions {
  const token = values['api.token']
  const perTx = values['limits.maxTransferPerTx']
  const perDay = values['limits.maxTransferPerDay']
  return {
    host: values['api.host'],
    port: values['api.port'],
    hostNames: values['api.hostNames'],
    socketPath: join(home, 'clawnetd.sock'),
    directory: home,
    ...(token !== null && { token }),
    readonly: values['api.readonly'],
    limits: {
      ...(perTx !== null && { maxTransferPerTx: perTx }),
      ...(perDay !== null && { maxTransferPerDay: perDay }),
    },
  }
}
