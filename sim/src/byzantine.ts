/**
 * Traitors: nodes that run the honest code and lie with their own key about what it says. What they do is limited to
 * what anybody with a validator's key could do to a network.
 */
import type { ConsensusKey } from '@claw-network/node/chain/signer'
import { consensusMessage, type ProposalMessage, proposalMessage } from '@claw-network/node/chain/wire'
import type { GossipTopic, GossipVerdict, PeerId, RequestName, Transport } from '@claw-network/node/ports'
import {
  bitmapOf,
  blockHashOf,
  type Certificate,
  type Commit,
  fromBytes,
  type Hash,
  type Prng,
  type Proposal,
  type PublicKey,
  signBytes,
  type Statement,
  toBytes,
  toHex,
  type Transaction,
  type ValidatorSet,
  type Vote,
} from '@claw-network/protocol'
import type { Spoken } from './checkers.ts'
import { statementIn } from './describe.ts'
import { answerFrom, lyingAnswer } from './lies.ts'
import { anotherBlock, breaches, tampered, type Wish } from './false-blocks.ts'
import type { Network } from './network.ts'
import type { Running } from './node.ts'

export const traits = [
  /** Says nothing, or nothing to some. */
  'silent',
  /** Votes nil, whatever is proposed. */
  'nil',
  /** Proposes and votes different blocks to different peers. */
  'equivocates',
  /** Votes for whatever is proposed, as if it had never been locked. */
  'forgets',
  /** Lets half of the others see a polka and the other half not. */
  'splits',
  /** Proposes a block of an earlier round again, with a polka that it has not or that is older than the locks. */
  'revives',
  /** Proposes a block that breaks a rule to its advantage. */
  'robs',
  /** Proposes a block with a transaction that few or none can get. */
  'withholds',
  /** Votes in rounds that nobody has reached. */
  'hurries',
  /** Spreads forged certificates, and proposals of others with other bodies. */
  'forges',
  /** Claims a longer chain and hands out blocks that were never decided. */
  'lies',
] as const
export type Trait = (typeof traits)[number]

export interface TraitorOptions {
  readonly traits: ReadonlySet<Trait>
  /** Its place in the validator set. */
  readonly index: number
  readonly key: ConsensusKey
  readonly chainId: Hash
  /** The other traitors, who hear of all that it proposes. */
  readonly fellows: readonly PeerId[]
}

export interface TraitorDependencies {
  readonly transport: Transport
  readonly network: Network
  readonly running: () => Running
  readonly prng: Prng
  readonly spoke: (spoken: Spoken) => void
  /** A transaction that nobody else has seen; `isForged` is one in the name of a client that did not sign it. */
  readonly secretTransaction: (isForged: boolean) => Transaction
}

interface Proposed {
  readonly height: number
  readonly round: number
  readonly blockHash: Hash
}

type GossipHandler = (payload: Uint8Array, from: PeerId) => GossipVerdict | Promise<GossipVerdict>
type RequestHandler = (payload: Uint8Array, from: PeerId) => Promise<Uint8Array> | Uint8Array

export class Traitor implements Transport {
  readonly id: PeerId
  readonly #options: TraitorOptions
  readonly #deps: TraitorDependencies
  /** The blocks proposed by anybody, as far as it knows, in the order in which it heard of them. */
  #proposed: readonly Proposed[] = []
  readonly #secrets = new Map<Hash, Transaction>()

  constructor(options: TraitorOptions, dependencies: TraitorDependencies) {
    this.id = dependencies.transport.id
    this.#options = options
    this.#deps = dependencies
  }

  peers() {
    return this.#deps.transport.peers()
  }

  request(peer: PeerId, name: RequestName, payload: Uint8Array): Promise<Uint8Array> {
    return this.#deps.transport.request(peer, name, payload)
  }

  onPeer(handler: (event: 'connected' | 'disconnected', peer: PeerId) => void): void {
    this.#deps.transport.onPeer(handler)
  }

  penalize(peer: PeerId, reason: string): void {
    this.#deps.transport.penalize(peer, reason)
  }

