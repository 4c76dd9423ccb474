import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, readdirSync, rmSync, statSync, truncateSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  digest,
  hashOf,
  present,
  Prng,
  prove,
  type StateKey,
  statePath,
  toHex,
  utf8,
  verifyProof,
} from '@claw-network/protocol'
import type { ChainRun } from '../../../test/helpers/chain-run.ts'
import { grow, openGrowingChain } from '../../../test/helpers/growing-chain.ts'
import type { ChainStore } from '../chain-store.ts'
import { buckets } from './buckets.ts'
import { Database, DatabaseError, DatabaseLockedError } from './database.ts'
import { LevelStore } from './level-store.ts'
import { MemoryStore } from './memory.ts'

let directory: string
const closers: (() => Promise<void>)[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'clawnet-store-'))
})

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  rmSync(directory, { recursive: true, force: true })
})

async function open(path = directory): Promise<LevelStore> {
  const store = await LevelStore.open(path)
  closers.push(() => store.close())
  return store
}

async function growBy(run: ChainRun, blocks: number): Promise<void> {
  for (let i = 0; i < blocks; i++) await grow(run)
}

/** Executes all blocks of a store anew, in memory: whatever it holds must be what they give, no more and no less. */
async function assertComplete(store: ChainStore): Promise<void> {
  const tip = present(store.tip(), 'the store has a tip')
  const rows = new MemoryStore()
  const run = await openGrowingChain(rows)
  const everWritten = new Set<StateKey>()
  for (let height = 1; height <= tip.height; height++) {
    for (const [key] of rows.view.range('')) everWritten.add(key)
    const decided = present(store.decidedAt(height), `block ${height} is there`)
    await run.chain.commit(run.check(decided.block), decided.commit)
    assert.deepEqual(outcomeOf(store, height), outcomeOf(rows, height))
    assert.deepEqual(store.validatorsAt(height), rows.validatorsAt(height))
    assert.equal(store.heightOf(decided.commit.blockHash), height)
    outcomeOf(rows, height).transactionIds.forEach(id => assert.deepEqual(store.placeOf(id), rows.placeOf(id)))
  }
  assert.deepEqual(tip, rows.tip())
  assert.equal(store.decidedAt(tip.height + 1), undefined)
  assert.equal(store.outcomeAt(tip.height + 1), undefined)
  for (const [key] of rows.view.range('')) everWritten.add(key)
  for (const key of everWritten) {
    const row = rows.view.get(key)
    const stored = store.view.get(key)
    assert.deepEqual(stored && toHex(stored), row && toHex(row))
    const proof = prove(store.tree, statePath(key))
    assert.ok(verifyProof(tip.stateRoot, statePath(key), row && digest(row), proof))
  }
}

function outcomeOf(store: ChainStore, height: number) {
  const { transactionIds, rejections, movements } = present(store.outcomeAt(height), 'the height is there')
  return { transactionIds, rejections, movements }
}

for (const [name, make] of [
  ['in memory', () => Promise.resolve(new MemoryStore())],
  ['on disk', () => open()],
] as const) {
  describe(`a store ${name}`, () => {
    test('has no tip and no chain before it begins', async () => {
      const store = await make()
      assert.equal(store.tip(), undefined)
      assert.equal(store.chainId(), undefined)
    })

    test('starts at height 0 with the state of genesis', async () => {
      const store = await make()
      const run = await openGrowingChain(store)
      assert.equal(store.tip()?.height, 0)
      assert.equal(store.tip()?.commit, undefined)
      assert.equal(store.chainId(), run.chain.chainId)
      assert.equal(run.account('alice').available, 1_000_000_000n)
    })

    test('answers every block, outcome, validator set and transaction it was given', async () => {
      const store = await make()
      await growBy(await openGrowingChain(store), 5)
      await assertComplete(store)
      assert.equal(store.outcomeAt(3)?.rejections.at(-1), 'funds_are_short')
    })

    test('knows nothing of heights and hashes it was never given', async () => {
      const store = await make()
      await growBy(await openGrowingChain(store), 1)
      const unknown = hashOf(utf8('unknown'))
      for (const height of [0, 2, 2 ** 40]) {
        assert.equal(store.decidedAt(height), undefined)
        assert.equal(store.outcomeAt(height), undefined)
        assert.equal(store.validatorsAt(height), undefined)
      }
      assert.equal(store.heightOf(unknown), undefined)
      assert.equal(store.placeOf(unknown), undefined)
    })
  })
}

