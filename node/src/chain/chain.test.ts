import assert from 'node:assert/strict'
import test from 'node:test'
import {
  AssertionError,
  type Block,
  blockHashOf,
  type Commit,
  commitHashOf,
  type Evidence,
  evidenceRootOf,
  type Hash,
  type Header,
  header,
  Prng,
  resultsRootOf,
  transactionsRootOf,
} from '@claw-network/protocol'
import { actor } from '../../../test/helpers/actors.ts'
import { ChainRun } from '../../../test/helpers/chain-run.ts'
import { MemoryStore } from '../store/memory.ts'
import { ChainError, InvalidBlockError } from './chain.ts'

const four = { stakes: { val: 10n, vera: 10n, vito: 10n, viola: 10n } }
const someHash = 'ab'.repeat(32) as Hash

/** A chain with one block, and the next one, which is valid. */
async function valid(): Promise<{ run: ChainRun; block: Block }> {
  const run = await ChainRun.open(four)
  await run.decide([run.transfer('alice')])
  const { block } = run.build([run.transfer('alice'), run.transfer('bob', { amount: 5_000n })])
  return { run, block }
}

function refuses(run: ChainRun, block: Block, reason: RegExp): void {
  assert.throws(
    () => run.check(block),
    error => {
      assert.ok(error instanceof InvalidBlockError, String(error))
      assert.match(error.message, reason)
      return true
    },
  )
}

function withHeader(block: Block, changes: Partial<Header>): Block {
  return { ...block, header: { ...block.header, ...changes } }
}

/** The block with this commit of its parent, whose hash the header names. */
function withCommit(block: Block, lastCommit: Commit): Block {
  return { ...block, lastCommit, header: { ...block.header, lastCommitHash: commitHashOf(lastCommit) } }
}

test('what one node builds another finds valid, with the same hash, roots and effects', async () => {
  const [one, two] = [await ChainRun.open(four), await ChainRun.open(four)]
  const prng = new Prng(5)
  for (let height = 1; height <= 8; height++) {
    const transactions = ['alice', 'bob', 'carol'].flatMap(name =>
      Array.from({ length: prng.below(4) }, (_, index) =>
        one.transfer(name, {
          nonce: one.account(name).nonce + 1 + index,
          amount: BigInt(1 + prng.below(400)),
          to: actor(prng.pick(['alice', 'bob', 'newcomer'])),
        }),
      ),
    )
    const built = one.build(transactions)
    const checked = two.check(built.block)
    assert.equal(checked.blockHash, built.blockHash)
    assert.equal(checked.stateRoot, built.stateRoot)
    assert.deepEqual(checked.receipts, built.receipts)
    assert.deepEqual(checked.ownMovements, built.ownMovements)
    assert.deepEqual(checked.state, built.state)

    const commit = one.commitOf(height, built.blockHash)
    await one.chain.commit(built, commit)
    await two.chain.commit(checked, commit)
    assert.deepEqual(two.chain.tip, one.chain.tip)
  }
})

const wrongFields: readonly (readonly [field: keyof Header, value: Header[keyof Header], reason: RegExp])[] = [
  ['version', 2, /^version is 2, must be 1$/],
  ['chainId', someHash, /^chainId is/],
  ['height', 1, /^height is 1, must be 2$/],
  ['height', 3, /^height is 3, must be 2$/],
  ['timeMs', 0, /time is not after its parent/],
  ['lastBlockHash', someHash, /^lastBlockHash is/],
  ['lastCommitHash', someHash, /^lastCommitHash is/],
  ['txRoot', someHash, /^txRoot is wrong/],
  ['evidenceRoot', someHash, /^evidenceRoot is wrong/],
  ['validatorsHash', someHash, /^validatorsHash is/],
  ['nextValidatorsHash', someHash, /^nextValidatorsHash is/],
  ['paramsHash', someHash, /^paramsHash is/],
  ['stateRoot', someHash, /^stateRoot is wrong/],
  ['resultsRoot', someHash, /^resultsRoot is wrong/],
  ['proposer', actor('alice').consensusKey, /proposer is not a validator/],
]

for (const [field, value, reason] of wrongFields) {
  test(`a block with ${field} ${typeof value === 'number' ? value : 'of something else'} is invalid, and the reason names it`, async () => {
    const { run, block } = await valid()
    assert.doesNotThrow(() => run.check(block))
    refuses(run, withHeader(block, { [field]: value }), reason)
  })
}

test('no field of a header is left unchecked', () => {
  assert.deepEqual([...new Set(wrongFields.map(([field]) => field))].sort(), Object.keys(header.fields).sort())
})

test('the time of a block is after its parent’s, by a millisecond at least, though the clock was set back', async () => {
  const { run, block } = await valid()
  const { timeMs } = run.chain.tip
  refuses(run, withHeader(block, { timeMs }), /time is not after/)
  const inputs = { nowMs: timeMs - 60_000, proposer: actor('val').consensusKey, transactions: [], evidence: [] }
  const { candidate } = run.chain.build(inputs)
  assert.equal(candidate.block.header.timeMs, timeMs + 1)
  assert.doesNotThrow(() => run.check(candidate.block))
})

