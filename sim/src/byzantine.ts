/**
 * Traitors: nodes that run the honest code and lie with their own key about what it says. What they do is limited to
 * what anybody with a validator's key could do to a network.
 */
import type { ConsensusKey } from '@claw-network/node/chain/signer'
import { consensusMessage, type ProposalMessage, proposalMessage } from '@claw-network/node/chain/wire'
import type { GossipTopic, GossipVerdict, PeerId, RequestName, Transport } from '@claw-network/node/ports'
import {
  type Certificate,
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
  type Vote,
} from '@claw-network/protocol'
import type { Spoken } from './checkers.ts'
import { statementIn } from './describe.ts'
import { answerFrom, lyingAnswer, tampered } from './lies.ts'
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
}

export interface TraitorDependencies {
  readonly transport: Transport
  readonly network: Network
  readonly running: () => Running
  readonly prng: Prng
  readonly spoke: (spoken: Spoken) => void
  /** A sound transaction that nobody else has seen. */
  readonly secretTransaction: () => Transaction | undefined
}

/** What it proposed beside or instead of what its honest code did. */
interface Alternative {
  readonly blockHash: Hash
  readonly payload: Uint8Array
}

type GossipHandler = (payload: Uint8Array, from: PeerId) => GossipVerdict | Promise<GossipVerdict>
type RequestHandler = (payload: Uint8Array, from: PeerId) => Promise<Uint8Array> | Uint8Array

export class Traitor implements Transport {
  readonly id: PeerId
  readonly #options: TraitorOptions
  readonly #deps: TraitorDependencies
  /** By `height/round`: the blocks proposed there, as far as it knows. */
  readonly #proposed = new Map<string, Hash[]>()
  readonly #alternatives = new Map<string, Alternative>()
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
    const { transport, prng, running } = this.#deps
    transport.onRequest(name, async (question, from) => {
      if (this.#is('silent') && prng.chance(700)) throw new Error('silent')
      if (name === 'transactions' && this.#is('withholds') && this.#isFavoured(from)) {
        const secret = answerFrom(question, this.#secrets)
        if (secret !== undefined) return secret
      }
      const honest = await handler(question, from)
      if (this.#is('lies') && prng.chance(500)) return lyingAnswer(name, honest, { prng, chain: running().chain })
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
    const here = this.#proposed.get(`${honest.height}/${honest.round}`) ?? []
    const values: (Hash | undefined)[] = [honest.blockHash]
    if (this.#is('nil')) values[0] = undefined
    if (this.#is('forgets') || this.#is('withholds')) values[0] = here.at(-1) ?? honest.blockHash
    if (this.#is('equivocates')) {
      const other = here.find(blockHash => blockHash !== values[0])
      if (!this.#isFavoured(peer)) values[0] = other
      else if (prng.chance(300)) values.push(other)
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
    const place = placeOf(honest.proposal)
    this.#note(place, honest.proposal.blockHash)
    const alternative = this.#alternativeTo(honest)
    if (alternative !== undefined) {
      this.#alternatives.set(place, alternative)
      this.#note(place, alternative.blockHash)
    }
    for (const { id } of this.peers()) {
      if (alternative === undefined) this.#send(id, 'proposals', payload)
      else if (this.#is('withholds') || !this.#isFavoured(id)) this.#send(id, 'proposals', alternative.payload)
      else this.#send(id, 'proposals', payload)
    }
  }

  #alternativeTo({ proposal, block }: ProposalMessage): Alternative | undefined {
    if (block === undefined || !(this.#is('equivocates') || this.#is('withholds'))) return
    const { chain, mempool } = this.#deps.running()
    const secret = this.#is('withholds') ? this.#deps.secretTransaction() : undefined
    if (secret !== undefined) this.#secrets.set(secret.wireHash, secret)
    const { candidate } = chain.build({
      nowMs: block.header.timeMs + 1,
      proposer: toHex(this.#options.key.publicKey) as PublicKey,
      transactions: [...mempool.candidates(chain.params.blockBytesMax), ...(secret === undefined ? [] : [secret])],
      evidence: [],
    })
    const { blockHash, transactions } = candidate
    const { height, round } = proposal
    const statement = { type: 'proposal', height, round, blockHash } as const
    const message: ProposalMessage = {
      proposal: { height, round, blockHash, signature: this.#sign(statement) },
      block: {
        header: candidate.block.header,
        transactionHashes: transactions.map(transaction => transaction.wireHash),
        ...(candidate.block.lastCommit && { lastCommit: candidate.block.lastCommit }),
        evidence: [],
      },
    }
    return { blockHash, payload: toBytes(proposalMessage, message) }
  }

  /** Takes note of what others propose, and passes it on with another body. */
  #overhear(payload: Uint8Array): void {
    const message = fromBytes(proposalMessage, payload)
    this.#note(placeOf(message.proposal), message.proposal.blockHash)
    const { block } = message
    if (block === undefined || !this.#is('forges')) return
    const forged = { ...message, block: tampered(block, this.#deps.prng) }
    for (const { id } of this.peers()) this.#send(id, 'proposals', toBytes(proposalMessage, forged))
  }

  #note(place: string, blockHash: Hash): void {
    const known = this.#proposed.get(place) ?? []
    if (!known.includes(blockHash)) this.#proposed.set(place, [...known, blockHash])
  }

  // Forgeries

  #spreadForgery({ type, height, round }: Vote): void {
    const { prng, running } = this.#deps
    const size = running().driver.current.validators.validators.length
    const blockHash = prng.chance(500) ? this.#proposed.get(`${height}/${round}`)?.at(-1) : undefined
    const statement = { type, height, round, ...(blockHash !== undefined && { blockHash }) }
    const own = this.#sign(statement)
    const count = prng.between(1, size)
    const signers = new Uint8Array(Math.ceil(size / 8))
    for (let index = 0; index < count; index += 1) signers[index >> 3] = (signers[index >> 3] ?? 0) | (1 << (index & 7))
    const value: Certificate = { ...statement, signers, signatures: Array.from({ length: count }, () => own) }
    for (const { id } of this.peers()) {
      this.#send(id, 'votes', toBytes(consensusMessage, { type: 'certificate', value }))
    }
  }

  #is(trait: Trait): boolean {
    return this.#options.traits.has(trait)
  }

  /** Half of the others, always the same. */
  #isFavoured(peer: PeerId): boolean {
    return Number(peer.slice(1)) % 2 === this.#options.index % 2
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

function placeOf({ height, round }: Proposal): string {
  return `${height}/${round}`
}
