/**
 * Bugs of consensus that others have shipped, as edits of our source. The simulator runs on sources with one of them
 * planted, and must catch it: a checker that catches none of these proves nothing.
 */
export interface PlantedBug {
  readonly name: string
  /** From the root of the repository. */
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
  /** What the network loses: two decisions, or any. */
  readonly breaks: 'agreement' | 'progress'
}

const core = 'protocol/src/consensus/'

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'a new value is prevoted against the lock (L23)',
    file: `${core}height.ts`,
    find: 'const isFree = this.#locked === undefined || this.#locked.blockHash === blockHash\n',
    replace: 'const isFree = true\n',
    breaks: 'agreement',
  },
  {
    name: 'an older value is prevoted against the lock (L29)',
    file: `${core}height.ts`,
    find: 'const isFree = locked === undefined || locked.round <= polRound || locked.blockHash === blockHash\n',
    replace: 'const isFree = true\n',
    breaks: 'agreement',
  },
  {
    name: 'a polka is matched by value, in whatever round (L28)',
    file: `${core}height.ts`,
    find: 'if (!this.#rounds.get(polRound)?.prevotes.hasQuorum(blockHash)) return undefined',
    replace: 'if (![...this.#rounds.all.values()].some(known => known.prevotes.hasQuorum(blockHash))) return undefined',
    breaks: 'agreement',
  },
  {
    name: 'a polka for nil unlocks (L44)',
    file: `${core}height.ts`,
    find: "if (this.#step !== 'prevote' || !round.prevotes.hasQuorum(undefined)) return false\n",
    replace:
      "if (this.#step !== 'prevote' || !round.prevotes.hasQuorum(undefined)) return false\n    this.#locked = undefined\n",
    breaks: 'agreement',
  },
  {
    name: 'the precommit sets no lock (L38)',
    file: `${core}height.ts`,
    find: '        this.#locked = polka // L38\n',
    replace: '',
    breaks: 'agreement',
  },
  {
    name: 'two thirds exactly are a quorum, or a little less',
    file: `${core}validator-set.ts`,
    find: 'return (total * 2n) / 3n + 1n',
    replace: 'return (total * 2n) / 3n',
    breaks: 'agreement',
  },
  {
    name: 'votes for different values add up to a quorum for the last one',
    file: `${core}votes.ts`,
    find: 'if (ballot.power < this.#shares.quorum || this.hasQuorum(blockHash)) return false',
    replace: 'if (this.#power < this.#shares.quorum || this.hasQuorum(blockHash)) return false',
    breaks: 'agreement',
  },
  {
    name: 'a certificate of a few signers is a certificate',
    file: `${core}certificate.ts`,
    find: '  if (powerOf(signers) < quorum(set)) return false\n',
    replace: '',
    breaks: 'agreement',
  },
  {
    name: 'the signatures of a certificate are not checked',
    file: `${core}certificate.ts`,
    find: 'return signers.every((signer, place) =>\n    verify(',
    replace: 'return signers.every((signer, place) => true ||\n    verify(',
    breaks: 'agreement',
  },
  {
    name: 'the locked block is prevoted whatever is proposed',
    file: `${core}height.ts`,
    find: 'this.#prevote(acceptable ? blockHash : undefined)',
    replace: 'this.#prevote(this.#locked?.blockHash ?? (acceptable ? blockHash : undefined))',
    breaks: 'progress',
  },
  {
    name: 'a round skip hides the decision of an earlier round (L49)',
    file: `${core}height.ts`,
    find: '      const valid = this.#validityOf(blockHash)\n      if (valid === undefined) continue',
    replace:
      '      if (round !== this.round) continue\n      const valid = this.#validityOf(blockHash)\n      if (valid === undefined) continue',
    breaks: 'progress',
  },
  {
    name: 'a round is skipped to only when two thirds are there (L55)',
    file: `${core}round.ts`,
    find: 'return this.#senderPower >= this.#shares.oneThird',
    replace: 'return this.#senderPower >= this.#shares.quorum',
    breaks: 'progress',
  },
  {
    name: 'only the first vote of a double voter counts',
    file: `${core}votes.ts`,
    find: 'return first === undefined || (first.blockHash !== blockHash && this.#second[validator] === undefined)',
    replace: 'return first === undefined',
    breaks: 'progress',
  },
  {
    name: 'the proposer forgets the valid value (L15)',
    file: `${core}height.ts`,
    find: '      this.#valid = polka // L42\n',
    replace: '',
    breaks: 'progress',
  },
]