test('another proposer of the set makes another block, and a valid one', async () => {
  const { run } = await valid()
  const inputs = { nowMs: run.chain.tip.timeMs + 5, transactions: [run.transfer('alice')], evidence: [] }
  const hashes = ['val', 'vera'].map(name => {
    const { candidate } = run.chain.build({ ...inputs, proposer: actor(name).consensusKey })
    assert.doesNotThrow(() => run.check(candidate.block))
    return candidate.blockHash
  })
  assert.notEqual(hashes[0], hashes[1])
})

// The commit of the parent

test('the first block has no commit', async () => {
  const run = await ChainRun.open(four)
  const { block } = run.build()
  assert.equal(block.lastCommit, undefined)
  assert.equal(block.header.lastCommitHash, '0'.repeat(64))
  refuses(run, withCommit(block, run.commitOf(1, someHash)), /first block has no parent/)
})

test('every later block has one', async () => {
  const { run, block } = await valid()
  const { lastCommit: _, ...without } = block
  refuses(run, withHeader(without, { lastCommitHash: commitHashOf(undefined) }), /lastCommit is missing/)
})

test('a commit of the parent by other signers, or of another round, is as good', async () => {
  const { run, block } = await valid()
  const { blockHash } = run.chain.tip
  for (const lastCommit of [
    run.commitOf(1, blockHash, ['val', 'vera', 'viola']),
    run.commitOf(1, blockHash, run.validators, 3),
  ]) {
    assert.doesNotThrow(() => run.check(withCommit(block, lastCommit)))
  }
})

test('other signers share the fees, so that a commit can not be exchanged without another state root', async () => {
  const { run } = await valid()
  const { block } = run.build([run.transfer('alice', { fee: 40n })])
  const lastCommit = run.commitOf(1, run.chain.tip.blockHash, ['val', 'vera', 'viola'])
  refuses(run, withCommit(block, lastCommit), /stateRoot is wrong/)
})

test('a commit that two thirds exactly have signed is none', async () => {
  const run = await ChainRun.open({ stakes: { val: 10n, vera: 10n, vito: 10n } })
  await run.decide()
  const { block } = run.build()
  const two = run.commitOf(1, run.chain.tip.blockHash, ['val', 'vera'])
  refuses(run, withCommit(block, two), /not signed by more than two thirds/)
})

test('one bad signature spoils a commit', async () => {
  const { run, block } = await valid()
  const good = run.commitOf(1, run.chain.tip.blockHash)
  const [first = assert.fail(), ...others] = good.signatures
  const spoiled = first.with(5, (first[5] ?? 0) ^ 1)
  refuses(run, withCommit(block, { ...good, signatures: [spoiled, ...others] }), /not signed by more than two thirds/)
  const unsigned = run.commitOf(1, run.chain.tip.blockHash, ['val', 'vera', 'vito'])
  const padded = { ...unsigned, signers: good.signers, signatures: [...unsigned.signatures, first] }
  refuses(run, withCommit(block, padded), /not signed by more than two thirds/)
})

test('a commit for another block, height or chain is none of the parent’s', async () => {
  const { run, block } = await valid()
  refuses(run, withCommit(block, run.commitOf(1, someHash)), /lastCommit is for another block/)
  refuses(run, withCommit(block, run.commitOf(2, run.chain.tip.blockHash)), /lastCommit is for another block/)
  const elsewhere = await ChainRun.open({ ...four, params: { feeMin: 2n } })
  const foreign = elsewhere.commitOf(1, run.chain.tip.blockHash)
  refuses(run, withCommit(block, foreign), /not signed by more than two thirds/)
})

// What stands in a block

test('a transaction that must not stand in a block makes it invalid, whatever the roots', async () => {
  const { run, block } = await valid()
  for (const [transaction, code] of [
    [run.transfer('alice', { nonce: 9 }), 'nonce_is_ahead'],
    [run.transfer('alice', { nonce: 1 }), 'nonce_is_used'],
    [run.transfer('alice', { fee: 0n }), 'fee_is_too_low'],
    [run.transfer('alice', { validUntil: 1 }), 'transaction_expired'],
    [run.transfer('nobody'), 'fee_is_not_covered'],
  ] as const) {
    const changed = withHeader(
      { ...block, transactions: [transaction.bytes] },
      { txRoot: transactionsRootOf([transaction.wireHash]), resultsRoot: resultsRootOf([{}]) },
    )
    refuses(run, changed, new RegExp(`transaction 0 must not be in it: ${code}`))
  }
})

test('order, count and signatures of the transactions are under the header', async () => {
  const { run, block } = await valid()
  const [first = assert.fail(), second = assert.fail()] = block.transactions
  const resigned = first.with(first.length - 1, (first.at(-1) ?? 0) ^ 1)
  for (const transactions of [[second, first], [first], [first, first], [first, second, second], [resigned, second]]) {
    refuses(run, { ...block, transactions }, /txRoot is wrong/)
  }
})

