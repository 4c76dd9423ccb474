/** Runs consensus height after height: when to begin one, who hears what, what is final. */
import {
  type Block,
  certificateOf,
  type Commit,
  type CompactBlock,
  type DecidedBlock,
  DecodeError,
  type Evidence,
  blockHashOf,
  fromBytes,
  hasBit,
  isCompactBlock,
  nextDeadline,
  type Proposal,
  toBytes,
  toHex,
  type Transaction,
} from '@claw-network/protocol'
import type { GossipVerdict, PeerId } from '../ports.ts'
import { type Candidate, compactOf, InvalidBlockError } from './chain.ts'
import { Deliberation, type DeliberationDependencies } from './deliberation.ts'
import { Wal } from './wal.ts'
import {
  blocksPerRoundMax,
  consensusMessage,
  type ProposalMessage,
  proposalMessage,
  roundAnswer,
  roundRequest,
} from './wire.ts'

export interface DriverDependencies extends DeliberationDependencies {
  /** A peer said, in passing, how high its chain is. */
  readonly onPeerHeight: (peer: PeerId, height: number) => void
  /** This node can not go on without harm. */
  readonly onFatal: (error: unknown) => void
}

/** How often one random peer is asked for what this node lacks of the round. */
const exchangeIntervalMs = 500
/** After this long without a decision a height counts as stalled. */
const stalledAfterMs = 10_000
/** Latest decided blocks searched for signatures that the signer's record does not know. */
const ownSignatureDepth = 20

/** Timers of some machines overflow after 25 days, and clocks drift. */
const longestTimerMs = 3_600_000

const hashBytes = 33
const answerBytesMax = 700 * 1024

/** Bytes of messages of the next height; whoever loses some of them asks for them again. */
const earlyBytesMax = 4 * 1024 * 1024

type EarlyMessage = { readonly topic: 'votes' | 'proposals'; readonly payload: Uint8Array; readonly from: PeerId }

export class Driver {
  readonly #deps: DriverDependencies
  readonly #evidence: Evidence[] = []
  #current: Deliberation
  #early: EarlyMessage[] = []
  #earlyBytes = 0
  /** Whether somebody else has begun the height. */
  #isStirred = false
  #startTimer: (() => void) | undefined
  #exchangeTimer: (() => void) | undefined
  #lastDecidedAtMs: number
  #halted: string | undefined
  #stopped = false
  #committing: Promise<void> | undefined
  #turn = 0

  constructor(dependencies: DriverDependencies) {
    this.#deps = dependencies
    this.#lastDecidedAtMs = dependencies.chain.tip.timeMs
    this.#current = this.#deliberate()
  }

