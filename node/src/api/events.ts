/**
 * What happens on the chain, as server-sent events. The chain is the log: an event's id is `<height>.<index>`, its place
 * among the transactions of its block, and the block itself comes after its last transaction. So every stream can go on
 * where another one ended, after a restart too, and nothing is stored for it.
 */
import type { ServerResponse } from 'node:http'
import {
  address,
  type Address,
  DecodeError,
  type DecidedBlock,
  hash,
  type Json,
  list,
  type Movement,
  optional,
  present,
  struct,
  tokenSum,
} from '@claw-network/protocol'
import type { Clock } from '../ports.ts'
import type { ApiChain, HeightOutcome } from './node.ts'
import { Problem, type Rejections } from './problems.ts'
import { transactionAnswer, transactionAnswerOf } from './transaction-answer.ts'

const streamsMax = 128
const beatIntervalMs = 15_000
/** Blocks whose events are kept ready for several streams. */
const cachedBlocksMax = 16
/** Events and blocks handled in one go; then others have their turn. */
const stepsPerTurn = 200

export const movements = list(struct({ from: optional(address), to: optional(address), amount: tokenSum }), 100_000)

export interface EventFilter {
  readonly account?: Address
  readonly kind?: string
}

export interface EventStreamsDependencies {
  readonly chain: ApiChain
  readonly rejections: Rejections
  readonly clock: Clock
}

/** The next event a stream has not seen: transaction `index` of block `height`, or the block itself after the last one. */
interface Position {
  readonly height: number
  readonly index: number
}

export class EventStreams {
  readonly #deps: EventStreamsDependencies
  readonly #streams = new Set<EventStream>()
  readonly #blocks = new Map<number, BlockEvents>()

