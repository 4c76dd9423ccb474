/**
 * One height on this node: the consensus core and everything it asks for. Whatever the core is told is logged first;
 * whatever this node signs is durable first (docs/spec/consensus.md, C40 to C56).
 */
import {
  type Block,
  blockHashOf,
  block as blockCodec,
  type Certificate,
  type Commit,
  type CompactBlock,
  type Evidence,
  fromBytes,
  fromHex,
  type Hash,
  Height,
  type Input,
  input as inputCodec,
  isCompactBlock,
  type Output,
  present,
  type Proposal,
  type PublicKey,
  signBytes,
  type Statement,
  type Step,
  toBytes,
  toHex,
  type ValidatorSet,
  verifyCertificate,
  type Vote,
} from '@claw-network/protocol'
import type { Clock, Disk, GossipVerdict, Log, PeerId, SignatureCheck, Transport } from '../ports.ts'
import { type Candidate, type Chain, InvalidBlockError } from './chain.ts'
import type { Mempool } from './mempool.ts'
import { ProposedBlocks } from './proposed-blocks.ts'
import type { Relay } from './relay.ts'
import type { Signer } from './signer.ts'
import { settle } from './unanswered.ts'
import { type FrameType, Wal } from './wal.ts'
import { consensusMessage, type ProposalMessage, proposalMessage } from './wire.ts'

export interface DeliberationDependencies {
  readonly chain: Chain
  readonly mempool: Mempool
  readonly relay: Relay
  readonly transport: Transport
  readonly signatures: SignatureCheck
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Log
  /** Absent on a node that only follows. */
  readonly signer: Signer | undefined
}

export interface DeliberationEvents {
  /** Somebody else has begun the height, so there is something to decide. */
  stirred(): void
  decided(candidate: Candidate, commit: Commit): void
  evidence(evidence: Evidence): void
  /** This node can not go on without harm: its disk or its ledger disagrees with the network. */
  fatal(error: unknown): void
}

const retryMs = 300
const timeoutMsMax = 60_000

export class Deliberation {
  readonly height: number
  readonly validators: ValidatorSet
  readonly #deps: DeliberationDependencies
  readonly #events: DeliberationEvents
  readonly #core: Height
  readonly #wal: Wal
  readonly #self: { readonly index: number; readonly publicKey: PublicKey; readonly signer: Signer } | undefined
  readonly #blocks = new ProposedBlocks()
  readonly #cancels = new Set<() => void>()
  readonly #queue: Input[] = []
  #busy = false
  #closed = false
  #startedAtMs: number | undefined

  constructor(height: number, dependencies: DeliberationDependencies, events: DeliberationEvents) {
    const { chain, disk, signer } = dependencies
    this.height = height
    this.#deps = dependencies
    this.#events = events
    this.validators = chain.validators(height)
    this.#wal = new Wal(disk, height)
    if (signer !== undefined) {
      const publicKey = toHex(signer.publicKey) as PublicKey
      const index = this.validators.validators.findIndex(validator => validator.publicKey === publicKey)
      if (index >= 0) this.#self = { index, publicKey, signer }
    }
    this.#core = new Height({ height, validators: this.validators, self: this.#self?.index })
  }

  get round(): number {
    return this.#core.round
  }

  get step(): Step {
    return this.#core.currentStep
  }

  get isValidator(): boolean {
    return this.#self !== undefined
  }

  /** When this node began to work on the height; undefined while there is nothing to decide. */
  get startedAtMs(): number | undefined {
    return this.#startedAtMs
  }

  get core(): Height {
    return this.#core
  }

