import assert from 'node:assert/strict'
import test from 'node:test'
import { actor } from '../../../test/helpers/actors.ts'
import { genesisOf, LedgerRun, type NetworkOptions } from '../../../test/helpers/ledger-run.ts'
import { accountAt } from '../domains/accounts/index.ts'
import { ledger } from '../domains/index.ts'
import { DecodeError, fromBytes, toBytes } from '../lib/codec.ts'
import { chainIdOf, checkGenesis, type Genesis, genesis, genesisSupply } from './genesis.ts'
import { paramsOf, presets } from './params.ts'

const tokensMax = 9_007_199_254_740_991n

function problemOf(value: Genesis): string {
  try {
    checkGenesis(value)
    return ''
  } catch (error) {
    assert.ok(error instanceof DecodeError, String(error))
    return error.message
  }
}

test('a genesis comes back from its bytes and its JSON, and its chain id with it', () => {
  const value = genesisOf()
  assert.deepEqual(fromBytes(genesis, toBytes(genesis, value)), value)
  const again = genesis.fromJson(JSON.parse(JSON.stringify(genesis.toJson(value))))
  assert.equal(chainIdOf(again), chainIdOf(value))
})

test('whatever is changed in a genesis makes another chain', () => {
  const value = genesisOf({ stakes: { val: 100n, vera: 5n } })
  const changed: Genesis[] = [
    { ...value, network: 'testnet' },
    { ...value, name: 'test 2' },
    { ...value, timeMs: value.timeMs + 1 },
    { ...value, accounts: value.accounts.slice(1) },
    { ...value, accounts: value.accounts.toReversed() },
    { ...value, validators: value.validators.toReversed() },
    ...Object.keys(value.params).map(name => {
      const before = value.params[name as keyof Genesis['params']]
      return { ...value, params: { ...value.params, [name]: typeof before === 'bigint' ? before + 1n : before + 1 } }
    }),
  ]
  assert.equal(new Set([value, ...changed].map(chainIdOf)).size, changed.length + 1)
})

test('a network has at least one validator', () => {
  assert.match(problemOf(genesisOf({ stakes: {} })), /^validators: must name at least one/)
})

test('a consensus key votes once, an account starts once', () => {
  const value = genesisOf({ stakes: { val: 1n, vera: 2n } })
  const [val] = value.validators
  const [alice] = value.accounts
  assert.ok(val !== undefined && alice !== undefined)
  assert.match(
    problemOf({ ...value, validators: [...value.validators, { ...val, address: actor('x').address }] }),
    /^validators\[2\]\.consensusKey: stands in the list twice/,
  )
  assert.match(
    problemOf({ ...value, accounts: [...value.accounts, { ...alice, balance: 1n }] }),
    /^accounts\[3\]\.address: stands in the list twice/,
  )
  const sameOwner = { ...value, validators: value.validators.map(one => ({ ...one, address: val.address })) }
  assert.equal(problemOf(sameOwner), '', 'one owner may have two validators')
})

const supplies: readonly (readonly [what: string, options: NetworkOptions, isSound: boolean])[] = [
  ['all Tokens there can be, at the start', { balances: { alice: tokensMax - 100n } }, true],
  ['one Token more', { balances: { alice: tokensMax - 99n } }, false],
  ['balances that only together are too many', { balances: { alice: 2n ** 52n, bob: 2n ** 52n } }, false],
  ['stakes that make it too many', { balances: { alice: tokensMax }, stakes: { val: 1n } }, false],
  [
    'a subsidy that adds up to the limit',
    { balances: {}, stakes: { val: 1n }, params: { subsidy: (tokensMax - 1n) / 2n, subsidyHalvingBlocks: 1 } },
    true,
  ],
  [
    'a subsidy that would pass it some day',
    { balances: { alice: 2n }, stakes: { val: 1n }, params: { subsidy: 2n ** 52n - 1n, subsidyHalvingBlocks: 1 } },
    false,
  ],
]

for (const [what, options, isSound] of supplies) {
  test(`a supply with ${what} is ${isSound ? 'accepted' : 'refused'}`, () => {
    const problem = problemOf(genesisOf(options))
    if (isSound) assert.equal(problem, '')
    else assert.match(problem, /must stay below 2\^53 Tokens/)
  })
}

test('the subsidies of an accepted genesis are issued to the end without passing the limit', () => {
  const params = { subsidy: (tokensMax - 1n) / 2n, subsidyHalvingBlocks: 1 }
  const run = new LedgerRun({ balances: {}, stakes: { val: 1n }, params })
  for (let height = 1; height <= 60; height++) run.block()
  assert.ok(run.supply.issued <= tokensMax && run.supply.issued > tokensMax - 100n, String(run.supply.issued))
})

test('stakes are locked on top of the balance of their owner, and count as issued', () => {
  const run = new LedgerRun({ balances: { val: 7n, alice: 5n }, stakes: { val: 100n, vera: 3n } })
  assert.deepEqual(run.account('val'), { available: 7n, locked: 100n, nonce: 0 })
  assert.deepEqual(run.account('vera'), { available: 0n, locked: 3n, nonce: 0 })
  assert.equal(genesisSupply(run.genesis), 115n)
  assert.deepEqual(run.supply, { issued: 115n, burned: 0n })
  assert.equal(run.ledger.holdings(run.view), 115n)
})

test('the stakes of two validators of one owner add up', () => {
  const value = genesisOf({ stakes: { val: 100n, vera: 3n } })
  const owned = { ...value, validators: value.validators.map(one => ({ ...one, address: actor('alice').address })) }
  assert.deepEqual(accountAt(ledger.genesis(owned), actor('alice').address), {
    available: 1_000n,
    locked: 103n,
    nonce: 0,
  })
})

test('the parameters of the genesis are those of the first block', () => {
  assert.deepEqual(paramsOf(new LedgerRun({ params: { feeMin: 9n } }).view), { ...presets.local, feeMin: 9n })
})

test('every preset makes a genesis that is accepted', () => {
  for (const network of ['mainnet', 'testnet', 'local'] as const) {
    const value = genesisOf({ params: presets[network] })
    assert.equal(problemOf({ ...value, network }), '')
    assert.deepEqual(genesis.fromJson(genesis.toJson(value)), value)
  }
})