describe('a store on disk', () => {
  test('holds after it is opened again what it held before', async () => {
    const store = await LevelStore.open(directory)
    await growBy(await openGrowingChain(store), 3)
    await store.close()
    const again = await open()
    await assertComplete(again)
    assert.equal(again.tip()?.height, 3)
    await growBy(await openGrowingChain(again), 2)
    await assertComplete(again)
  })

  test('gives the state before an append until the append is durable', async () => {
    const store = await open()
    const run = await openGrowingChain(store)
    const before = store.tip()
    const growing = grow(run)
    assert.deepEqual(store.tip(), before)
    await growing
    assert.equal(store.tip()?.height, 1)
  })

  test('survives kill -9 at any time with every height it acknowledged, and whole', { timeout: 120_000 }, async () => {
    const prng = new Prng(7)
    let acknowledged = 0
    for (let round = 0; round < 6; round++) {
      acknowledged = await growUntilKilled(directory, 1 + prng.below(25))
      const store = await LevelStore.open(directory)
      try {
        const height = store.tip()?.height ?? 0
        assert.ok(height >= acknowledged, `height ${acknowledged} was acknowledged, ${height} is there`)
        assert.ok(height <= acknowledged + 1, 'one height is written at a time')
        if (round === 5) await assertComplete(store)
      } finally {
        await store.close()
      }
    }
    assert.ok(acknowledged > 0)
  })

  test('has a height whole or not at all, wherever the last write was torn', { timeout: 120_000 }, async () => {
    const whole = join(directory, 'whole')
    const store = await LevelStore.open(whole)
    const run = await openGrowingChain(store)
    const sizes = [logSize(whole)]
    for (let i = 0; i < 4; i++) {
      await grow(run)
      sizes.push(logSize(whole))
    }
    await store.close()

    const prng = new Prng(3)
    const [base, end] = [sizes[0] as number, sizes.at(-1) as number]
    for (const cut of [base, end - 1, ...Array.from({ length: 8 }, () => prng.between(base, end))]) {
      const torn = join(directory, `torn ${cut}`)
      cpSync(whole, torn, { recursive: true })
      truncateSync(newestLog(torn), cut)
      const opened = await LevelStore.open(torn)
      try {
        assert.equal(
          opened.tip()?.height,
          sizes.findLastIndex(size => size <= cut),
        )
        await assertComplete(opened)
      } finally {
        await opened.close()
      }
    }
  })

  test('is refused while another has it open', async () => {
    await open()
    await assert.rejects(LevelStore.open(directory), DatabaseLockedError)
  })

  test('is refused, with the way out, when its files are damaged', async () => {
    const store = await LevelStore.open(directory)
    await growBy(await openGrowingChain(store), 1)
    await store.close()
    truncateSync(join(directory, 'CURRENT'), 3)
    await assert.rejects(
      LevelStore.open(directory),
      (error: Error) =>
        error instanceof DatabaseError && error.message.includes(directory) && /restore/.test(error.message),
    )
  })

  test('is refused when the block of its tip is lost', async () => {
    const store = await LevelStore.open(directory)
    await growBy(await openGrowingChain(store), 2)
    await store.close()
    const database = await Database.open(directory)
    await database.write([[buckets.block(2), undefined]])
    await database.close()
    await assert.rejects(LevelStore.open(directory), /has lost block 2/)
  })

  test('is refused when a later version wrote it, and can be opened by that version afterwards', async () => {
    const database = await Database.open(directory)
    await database.write([[buckets.meta('layout'), Uint8Array.of(2)]])
    await database.close()
    for (let i = 0; i < 2; i++) await assert.rejects(LevelStore.open(directory), /another version/)
  })
})

/** Answers the last height that the process said before it was killed, `blocks` after its first. */
async function growUntilKilled(path: string, blocks: number): Promise<number> {
  const script = fileURLToPath(new URL('../../../test/helpers/store-process.ts', import.meta.url))
  const child = spawn(process.execPath, ['--conditions=clawnet-source', script, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let last = 0
  let said = 0
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line)
    said += 1
    if (said === blocks) child.kill('SIGKILL')
  }
  if (child.signalCode === null && child.exitCode === null) await once(child, 'exit')
  assert.equal(child.signalCode, 'SIGKILL')
  return last
}

function newestLog(path: string): string {
  const logs = readdirSync(path).filter(name => name.endsWith('.log'))
  return join(path, present(logs.sort((a, b) => (a < b ? -1 : 1)).at(-1), 'LevelDB keeps a log'))
}

function logSize(path: string): number {
  return statSync(newestLog(path)).size
}
