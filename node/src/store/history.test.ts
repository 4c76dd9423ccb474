import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import fc from 'fast-check'
import { type Address, hashOf, type Movement, utf8 } from '@claw-network/protocol'
import { History, type HistoryItem, type HistorySource, type Place } from './history.ts'

type Moved = readonly (readonly Movement[])[]

const accounts = ['alice', 'bob', 'carol'].map(name => hashOf(utf8(name)).slice(0, 40) as Address)
const [alice, bob, carol] = accounts as [Address, Address, Address]

let directory: string
let file: string
let opened: History[]

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'clawnet-history-'))
  file = join(directory, 'history.sqlite')
  opened = []
})

afterEach(() => {
  for (const history of opened) history.close()
  rmSync(directory, { recursive: true, force: true })
})

function open(source: HistorySource): History {
  const history = new History(file, source)
  opened.push(history)
  return history
}

function close(history: History): void {
  history.close()
  opened = opened.filter(one => one !== history)
}

/** A chain of which only the movements matter. */
function chainOf(heights: readonly Moved[], chain = 'a chain'): HistorySource {
  return {
    chainId: () => hashOf(utf8(chain)),
    tip: () => ({ height: heights.length }),
    itemsAt: height => {
      const moved = heights[height - 1]
      return moved && itemsOf(moved)
    },
  }
}

function itemsOf(moved: Moved): HistoryItem[] {
  return moved.map(movements => ({ movements }))
}

function pay(from: Address, to: Address): Movement {
  return { from, to, amount: 1n }
}

/** What the index must answer, found by looking at everything. */
function expected(heights: readonly Moved[], account: Address): Place[] {
  return heights
    .flatMap((moved, at) =>
      moved.flatMap((movements, index) =>
        movements.some(({ from, to }) => from === account || to === account) ? [{ height: at + 1, index }] : [],
      ),
    )
    .reverse()
}

const all = { limit: 1_000, offset: 0 }
const three: Moved[] = [[[pay(alice, bob)], []], [[pay(bob, carol), pay(carol, alice)]], [[{ to: bob, amount: 2n }]]]

test('an account’s history is what touched it, once per transaction, the newest first', () => {
  const history = open(chainOf(three))
  assert.ok(history.catchUp(100))
  assert.deepEqual(history.page(alice, all), [
    { height: 2, index: 0 },
    { height: 1, index: 0 },
  ])
  for (const account of accounts) assert.deepEqual(history.page(account, all), expected(three, account))
})

test('pages by offset and pages by place both give the whole history in order', () => {
  const movement = fc.record({
    from: fc.constantFrom(...accounts),
    to: fc.constantFrom(...accounts),
    amount: fc.constant(1n),
  })
  const heights = fc.array(fc.array(fc.array(movement, { maxLength: 2 }), { maxLength: 4 }), {
    maxLength: 12,
    size: 'max',
  })
  let chains = 0
  fc.assert(
    fc.property(heights, fc.integer({ min: 1, max: 5 }), (moved, limit) => {
      const history = open(chainOf(moved, `chain ${chains++}`))
      history.catchUp(100)
      const whole = expected(moved, alice)

      const byOffset: Place[] = []
      const byPlace: Place[] = []
      for (let offset = 0; offset <= whole.length; offset += limit) {
        byOffset.push(...history.page(alice, { limit, offset }))
        const before = byPlace.at(-1)
        byPlace.push(...history.page(alice, { limit, offset: 0, ...(before && { before }) }))
      }
      assert.deepEqual(byOffset, whole)
      assert.deepEqual(byPlace, whole)
      close(history)
    }),
    { numRuns: 20 },
  )
})

test('following block by block and catching up in steps give the same index', () => {
  const followed = open(chainOf(three))
  three.forEach((moved, at) => assert.ok(followed.follow(at + 1, itemsOf(moved))))
  const pages = accounts.map(account => followed.page(account, all))
  close(followed)
  rmSync(file)

  const caught = open(chainOf(three))
  assert.equal(caught.catchUp(2), false)
  assert.equal(caught.height, 2)
  assert.equal(caught.catchUp(2), true)
  assert.deepEqual(
    accounts.map(account => caught.page(account, all)),
    pages,
  )
})

test('a block that does not follow the last indexed one is not indexed', () => {
  const history = open(chainOf(three))
  assert.equal(history.follow(2, itemsOf(three[1] as Moved)), false)
  assert.equal(history.height, 0)
  assert.deepEqual(history.page(carol, all), [])
})

test('an index opened again goes on where it stood', () => {
  const first = open(chainOf(three.slice(0, 2)))
  first.catchUp(100)
  close(first)
  const again = open(chainOf(three))
  assert.equal(again.height, 2)
  again.catchUp(100)
  for (const account of accounts) assert.deepEqual(again.page(account, all), expected(three, account))
})

test('an index of another chain is begun anew', () => {
  const first = open(chainOf(three, 'one'))
  first.catchUp(100)
  close(first)
  const other = open(chainOf([], 'another'))
  assert.equal(other.height, 0)
  assert.deepEqual(other.page(bob, all), [])
})

test('a damaged index is begun anew', () => {
  const damages: (() => void)[] = [
    () => writeFileSync(file, 'this was never a database, whatever its name says: '.repeat(100)),
    () => truncateSync(file, 5_000),
    () => truncateSync(file, 0),
  ]
  for (const damage of damages) {
    const first = open(chainOf(three))
    first.catchUp(100)
    close(first)
    damage()
    const again = open(chainOf(three))
    again.catchUp(100)
    assert.equal(again.height, 3)
    for (const account of accounts) assert.deepEqual(again.page(account, all), expected(three, account))
    close(again)
  }
})

test('a directory that cannot be written is an error, not an empty history', () => {
  assert.throws(() => new History(join(directory, 'missing', 'history.sqlite'), chainOf(three)), /unable to open/)
})

test('what a transaction began is found by each of its parties and by kind, newest first', () => {
  const begun = (kind: string, ...parties: Address[]): HistoryItem => ({ movements: [], begun: { kind, parties } })
  const heights: HistoryItem[][] = [
    [begun('escrow.create', alice, bob)],
    [{ movements: [] }, begun('escrow.create', carol, alice), begun('task.publish', alice)],
  ]
  const history = open({
    chainId: () => hashOf(utf8('a chain')),
    tip: () => ({ height: heights.length }),
    itemsAt: height => heights[height - 1],
  })
  assert.ok(history.catchUp(10))
  const [first, second] = [
    { height: 1, index: 0 },
    { height: 2, index: 1 },
  ]
  assert.deepEqual(history.begun(alice, 'escrow.create', all), [second, first])
  assert.deepEqual(history.begun(alice, 'escrow.create', { limit: 1, offset: 1 }), [first])
  assert.deepEqual(history.begun(alice, 'escrow.create', { ...all, before: second }), [first])
  assert.deepEqual(history.begun(bob, 'escrow.create', all), [first])
  assert.deepEqual(history.begun(alice, 'task.publish', all), [{ height: 2, index: 2 }])
  assert.deepEqual(history.begun(bob, 'task.publish', all), [])
  assert.deepEqual(history.page(alice, all), [])
})
