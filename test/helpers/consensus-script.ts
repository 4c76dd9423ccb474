/** Drives one consensus core by sentences, and tells what it does in sentences, so that tests read as transcripts. */
import assert from 'node:assert/strict'
import { votesOf } from '../../protocol/src/consensus/certificate.ts'
import { Height } from '../../protocol/src/consensus/height.ts'
import type { Input, Output, Step } from '../../protocol/src/consensus/inputs.ts'
import type { Certificate, Statement, Vote, VoteType } from '../../protocol/src/consensus/messages.ts'
import { makeSet, type ValidatorSet } from '../../protocol/src/consensus/validator-set.ts'
import type { Hash } from '../../protocol/src/crypto/hash.ts'
import type { Address, PublicKey } from '../../protocol/src/crypto/keys.ts'

export const scriptHeight = 7

/** Validators in canonical order when the powers descend; of equal ones, validator `r` mod n proposes in round `r`. */
export function setOf(...powers: readonly (number | bigint)[]): ValidatorSet {
  return makeSet(
    powers.map((power, index) => ({
      publicKey: index.toString(16).padStart(64, '0') as PublicKey,
      power: BigInt(power),
      address: index.toString(16).padStart(40, '0') as Address,
    })),
  )
}

/** `A` to `F` stand for blocks. */
export function blockOf(name: string): Hash {
  assert.match(name, /^[A-F]$/)
  return name.toLowerCase().repeat(64) as Hash
}

function valueOf(name: string): { blockHash?: Hash } {
  return name === 'nil' ? {} : { blockHash: blockOf(name) }
}

function nameOf(blockHash: Hash | undefined): string {
  return blockHash === undefined ? 'nil' : (blockHash[0] as string).toUpperCase()
}

export function voteFor(type: VoteType, round: number, value: string, validator: number, mark = 0): Vote {
  const signature = new Uint8Array(64).fill(validator + 1)
  signature[0] = mark
  return { type, height: scriptHeight, round, ...valueOf(value), validator, signature }
}

export function certificateFor(type: VoteType, round: number, value: string, signers: readonly number[]): Certificate {
  const bitmap = new Uint8Array(1)
  for (const signer of signers) bitmap[0] = (bitmap[0] as number) | (1 << signer)
  const signatures = signers.map(signer => voteFor(type, round, value, signer).signature)
  return { type, height: scriptHeight, round, ...valueOf(value), signers: bitmap, signatures }
}

/**
 * `start` | `proposal R V [pol R] [late]` | `prevote R V by I…` | `precommit R V by I…` |
 * `certificate prevote|precommit R V by I…` | `timeout STEP R` | `value R V` | `valid V` | `invalid V`
 */
export function inputsOf(sentence: string): readonly Input[] {
  const words = sentence.split(/\s+/)
  const [verb, first, second] = words as [string, string, string]
  const after = (word: string): readonly number[] =>
    words.includes(word) ? words.slice(words.indexOf(word) + 1).map(Number) : []
  switch (verb) {
    case 'start':
      return [{ type: 'start' }]
    case 'proposal': {
      const polRound = words.includes('pol') ? { polRound: Number(words[words.indexOf('pol') + 1]) } : {}
      const signature = new Uint8Array(64).fill(9)
      const fields = { height: scriptHeight, round: Number(first), ...polRound, blockHash: blockOf(second) }
      return [{ type: 'proposal', proposal: { ...fields, signature }, timely: !words.includes('late') }]
    }
    case 'prevote':
    case 'precommit':
      return after('by').map(index => ({ type: 'vote', vote: voteFor(verb, Number(first), second, index) }))
    case 'certificate': {
      const certificate = certificateFor(first as VoteType, Number(second), words[3] as string, after('by'))
      return [{ type: 'certificate', certificate }]
    }
    case 'timeout':
      return [{ type: 'timeout', height: scriptHeight, round: Number(second), step: first as Step }]
    case 'value':
      return [{ type: 'value', round: Number(first), blockHash: blockOf(second) }]
    case 'valid':
    case 'invalid':
      return [{ type: 'validity', blockHash: blockOf(first), valid: verb === 'valid' }]
    default:
      throw new Error(`no such input: ${sentence}`)
  }
}

export function describeOutput(output: Output): string {
  switch (output.type) {
    case 'sign':
      return `sign ${describeStatement(output.statement)}`
    case 'startTimer':
      return `timer ${output.step} ${output.round}`
    case 'requestValue':
      return `build ${output.round}`
    case 'validate':
      return `validate ${nameOf(output.blockHash)}`
    case 'certificate':
      return `show ${describeCertificate(output.certificate)}`
    case 'evidence':
      return `evidence ${Number(`0x${output.evidence.publicKey}`)} ${output.evidence.type} ${output.evidence.round}`
    case 'decide':
    case 'halt':
      return `${output.type} ${output.commit.round} ${nameOf(output.commit.blockHash)}`
  }
}

function describeStatement({ type, round, polRound, blockHash }: Statement): string {
  return `${type} ${round} ${nameOf(blockHash)}${polRound === undefined ? '' : ` pol ${polRound}`}`
}

function describeCertificate(certificate: Certificate): string {
  const signers = votesOf(certificate).map(vote => vote.validator)
  return `${certificate.type} ${certificate.round} ${nameOf(certificate.blockHash)} by ${signers.join(' ')}`
}

/** One core with a shell that signs at once, and hears itself, as the node's does. */
export class Script {
  readonly core: Height
  readonly #self: number | undefined

  /** Four equal validators, of which this is the last, unless said otherwise. */
  constructor({ set = setOf(1, 1, 1, 1), self = 3 }: { set?: ValidatorSet; self?: number | 'observer' } = {}) {
    this.#self = self === 'observer' ? undefined : self
    this.core = new Height({ height: scriptHeight, validators: set, self: this.#self })
  }

  /** All that came out, in order, own messages having been fed back. */
  say(sentence: string): string[] {
    return inputsOf(sentence).flatMap(input => this.feed(input))
  }

  feed(input: Input): string[] {
    const said: string[] = []
    const queue: Input[] = [input]
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      for (const output of this.core.step(next)) {
        said.push(describeOutput(output))
        if (output.type === 'sign') queue.push(this.#signed(output.statement))
      }
    }
    return said
  }

  /** Each row: an input and all that must come of it. */
  expect(...rows: readonly (readonly [string, ...string[]])[]): this {
    for (const [sentence, ...outputs] of rows) assert.deepEqual(this.say(sentence), outputs, `after "${sentence}"`)
    return this
  }

  /** Inputs whose outputs are not the point. */
  after(...sentences: readonly string[]): this {
    for (const sentence of sentences) this.say(sentence)
    return this
  }

  #signed(statement: Statement): Input {
    const { type, round, polRound, blockHash } = statement
    if (type === 'proposal') {
      const pol = polRound === undefined ? '' : ` pol ${polRound}`
      return inputsOf(`proposal ${round} ${nameOf(blockHash)}${pol}`)[0] as Input
    }
    return { type: 'vote', vote: voteFor(type, round, nameOf(blockHash), this.#self as number) }
  }
}
