import assert from 'node:assert/strict'
import test from 'node:test'
import { genesisOf, LedgerRun } from '../../../test/helpers/ledger-run.ts'
import type { Commit } from '../consensus/messages.ts'
import type { Hash } from '../crypto/hash.ts'
import type { PublicKey } from '../crypto/keys.ts'
import { listRoot } from '../crypto/merkle.ts'
import { fromBytes, toBytes } from '../lib/codec.ts'
import {
  type Block,
  block,
  blockHashOf,
  commitHashOf,
  type Header,
  header,
  resultsRootOf,
  transactionsRootOf,
} from './block.ts'
import { chainIdOf } from './genesis.ts'

const hashNamed = (digit: string): Hash => digit.repeat(64) as Hash
const sample: Header = {
  version: 1,
  chainId: chainIdOf(genesisOf()),
  height: 2,
  timeMs: 1_760_000_000_123,
  lastBlockHash: hashNamed('1'),
  lastCommitHash: hashNamed('2'),
  txRoot: hashNamed('3'),
  evidenceRoot: hashNamed('4'),
  validatorsHash: hashNamed('5'),
  nextValidatorsHash: hashNamed('6'),
  paramsHash: hashNamed('7'),
  stateRoot: hashNamed('8'),
  resultsRoot: hashNamed('9'),
  proposer: 'a'.repeat(64) as PublicKey,
}
const commit: Commit = {
  height: 1,
  round: 0,
  blockHash: hashNamed('1'),
  signers: Uint8Array.of(1),
  signatures: [new Uint8Array(64).fill(1)],
}

test('every field of a header changes the hash of its block', () => {
  const hashes = new Set([blockHashOf(sample)])
  for (const [name, value] of Object.entries(sample)) {
    hashes.add(blockHashOf({ ...sample, [name]: typeof value === 'number' ? value + 1 : hashNamed('b') }))
  }
  assert.equal(hashes.size, Object.keys(header.fields).length + 1)
})

test('a block comes back from its bytes, with and without a last commit', () => {
  const run = new LedgerRun()
  const transactions = [run.transfer('alice').bytes, run.transfer('bob').bytes]
  const without: Block = { header: sample, transactions, evidence: [] }
  for (const value of [without, { ...without, lastCommit: commit }]) {
    assert.deepEqual(fromBytes(block, toBytes(block, value)), value)
  }
})

test('no commit has the hash of zeros, and any byte of a commit changes its hash', () => {
  assert.equal(commitHashOf(undefined), '0'.repeat(64))
  const changed = [
    commit,
    { ...commit, height: 2 },
    { ...commit, round: 1 },
    { ...commit, blockHash: hashNamed('2') },
    { ...commit, signers: Uint8Array.of(3) },
    { ...commit, signatures: [new Uint8Array(64).fill(2)] },
  ]
  assert.equal(new Set(changed.map(commitHashOf)).size, changed.length)
})

test('the transactions root is that of the signed bytes, and the results root each code and its place', () => {
  const run = new LedgerRun()
  const one = run.transfer('alice')
  const resigned = run.unsigned(one.envelope)
  assert.equal(one.id, resigned.id)
  assert.notEqual(transactionsRootOf([one.wireHash]), transactionsRootOf([resigned.wireHash]))

  assert.equal(transactionsRootOf([one.wireHash, resigned.wireHash]), listRoot([one.bytes, resigned.bytes]))

  const results = [[{}, {}], [{}], [{ rejected: 'a' }, {}], [{}, { rejected: 'a' }], [{}, { rejected: 'b' }], []]
  assert.equal(new Set(results.map(resultsRootOf)).size, results.length)
})
