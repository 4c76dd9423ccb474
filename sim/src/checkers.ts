/** What must hold in every run, whatever fails and whoever cheats. */
import { type Candidate, Chain } from '@claw-network/node/chain/chain'
import type { HeightRecord } from '@claw-network/node/chain-store'
import type { PeerId } from '@claw-network/node/ports'
import { MemoryStore } from '@claw-network/node/store/memory'
import {
  bytesEqual,
  type Commit,
  type Evidence,
  fromHex,
  type Genesis,
  type Hash,
  type Ledger,
  type PublicKey,
  signatureStatements,
  signBytes,
  type Statement,
  supply,
  type ValidatorSet,
} from '@claw-network/protocol'
import { Deeds } from './deeds.ts'
import { short } from './describe.ts'
import { Recount } from './recount.ts'
import type { SignatureScheme } from './signatures.ts'

export type Rule =
  | 'agreement'
  | 'validity'
  | 'commit'
  | 'equivocation'
  | 'lock'
  | 'polka'
  | 'ledger'
  | 'replay'
  | 'finality'
  | 'blame'
  | 'evidence'
  | 'halt'
  | 'error'
  | 'liveness'

/** Breaks the run: a rule does not hold. */
export class Violation extends Error {
  override readonly name = 'Violation'
  readonly rule: Rule

  constructor(rule: Rule, detail: string) {
    super(`${rule}: ${detail}`)
    this.rule = rule
  }
}

/** What `validator` signed and let out. */
export interface Spoken {
  readonly validator: number
  readonly isHonest: boolean
  readonly statement: Statement
}

/** Who voted for what: by validator, since traitors may vote for several values. */
type Ballots = Map<Hash | undefined, Set<number>>

/** How often a run came to where it gets interesting: whether a search looks in the right places. */
export interface Sights {
  /** Heights that needed more than one round. */
  lateDecisions: number
  /** Proposals of a value that had a polka in an earlier round. */
  reproposals: number
  /** Prevotes for nil by who had precommitted a block. */
  heldLocks: number
  /** Precommits of a block by who had precommitted another one at the height. */
  movedLocks: number
}

/** Everything that was ever signed at one height and let out. */
class SignedHeight {
  readonly #sights: Sights
  readonly #doubleSigners: Set<number>
  readonly #ballots = new Map<string, Ballots>()
  /** What a validator said last in a step, as text. */
  readonly #said = new Map<string, string>()
  readonly #locks = new Map<number, { readonly round: number; readonly blockHash: Hash }>()
  readonly #powers: readonly bigint[]

  constructor(set: ValidatorSet, sights: Sights, doubleSigners: Set<number>) {
    this.#powers = set.validators.map(({ power }) => power)
    this.#sights = sights
    this.#doubleSigners = doubleSigners
  }

  add({ validator, isHonest, statement }: Spoken): void {
    const { type, round, polRound, blockHash } = statement
    if (polRound !== undefined) this.#sights.reproposals += 1
    if (type !== 'proposal') this.#ballotsOf(type, round, blockHash).add(validator)
    const before = this.#change(validator, statement)
    if (before !== undefined) this.#doubleSigners.add(validator)
    if (!isHonest) return

    if (before !== undefined) {
      throw new Violation('equivocation', `validator ${validator} signed ${nameOf(statement)} after ${before}`)
    }
    if (blockHash === undefined) {
      if (type === 'prevote' && this.#locks.has(validator)) this.#sights.heldLocks += 1
      return
    }
    if (type === 'prevote') this.#checkLock(validator, round, blockHash)
    if (type !== 'precommit') return
    if (!this.#hasPolka(round, blockHash)) {
      throw new Violation('polka', `validator ${validator} precommitted ${nameOf(statement)} without a polka`)
    }
    const lock = this.#locks.get(validator)
    if (lock !== undefined && lock.blockHash !== blockHash) this.#sights.movedLocks += 1
    this.#locks.set(validator, { round, blockHash })
  }

  /** What the validator said before, where it was something else. */
  #change(validator: number, statement: Statement): string | undefined {
    const step = `${validator}/${statement.type}/${statement.round}`
    const text = nameOf(statement)
    const before = this.#said.get(step)
    this.#said.set(step, text)
    return before === text ? undefined : before
  }

