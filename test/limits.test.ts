/** Limits that live in different packages and must agree. */
import assert from 'node:assert/strict'
import test from 'node:test'
import {
  type Block,
  type Commit,
  compactBlock,
  decidedBlock,
  fromBytes,
  params,
  toBytes,
  validatorsMax,
} from '@claw-network/protocol'
import { gossipBytesMax, requestLimits } from '../node/src/network/limits.ts'
import { actor } from './helpers/actors.ts'
import { ChainRun } from './helpers/chain-run.ts'

const blockBytesLimit = Number(params.fields['blockBytesMax']?.schema['maximum'])

/** What the codecs count in the largest commit there can be. */
function largestCommit(of: Commit): Commit {
  return {
    ...of,
    signers: new Uint8Array(Math.ceil(validatorsMax / 8)).fill(0xff),
    signatures: Array.from({ length: validatorsMax }, () => new Uint8Array(64)),
  }
}

test('the largest block that a network may choose fits an answer, and its compact form a proposal', async () => {
  const run = await ChainRun.open()
  const smallest = run.transfer('alice', { to: actor('bob'), amount: 1n })
  const { header } = run.build().block
  const lastCommit = largestCommit(run.commitOf(1, run.chain.chainId))
  const count = Math.floor(blockBytesLimit / smallest.bytes.length)
  const block: Block = { header, transactions: Array(count).fill(smallest.bytes), lastCommit, evidence: [] }
  const { transactions, ...rest } = block
  const compact = { ...rest, transactionHashes: transactions.map(() => smallest.wireHash) }

  const decided = toBytes(decidedBlock, { block, commit: lastCommit })
  const proposed = toBytes(compactBlock, compact)
  assert.ok(decided.length < requestLimits.blocks.answerBytesMax, `a block has ${decided.length} bytes`)
  assert.ok(proposed.length < gossipBytesMax.proposals, `a compact block has ${proposed.length} bytes`)
  assert.ok(proposed.length < requestLimits.round.answerBytesMax / 2, 'there is room for votes beside it')
  assert.equal(fromBytes(decidedBlock, decided).block.transactions.length, count)
  assert.equal(fromBytes(compactBlock, proposed).transactionHashes.length, count)
})
