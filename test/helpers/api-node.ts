/** A whole node but for its network: one validator decides real blocks, and the real API stands before it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Address,
  addressOf,
  type Did,
  formatAddress,
  formatDid,
  type Genesis,
  ledger,
  type NetworkName,
  type Params,
  presets,
  type PublicKey,
  toHex,
} from '@claw-network/protocol'
import { begunBy, followChain, historyOf, historySource } from '../../node/src/account-history.ts'
import type { ApiNode, ApiOptions, NodeCondition } from '../../node/src/api/node.ts'
import { ApiServer } from '../../node/src/api/server.ts'
import { Chain } from '../../node/src/chain/chain.ts'
import { Driver } from '../../node/src/chain/driver.ts'
import { Mempool, mempoolCodes, mempoolDefaults } from '../../node/src/chain/mempool.ts'
import { Relay } from '../../node/src/chain/relay.ts'
import { Signer } from '../../node/src/chain/signer.ts'
import { loadOrCreateConsensusKey } from '../../node/src/consensus-key.ts'
import { Keystore } from '../../node/src/keystore/keystore.ts'
import { Sessions } from '../../node/src/keystore/sessions.ts'
import { MachineDisk, machineClock, machineEntropy as entropy } from '../../node/src/machine.ts'
import type { Clock, Log, PeerId, Transport } from '../../node/src/ports.ts'
import { nativeEd25519 } from '../../node/src/signatures/ed25519.ts'
import { SignaturePool } from '../../node/src/signatures/pool.ts'
import { History } from '../../node/src/store/history.ts'
import { MemoryStore } from '../../node/src/store/memory.ts'

export const passphrase = 'correct horse'

export interface ApiNodeOptions {
  /** `testnet` trusts nobody on loopback; `local` does. */
  readonly network?: NetworkName
  readonly params?: Partial<Params>
  readonly api?: Partial<ApiOptions>
  /** Of the default identity; of the other one a tenth. */
  readonly balance?: bigint
  readonly clock?: Clock
  /** As on a `local` network whose founder typed none. */
  readonly knowsPassphrase?: boolean
}

export interface Complaint {
  readonly message: string
  readonly fields: Record<string, unknown>
}

export class TestApiNode {
  readonly directory: string
  readonly node: ApiNode
  readonly chain: Chain
  readonly mempool: Mempool
  readonly wallet: Sessions
  /** What was logged as a warning or an error. */
  readonly complaints: readonly Complaint[]
  /** The default identity and a second one on the same node. */
  readonly did: Did
  readonly other: Did
  readonly stranger: Address
  /** What `condition()` of the node answers, over what it really is. */
  conditionOver: Partial<NodeCondition> = {}
  api: ApiServer
  readonly #options: ApiOptions
  readonly #driver: Driver
  /** Those that `replaceApi` left. */
  readonly #left: ApiServer[] = []
  readonly #close: () => Promise<void>