  /** L23 and L29: who precommitted a block prevotes another one only after a later polka for it. */
  #checkLock(validator: number, round: number, blockHash: Hash): void {
    const lock = this.#locks.get(validator)
    if (lock === undefined || lock.blockHash === blockHash || lock.round >= round) return
    for (let later = lock.round; later < round; later += 1) if (this.#hasPolka(later, blockHash)) return
    throw new Violation(
      'lock',
      `validator ${validator}, locked on ${short(lock.blockHash)} in round ${lock.round}, prevoted ${short(blockHash)} in round ${round}`,
    )
  }

  #hasPolka(round: number, blockHash: Hash): boolean {
    return isQuorum(this.#powers, this.#ballotsOf('prevote', round, blockHash))
  }

  #ballotsOf(type: Statement['type'], round: number, blockHash: Hash | undefined): Set<number> {
    const key = `${type}/${round}`
    const ballots: Ballots = this.#ballots.get(key) ?? new Map()
    this.#ballots.set(key, ballots)
    const voters = ballots.get(blockHash) ?? new Set()
    ballots.set(blockHash, voters)
    return voters
  }
}

interface Decision {
  readonly blockHash: Hash
  readonly by: PeerId
}

export interface ChecksDependencies {
  readonly genesis: Genesis
  readonly ledger: Ledger
  readonly scheme: SignatureScheme
  /** How far the time of a block may be ahead of the true one: what the network tolerates and how wrong clocks are. */
  readonly timeErrorMsMax: number
}

/** Watches a whole network and keeps the first rule that it sees broken. */
export class Checks {
  readonly #scheme: SignatureScheme
  readonly #timeErrorMsMax: number
  /** Executes every decided block once more, from genesis on, on nobody's disk. */
  readonly #auditor: Chain
  readonly #audited: MemoryStore
  readonly #decisions: Decision[] = []
  readonly #signed = new Map<number, SignedHeight>()
  readonly #final = new Map<Hash, number>()
  readonly #recount: Recount
  readonly #deeds = new Deeds()
  readonly sights: Sights = { lateDecisions: 0, reproposals: 0, heldLocks: 0, movedLocks: 0 }
  readonly #doubleSigners = new Set<number>()
  #violation: Violation | undefined

  static async open(dependencies: ChecksDependencies): Promise<Checks> {
    const { genesis, ledger, scheme } = dependencies
    const store = new MemoryStore()
    return new Checks(await Chain.open(genesis, { ledger, store, signatures: scheme }), store, dependencies)
  }

  private constructor(auditor: Chain, audited: MemoryStore, { ledger, scheme, timeErrorMsMax }: ChecksDependencies) {
    this.#recount = new Recount(ledger)
    this.#auditor = auditor
    this.#audited = audited
    this.#scheme = scheme
    this.#timeErrorMsMax = timeErrorMsMax
    this.#guard(() => this.#checkLedger())
  }

  get violation(): Violation | undefined {
    return this.#violation
  }

  get chainId(): Hash {
    return this.#auditor.chainId
  }

  /** The set of the first height. */
  get validators(): ValidatorSet['validators'] {
    return this.#setOf(1).validators
  }

  /** Validators that signed two different things where they may sign one. */
  get doubleSigners(): ReadonlySet<number> {
    return this.#doubleSigners
  }

  /** The highest block that anybody decided. */
  get height(): number {
    return this.#decisions.length
  }

  /** The height at which somebody was told that the transaction is final. */
  finalAt(transactionId: Hash): number | undefined {
    return this.#final.get(transactionId)
  }

  fail(rule: Rule, detail: string): void {
    this.#violation ??= new Violation(rule, detail)
  }

