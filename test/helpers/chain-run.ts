/** One chain on a store in memory, whose blocks a test builds, spoils and commits with the validators' own keys. */
import assert from 'node:assert/strict'
import { type Candidate, Chain } from '../../node/src/chain/chain.ts'
import type { ChainStore } from '../../node/src/chain-store.ts'
import type { SignatureCheck } from '../../node/src/ports.ts'
import { nativeEd25519 } from '../../node/src/signatures/ed25519.ts'
import { MemoryStore } from '../../node/src/store/memory.ts'
import {
  accountAt,
  type Account,
  assemble,
  bitmapOf,
  type Block,
  type Commit,
  type Envelope,
  type Hash,
  ledger,
  sign,
  signBytes,
  signingBytes,
  type Transaction,
} from '../../protocol/src/index.ts'
import { actor } from './actors.ts'
import { genesisOf, type NetworkOptions, transfer, type TransferOptions } from './ledger-run.ts'

const ed25519 = nativeEd25519()

/** Everything on the calling thread. */
export const signatures: SignatureCheck = {
  verify: ed25519.verify,
  verifyMany: batch => Promise.resolve(batch.map(item => ed25519.verify(item.signature, item.message, item.publicKey))),
}

export class ChainRun {
  readonly chain: Chain
  readonly validators: readonly string[]

  static async open(options: NetworkOptions = {}, store: ChainStore = new MemoryStore()): Promise<ChainRun> {
    const chain = await Chain.open(genesisOf(options), { ledger, store, signatures })
    return new ChainRun(chain, Object.keys(options.stakes ?? { val: 1n }))
  }

  private constructor(chain: Chain, validators: readonly string[]) {
    this.chain = chain
    this.validators = validators
  }

  account(name: string): Account {
    return accountAt(this.chain.view, actor(name).address)
  }

  transfer(from: string, options: TransferOptions = {}): Transaction {
    return transfer(this.chain.chainId, actor(from), { nonce: this.account(from).nonce + 1, ...options })
  }

  /** Any order of an actor, with the next nonce and a fee of 1. */
  sign(from: string, order: Pick<Envelope, 'kind' | 'payload'>): Transaction {
    const { did, secretKey } = actor(from)
    const envelope = {
      chainId: this.chain.chainId,
      sender: did,
      nonce: this.account(from).nonce + 1,
      fee: 1n,
      ...order,
    }
    return assemble(ledger.kinds, envelope, sign(signingBytes(ledger.kinds, envelope), secretKey))
  }

  build(transactions: readonly Transaction[] = []): Candidate {
    return this.chain.build({
      nowMs: this.chain.tip.timeMs + 1_000,
      proposer: actor(this.validators[0] ?? assert.fail('there is a validator')).consensusKey,
      transactions,
      evidence: [],
    }).candidate
  }

  /** As a node would that got the block from a peer. */
  check(block: Block): Candidate {
    return this.chain.check(
      block,
      block.transactions.map(bytes => this.chain.decode(bytes)),
    )
  }

  /** Precommits of these, all validators unless said otherwise. */
  commitOf(height: number, blockHash: Hash, names: readonly string[] = this.validators, round = 0): Commit {
    const set = this.chain.validators(height).validators
    const signed = set.map(({ publicKey }) => {
      const name = names.find(one => actor(one).consensusKey === publicKey)
      if (name === undefined) return
      const message = signBytes(this.chain.chainId, { type: 'precommit', height, round, blockHash })
      return ed25519.signingKey(actor(name).consensusSecretKey).sign(message)
    })
    const present = signed.filter(signature => signature !== undefined)
    return { height, round, blockHash, signers: bitmapOf(signed, set.length), signatures: present }
  }

  /** Builds the next block and makes it final. */
  async decide(transactions: readonly Transaction[] = [], names?: readonly string[]): Promise<Candidate> {
    const candidate = this.build(transactions)
    await this.chain.commit(candidate, this.commitOf(candidate.block.header.height, candidate.blockHash, names))
    return candidate
  }
}
