/** Who decides a height and who proposes in which round (docs/spec/consensus.md, C10 to C15). */
import { hashIn, type Hash } from '../crypto/hash.ts'
import { address, type PublicKey, publicKey } from '../crypto/keys.ts'
import { assert, present } from '../lib/assert.ts'
import { amount, bytes, type Codec, DecodeError, type Infer, list, struct, toBytes } from '../lib/codec.ts'
import { validatorsMax } from './messages.ts'

/** `power` is at most 2^53 - 1, so that of a whole set is below 2^60; `address` receives rewards. */
export const validator = struct({ publicKey, power: amount, address })
export type Validator = Infer<typeof validator>

/** Signed 64-bit: eight bytes big endian in two's complement, a decimal text in JSON. */
const priority: Codec<bigint> = {
  schema: { type: 'string', pattern: '^-?(0|[1-9][0-9]{0,18})$', description: 'A signed integer' },
  toCbor: value => bytesOfInt64(value),
  fromCbor: cbor => int64OfBytes(eightBytes.fromCbor(cbor)),
  toJson: value => value.toString(),
  fromJson(json) {
    if (typeof json !== 'string' || !/^-?(0|[1-9][0-9]{0,18})$/.test(json) || json === '-0') {
      throw new DecodeError('must be a signed integer, written as text')
    }
    const value = BigInt(json)
    if (value !== BigInt.asIntN(64, value)) throw new DecodeError('must fit 64 bits')
    return value
  },
}
const eightBytes = bytes(8, 8)

export const validators = list(validator, validatorsMax)

/** In canonical order; `priorities[i]` is where validator `i` stands in the queue of proposers. */
export const validatorSet = struct({ validators, priorities: list(priority, validatorsMax) })
export type ValidatorSet = Infer<typeof validatorSet>

/** A set in which nobody has waited yet. Powers must be positive and keys distinct. */
export function makeSet(members: readonly Validator[]): ValidatorSet {
  return { validators: inOrder(members), priorities: members.map(() => 0n) }
}

/** The set one height on: its first proposer has had its turn. */
export function advance(set: ValidatorSet): ValidatorSet {
  return takeTurn(set).set
}

/** The index of who proposes in `round` of the height that `set` decides. Costs O(round); see `Turns` for many. */
export function proposerAt(set: ValidatorSet, round: number): number {
  return new Turns(set).proposerOf(round)
}

/** The proposers of one height, each computed once. */
export class Turns {
  readonly #proposers: number[] = []
  #set: ValidatorSet

  constructor(set: ValidatorSet) {
    this.#set = set
  }

  proposerOf(round: number): number {
    while (this.#proposers.length <= round) {
      const { proposer, set } = takeTurn(this.#set)
      this.#proposers.push(proposer)
      this.#set = set
    }
    return present(this.#proposers[round], 'every round has a proposer')
  }
}

/** Other members: who stays keeps the place in the queue, who is new waits longer than anybody (C14). */
export function replace(set: ValidatorSet, members: readonly Validator[]): ValidatorSet {
  const kept = new Map<PublicKey, bigint>()
  set.validators.forEach((member, index) => kept.set(member.publicKey, priorityAt(set, index)))

  const ordered = inOrder(members)
  const total = sumOfPowers(ordered)
  const newcomer = -(total + total / 8n)
  return { validators: ordered, priorities: ordered.map(member => kept.get(member.publicKey) ?? newcomer) }
}

export function totalPower(set: ValidatorSet): bigint {
  return sumOfPowers(set.validators)
}

/** The smallest power above two thirds of `total`: any two such groups share an honest validator (2f + 1). */
export function quorumOf(total: bigint): bigint {
  return (total * 2n) / 3n + 1n
}

/** The smallest power above one third of `total`: at least one of such a group is honest (f + 1). */
export function oneThirdOf(total: bigint): bigint {
  return total / 3n + 1n
}

export function quorum(set: ValidatorSet): bigint {
  return quorumOf(totalPower(set))
}

export function oneThird(set: ValidatorSet): bigint {
  return oneThirdOf(totalPower(set))
}

/** What headers commit to: keys, powers and addresses. Priorities are under the state root, being a row of the state. */
export function hashOfSet(set: ValidatorSet): Hash {
  return hashIn('clawnet/validators/1', toBytes(validators, set.validators))
}

/** One turn of weighted round robin: scale, centre, add powers, the first in the queue pays the total (C12, C13). */
function takeTurn(set: ValidatorSet): { readonly proposer: number; readonly set: ValidatorSet } {
  const total = totalPower(set)
  const queue = centred(scaled(set.priorities, total * 2n))

  let proposer = 0
  for (let index = 0; index < queue.length; index += 1) {
    queue[index] = present(queue[index], 'in range') + powerAt(set, index)
    // Only a greater one takes over: ties go to the first in canonical order.
    if (present(queue[index], 'in range') > present(queue[proposer], 'in range')) proposer = index
  }
  queue[proposer] = present(queue[proposer], 'in range') - total
  return { proposer, set: { validators: set.validators, priorities: queue } }
}

/** Priorities brought within `spreadMax` of each other, in proportion and rounded towards zero. */
function scaled(priorities: readonly bigint[], spreadMax: bigint): readonly bigint[] {
  let low = present(priorities[0], 'a set has a member')
  let high = low
  for (const value of priorities) {
    if (value < low) low = value
    if (value > high) high = value
  }
  const spread = high - low
  if (spread <= spreadMax) return priorities
  const ratio = (spread + spreadMax - 1n) / spreadMax
  return priorities.map(value => value / ratio)
}

/** Priorities moved so that their mean lies between 0 and 1. */
function centred(priorities: readonly bigint[]): bigint[] {
  const count = BigInt(priorities.length)
  const sum = priorities.reduce((total, value) => total + value, 0n)
  const remainder = ((sum % count) + count) % count
  const mean = (sum - remainder) / count
  return priorities.map(value => value - mean)
}

/** Power descending, then key ascending. */
function inOrder(members: readonly Validator[]): readonly Validator[] {
  assert(members.length > 0 && members.length <= validatorsMax, `a set has 1 to ${validatorsMax} validators`)
  assert(new Set(members.map(member => member.publicKey)).size === members.length, 'validators have distinct keys')
  for (const { power } of members) {
    assert(power > 0n && power <= Number.MAX_SAFE_INTEGER, 'a validator has a power from 1 to 2^53 - 1')
  }
  return [...members].sort((a, b) => {
    if (a.power !== b.power) return a.power > b.power ? -1 : 1
    return a.publicKey < b.publicKey ? -1 : 1
  })
}

function sumOfPowers(members: readonly Validator[]): bigint {
  let total = 0n
  for (const { power } of members) total += power
  assert(total < 1n << 60n, 'the power of a set is below 2^60')
  return total
}

function powerAt(set: ValidatorSet, index: number): bigint {
  return present(set.validators[index], 'a validator of the set').power
}

function priorityAt(set: ValidatorSet, index: number): bigint {
  return present(set.priorities[index], 'every validator has a priority')
}

function bytesOfInt64(value: bigint): Uint8Array {
  assert(value === BigInt.asIntN(64, value), 'a priority fits 64 bits')
  const encoded = new Uint8Array(8)
  new DataView(encoded.buffer).setBigInt64(0, value)
  return encoded
}

function int64OfBytes(encoded: Uint8Array): bigint {
  return new DataView(encoded.buffer, encoded.byteOffset, 8).getBigInt64(0)
}