  spoke(spoken: Spoken): void {
    this.#guard(() => {
      const { height } = spoken.statement
      const signed = this.#signed.get(height) ?? new SignedHeight(this.#setOf(height), this.sights, this.#doubleSigners)
      this.#signed.set(height, signed)
      signed.add(spoken)
    })
  }

  /** A node made a block final. */
  decided(by: PeerId, { block, blockHash, commit }: HeightRecord, nowMs: number): void {
    this.#guard(() => {
      const { height } = block.header
      this.#checkCommit(by, height, blockHash, commit)
      if (block.lastCommit) this.#checkCommit(by, height - 1, block.header.lastBlockHash, block.lastCommit)
      if (block.header.timeMs > nowMs + this.#timeErrorMsMax) {
        throw new Violation('validity', `the time of block ${height} is ${block.header.timeMs - nowMs} ms ahead`)
      }
      const before = this.#decisions[height - 1]
      if (before === undefined) {
        if (height !== this.height + 1) throw new Violation('agreement', `${by} decided ${height} after ${this.height}`)
        this.#decisions.push({ blockHash, by })
        if (commit.round > 0) this.sights.lateDecisions += 1
        this.#audit(block, commit)
      } else if (before.blockHash !== blockHash) {
        const decisions = `${by} decided ${short(blockHash)}, ${before.by} ${short(before.blockHash)}`
        throw new Violation('agreement', `at height ${height} ${decisions}`)
      }
    })
  }

  /** What became of all transactions, at the end of a run. */
  tally(): ReadonlyMap<string, number> {
    this.#deeds.end(this.#auditor.ledger, this.#audited.view, this.#auditor.tip.timeMs)
    return this.#deeds.counts
  }

  /** Somebody who asked a node was told that a transaction is final. */
  toldFinal(transactionId: Hash, height: number): void {
    this.#final.set(transactionId, height)
  }

  /** Nobody who is honest may be accused. */
  checkEvidence(id: PeerId, evidence: readonly Evidence[], honest: ReadonlySet<PublicKey>): void {
    this.#guard(() => {
      for (const { publicKey, type, height, round } of evidence) {
        if (!honest.has(publicKey)) continue
        throw new Violation('evidence', `${id} accuses ${publicKey} of two statements: ${type} ${height}/${round}`)
      }
    })
  }

  /** Compares what an honest node stores at the end of the run with all that was decided and told. */
  checkStore(id: PeerId, store: MemoryStore): void {
    this.#guard(() => {
      const height = store.tip()?.height ?? 0
      this.#decisions.slice(0, height).forEach(({ blockHash }, index) => {
        if (store.decidedAt(index + 1)?.commit.blockHash !== blockHash) {
          throw new Violation('finality', `${id} does not have the block of height ${index + 1} any more`)
        }
      })
      for (const [transactionId, at] of this.#final) {
        if (at <= height && store.placeOf(transactionId)?.height !== at) {
          throw new Violation('finality', `${id} does not know transaction ${short(transactionId)} as final`)
        }
      }
      if (height === this.#auditor.tip.height) this.#checkSameState(id, store)
    })
  }

  /** Checks run inside of the node's own calls: what they throw must not look like an error of the node. */
  #guard(check: () => void): void {
    try {
      check()
    } catch (error) {
      this.#violation ??=
        error instanceof Violation ? error : new Violation('error', `a check failed: ${inFull(error)}`)
    }
  }

  /** The block is valid, and its effects are the same when it is executed afresh. */
  #audit(block: HeightRecord['block'], commit: Commit): void {
    let candidate: Candidate
    try {
      const transactions = block.transactions.map(bytes => this.#auditor.decode(bytes))
      for (const transaction of transactions) {
        for (const { signature, message, publicKey } of signatureStatements(transaction)) {
          if (!this.#scheme.verify(signature, message, publicKey)) throw new Error('a transaction is not signed')
        }
      }
      candidate = this.#auditor.check(block, transactions)
    } catch (error) {
      throw new Violation('validity', `the block of height ${block.header.height} is invalid: ${String(error)}`)
    }
    if (candidate.stateRoot !== block.header.stateRoot) {
      throw new Violation('validity', `the block of height ${block.header.height} does not lead to its state`)
    }
    const { deeds, expired, faults } = this.#recount.follow(block, candidate.transactions, this.#audited.view)
    if (faults[0] !== undefined) throw new Violation('ledger', `at height ${block.header.height} ${faults[0]}`)
    for (const deed of deeds) this.#deeds.note(deed)
    this.#deeds.add('escrow: expired', expired)
    // In memory a commit is done when the call returns; only its listeners would come later, and there are none.
    void this.#auditor.commit(candidate, commit)
    this.#checkLedger()
  }

  /** Told apart from the code under test: another sum, another walk over the bits. */
  #checkCommit(by: PeerId, height: number, blockHash: Hash, commit: Commit): void {
    const { validators } = this.#setOf(height)
    const signers = new Set<number>()
    commit.signers.forEach((byte, place) => {
      for (let bit = 0; bit < 8; bit += 1) if ((byte & (1 << bit)) !== 0) signers.add(place * 8 + bit)
    })
    const message = signBytes(this.#auditor.chainId, { type: 'precommit', height, round: commit.round, blockHash })
    const areSigned = [...signers].every((validator, place) => {
      const signature = commit.signatures[place] ?? new Uint8Array(0)
      return this.#scheme.verify(signature, message, fromHex(validators[validator]?.publicKey ?? ''))
    })
    const powers = validators.map(({ power }) => power)
    const isFor = commit.height === height && commit.blockHash === blockHash
    if (!isFor || !areSigned || commit.signatures.length !== signers.size || !isQuorum(powers, signers)) {
      throw new Violation('commit', `${by} decided height ${height} without a commit`)
    }
  }

  /** The set of a height that is at most two above the highest decision; nearer ones stand in for later ones. */
  #setOf(height: number): ValidatorSet {
    const { tip } = this.#auditor
    return this.#audited.validatorsAt(height) ?? this.#auditor.validators(Math.min(height, tip.height + 2))
  }

  /** Holdings and burned Tokens together are what was issued, and every domain's rows are as it says. */
  #checkLedger(): void {
    const { ledger, tip } = this.#auditor
    const { issued, burned } = supply.get(this.#audited.view, 0) ?? { issued: 0n, burned: 0n }
    const held = ledger.holdings(this.#audited.view)
    if (held + burned !== issued) {
      throw new Violation('ledger', `at height ${tip.height} ${held} held + ${burned} burned is not ${issued} issued`)
    }
    const [wrong] = ledger.violations(this.#audited.view)
    if (wrong !== undefined) throw new Violation('ledger', `at height ${tip.height} ${wrong}`)
  }

  #checkSameState(id: PeerId, store: MemoryStore): void {
    const replayed = new Map(this.#audited.view.range(''))
    for (const [key, row] of store.view.range('')) {
      const other = replayed.get(key)
      if (other === undefined || !bytesEqual(row, other)) {
        throw new Violation('replay', `row ${key} of ${id} is another one after replay from genesis`)
      }
      replayed.delete(key)
    }
    if (replayed.size > 0) throw new Violation('replay', `${id} lacks rows that replay from genesis gives`)
  }
}

/** More than two thirds of the power. */
function isQuorum(powers: readonly bigint[], voters: ReadonlySet<number>): boolean {
  const total = powers.reduce((sum, power) => sum + power, 0n)
  let power = 0n
  for (const voter of voters) power += powers[voter] ?? 0n
  return power * 3n > total * 2n
}

export function inFull(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

function nameOf({ type, height, round, polRound, blockHash }: Statement): string {
  const pol = polRound === undefined ? '' : ` (polka of ${polRound})`
  return `${type} ${height}/${round} ${blockHash ?? 'nil'}${pol}`
}
