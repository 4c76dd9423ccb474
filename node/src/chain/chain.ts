/** The chain of decided blocks on this node: builds candidates, checks those of others, makes decided ones final. */
import {
  assert,
  type Block,
  blockHashOf,
  blockVersion,
  type BlockExecution,
  type BlockInputs,
  chainIdOf,
  type Commit,
  type CompactBlock,
  commitHashOf,
  decodeTransaction,
  digest,
  emptyRoot,
  type Evidence,
  evidenceRootOf,
  type Genesis,
  type Hash,
  hashOfSet,
  hashPairs,
  type Header,
  type Ledger,
  type Params,
  paramsHashOf,
  paramsOf,
  present,
  type PublicKey,
  type Receipt,
  resultsRootOf,
  type StateKey,
  statePath,
  type Transaction,
  transactionsRootOf,
  type TreeUpdate,
  updateTree,
  type ValidatorSet,
  validatorsAt,
  verifyCommit,
  type View,
} from '@claw-network/protocol'
import type { SignatureCheck } from '../ports.ts'
import type { ChainStore, Tip } from '../chain-store.ts'

/** A block that was executed on the tip and only waits for a decision. */
export interface Candidate {
  readonly block: Block
  readonly blockHash: Hash
  readonly transactions: readonly Transaction[]
  readonly receipts: readonly Receipt[]
  readonly stateRoot: Hash
  readonly state: readonly (readonly [StateKey, Uint8Array | undefined])[]
  readonly tree: TreeUpdate
  /** Tokens that no transaction moved: deadlines that passed, fees and subsidy to the signers. */
  readonly ownMovements: BlockExecution['ownMovements']
}

/** A block that breaks a rule; `reason` names it. */
export class InvalidBlockError extends Error {
  override readonly name = 'InvalidBlockError'
}

export class ChainError extends Error {
  override readonly name = 'ChainError'
}

export interface ChainDependencies {
  readonly ledger: Ledger
  readonly store: ChainStore
  readonly signatures: SignatureCheck
  /** SHA-256 of each 64 bytes; the protocol's own where none is given. */
  readonly hashPairs?: typeof hashPairs
}

export type DecidedListener = (candidate: Candidate, commit: Commit) => void

export class Chain {
  readonly chainId: Hash
  readonly genesis: Genesis
  readonly ledger: Ledger
  readonly #store: ChainStore
  readonly #signatures: SignatureCheck
  readonly #hashPairs: typeof hashPairs
  readonly #listeners = new Set<DecidedListener>()

  /** Begins the chain in an empty store. Throws ChainError where the store holds another network's. */
  static async open(genesis: Genesis, dependencies: ChainDependencies): Promise<Chain> {
    const chain = new Chain(genesis, dependencies)
    const stored = dependencies.store.chainId()
    if (stored === undefined) await chain.#begin()
    else if (stored !== chain.chainId) {
      throw new ChainError(
        `the data directory belongs to chain 0x${stored}, the genesis file is of 0x${chain.chainId}: use another --data-dir or --genesis`,
      )
    }
    return chain
  }

  private constructor(genesis: Genesis, dependencies: ChainDependencies) {
    this.genesis = genesis
    this.chainId = chainIdOf(genesis)
    this.ledger = dependencies.ledger
    this.#store = dependencies.store
    this.#signatures = dependencies.signatures
    this.#hashPairs = dependencies.hashPairs ?? hashPairs
  }

