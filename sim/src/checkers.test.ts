import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerId } from '@claw-network/node/ports'
import type { MemoryStore } from '@claw-network/node/store/memory'
import {
  domains,
  type Evidence,
  type Hash,
  Ledger,
  ledger,
  type PublicKey,
  type Statement,
} from '@claw-network/protocol'
import { Story } from '../../test/helpers/network-story.ts'
import { Checks, type Rule } from './checkers.ts'
import { schemeOf } from './signatures.ts'

const [blockA, blockB] = ['aa'.repeat(32) as Hash, 'bb'.repeat(32) as Hash]
const someone = 'n1' as PeerId

/** A network that has decided three blocks, one of them with a payment. */
async function decided() {
  const story = await Story.begin()
  const payment = story.pay(0)
  await story.untilAllDecide(3)
  story.end()
  return { story, payment, checks: story.cluster.checks, store: story.node(1).store }
}

/** The store with some of its answers changed. */
function doctored(store: MemoryStore, changes: { readonly [name: string]: unknown }): MemoryStore {
  return new Proxy(store, {
    get(target, name) {
      if (typeof name === 'string' && name in changes) return changes[name]
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function vote(type: 'prevote' | 'precommit', round: number, blockHash?: Hash): Statement {
  return { type, height: 9, round, ...(blockHash !== undefined && { blockHash }) }
}

const stories: readonly (readonly [
  claim: string,
  rule: Rule | undefined,
  said: readonly (readonly [number, Statement])[],
])[] = [
  [
    'two different prevotes in one round',
    'equivocation',
    [
      [0, vote('prevote', 0, blockA)],
      [0, vote('prevote', 0)],
    ],
  ],
  [
    'the same prevote twice',
    undefined,
    [
      [0, vote('prevote', 0, blockA)],
      [0, vote('prevote', 0, blockA)],
    ],
  ],
  [
    'a precommit without a polka',
    'polka',
    [
      [0, vote('prevote', 0, blockA)],
      [1, vote('precommit', 0, blockA)],
    ],
  ],
  [
    'a prevote against the lock',
    'lock',
    [
      ...[0, 1, 2].map(validator => [validator, vote('prevote', 0, blockA)] as const),
      [0, vote('precommit', 0, blockA)],
      [0, vote('prevote', 1, blockB)],
    ],
  ],
  [
    'a prevote for what had a polka after the lock',
    undefined,
    [
      ...[0, 1, 2].map(validator => [validator, vote('prevote', 0, blockA)] as const),
      [0, vote('precommit', 0, blockA)],
      ...[1, 2, 3].map(validator => [validator, vote('prevote', 1, blockB)] as const),
      [0, vote('prevote', 2, blockB)],
    ],
  ],
]

for (const [claim, rule, said] of stories) {
  test(`${claim} of honest validators ${rule === undefined ? 'is allowed' : `breaks the rule of ${rule}`}`, async () => {
    const { checks } = await decided()
    for (const [validator, statement] of said) checks.spoke({ validator, isHonest: true, statement })
    assert.equal(checks.violation?.rule, rule)
  })
}

test('what traitors say twice breaks no rule, and names them', async () => {
  const { checks } = await decided()
  for (const blockHash of [blockA, blockB]) {
    checks.spoke({ validator: 3, isHonest: false, statement: vote('prevote', 0, blockHash) })
  }
  assert.equal(checks.violation, undefined)
  assert.deepEqual(checks.doubleSigners, new Set([3]))
})

test('a second decision at one height breaks agreement, one without signatures is no decision', async () => {
  const record = ({ store }: { readonly store: MemoryStore }, height: number) => {
    const { block, commit } = store.decidedAt(height) ?? assert.fail('it is decided')
    const outcome = store.outcomeAt(height) ?? assert.fail('it is decided')
    const validators = store.validatorsAt(height) ?? assert.fail('it is decided')
    return { block, commit, blockHash: commit.blockHash, ...outcome, validators, state: [], tree: [] }
  }
  const one = await decided()
  one.checks.decided(someone, { ...record(one, 2), blockHash: blockA }, Number.MAX_SAFE_INTEGER)
  assert.equal(one.checks.violation?.rule, 'commit')

  const fork = await Story.begin({ seed: 2 })
  fork.pay(2)
  await fork.untilAllDecide(1)
  const another = await decided()
  another.checks.decided(someone, record({ store: fork.node(0).store }, 1), Number.MAX_SAFE_INTEGER)
  assert.equal(another.checks.violation?.rule, 'agreement')
})

test('a store that lost a block, or a transaction that somebody was told of, breaks finality', async () => {
  for (const changes of [{ decidedAt: () => undefined }, { placeOf: () => undefined }]) {
    const { checks, store } = await decided()
    checks.checkStore(someone, doctored(store, changes))
    assert.equal(checks.violation?.rule, 'finality')
  }
})

test('a store with another row than replay gives breaks replay', async () => {
  type Rows = (readonly [string, Uint8Array])[]
  const changes: readonly ((rows: Rows) => Rows)[] = [
    rows => rows.map(([key, row], index) => [key, index === 3 ? Uint8Array.of(...row, 0) : row]),
    rows => rows.slice(1),
    rows => [...rows, ['accounts/00', new Uint8Array(1)]],
  ]
  for (const change of changes) {
    const { checks, store } = await decided()
    const range = () => change([...store.view.range('')])
    checks.checkStore(someone, doctored(store, { view: { ...store.view, range } }))
    assert.equal(checks.violation?.rule, 'replay')
  }
})

test('tokens out of nowhere break the ledger', async () => {
  const { genesis } = (await decided()).story.node(0).running?.chain ?? assert.fail('it runs')
  const rich = new Ledger(domains.map(domain => ({ ...domain, holdings: () => 1n })))
  const open = (used: Ledger) =>
    Checks.open({ genesis, ledger: used, scheme: schemeOf('keyed-hash'), timeErrorMsMax: 0 })
  assert.equal((await open(ledger)).violation, undefined)
  assert.equal((await open(rich)).violation?.rule, 'ledger')
})

test('whoever accuses an honest validator breaks the rule of evidence', async () => {
  const { checks } = await decided()
  const half = { signature: new Uint8Array(64) }
  const publicKey = '01'.repeat(32) as PublicKey
  const evidence: Evidence = { publicKey, type: 'prevote', height: 1, round: 0, first: half, second: half }
  checks.checkEvidence(someone, [evidence], new Set())
  assert.ok(checks.violation === undefined)
  checks.checkEvidence(someone, [evidence], new Set([publicKey]))
  assert.match(String(checks.violation), /evidence/)
})