  constructor(dependencies: EventStreamsDependencies) {
    this.#deps = dependencies
    dependencies.chain.onDecided(() => {
      for (const stream of this.#streams) stream.wake()
    })
  }

  /** Begins after the event of that id, or with the next block. Throws a Problem where too many streams are open. */
  open(filter: EventFilter, lastEventId: string | undefined, response: ServerResponse): void {
    if (this.#streams.size >= streamsMax) throw Problem.of('too_many_streams', { headers: { 'retry-after': '30' } })
    const stream = new EventStream(filter, response, { ...this.#deps, blocks: this })
    this.#streams.add(stream)
    response.on('close', () => {
      stream.close()
      this.#streams.delete(stream)
    })
    stream.begin(lastEventId)
  }

  close(): void {
    for (const stream of this.#streams) stream.end()
  }

  /** Undefined where this node has no such block, or not yet. */
  at(height: number): BlockEvents | undefined {
    const cached = this.#blocks.get(height)
    if (cached !== undefined) return cached
    const { chain, rejections } = this.#deps
    const decided = chain.store.decidedAt(height)
    const outcome = chain.store.outcomeAt(height)
    if (decided === undefined || outcome === undefined) return
    const events = new BlockEvents(decided, outcome, { chain, rejections })
    this.#blocks.set(height, events)
    if (this.#blocks.size > cachedBlocksMax) {
      const [oldest] = this.#blocks.keys()
      if (oldest !== undefined) this.#blocks.delete(oldest)
    }
    return events
  }
}

interface ChainEvent {
  readonly name: 'transaction' | 'block'
  readonly kind?: string
  /** Who is concerned: the sender, whose Tokens moved, and whom the payload names. */
  readonly accounts: ReadonlySet<Address>
  /** The JSON of the event. */
  readonly data: string
}

/** The events of one block, each made when it is first asked for. */
class BlockEvents {
  readonly #decided: DecidedBlock
  readonly #outcome: HeightOutcome
  readonly #deps: { readonly chain: ApiChain; readonly rejections: Rejections }
  readonly #events: ChainEvent[] = []

  constructor(
    decided: DecidedBlock,
    outcome: HeightOutcome,
    dependencies: { readonly chain: ApiChain; readonly rejections: Rejections },
  ) {
    this.#decided = decided
    this.#outcome = outcome
    this.#deps = dependencies
  }

  /** The index of the block's own event. */
  get last(): number {
    return this.#decided.block.transactions.length
  }

  event(index: number): ChainEvent {
    const known = this.#events[index]
    if (known !== undefined) return known
    const made = index === this.last ? this.#block() : this.#transaction(index)
    this.#events[index] = made
    return made
  }

  #transaction(index: number): ChainEvent {
    const { chain, rejections } = this.#deps
    const { block, commit } = this.#decided
    const bytes = present(block.transactions[index], `the block holds transaction ${index}`)
    const transaction = chain.decode(bytes)
    const code = this.#outcome.rejections[index]
    const place = { height: block.header.height, index, blockHash: commit.blockHash, timeMs: block.header.timeMs }
    const answer = transactionAnswerOf(
      transaction.id,
      code === undefined ? { status: 'final', transaction, place } : { status: 'failed', code, transaction, place },
      rejections,
      false,
    )
    const moved = this.#outcome.movements[index] ?? []
    const accounts = new Set([transaction.account, ...partiesOf(moved), ...namedIn(answer.payload ?? {})])
    const json = transactionAnswer.toJson(answer) as { [field: string]: Json }
    return {
      name: 'transaction',
      kind: transaction.kind.kind,
      accounts,
      data: JSON.stringify({ ...json, movements: movements.toJson(moved) }),
    }
  }

  #block(): ChainEvent {
    const { block, commit } = this.#decided
    const { height, timeMs } = block.header
    const blockHash = hash.toJson(commit.blockHash)
    return {
      name: 'block',
      accounts: new Set(partiesOf(this.#outcome.movements[this.last] ?? [])),
      data: JSON.stringify({ height, blockHash, timeMs, transactions: this.last }),
    }
  }
}

class EventStream {
  readonly #filter: EventFilter
  readonly #response: ServerResponse
  readonly #chain: ApiChain
  readonly #clock: Clock
  readonly #blocks: { at(height: number): BlockEvents | undefined }
  #next: Position = { height: 1, index: 0 }
  /** The id of the last event this stream is past, sent or not. */
  #lastId = '0.0'
  #isAwake = false
  #isFull = false
  #isClosed = false
  #cancelBeat: () => void = () => {}

  constructor(
    filter: EventFilter,
    response: ServerResponse,
    dependencies: {
      readonly chain: ApiChain
      readonly clock: Clock
      readonly blocks: { at(height: number): BlockEvents | undefined }
    },
  ) {
    this.#filter = filter
    this.#response = response
    this.#chain = dependencies.chain
    this.#clock = dependencies.clock
    this.#blocks = dependencies.blocks
    response.on('drain', () => {
      this.#isFull = false
      this.wake()
    })
  }

  begin(lastEventId: string | undefined): void {
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-accel-buffering': 'no',
    })
    const resumed = lastEventId === undefined ? undefined : this.#after(lastEventId)
    if (resumed === undefined) this.#toTip()
    else {
      this.#next = resumed
      this.#lastId = lastEventId ?? this.#lastId
    }
    this.#send('hello', JSON.stringify({ chainId: hash.toJson(this.#chain.chainId), height: this.#chain.tip.height }))
    if (lastEventId !== undefined && resumed === undefined) {
      this.#reset(`no event ${lastEventId.slice(0, 64)} is known here`)
    }
    this.#beat()
    this.wake()
  }

  /** Sends what is there, soon: never on the time of whoever decided a block. */
  wake(): void {
    if (this.#isAwake || this.#isFull || this.#isClosed) return
    this.#isAwake = true
    setImmediate(() => {
      this.#isAwake = false
      this.#advance()
    })
  }

  end(): void {
    this.close()
    this.#response.end()
  }

  close(): void {
    this.#isClosed = true
    this.#cancelBeat()
  }

  #advance(): void {
    for (let step = 0; step < stepsPerTurn; step += 1) {
      const { height, index } = this.#next
      if (this.#isFull || this.#isClosed || height > this.#chain.tip.height) return
      const block = this.#blocks.at(height)
      if (block === undefined) {
        this.#toTip()
        this.#reset(`block ${height} is not on this node any more`)
        return
      }
      const event = block.event(index)
      this.#lastId = `${height}.${index}`
      this.#next = index < block.last ? { height, index: index + 1 } : { height: height + 1, index: 0 }
      if (this.#wants(event)) this.#send(event.name, event.data)
    }
    this.wake()
  }

  #wants({ kind, accounts }: ChainEvent): boolean {
    const { kind: wanted, account } = this.#filter
    return (wanted === undefined || kind === wanted) && (account === undefined || accounts.has(account))
  }

  /** The place after an event, or undefined where there is no such event. */
  #after(id: string): Position | undefined {
    const [, height, index] = (/^(\d{1,15})\.(\d{1,6})$/.exec(id) ?? []).map(Number)
    if (height === undefined || index === undefined) return
    if (height === 0) return index === 0 ? { height: 1, index: 0 } : undefined
    const block = height <= this.#chain.tip.height ? this.#blocks.at(height) : undefined
    if (block === undefined || index > block.last) return
    return index === block.last ? { height: height + 1, index: 0 } : { height, index: index + 1 }
  }

  #toTip(): void {
    const { height } = this.#chain.tip
    this.#next = { height: height + 1, index: 0 }
    this.#lastId = `${height}.${this.#blocks.at(height)?.last ?? 0}`
  }

  #reset(reason: string): void {
    this.#send('reset', JSON.stringify({ reason, height: this.#chain.tip.height }))
  }

  #send(name: string, data: string): void {
    this.#write(`id: ${this.#lastId}\nevent: ${name}\ndata: ${data}\n\n`)
  }

  /** Keeps the connection alive, and tells a filtered stream how far it is. */
  #beat(): void {
    this.#cancelBeat = this.#clock.after(beatIntervalMs, () => {
      if (this.#isClosed) return
      this.#write(`: beat\nid: ${this.#lastId}\n\n`)
      this.#beat()
    })
  }

  #write(text: string): void {
    this.#isFull = !this.#response.write(text)
  }
}

function partiesOf(moved: readonly Movement[]): Address[] {
  return moved.flatMap(({ from, to }) => [...(from ? [from] : []), ...(to ? [to] : [])])
}

/** Every DID and address in a payload, wherever it stands. */
function namedIn(json: Json): Address[] {
  if (typeof json === 'string') {
    if (!json.startsWith('claw1') && !json.startsWith('did:claw:')) return []
    try {
      return [address.fromJson(json)]
    } catch (error) {
      // A text that only looks like one.
      if (error instanceof DecodeError) return []
      throw error
    }
  }
  if (typeof json !== 'object' || json === null) return []
  return Object.values(json).flatMap(namedIn)
}