  /** Repeats what an earlier run logged, and takes up what it left open. */
  replay(): void {
    const frames = this.#wal.frames(this.#self?.signer.logBytesOf(this.height) ?? 0)
    if (frames.length === 0) return
    const open: Output[] = []
    for (const frame of frames) {
      if (frame.type === 'block') {
        this.#recover(fromBytes(blockCodec, frame.payload))
        continue
      }
      const logged = fromBytes(inputCodec, frame.payload)
      settle(open, logged, this.#self?.index)
      open.push(...this.#core.step(logged))
    }
    if (this.#core.round >= 0) this.#startedAtMs = this.#deps.clock.nowMs()
    else this.#events.stirred()
    this.#perform(open)
    this.#drain()
  }

  start(): void {
    if (this.#startedAtMs === undefined) this.#feed({ type: 'start' })
  }

  /** Ends the height: timers, late answers and the log go. */
  close(): void {
    this.#closed = true
    for (const cancel of this.#cancels) cancel()
    this.#cancels.clear()
  }

  forget(): void {
    this.#wal.remove()
  }

  get blocks(): ProposedBlocks {
    return this.#blocks
  }

  /** Proposals with their blocks, for peers that lack them. */
  proposalMessage(proposal: Proposal): ProposalMessage {
    const block = this.#blocks.payload(proposal.blockHash)?.block
    return { proposal, ...(block && { block }) }
  }

  /** Hears a proposal. `reject` blames the sender. */
  receiveProposal(message: ProposalMessage, from: PeerId | undefined): GossipVerdict {
    const { proposal, block } = message
    const proposer = this.#core.proposerOf(proposal.round)
    if (proposer === undefined || !this.#core.wantsProposal(proposal)) return 'ignore'
    if (!this.#signed({ type: 'proposal', ...proposal }, proposal.signature, proposer)) return 'reject'
    if (block !== undefined) {
      // What is not under the hash that was signed, anybody on the way could have changed.
      if (!isCompactBlock(block, proposal.blockHash) || block.header.height !== this.height) return 'reject'
      this.#blocks.keep(proposal.blockHash, { block, from })
    }
    // A new value comes with its block, also to those who know it: whoever passes the message on must not be blamed.
    if (proposal.polRound === undefined && block === undefined) return 'reject'

    const timely = block !== undefined && this.#isTimely(block.header.timeMs, proposal.round)
    this.#hear({ type: 'proposal', proposal, timely })
    return 'accept'
  }

  receiveVote(vote: Vote): GossipVerdict {
    if (!this.#core.wantsVote(vote)) return 'ignore'
    if (!this.#signed(vote, vote.signature, vote.validator)) return 'reject'
    this.#hear({ type: 'vote', vote })
    return 'accept'
  }

  receiveCertificate(certificate: Certificate): GossipVerdict {
    const { chain, signatures } = this.#deps
    if (!this.#core.wantsCertificate(certificate)) return 'ignore'
    if (!verifyCertificate(chain.chainId, this.validators, certificate, signatures.verify)) return 'reject'
    this.#hear({ type: 'certificate', certificate })
    return 'accept'
  }

  /** A block that some peer gave for a hash this node asked about. */
  receivePayload(block: CompactBlock, from: PeerId): void {
    const blockHash = blockHashOf(block.header)
    if (!this.#blocks.missing().includes(blockHash) || !isCompactBlock(block, blockHash)) return
    this.#blocks.keep(blockHash, { block, from })
  }

  /** What one validator says does not begin the height here; what more than a third say does, in the core (C28). */
  #hear(input: Input): void {
    this.#feed(input)
    if (this.#startedAtMs === undefined && !this.#closed) this.#events.stirred()
  }

  #feed(input: Input): void {
    if (this.#closed) return
    this.#queue.push(input)
    this.#drain()
  }

  /** One input after the other, each logged before the core sees it. What a step makes of itself comes after. */
  #drain(): void {
    if (this.#busy) return
    this.#busy = true
    try {
      for (let next = this.#queue.shift(); next !== undefined && !this.#closed; next = this.#queue.shift()) {
        this.#log('input', toBytes(inputCodec, next))
        const outputs = this.#core.step(next)
        if (this.#core.round >= 0) this.#startedAtMs ??= this.#deps.clock.nowMs()
        this.#perform(outputs)
      }
    } catch (error) {
      this.close()
      this.#events.fatal(error)
    } finally {
      this.#busy = false
    }
  }

  #perform(outputs: readonly Output[]): void {
    for (const output of outputs) {
      switch (output.type) {
        case 'sign':
          this.#sign(output.statement)
          break
        case 'startTimer':
          this.#startTimer(output)
          break
        case 'requestValue':
          this.#propose(output.round)
          break
        case 'validate':
          this.#blocks.ask(output.blockHash)
          void this.#validate(output.blockHash)
          break
        case 'certificate':
          this.#shareCertificate(output.certificate)
          break
        case 'evidence':
          this.#events.evidence(output.evidence)
          break
        case 'decide':
          this.#decide(output.commit)
          break
        case 'halt':
          // More than two thirds found it valid. This node must not go on with a state of its own (C27).
          throw new Error(
            `block ${output.commit.blockHash} at height ${this.height} is final, but this node finds it invalid`,
          )
      }
    }
  }

  #sign(statement: Statement): void {
    const self = present(this.#self, 'only a validator is asked to sign')
    const { transport, log } = this.#deps
    if (self.signer.isPast(statement)) {
      // Only after a restart: it was signed and perhaps sent, and later steps were signed since.
      log.warn('not signing again what an earlier run went past', { ...statement })
      return
    }
    this.#wal.sync()
    const signature = self.signer.sign(statement, this.#wal.length)
    const { height, round, polRound, blockHash } = statement
    if (statement.type === 'proposal') {
      const proposal: Proposal = {
        height,
        round,
        ...(polRound !== undefined && { polRound }),
        blockHash: present(blockHash, 'a proposal names its block'),
        signature,
      }
      this.#queue.push({ type: 'proposal', proposal, timely: true })
      transport.publish('proposals', toBytes(proposalMessage, this.proposalMessage(proposal)))
      return
    }
    const vote: Vote = {
      type: statement.type,
      height,
      round,
      ...(blockHash !== undefined && { blockHash }),
      validator: self.index,
      signature,
    }
    this.#queue.push({ type: 'vote', vote })
    transport.publish('votes', toBytes(consensusMessage, { type: 'vote', value: vote }))
  }

  #startTimer({ height, round, step }: { height: number; round: number; step: Step }): void {
    const { proposeTimeoutMs, voteTimeoutMs, timeoutStepMs } = this.#deps.chain.params
    const first = step === 'propose' ? proposeTimeoutMs : voteTimeoutMs
    this.#later(Math.min(first + round * timeoutStepMs, timeoutMsMax), () =>
      this.#feed({ type: 'timeout', height, round, step }),
    )
  }

  #propose(round: number): void {
    const { chain, clock, mempool } = this.#deps
    const { publicKey } = present(this.#self, 'only a validator is asked to propose')
    const { candidate, refused } = chain.build({
      nowMs: clock.nowMs(),
      proposer: publicKey,
      transactions: mempool.candidates(chain.params.blockBytesMax),
      evidence: [],
    })
    for (const [transaction, code] of refused) {
      // A gap in the nonces may yet be filled; everything else can never come into a block.
      if (code !== 'nonce_is_ahead') mempool.drop(transaction.id, { code })
    }
    this.#keepCandidate(candidate, undefined)
    this.#queue.push({ type: 'value', round, blockHash: candidate.blockHash })
  }

  /** Gets and executes a block, as often as it takes while the height is open. */
  async #validate(blockHash: Hash): Promise<void> {
    try {
      const valid = await this.#fetchAndCheck(blockHash)
      if (this.#closed) return
      if (valid === undefined) {
        this.#later(retryMs, () => void this.#validate(blockHash))
        return
      }
      this.#blocks.answered(blockHash)
      this.#feed({ type: 'validity', blockHash, valid })
    } catch (error) {
      this.close()
      this.#events.fatal(error)
    }
  }

  /** Undefined while the block is not here. */
  async #fetchAndCheck(blockHash: Hash): Promise<boolean | undefined> {
    const { chain, relay, log } = this.#deps
    if (this.#blocks.candidate(blockHash) !== undefined) return true
    const payload = this.#blocks.payload(blockHash)
    if (payload === undefined) return
    const { header, transactionHashes, lastCommit, evidence } = payload.block
    const transactions = await relay.fill(transactionHashes, payload.from)
    if (transactions === undefined || this.#closed) return
    const block: Block = {
      header,
      transactions: transactions.map(transaction => transaction.bytes),
      ...(lastCommit && { lastCommit }),
      evidence,
    }
    try {
      this.#keepCandidate(chain.check(block, transactions), payload.from)
      return true
    } catch (error) {
      if (!(error instanceof InvalidBlockError)) throw error
      log.warn('a proposed block is invalid', { height: this.height, blockHash, reason: error.message })
      return false
    }
  }

  #decide(commit: Commit): void {
    const candidate = present(this.#blocks.candidate(commit.blockHash), 'a decided block was found valid')
    this.close()
    this.#events.decided(candidate, commit)
  }

  #shareCertificate(certificate: Certificate): void {
    // Fresh ones are complete nearly everywhere at once; peers that lack them ask. Only the proof that goes with a
    // proposal of an older value is sent to all.
    if (certificate.type !== 'prevote' || certificate.round >= this.#core.round) return
    this.#deps.transport.publish('votes', toBytes(consensusMessage, { type: 'certificate', value: certificate }))
  }

  /** A block this node vouches for must survive it: it is logged before any vote for it. */
  #keepCandidate(candidate: Candidate, from: PeerId | undefined): void {
    const { block } = candidate
    this.#log('block', toBytes(blockCodec, block))
    this.#blocks.add(candidate, from)
  }

  /** A node that never signs has nothing to be held to. */
  #log(type: FrameType, payload: Uint8Array): void {
    if (this.#self !== undefined) this.#wal.append(type, payload)
  }

  #recover(block: Block): void {
    const { chain } = this.#deps
    // Its transactions were checked before it was logged.
    const transactions = block.transactions.map(bytes => chain.decode(bytes))
    this.#blocks.add(chain.check(block, transactions), undefined)
  }

  /** Proposer-based timestamps, C45. */
  #isTimely(timeMs: number, round: number): boolean {
    const { chain, clock } = this.#deps
    const { timePrecisionMs, messageDelayMs } = chain.params
    const now = clock.nowMs()
    const delay = messageDelayMs * 1.1 ** round
    return timeMs > chain.tip.timeMs && timeMs <= now + timePrecisionMs && timeMs >= now - delay - timePrecisionMs
  }

  #signed(statement: Statement, signature: Uint8Array, index: number): boolean {
    const { chain, signatures } = this.#deps
    const { publicKey } = present(this.validators.validators[index], 'the core wants messages of validators only')
    return signatures.verify(signature, signBytes(chain.chainId, statement), fromHex(publicKey))
  }

  #later(delayMs: number, task: () => void): void {
    const cancel = this.#deps.clock.after(delayMs, () => {
      this.#cancels.delete(cancel)
      if (!this.#closed) task()
    })
    this.#cancels.add(cancel)
  }
}