  get tip(): Tip {
    return present(this.#store.tip(), 'a chain has a tip')
  }

  /** The state after the tip. */
  get view(): View {
    return this.#store.view
  }

  get params(): Params {
    return paramsOf(this.view)
  }

  get store(): ChainStore {
    return this.#store
  }

  /** Throws DecodeError unless the bytes are a transaction of this chain; its signature is not checked. */
  decode(bytes: Uint8Array): Transaction {
    return decodeTransaction(this.ledger.kinds, this.chainId, bytes)
  }

  /** The set that decides `height`, from the tip's own to two above it. */
  validators(height: number): ValidatorSet {
    return validatorsAt(this.view, height)
  }

  /** Called after every decided block, in the order of the listeners. */
  onDecided(listener: DecidedListener): void {
    this.#listeners.add(listener)
  }

  /** Builds the next block. What cannot stand in it is named in `refused` and left out. */
  build(inputs: {
    readonly nowMs: number
    readonly proposer: PublicKey
    readonly transactions: readonly Transaction[]
    readonly evidence: readonly Evidence[]
  }): { readonly candidate: Candidate; readonly refused: readonly (readonly [Transaction, string])[] } {
    const { tip } = this
    const timeMs = Math.max(inputs.nowMs, tip.timeMs + 1)
    const inputsOfBlock = {
      height: tip.height + 1,
      timeMs,
      proposer: inputs.proposer,
      ...(tip.commit && { lastCommit: tip.commit }),
    }
    const execution = this.ledger.begin(this.view, inputsOfBlock)
    const refused: [Transaction, string][] = []
    for (const transaction of inputs.transactions) {
      const outcome = execution.apply(transaction)
      if (outcome.type === 'refused') refused.push([transaction, outcome.code])
    }
    const executed = this.#finish(execution)
    const header: Header = {
      ...this.#frame(inputsOfBlock),
      txRoot: transactionsRootOf(executed.transactions.map(transaction => transaction.wireHash)),
      evidenceRoot: evidenceRootOf(inputs.evidence),
      stateRoot: executed.stateRoot,
      resultsRoot: resultsRootOf(execution.receipts.map(receipt => receipt.result)),
    }
    const block: Block = {
      header,
      transactions: executed.transactions.map(transaction => transaction.bytes),
      ...(tip.commit && { lastCommit: tip.commit }),
      evidence: inputs.evidence,
    }
    return { candidate: { block, blockHash: blockHashOf(header), ...executed }, refused }
  }

  /**
   * Executes a block of somebody else on the tip; `transactions` are its own, decoded, their signatures checked.
   * Throws InvalidBlockError naming the rule it breaks (docs/spec/ledger.md, L20 to L27).
   */
  check(block: Block, transactions: readonly Transaction[]): Candidate {
    assert(transactions.length === block.transactions.length, 'a block is checked with all its transactions')
    const { header } = block
    const { tip } = this
    const inputs = { ...header, ...(block.lastCommit && { lastCommit: block.lastCommit }) }
    const expected = this.#frame(inputs)
    for (const field of Object.keys(expected) as (keyof typeof expected)[]) {
      if (header[field] !== expected[field]) {
        throw new InvalidBlockError(`${field} is ${header[field]}, must be ${expected[field]}`)
      }
    }
    if (header.timeMs <= tip.timeMs) throw new InvalidBlockError('its time is not after its parent’s')
    if (!this.validators(header.height).validators.some(validator => validator.publicKey === header.proposer)) {
      throw new InvalidBlockError('its proposer is not a validator')
    }
    this.#checkLastCommit(block)
    const bytes = block.transactions.reduce((sum, transaction) => sum + transaction.length, 0)
    if (bytes > this.params.blockBytesMax) throw new InvalidBlockError('its transactions are too long')
    // The same wire hashes are the same bytes.
    if (header.txRoot !== transactionsRootOf(transactions.map(transaction => transaction.wireHash))) {
      throw new InvalidBlockError('txRoot is wrong')
    }
    if (header.evidenceRoot !== evidenceRootOf(block.evidence)) throw new InvalidBlockError('evidenceRoot is wrong')
    // Slashing comes with staking; until then a block that carries evidence is not valid.
    if (block.evidence.length > 0) throw new InvalidBlockError('evidence has no effect on this version')

    const execution = this.ledger.begin(this.view, inputs)
    transactions.forEach((transaction, index) => {
      const outcome = execution.apply(transaction)
      if (outcome.type === 'refused')
        throw new InvalidBlockError(`transaction ${index} must not be in it: ${outcome.code}`)
    })
    const executed = this.#finish(execution)
    if (header.resultsRoot !== resultsRootOf(executed.receipts.map(receipt => receipt.result))) {
      throw new InvalidBlockError('resultsRoot is wrong')
    }
    if (header.stateRoot !== executed.stateRoot) throw new InvalidBlockError('stateRoot is wrong')
    return { block, blockHash: blockHashOf(header), ...executed }
  }

  /** Makes a candidate final. The commit must have been verified against the candidate's height and hash. */
  async commit(candidate: Candidate, commit: Commit): Promise<void> {
    const { block, blockHash, receipts, state, tree } = candidate
    await this.#store.append({
      block,
      blockHash,
      commit,
      transactionIds: receipts.map(receipt => receipt.transaction.id),
      rejections: receipts.map(receipt => receipt.result.rejected),
      movements: [...receipts.map(receipt => receipt.movements), candidate.ownMovements],
      validators: this.validators(block.header.height),
      state,
      tree: tree.writes,
    })
    for (const listener of this.#listeners) listener(candidate, commit)
  }

