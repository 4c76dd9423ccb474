import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BlockInputs, domains, Ledger, nextDeadline, type View } from '@claw-network/protocol'
import { Story } from '../../test/helpers/network-story.ts'
import { calmPlan } from './plan.ts'

const idle = { ...calmPlan.params, idleBlockIntervalMs: 0 }
/** One more than a block handles. */
const many = 257

/** Escrows that wait for money and all end at one time, which is answered. */
async function openEscrows(story: Story, count: number, inMs: number): Promise<number> {
  const { cluster } = story
  const expiresAt = (story.node(0).running?.chain.tip.timeMs ?? assert.fail('it runs')) + inMs
  const beneficiary = cluster.probeClient(0).address
  const senders = cluster.clients.filter(({ address }) => address !== beneficiary)
  for (let each = 0; each < count; each += 1) {
    const client = senders[each % senders.length] ?? assert.fail('there are clients')
    const payload = { beneficiary, amount: 0n, releaseRules: [{ id: 'own' }], expiresAt }
    const order = { kind: 'escrow.create', payload }
    const sent = cluster.submit(0, nonce => cluster.workload.sign(client, nonce, order), client)
    assert.ok(sent !== undefined, 'it is taken')
  }
  await story.until('they are open at all nodes', () =>
    cluster.nodes.every(({ store }) => [...store.view.range('escrows/')].length === count),
  )
  return expiresAt
}

function viewOf(story: Story, number: number): View {
  return story.node(number).store.view
}

/** The times of the blocks after `height`, as node 0 has them. */
function timesAfter(story: Story, height: number): readonly number[] {
  const { store } = story.node(0)
  const count = (story.heights[0] ?? 0) - height
  return Array.from({ length: count }, (_, index) => store.decidedAt(height + 1 + index)?.block.header.timeMs ?? 0)
}

test('an idle network makes one block for a deadline, when its time has come, and is idle again', async () => {
  const story = await Story.begin({ params: idle })
  const expiresAt = await openEscrows(story, 1, 20_000)
  await story.pass(5_000)
  const before = story.heights[0] ?? 0
  await story.pass(60_000)
  const [time, ...more] = timesAfter(story, before)
  assert.deepEqual(more, [])
  assert.ok(time !== undefined && time >= expiresAt && time < expiresAt + 1_000, `${time} for ${expiresAt}`)
  assert.equal(nextDeadline(viewOf(story, 3)), undefined)
  story.end()
})

test('a deadline that passes while the network is divided is handled once it is whole', async () => {
  const story = await Story.begin({ params: idle })
  await openEscrows(story, 3, 5_000)
  story.divide([0, 1], [2, 3])
  const before = story.heights[0] ?? 0
  await story.pass(30_000)
  assert.equal(story.heights[0], before)
  story.reunite()
  await story.until('it is handled', () => [0, 1, 2, 3].every(node => nextDeadline(viewOf(story, node)) === undefined))
  story.end()
})

test('more deadlines than a block may handle take two blocks, and all escrows end', async () => {
  const story = await Story.begin({ params: idle })
  await openEscrows(story, many, 10_000)
  const before = story.heights[0] ?? 0
  await story.until('all have ended', () => [0, 1, 2, 3].every(node => nextDeadline(viewOf(story, node)) === undefined))
  assert.equal(timesAfter(story, before).length, 2)
  story.end()
})

/** A ledger that handles in one block what has to wait for the next one. */
class Hasty extends Ledger {
  override begin(base: View, inputs: BlockInputs) {
    const execution = super.begin(base, inputs)
    const isFull = (nextDeadline(execution.draft) ?? Number.POSITIVE_INFINITY) <= inputs.timeMs
    if (isFull) execution.draft.take(super.begin(execution.draft, inputs).draft)
    return execution
  }
}

test('a node that handles more of them in a block than others stops', async () => {
  const story = await Story.begin({ params: idle, traitors: new Map([[2, new Set<never>()]]) })
  await openEscrows(story, many, 10_000)
  const { chain } = story.node(2).running ?? assert.fail('it runs')
  Object.defineProperty(chain, 'ledger', { value: new Hasty(domains) })
  await story.until('it stops', () => story.node(2).fault !== undefined)
  assert.match(String(story.node(2).fault), /final, but this node finds it invalid/)
  await story.until('the others end all', () =>
    [0, 1, 3].every(node => nextDeadline(viewOf(story, node)) === undefined),
  )
  story.end()
})

/** A ledger for which a deadline has not passed yet in a block of just that time. */
class Late extends Ledger {
  override begin(base: View, inputs: BlockInputs) {
    const isNow = nextDeadline(base) === inputs.timeMs
    const without: View = { get: key => (key.startsWith('deadlines/') ? undefined : base.get(key)) }
    return super.begin(isNow ? without : base, inputs)
  }
}

test('a node for which a deadline passes after its time, not at it, stops', async () => {
  const story = await Story.begin({ params: idle, traitors: new Map([[2, new Set<never>()]]) })
  const expiresAt = await openEscrows(story, 1, 10_000)
  const before = story.heights[0] ?? 0
  const { chain } = story.node(2).running ?? assert.fail('it runs')
  Object.defineProperty(chain, 'ledger', { value: new Late(domains) })
  await story.until('it stops', () => story.node(2).fault !== undefined)
  assert.match(String(story.node(2).fault), /final, but this node finds it invalid/)
  await story.until('the others end it', () => [0, 1, 3].every(node => nextDeadline(viewOf(story, node)) === undefined))
  assert.equal(timesAfter(story, before)[0], expiresAt)
  story.end()
})