  onGossip(topic: GossipTopic, handler: GossipHandler): void {
    this.#deps.transport.onGossip(topic, (payload, from) => {
      if (topic === 'proposals') this.#overhear(payload)
      return handler(payload, from)
    })
  }

  onRequest(name: RequestName, handler: RequestHandler): void {
    const { transport, prng } = this.#deps
    transport.onRequest(name, async (question, from) => {
      if (this.#is('silent') && prng.chance(700)) throw new Error('silent')
      if (name === 'transactions' && (this.#is('robs') || this.#isFavoured(from))) {
        const secret = answerFrom(question, this.#secrets)
        if (secret !== undefined) return secret
      }
      const honest = await handler(question, from)
      if (this.#is('lies') && prng.chance(500)) return this.#lie(name, honest)
      return honest
    })
  }

  publish(topic: GossipTopic, payload: Uint8Array): void {
    // Its honest code goes on to believe in what it signed, and tells whoever asks.
    const { index } = this.#options
    const statement = statementIn(topic, payload)
    if (statement !== undefined) this.#deps.spoke({ validator: index, isHonest: false, statement })
    if (this.#is('silent') && this.#deps.prng.chance(700)) return
    if (topic === 'votes') this.#speak(payload)
    else if (topic === 'proposals') this.#propose(payload)
    else this.#deps.transport.publish(topic, payload)
  }

  // Votes

  #speak(payload: Uint8Array): void {
    const said = fromBytes(consensusMessage, payload)
    if (said.type !== 'vote') return this.#deps.transport.publish('votes', payload)
    for (const { id } of this.peers()) {
      for (const vote of this.#votesFor(id, said.value)) {
        this.#send(id, 'votes', toBytes(consensusMessage, { type: 'vote', value: vote }))
      }
    }
    if (this.#is('forges') && this.#deps.prng.chance(300)) this.#spreadForgery(said.value)
  }

  #votesFor(peer: PeerId, honest: Vote): readonly Vote[] {
    const { prng } = this.#deps
    if (this.#is('silent') && !this.#isFavoured(peer)) return []
    const here = this.#proposedAt(honest)
    const values: (Hash | undefined)[] = [honest.blockHash]
    if (this.#is('nil')) values[0] = undefined
    if (this.#is('forgets') || this.#is('withholds') || this.#is('robs')) values[0] = here.at(-1) ?? honest.blockHash
    if (this.#is('splits') && (honest.type === 'precommit' || !this.#isFavoured(peer))) values[0] = undefined
    if (this.#is('equivocates')) {
      const [one = honest.blockHash, another] = here.toSorted()
      values[0] = this.#isFavoured(peer) ? one : another
      if (prng.chance(200)) values.push(this.#isFavoured(peer) ? another : one)
    }
    const votes = values.map(blockHash => this.#vote(honest, honest.round, blockHash))
    if (this.#is('hurries') && prng.chance(500)) {
      const ahead = prng.pick([1, 2, 5, 9, 1_000])
      votes.push(this.#vote(honest, honest.round + ahead, prng.chance(500) ? honest.blockHash : undefined))
    }
    return votes
  }

  #vote({ type, height }: Vote, round: number, blockHash: Hash | undefined): Vote {
    const statement = { type, height, round, ...(blockHash !== undefined && { blockHash }) }
    return { ...statement, validator: this.#options.index, signature: this.#sign(statement) }
  }

  // Proposals

  #propose(payload: Uint8Array): void {
    const honest = fromBytes(proposalMessage, payload)
    const other = this.#is('revives') ? this.#revived(honest) : this.#alternativeTo(honest)
    this.#note(honest.proposal)
    if (other !== undefined) this.#note(other.proposal)
    const otherPayload = other && toBytes(proposalMessage, other)
    const isFirst = other !== undefined && other.proposal.blockHash < honest.proposal.blockHash
    for (const { id } of this.peers()) {
      const isFellow = this.#options.fellows.includes(id)
      const isOther = !this.#is('equivocates') || this.#isFavoured(id) === isFirst
      if (otherPayload === undefined || isFellow || !isOther) this.#send(id, 'proposals', payload)
      if (otherPayload !== undefined && (isFellow || isOther)) this.#send(id, 'proposals', otherPayload)
    }
  }

  /** Another new block. */
  #alternativeTo({ proposal, block }: ProposalMessage): ProposalMessage | undefined {
    if (block === undefined) return
    const { height, round } = proposal
    const wish = this.#wishFor(block.header.timeMs)
    const made = wish && anotherBlock(wish, this.#deps.running().chain)
    if (made === undefined) return
    return { proposal: this.#proposal({ height, round, blockHash: blockHashOf(made.header) }), block: made }
  }

  #wishFor(timeMs: number): Wish | undefined {
    const { running, secretTransaction, prng } = this.#deps
    const { chain, mempool, driver } = running()
    const isRobbing = this.#is('robs')
    const isSecret = this.#is('withholds') || isRobbing
    if (!isSecret && !this.#is('equivocates')) return
    const breaks = isRobbing ? prng.pick(breaches) : undefined
    const secret = isSecret ? secretTransaction(breaks === 'signature') : undefined
    if (secret !== undefined) this.#secrets.set(secret.wireHash, secret)
    const { height, blockHash } = chain.tip
    return {
      breaks,
      nowMs: timeMs + 1,
      proposer: toHex(this.#options.key.publicKey) as PublicKey,
      transactions: [...mempool.candidates(chain.params.blockBytesMax), ...(secret === undefined ? [] : [secret])],
      falseCommit: height === 0 ? undefined : this.#commitAlone(height, blockHash, driver.current.validators),
    }
  }

  /**
   * A block of an earlier round: best one with a polka older than that of another block, on which some must be locked.
   * Everybody gets to see the old polka; what is claimed is that one or one that there never was.
   */
  #revived({ proposal: { height, round } }: ProposalMessage): ProposalMessage | undefined {
    const { prng, running } = this.#deps
    const { core } = running().driver.current
    const { certificates } = core.missingFor({ height, step: 'propose', rounds: [] })
    const polkas = certificates.filter(({ type, blockHash }) => type === 'prevote' && blockHash !== undefined)
    const oldest = polkas.toSorted((a, b) => a.round - b.round)[0]
    const earlier = this.#proposed.filter(proposed => proposed.height === height && proposed.round < round)
    const chosen = polkas.length > 1 ? oldest : prng.pick([...polkas, ...earlier])
    if (chosen?.blockHash === undefined || chosen.round >= round) return

    for (const value of polkas) {
      const payload = toBytes(consensusMessage, { type: 'certificate', value })
      for (const { id } of this.peers()) this.#send(id, 'votes', payload)
    }
    const polRound = prng.chance(500) ? chosen.round : round - 1
    return { proposal: this.#proposal({ height, round, polRound, blockHash: chosen.blockHash }) }
  }

  #proposal(statement: Omit<Proposal, 'signature'>): Proposal {
    return { ...statement, signature: this.#sign({ type: 'proposal', ...statement }) }
  }

  /** Takes note of what others propose, and passes it on with another body. */
  #overhear(payload: Uint8Array): void {
    const message = fromBytes(proposalMessage, payload)
    this.#note(message.proposal)
    const { block } = message
    if (block === undefined || !this.#is('forges')) return
    const forged = { ...message, block: tampered(block, this.#deps.prng) }
    for (const { id } of this.peers()) this.#send(id, 'proposals', toBytes(proposalMessage, forged))
  }

  #note({ height, round, blockHash }: Proposal): void {
    const isOld = (proposed: Proposed): boolean => proposed.height < height
    this.#proposed = [...this.#proposed.filter(proposed => !isOld(proposed)), { height, round, blockHash }]
  }

  #proposedAt({ height, round }: Vote): readonly Hash[] {
    const here = this.#proposed.filter(proposed => proposed.height === height && proposed.round === round)
    return here.map(({ blockHash }) => blockHash)
  }

  // Forgeries

  /** A certificate of our own signature alone, or of as many copies of it as a quorum needs; a vote in another name. */
  #spreadForgery(vote: Vote): void {
    const { prng, running } = this.#deps
    const { type, height, round } = vote
    const size = running().driver.current.validators.validators.length
    const blockHash = prng.chance(500) ? this.#proposedAt(vote).at(-1) : undefined
    const statement = { type, height, round, ...(blockHash !== undefined && { blockHash }) }
    const own = this.#sign(statement)
    const victim = prng.below(size)
    const stolen: Vote = { ...statement, validator: victim, signature: own }
    const places = prng.chance(500) ? [this.#options.index] : Array.from({ length: size }, (_, index) => index)
    const signed: (Uint8Array | undefined)[] = []
    for (const place of places) signed[place] = own
    const value: Certificate = { ...statement, signers: bitmapOf(signed, size), signatures: places.map(() => own) }
    for (const { id } of this.peers()) {
      this.#send(id, 'votes', toBytes(consensusMessage, { type: 'certificate', value }))
      this.#send(id, 'votes', toBytes(consensusMessage, { type: 'vote', value: stolen }))
    }
  }

  #lie(name: RequestName, honest: Uint8Array): Uint8Array {
    const { prng, running } = this.#deps
    const { chain, driver } = running()
    const commitAlone = (height: number, blockHash: Hash): Commit =>
      this.#commitAlone(height, blockHash, driver.current.validators)
    return lyingAnswer(name, honest, { prng, chain, commitAlone })
  }

  /** A commit that nobody else signed. */
  #commitAlone(height: number, blockHash: Hash, { validators }: ValidatorSet): Commit {
    const signature = this.#sign({ type: 'precommit', height, round: 0, blockHash })
    const places: (Uint8Array | undefined)[] = []
    places[this.#options.index] = signature
    return { height, round: 0, blockHash, signers: bitmapOf(places, validators.length), signatures: [signature] }
  }

  #is(trait: Trait): boolean {
    return this.#options.traits.has(trait)
  }

  /** Half of the nodes, the same for all traitors: they conspire. */
  #isFavoured(peer: PeerId): boolean {
    return Number(peer.slice(1)) % 2 === 0
  }

  #sign(statement: Statement): Uint8Array {
    const { index, key, chainId } = this.#options
    this.#deps.spoke({ validator: index, isHonest: false, statement })
    return key.sign(signBytes(chainId, statement))
  }

  #send(peer: PeerId, topic: GossipTopic, payload: Uint8Array): void {
    this.#deps.network.gossip(this.id, peer, topic, payload)
  }
}