  start(): void {
    const { transport, relay, chain, disk } = this.#deps
    transport.onGossip('votes', (payload, from) => this.#onGossip({ topic: 'votes', payload, from }))
    transport.onGossip('proposals', (payload, from) => this.#onGossip({ topic: 'proposals', payload, from }))
    transport.onRequest('round', (payload, from) => this.#answerRound(payload, from))
    relay.alsoLookIn(wireHash => this.#current.blocks.transaction(wireHash))
    relay.onArrival(() => this.#plan())
    this.#refuseRestoredSigner(chain.tip.height, ownSignatureDepth)
    if (this.#halted !== undefined) return
    // A crash may have come between the block and the end of its log.
    new Wal(disk, chain.tip.height).remove()
    this.#current.replay()
    this.#plan()
    this.#planExchange()
  }

  /** Resolves once a block that is being made final is. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#startTimer?.()
    this.#exchangeTimer?.()
    this.#current.close()
    await this.#idle()
  }

  get current(): Deliberation {
    return this.#current
  }

  /** Why this node does not take part any more, where it stopped itself. */
  get halted(): string | undefined {
    return this.#halted
  }

  /** Conflicting signatures seen since the start. */
  get evidence(): readonly Evidence[] {
    return this.#evidence
  }

  /** Whether there has been something to decide for too long. */
  get isStalled(): boolean {
    const { startedAtMs } = this.#current
    return startedAtMs !== undefined && this.#deps.clock.nowMs() - startedAtMs > stalledAfterMs
  }

  /**
   * Takes the next block from a peer; `transactions` are its own, decoded, their signatures checked. Throws
   * InvalidBlockError where the block or its commit is not what validators decided.
   */
  async adopt({ block, commit }: DecidedBlock, transactions: readonly Transaction[]): Promise<void> {
    await this.#idle()
    const { chain } = this.#deps
    // Consensus may have decided it meanwhile.
    if (block.header.height <= chain.tip.height || this.#stopped || this.#halted !== undefined) return
    const blockHash = blockHashOf(block.header)
    if (block.header.height !== this.#current.height || commit.height !== block.header.height) {
      throw new InvalidBlockError(`is of height ${block.header.height}, wanted is ${this.#current.height}`)
    }
    if (!isCompactBlock(compactOf(block, transactions), commit.blockHash) || !chain.verify(commit)) {
      throw new InvalidBlockError('its commit is not signed by more than two thirds, or is for another block')
    }
    this.#current.close()
    this.#decided(this.#current.blocks.candidate(blockHash) ?? this.#execute(block, transactions), commit)
    await this.#idle()
  }

  /** What more than two thirds found valid. Whoever gave it is not to blame where this node finds otherwise (C27). */
  #execute(block: Block, transactions: readonly Transaction[]): Candidate {
    try {
      return this.#deps.chain.check(block, transactions)
    } catch (error) {
      const { height } = block.header
      const fatal = new Error(
        `the block of height ${height} is final, but this node finds it invalid: ${String(error)}`,
      )
      this.#halt(fatal)
      throw fatal
    }
  }

  /** Resolves once no block is being made final; while one was, consensus may have decided the next. */
  async #idle(): Promise<void> {
    for (let seen: Promise<void> | undefined; seen !== this.#committing; ) {
      seen = this.#committing
      await seen
    }
  }

  #deliberate(): Deliberation {
    return new Deliberation(this.#deps.chain.tip.height + 1, this.#deps, {
      stirred: () => {
        if (this.#isStirred) return
        this.#isStirred = true
        this.#plan()
      },
      decided: (candidate, commit) => this.#decided(candidate, commit),
      evidence: evidence => {
        this.#deps.log.warn('a validator signed two conflicting messages', { ...evidence })
        this.#evidence.push(evidence)
      },
      fatal: error => this.#halt(error),
    })
  }

  #decided(candidate: Candidate, commit: Commit): void {
    this.#committing = this.#makeFinal(candidate, commit).catch((error: unknown) => this.#halt(error))
  }

  async #makeFinal(candidate: Candidate, commit: Commit): Promise<void> {
    const { chain, mempool, relay, clock, log } = this.#deps
    await chain.commit(candidate, commit)
    mempool.decided(candidate.transactions, candidate.block.header.timeMs)
    relay.decided(candidate.transactions)
    this.#current.forget()
    this.#lastDecidedAtMs = clock.nowMs()
    log.debug('block is final', {
      height: commit.height,
      round: commit.round,
      transactions: candidate.transactions.length,
      hash: candidate.blockHash,
    })

    // Before the first vote of the next height.
    this.#refuseRestoredSigner(commit.height, 1)
    if (this.#stopped || this.#halted !== undefined) return
    this.#isStirred = false
    this.#current = this.#deliberate()
    // Where the chain was restored from a copy, this node has been at this height before.
    this.#current.replay()
    const early = this.#early
    this.#early = []
    this.#earlyBytes = 0
    for (const message of early) this.#hear(message)
    this.#plan()
  }

  /**
   * Begins the height as soon as there is something to decide and the interval has passed. Who begins sooner waits for a
   * third of the others: else one validator could have blocks decided, and Tokens issued, as fast as messages travel.
   */
  #plan(): void {
    this.#startTimer?.()
    this.#startTimer = undefined
    if (this.#stopped || this.#halted !== undefined || this.#current.startedAtMs !== undefined) return
    const { chain, clock, mempool } = this.#deps
    const nowMs = clock.nowMs()
    const { blockIntervalMs, idleBlockIntervalMs } = chain.params
    // A clock that was set back must not keep the chain waiting.
    const since = Math.max(0, nowMs - this.#lastDecidedAtMs)
    if (this.#isStirred || mempool.hasNext) {
      this.#startTimer = clock.after(Math.max(0, blockIntervalMs - since), () => this.#current.start())
      return
    }
    // Nothing waits: the next block comes with the next deadline, or for the sake of the clock.
    const untilDeadline = Math.max(
      blockIntervalMs - since,
      (nextDeadline(chain.view) ?? Number.POSITIVE_INFINITY) - nowMs,
    )
    const untilIdle = idleBlockIntervalMs === 0 ? Number.POSITIVE_INFINITY : idleBlockIntervalMs - since
    const waitMs = Math.max(0, Math.min(untilDeadline, untilIdle))
    if (waitMs === Number.POSITIVE_INFINITY) return
    this.#startTimer =
      waitMs <= longestTimerMs
        ? clock.after(waitMs, () => this.#current.start())
        : clock.after(longestTimerMs, () => this.#plan())
  }

  #keepEarly(message: EarlyMessage): void {
    if (this.#earlyBytes + message.payload.length > earlyBytesMax) return
    this.#earlyBytes += message.payload.length
    this.#early.push(message)
  }

  #onGossip(message: EarlyMessage): GossipVerdict {
    try {
      return this.#hear(message)
    } catch (error) {
      if (error instanceof DecodeError) return 'reject'
      throw error
    }
  }

  #hear(message: EarlyMessage): GossipVerdict {
    if (this.#halted !== undefined) return 'ignore'
    const { topic, payload, from } = message
    const said = topic === 'votes' ? fromBytes(consensusMessage, payload) : fromBytes(proposalMessage, payload)
    const height = 'proposal' in said ? said.proposal.height : said.value.height
    if (height !== this.#current.height) {
      this.#deps.onPeerHeight(from, height - 1)
      if (height === this.#current.height + 1) this.#keepEarly(message)
      return 'ignore'
    }
    if ('proposal' in said) return this.#current.receiveProposal(said, from)
    return said.type === 'vote' ? this.#current.receiveVote(said.value) : this.#current.receiveCertificate(said.value)
  }

  // Gossip alone does not give what the algorithm assumes, that all correct nodes get what one got. So this node asks
  // one peer after the other for what it lacks.

  #planExchange(): void {
    this.#exchangeTimer = this.#deps.clock.after(exchangeIntervalMs, () => {
      const peers = this.#deps.transport.peers()
      this.#turn += 1
      const peer = peers[this.#turn % Math.max(1, peers.length)]
      if (peer !== undefined) void this.#exchange(peer.id)
      this.#planExchange()
    })
  }

  async #exchange(peer: PeerId): Promise<void> {
    const { transport, log, onPeerHeight } = this.#deps
    const { height } = this.#current
    try {
      const request = toBytes(roundRequest, {
        height,
        summary: this.#current.core.summary(),
        // The latest: a traitor may have named any number of blocks that nobody has.
        blocks: this.#current.blocks.missing().slice(-blocksPerRoundMax),
      })
      const answer = fromBytes(roundAnswer, await transport.request(peer, 'round', request))
      onPeerHeight(peer, answer.height - 1)
      if (this.#halted !== undefined) return
      for (const block of answer.blocks) this.#current.receivePayload(block, peer)
      const blame = (verdict: GossipVerdict): void => {
        if (verdict === 'reject') transport.penalize(peer, 'round: a message with a wrong signature')
      }
      for (const message of answer.proposals) blame(this.#current.receiveProposal(message, peer))
      for (const message of answer.messages) {
        blame(
          message.type === 'vote'
            ? this.#current.receiveVote(message.value)
            : this.#current.receiveCertificate(message.value),
        )
      }
    } catch (error) {
      // The next exchange is with another peer; one that sends nonsense pays for it.
      if (error instanceof DecodeError) transport.penalize(peer, `round: ${error.message}`)
      log.debug('no round exchange with a peer', { peer, error: String(error) })
    }
  }

  #answerRound(payload: Uint8Array, from: PeerId): Uint8Array {
    const request = fromBytes(roundRequest, payload)
    this.#deps.onPeerHeight(from, request.height - 1)
    const { height, core } = this.#current
    if (request.height !== height) {
      // Who has the block and missed the last votes for it needs no more than this.
      const { commit } = this.#deps.chain.tip
      const missed = commit?.height === request.height ? [certificateOf(commit)] : []
      const messages = missed.map(value => ({ type: 'certificate' as const, value }))
      return toBytes(roundAnswer, { height, proposals: [], messages, blocks: [] })
    }
    const missing = core.missingFor(request.summary)
    const room = new Room(answerBytesMax)
    return toBytes(roundAnswer, {
      height,
      proposals: this.#withBlocks(missing.proposals, room),
      messages: [
        ...missing.certificates.map(value => ({ type: 'certificate' as const, value })),
        ...missing.votes.map(value => ({ type: 'vote' as const, value })),
      ],
      blocks: request.blocks
        .flatMap(blockHash => this.#current.blocks.payload(blockHash)?.block ?? [])
        .filter(block => room.takes(block)),
    })
  }

  /** As many as an answer may carry; the peer asks again. */
  #withBlocks(proposals: readonly Proposal[], room: Room): ProposalMessage[] {
    return proposals.flatMap(proposal => {
      const message = this.#current.proposalMessage(proposal)
      // After a restart the proposal is known from the log, and its block perhaps not yet.
      const isComplete = message.block !== undefined || proposal.polRound !== undefined
      return isComplete && room.takes(message.block) ? [message] : []
    })
  }

  /**
   * A commit that holds a signature of ours above what the signer remembers shows that its record was restored from an
   * older copy: this key must never vote again.
   */
  #refuseRestoredSigner(tipHeight: number, depth: number): void {
    const { signer, chain } = this.#deps
    if (signer === undefined) return
    for (let height = tipHeight; height > Math.max(0, tipHeight - depth); height -= 1) {
      const decided = chain.store.decidedAt(height)
      const set = chain.store.validatorsAt(height)
      if (decided === undefined || set === undefined) continue
      const index = set.validators.findIndex(validator => validator.publicKey === toHex(signer.publicKey))
      const precommit = { type: 'precommit', ...decided.commit } as const
      if (index >= 0 && hasBit(decided.commit.signers, index) && signer.isNews(precommit)) {
        this.#halt(
          new Error(
            `the block of height ${height} has a signature of this node that its signer record does not know: ` +
              'the record is an old copy. Make a new consensus key',
          ),
        )
        return
      }
    }
  }

  #halt(error: unknown): void {
    this.#halted = error instanceof Error ? error.message : String(error)
    this.#startTimer?.()
    this.#current.close()
    this.#deps.log.error('consensus stopped on this node', { error: this.#halted })
    this.#deps.onFatal(error)
  }
}

/** Room for compact blocks in an answer. */
class Room {
  #bytes: number

  constructor(bytes: number) {
    this.#bytes = bytes
  }

  takes(block: CompactBlock | undefined): boolean {
    const bytes = hashBytes * (block?.transactionHashes.length ?? 0)
    if (bytes > this.#bytes) return false
    this.#bytes -= bytes
    return true
  }
}
