/**
 * Bugs of consensus and of the ledger that others have shipped or that we could have, as edits of our source. The simulator runs on sources
 * with one of them planted, and must catch it: a checker that catches none of these proves nothing.
 */
export interface PlantedBug {
  readonly name: string
  /** From the root of the repository. */
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
  /** A seed that showed it; absent where only the unit tests of the core do, since whole networks get over it. */
  readonly seed?: number
}

const core = 'protocol/src/consensus/'
const shell = 'node/src/chain/'
const ledger = 'protocol/src/ledger/'
const escrow = 'protocol/src/domains/escrow/'
const identity = 'protocol/src/domains/identity/'

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'a new value is prevoted against the lock (L23)',
    file: `${core}height.ts`,
    find: 'const isFree = this.#locked === undefined || this.#locked.blockHash === blockHash\n',
    replace: 'const isFree = true\n',
    seed: 6,
  },
  {
    name: 'an older value is prevoted against the lock (L29)',
    file: `${core}height.ts`,
    find: 'const isFree = locked === undefined || locked.round <= polRound || locked.blockHash === blockHash\n',
    replace: 'const isFree = true\n',
    seed: 182,
  },
  {
    name: 'a polka is matched by value, in whatever round (L28)',
    file: `${core}height.ts`,
    find: 'if (!this.#rounds.get(polRound)?.prevotes.hasQuorum(blockHash)) return undefined',
    replace: 'if (![...this.#rounds.all.values()].some(known => known.prevotes.hasQuorum(blockHash))) return undefined',
    seed: 1615,
  },
  {
    name: 'a polka for nil unlocks (L44)',
    file: `${core}height.ts`,
    find: "if (this.#step !== 'prevote' || !round.prevotes.hasQuorum(undefined)) return false\n",
    replace:
      "if (this.#step !== 'prevote' || !round.prevotes.hasQuorum(undefined)) return false\n    this.#locked = undefined\n",
    seed: 56,
  },
  {
    name: 'the precommit sets no lock (L38)',
    file: `${core}height.ts`,
    find: '        this.#locked = polka // L38\n',
    replace: '',
    seed: 6,
  },
  {
    name: 'two thirds exactly are a quorum, or a little less',
    file: `${core}validator-set.ts`,
    find: 'return (total * 2n) / 3n + 1n',
    replace: 'return (total * 2n) / 3n',
    seed: 10,
  },
  {
    name: 'votes for different values add up to a quorum for the last one',
    file: `${core}votes.ts`,
    find: 'if (ballot.power < this.#shares.quorum || this.hasQuorum(blockHash)) return false',
    replace: 'if (this.#power < this.#shares.quorum || this.hasQuorum(blockHash)) return false',
    seed: 1,
  },
  {
    name: 'a certificate of a few signers is a certificate',
    file: `${core}certificate.ts`,
    find: '  if (powerOf(signers) < quorum(set)) return false\n',
    replace: '',
    seed: 6,
  },
  {
    name: 'the signatures of a certificate are not checked',
    file: `${core}certificate.ts`,
    find: 'return signers.every((signer, place) =>\n    verify(',
    replace: 'return signers.every((signer, place) => true ||\n    verify(',
    seed: 16,
  },
  {
    name: 'the locked block is prevoted whatever is proposed',
    file: `${core}height.ts`,
    find: 'this.#prevote(acceptable ? blockHash : undefined)',
    replace: 'this.#prevote(this.#locked?.blockHash ?? (acceptable ? blockHash : undefined))',
  },
  {
    name: 'a round skip hides the decision of an earlier round (L49)',
    file: `${core}height.ts`,
    find: '      const valid = this.#validityOf(blockHash)\n      if (valid === undefined) continue',
    replace:
      '      if (round !== this.round) continue\n      const valid = this.#validityOf(blockHash)\n      if (valid === undefined) continue',
  },
  {
    name: 'a round is skipped to only when two thirds are there (L55)',
    file: `${core}round.ts`,
    find: 'return this.#senderPower >= this.#shares.oneThird',
    replace: 'return this.#senderPower >= this.#shares.quorum',
  },
  {
    name: 'only the first vote of a double voter counts',
    file: `${core}votes.ts`,
    find: 'return first === undefined || (first.blockHash !== blockHash && this.#second[validator] === undefined)',
    replace: 'return first === undefined',
  },
  {
    name: 'the proposer forgets the valid value (L15)',
    file: `${core}height.ts`,
    find: '      this.#valid = polka // L42\n',
    replace: '',
    seed: 4,
  },
  {
    name: 'the log is not replayed after a crash (C44)',
    file: `${shell}deliberation.ts`,
    find: '    if (frames.length === 0) return\n',
    replace: '    if (frames.length >= 0) return\n',
    seed: 12,
  },
  {
    name: 'what the log leaves open is not taken up (C44)',
    file: `${shell}deliberation.ts`,
    find: '    this.#perform(open)\n',
    replace: '',
    seed: 169,
  },
  {
    name: 'the log is not synced before a signature (C42)',
    file: `${shell}deliberation.ts`,
    find: '    this.#wal.sync()\n',
    replace: '',
    seed: 8,
  },
  {
    name: 'a torn tail stays in the log (C43)',
    file: `${shell}wal.ts`,
    find: '    if (length < bytes.length) this.#disk.truncate(this.#file, length)\n',
    replace: '',
    seed: 147,
  },
  {
    name: 'the log goes before the block is durable (C44)',
    file: `${shell}driver.ts`,
    find: '    await chain.commit(candidate, commit)\n',
    replace: '    this.#current.forget()\n    await chain.commit(candidate, commit)\n',
    seed: 8,
  },
  {
    name: 'the block is not logged before a vote for it (C40)',
    file: `${shell}deliberation.ts`,
    find: "    this.#log('block', toBytes(blockCodec, block))\n",
    replace: '',
    seed: 8,
  },
  {
    name: 'the signer forgets what it signed (C51)',
    file: `${shell}signer.ts`,
    find: '    this.#disk.writeAt(fileName, (record.sequence % 2) * slotBytes, encodeSlot(record, this.#key.publicKey))\n',
    replace: '',
    seed: 6,
  },
  {
    name: 'the record of the signer is not synced (C51)',
    file: `${shell}signer.ts`,
    find: '    this.#disk.sync(fileName)\n    this.#last = record\n',
    replace: '    this.#last = record\n',
    seed: 8,
  },
  {
    name: 'no peer is asked for what this node lacks (C47)',
    file: `${shell}driver.ts`,
    find: 'if (peer !== undefined) void this.#exchange(peer.id)',
    replace: 'if (peer !== undefined) void peer.id',
    seed: 5,
  },
  {
    name: 'a node that is behind does not catch up',
    file: `${shell}block-sync.ts`,
    find: '    if (this.#running || this.#awaited >= awaitedMax) return\n',
    replace: '    if (this.#awaited >= 0) return\n',
    seed: 5,
  },
  {
    name: 'the commit of a synced block is not verified (C33)',
    file: `${shell}driver.ts`,
    find: 'if (!isCompactBlock(compactOf(block, transactions), commit.blockHash) || !chain.verify(commit)) {',
    replace: 'if (!isCompactBlock(compactOf(block, transactions), commit.blockHash)) {',
    seed: 6,
  },
  {
    name: 'the commit of a synced block may be another block’s',
    file: `${shell}driver.ts`,
    find: 'if (!isCompactBlock(compactOf(block, transactions), commit.blockHash) || !chain.verify(commit)) {',
    replace: 'if (!isCompactBlock(compactOf(block, transactions), blockHash) || !chain.verify(commit)) {',
    seed: 439,
  },
  {
    name: 'lastCommit is not verified (C33)',
    file: `${shell}chain.ts`,
    find: "    if (!this.verify(lastCommit)) throw new InvalidBlockError('lastCommit is not signed by more than two thirds')\n",
    replace: '',
    seed: 622,
  },
  {
    name: 'the state that a block leads to is not compared',
    file: `${shell}chain.ts`,
    find: "    if (header.stateRoot !== executed.stateRoot) throw new InvalidBlockError('stateRoot is wrong')\n",
    replace: '',
    seed: 132,
  },
  {
    name: 'transactions that a peer gives are not checked',
    file: `${shell}relay.ts`,
    find: '    if (!verdicts.every(verdict => verdict)) throw',
    replace: '    if (verdicts.length > unknown.length) throw',
    seed: 227,
  },
  {
    name: 'a proposal may lie in the future (C45)',
    file: `${shell}deliberation.ts`,
    find: 'timeMs <= now + timePrecisionMs && ',
    replace: '',
    seed: 2,
  },
  {
    name: 'votes are not checked for their signature',
    file: `${shell}deliberation.ts`,
    find: "    if (!this.#signed(vote, vote.signature, vote.validator)) return 'reject'\n",
    replace: '',
    seed: 16,
  },
  {
    name: 'certificates are not verified when they come in',
    file: `${shell}deliberation.ts`,
    find: "    if (!verifyCertificate(chain.chainId, this.validators, certificate, signatures.verify)) return 'reject'\n",
    replace: '    void [chain, signatures]\n',
    seed: 16,
  },
  {
    name: 'a compact block is not bound to the hash that was signed',
    file: 'protocol/src/ledger/block.ts',
    find: `    header.txRoot === transactionsRootOf(transactionHashes) &&
    header.lastCommitHash === commitHashOf(lastCommit) &&
    header.evidenceRoot === evidenceRootOf(evidence)
`,
    replace: '    transactionHashes !== undefined && lastCommit !== evidence\n',
    seed: 117,
  },
  {
    name: 'a restarted node tells of a proposal without its block',
    file: `${shell}driver.ts`,
    find: 'return isComplete && room.takes(message.block) ? [message] : []',
    replace: 'return room.takes(message.block) || isComplete ? [message] : []',
    seed: 568,
  },
  {
    name: 'one stalled peer holds up a sync until its deadline',
    file: `${shell}block-sync.ts`,
    find: 'const slowAfterMs = 2_000',
    replace: 'const slowAfterMs = 200_000',
    seed: 53,
  },
  {
    name: 'what a crash tore is taken for damage (C43)',
    file: `${shell}wal.ts`,
    find: '    if (length < bytes.length) this.#disk.truncate(this.#file, length)\n',
    replace:
      '    if (length < bytes.length - headBytes) throw new WalError(`${this.#file} is damaged at byte ${length}`)\n',
    seed: 8,
  },
  {
    name: 'a synced block is taken while another is being made final',
    file: `${shell}driver.ts`,
    find: '      seen = this.#committing\n      await seen\n',
    replace: '      seen = this.#committing\n',
    seed: 245,
  },
  {
    name: 'a refund can be had twice (L51)',
    file: `${escrow}payment.ts`,
    find: '{ ...escrow, refunded: escrow.refunded + amount }',
    replace: '{ ...escrow, refunded: escrow.refunded }',
    seed: 5,
  },
  {
    name: 'a release makes Tokens (L33)',
    file: 'protocol/src/domains/accounts/money.ts',
    find: '  if (from === to) return\n  const payer = accountAt(draft, from)\n',
    replace:
      '  if (from === to) return\n  const payer = { ...accountAt(draft, from), available: accountAt(draft, from).available + 1n }\n',
    seed: 5,
  },
  {
    name: 'a release looks at no cap (L58)',
    file: `${escrow}payment.ts`,
    find: '  if (rule.cap === undefined) return held\n',
    replace: '  if (rule.cap !== undefined || held >= 0n) return held\n',
    seed: 125,
  },
  {
    name: 'an approval is good for two payments (L59)',
    file: `${escrow}payment.ts`,
    find: 'const { paid } = progressOf(draft, id, rule)\n    putProgress(draft, id, rule, { paid: paid + amount, approvals: [] })',
    replace:
      'const { paid, approvals } = progressOf(draft, id, rule)\n    putProgress(draft, id, rule, { paid: paid + amount, approvals })',
    seed: 25,
  },
  {
    name: 'a deadline passes after its time, not at it (L29)',
    file: `${ledger}deadlines.ts`,
    find: 'if (next === undefined || next.timeMs > timeMs) return',
    replace: 'if (next === undefined || next.timeMs >= timeMs) return',
    seed: 25,
  },
  {
    name: 'a deadline is handled before its time (L29)',
    file: `${ledger}deadlines.ts`,
    find: 'if (next === undefined || next.timeMs > timeMs) return',
    replace: 'if (next === undefined || next.timeMs > timeMs + 20) return',
    seed: 65,
  },
  {
    name: 'what a node sweeps depends on what it did before (L29)',
    file: `${ledger}ledger.ts`,
    find: 'const { height, timeMs } = this.#inputs\n    for (const { domain: name, id } of dueDeadlines(this.draft, timeMs, deadlinesPerBlockMax)) {',
    replace:
      'const { height, timeMs } = this.#inputs\n    const runs = ((this.#ledger as unknown as { runs?: number }).runs ?? 0) + 1\n    Object.assign(this.#ledger, { runs })\n    for (const { domain: name, id } of dueDeadlines(this.draft, timeMs, runs % 3 === 0 ? 0 : deadlinesPerBlockMax)) {',
    seed: 5,
  },
  {
    name: 'a budget does not count fees (L42)',
    file: `${identity}budget.ts`,
    find: '  if (grant !== undefined) count(draft, grant, fee, context)\n',
    replace: '  if (grant !== undefined) count(draft, grant, 0n * fee, context)\n',
    seed: 225,
  },
  {
    name: 'a budget does not count locks (L42)',
    file: `${identity}budget.ts`,
    find: '    charges.set(draft, place, least(locked + amount, tokensMax))\n    return amount\n',
    replace: '    charges.set(draft, place, least(locked + amount, tokensMax))\n    return 0n\n',
    seed: 125,
  },
  {
    name: 'a period ends too early (L46)',
    file: `${identity}budget.ts`,
    find: 'const spent = periodStartOf(grant, timeMs) === grant.periodStartMs ? grant.spent : 0n',
    replace: 'const spent = timeMs < grant.periodStartMs + 500 ? grant.spent : 0n',
    seed: 45,
  },
  {
    name: 'the old key signs after a rotation (L40)',
    file: `${identity}authority.ts`,
    find: '  if (signer === keyOf(view, sender)) return\n',
    replace: '  if (signer === keyOf(view, sender) || signer === sender) return\n',
    seed: 5,
  },
  {
    name: 'session keys outlive a rotation (L44)',
    file: `${identity}rotation.ts`,
    find: '    for (const key of before.grants) grants.delete(draft, { did: sender, key })\n',
    replace: '',
    seed: 5,
  },
  {
    name: 'a grant is used after notAfter (L41)',
    file: `${identity}authority.ts`,
    find: "  if (!isLive(grant, timeMs)) return refused('grant_is_over')\n",
    replace: '',
    seed: 5,
  },
  {
    name: 'a grant is used before notBefore (L41)',
    file: `${identity}authority.ts`,
    find: "  if (timeMs < grant.notBefore) return refused('grant_has_not_begun')\n",
    replace: '',
    seed: 5,
  },
  {
    name: 'a session key signs what it was not granted (L41)',
    file: `${identity}authority.ts`,
    find: "  if (!isGranted) return refused('kind_is_not_granted')\n",
    replace: '',
    seed: 5,
  },
]