  static async start(options: ApiNodeOptions = {}): Promise<TestApiNode> {
    const { network = 'testnet', clock = machineClock } = options
    const directory = mkdtempSync(join(tmpdir(), 'clawnet-api-'))
    const complaints: Complaint[] = []
    const complain = (message: string, fields: Record<string, unknown> = {}): void => {
      complaints.push({ message, fields })
    }
    const log: Log = { debug: () => {}, info: () => {}, warn: complain, error: complain }
    const ed25519 = nativeEd25519()
    const signatures = new SignaturePool({ workers: 0 }, { ed25519, log })

    const keysDirectory = join(directory, 'keys')
    const cost = { memoryKiB: 128, passes: 1, parallelism: 1 }
    const keystore = new Keystore({ directory: keysDirectory, cost }, { entropy })
    const { did } = await keystore.createWallet(entropy.bytes(32), passphrase)
    const other = await keystore.deriveIdentity(passphrase)
    if (other === undefined) throw new Error('the wallet opens')
    const wallet = new Sessions(options.knowsPassphrase === true ? { localPassphrase: passphrase } : {}, {
      keystore,
      ed25519,
      clock,
      entropy,
    })
    const consensus = loadOrCreateConsensusKey(keysDirectory, { entropy, ed25519 })

    const balance = options.balance ?? 1_000_000n
    const genesis: Genesis = {
      network,
      name: 'api test',
      timeMs: Date.now(),
      params: { ...presets.local, blockIntervalMs: 20, ...options.params },
      accounts: [
        { address: addressOf(did), balance },
        { address: addressOf(other.did), balance: balance / 10n },
      ],
      validators: [
        { address: addressOf(did), consensusKey: toHex(consensus.key.publicKey) as PublicKey, stake: 1_000n },
      ],
    }
    const store = new MemoryStore()
    const chain = await Chain.open(genesis, { ledger, store, signatures })
    const mempool = new Mempool(mempoolDefaults, { view: () => chain.view })
    const relay = new Relay({ chain, mempool, transport: loneTransport, signatures, clock, log })
    const disk = new MachineDisk(join(directory, 'consensus'))
    const driver = new Driver({
      chain,
      mempool,
      relay,
      transport: loneTransport,
      signatures,
      signer: new Signer(chain.chainId, consensus.key, consensus.disk),
      disk,
      clock,
      log,
      onPeerHeight: () => {},
      onFatal: error => {
        throw error
      },
    })
    const history = new History(join(directory, 'history.sqlite'), historySource(chain))
    const unfollow = followChain(history, { chain, log })

    const apiOptions: ApiOptions = {
      host: '127.0.0.1',
      port: 0,
      hostNames: [],
      socketPath: join(directory, 'd.sock'),
      directory,
      readonly: false,
      limits: {},
      ...options.api,
    }
    let made: TestApiNode | undefined
    const node: ApiNode = {
      version: '1.2.3',
      network,
      chain,
      mempool,
      mempoolCodes,
      wallet,
      signatures,
      clock,
      log,
      condition: () => ({
        type: 'full',
        synced: true,
        targetHeight: chain.tip.height,
        degraded: [],
        peerId: loneTransport.id,
        listen: [],
        startedAtMs: genesis.timeMs,
        ...made?.conditionOver,
      }),
      peers: () => [],
      config: () => ({ network, 'api.token': null }),
      effectOf: transaction => relay.effectOf(transaction),
      submit: transaction => relay.submit(transaction),
      history: (account, page) => historyOf(account, page, { history, chain }),
      begun: (account, page) => begunBy(account, page, { history, chain }),
    }
    relay.start()
    const api = await ApiServer.start(apiOptions, node)
    const close = async (): Promise<void> => {
      relay.stop()
      await driver.stop()
      unfollow()
      history.close()
      wallet.close()
      disk.close()
      consensus.disk.close()
      await signatures.close()
      rmSync(directory, { recursive: true })
    }
    made = new TestApiNode({
      directory,
      node,
      chain,
      mempool,
      wallet,
      complaints,
      did,
      other: other.did,
      api,
      apiOptions,
      driver,
      close,
    })
    return made
  }

  private constructor(parts: {
    directory: string
    node: ApiNode
    chain: Chain
    mempool: Mempool
    wallet: Sessions
    complaints: readonly Complaint[]
    did: Did
    other: Did
    api: ApiServer
    apiOptions: ApiOptions
    driver: Driver
    close: () => Promise<void>
  }) {
    this.directory = parts.directory
    this.node = parts.node
    this.chain = parts.chain
    this.mempool = parts.mempool
    this.wallet = parts.wallet
    this.complaints = parts.complaints
    this.did = parts.did
    this.other = parts.other
    this.stranger = 'ab'.repeat(20) as Address
    this.api = parts.api
    this.#options = parts.apiOptions
    this.#driver = parts.driver
    this.#close = parts.close
  }

  get url(): string {
    return this.api.url
  }

  get socketPath(): string {
    return join(this.directory, 'd.sock')
  }

  /** The text of the default identity, of the other one, of an account without a key here. */
  get names(): { readonly did: string; readonly other: string; readonly stranger: string } {
    return { did: formatDid(this.did), other: formatDid(this.other), stranger: formatAddress(this.stranger) }
  }

  /** Lets blocks come about; before it, transactions wait. */
  decide(): void {
    this.#driver.start()
  }

  async cookie(): Promise<string> {
    return (await readFile(join(this.directory, 'api.cookie'), 'utf8')).trim()
  }

  /** Stops the API and starts it anew on the same directory. */
  async restartApi(options: Partial<ApiOptions> = {}): Promise<void> {
    await this.api.stop()
    this.api = await ApiServer.start({ ...this.#options, ...options }, this.node)
  }

  /**
   * Leaves the API as it is, like a kill would, and starts another one on what the directory holds. `over` replaces parts
   * of the node for the new one.
   */
  async replaceApi(over: Partial<ApiNode> = {}): Promise<void> {
    this.#left.push(this.api)
    this.api = await ApiServer.start(this.#options, { ...this.node, ...over })
  }

  async stop(): Promise<void> {
    await Promise.all([this.api, ...this.#left].map(api => api.stop()))
    await this.#close()
  }
}

/** A network of one. */
const loneTransport: Transport = {
  id: 'lone' as PeerId,
  peers: () => [],
  publish: () => {},
  onGossip: () => {},
  request: async () => {
    throw new Error('nobody is there')
  },
  onRequest: () => {},
  onPeer: () => {},
  penalize: () => {},
}