  async #begin(): Promise<void> {
    const draft = this.ledger.genesis(this.genesis)
    const state = draft.changes()
    const tree = updateTree(this.#store.tree, emptyRoot, leavesOf(state), this.#hashPairs)
    await this.#store.begin({
      chainId: this.chainId,
      timeMs: this.genesis.timeMs,
      stateRoot: tree.root,
      state,
      tree: tree.writes,
    })
  }

  /** A commit of the parent, perhaps by other signers than the one this node keeps. */
  #checkLastCommit({ header, lastCommit }: Block): void {
    const { tip } = this
    if (tip.height === 0) {
      if (lastCommit !== undefined) throw new InvalidBlockError('the first block has no parent to commit to')
      return
    }
    if (lastCommit === undefined) throw new InvalidBlockError('lastCommit is missing')
    if (lastCommit.height !== header.height - 1 || lastCommit.blockHash !== tip.blockHash) {
      throw new InvalidBlockError('lastCommit is for another block')
    }
    // The commit that made the tip final here was verified already.
    if (tip.commit !== undefined && commitHashOf(tip.commit) === header.lastCommitHash) return
    if (!this.verify(lastCommit)) throw new InvalidBlockError('lastCommit is not signed by more than two thirds')
  }

  /** Whether a commit of the tip or of the next height is signed by more than two thirds of its validators. */
  verify(commit: Commit): boolean {
    return verifyCommit(this.chainId, this.validators(commit.height), commit, this.#signatures.verify)
  }

  #finish(execution: BlockExecution): Omit<Candidate, 'block' | 'blockHash'> {
    const { draft, receipts, ownMovements } = execution
    execution.end()
    const state = draft.changes()
    const tree = updateTree(this.#store.tree, this.tip.stateRoot, leavesOf(state), this.#hashPairs)
    return {
      transactions: receipts.map(receipt => receipt.transaction),
      receipts,
      stateRoot: tree.root,
      state,
      tree,
      ownMovements,
    }
  }

  /** The header fields that follow from the tip and the inputs of the block. */
  #frame(inputs: BlockInputs): Omit<Header, 'txRoot' | 'evidenceRoot' | 'stateRoot' | 'resultsRoot'> {
    const { tip } = this
    const { timeMs, proposer, lastCommit } = inputs
    return {
      version: blockVersion,
      chainId: this.chainId,
      height: tip.height + 1,
      timeMs,
      lastBlockHash: tip.blockHash,
      lastCommitHash: commitHashOf(lastCommit),
      validatorsHash: hashOfSet(this.validators(tip.height + 1)),
      nextValidatorsHash: hashOfSet(this.validators(tip.height + 2)),
      paramsHash: paramsHashOf(this.params),
      proposer,
    }
  }
}

/** The block as a proposer sends it; `transactions` are its own, decoded. */
export function compactOf(block: Block, transactions: readonly Transaction[]): CompactBlock {
  return {
    header: block.header,
    transactionHashes: transactions.map(transaction => transaction.wireHash),
    ...(block.lastCommit && { lastCommit: block.lastCommit }),
    evidence: block.evidence,
  }
}

function leavesOf(
  changes: readonly (readonly [StateKey, Uint8Array | undefined])[],
): { path: Hash; valueHash: Uint8Array | undefined }[] {
  return changes.map(([key, row]) => ({ path: statePath(key), valueHash: row === undefined ? undefined : digest(row) }))
}