test('a result that is not so makes a block invalid', async () => {
  const { run, block } = await valid()
  const lie = resultsRootOf([{}, {}])
  refuses(run, withHeader(block, { resultsRoot: lie }), /resultsRoot is wrong/)
})

test('transactions beyond the bytes of a block make it invalid', async () => {
  const run = await ChainRun.open({ balances: { alice: 10n ** 9n }, params: { blockBytesMax: 65_536 } })
  const memo = 'x'.repeat(256)
  const transactions = Array.from({ length: 150 }, (_, index) => run.transfer('alice', { nonce: index + 1, memo }))
  const size = transactions[0]?.bytes.length ?? 0
  const most = Math.floor(65_536 / (size + 2))
  assert.doesNotThrow(() => run.check(run.build(transactions.slice(0, most)).block))
  refuses(run, run.build(transactions).block, /transactions are too long/)
})

test('a block with evidence is invalid as long as evidence has no effect', async () => {
  const { run, block } = await valid()
  const half = { signature: new Uint8Array(64) }
  const evidence: Evidence = {
    publicKey: actor('vito').consensusKey,
    type: 'prevote',
    height: 1,
    round: 0,
    first: half,
    second: { ...half, blockHash: someHash },
  }
  refuses(run, { ...block, evidence: [evidence] }, /evidenceRoot is wrong/)
  const rooted = withHeader({ ...block, evidence: [evidence] }, { evidenceRoot: evidenceRootOf([evidence]) })
  refuses(run, rooted, /evidence has no effect/)
})

test('a block is not checked with part of its transactions', async () => {
  const { run, block } = await valid()
  const [first = assert.fail()] = block.transactions
  assert.throws(() => run.chain.check(block, [run.chain.decode(first)]), AssertionError)
})

test('what cannot stand in a block is left out of the one that is built, and named', async () => {
  const run = await ChainRun.open(four)
  const [good, ahead, poor] = [run.transfer('alice'), run.transfer('bob', { nonce: 3 }), run.transfer('nobody')]
  const { candidate, refused } = run.chain.build({
    nowMs: run.chain.tip.timeMs + 1,
    proposer: actor('val').consensusKey,
    transactions: [ahead, good, poor],
    evidence: [],
  })
  assert.deepEqual(candidate.transactions, [good])
  assert.deepEqual(refused, [
    [ahead, 'nonce_is_ahead'],
    [poor, 'fee_is_not_covered'],
  ])
})

test('building and checking leave the chain as it is', async () => {
  const { run, block } = await valid()
  const before = { tip: run.chain.tip, alice: run.account('alice') }
  run.check(block)
  refuses(run, withHeader(block, { stateRoot: someHash }), /stateRoot/)
  run.build([run.transfer('bob')])
  assert.deepEqual({ tip: run.chain.tip, alice: run.account('alice') }, before)
})

// The chain and its store

test('a decided block is the tip, its state is the view, and listeners hear of it in order', async () => {
  const run = await ChainRun.open(four)
  const heard: string[] = []
  run.chain.onDecided(candidate => heard.push(`first ${candidate.block.header.height}`))
  run.chain.onDecided(candidate => heard.push(`second ${candidate.block.header.height}`))
  const sent = run.transfer('alice')
  const { blockHash, stateRoot } = await run.decide([sent])
  assert.equal(run.chain.tip.height, 1)
  assert.equal(run.chain.tip.blockHash, blockHash)
  assert.equal(run.chain.tip.stateRoot, stateRoot)
  assert.equal(run.account('bob').available, 1_010n)
  assert.deepEqual(heard, ['first 1', 'second 1'])
  assert.deepEqual(run.chain.store.placeOf(sent.id), { height: 1, index: 0 })
})

test('a chain opened again on its store goes on where it was', async () => {
  const store = new MemoryStore()
  const before = await ChainRun.open(four, store)
  await before.decide([before.transfer('alice')])
  const { tip } = before.chain
  const after = await ChainRun.open(four, store)
  assert.deepEqual(after.chain.tip, tip)
  const { block } = after.build([after.transfer('alice')])
  assert.equal(blockHashOf(block.header), before.check(block).blockHash)
  await after.decide([after.transfer('alice')])
  assert.equal(after.chain.tip.height, 2)
})

test('the genesis block is named by the chain id', async () => {
  const run = await ChainRun.open(four)
  assert.equal(run.chain.tip.blockHash, run.chain.chainId)
  assert.equal(run.build().block.header.lastBlockHash, run.chain.chainId)
})

test('a store of another network is refused with the way out', async () => {
  const store = new MemoryStore()
  await ChainRun.open(four, store)
  await assert.rejects(
    ChainRun.open({ ...four, params: { feeMin: 2n } }, store),
    error => error instanceof ChainError && /belongs to chain 0x.*--data-dir or --genesis/.test(error.message),
  )
})
