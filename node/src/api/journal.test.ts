import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { struct, text, uint } from '@claw-network/protocol'
import { Journal } from './journal.ts'

const directory = mkdtempSync(join(tmpdir(), 'clawnet-journal-'))
after(() => rmSync(directory, { recursive: true }))

const line = struct({ name: text(64), count: uint() })
type Line = { readonly name: string; readonly count: number }

/** A journal that remembers the last count of each name. */
async function open(
  name: string,
  bytesMax = 10_000,
): Promise<{ journal: Journal<Line>; counts: Map<string, number>; readonly put: (line: Line) => Promise<void> }> {
  const counts = new Map<string, number>()
  const journal = await Journal.open(
    { path: join(directory, name), line, bytesMax },
    {
      restore: ({ name, count }) => counts.set(name, count),
      current: () => [...counts].map(([name, count]) => ({ name, count })),
    },
  )
  return {
    journal,
    counts,
    put: next => {
      counts.set(next.name, next.count)
      return journal.append(next)
    },
  }
}

test('what was appended is there after a restart, readable by its owner only', async () => {
  const first = await open('a')
  await Promise.all([
    first.put({ name: 'x', count: 1 }),
    first.put({ name: 'y', count: 2 }),
    first.put({ name: 'x', count: 3 }),
  ])
  await first.journal.close()
  assert.equal(statSync(join(directory, 'a')).mode & 0o777, 0o600)
  const second = await open('a')
  assert.deepEqual(
    [...second.counts],
    [
      ['x', 3],
      ['y', 2],
    ],
  )
  await second.journal.close()
})

test('a line that is acknowledged is in the file', async () => {
  const { journal, put } = await open('b')
  for (let count = 0; count < 20; count += 1) {
    await put({ name: 'x', count })
    assert.ok(readFileSync(join(directory, 'b'), 'utf8').endsWith(`"count":${count}}\n`))
  }
  await journal.close()
})

test('a line torn by a crash is dropped, a damaged one is reported with its place', async () => {
  const first = await open('c')
  await first.put({ name: 'x', count: 1 })
  await first.journal.close()
  appendFileSync(join(directory, 'c'), '{"name":"y","cou')
  const second = await open('c')
  assert.deepEqual([...second.counts], [['x', 1]])
  await second.put({ name: 'z', count: 2 })
  await second.journal.close()
  const third = await open('c')
  assert.deepEqual(
    [...third.counts],
    [
      ['x', 1],
      ['z', 2],
    ],
  )
  await third.journal.close()

  writeFileSync(join(directory, 'd'), '{"name":"x","count":1}\n{"name":"x"}\n')
  await assert.rejects(open('d'), /d, line 2: count: is missing.*remove it/)
})

test('the file stays within its limit and loses nothing that counts', async () => {
  const { journal, put } = await open('e', 2_000)
  for (let count = 0; count < 500; count += 1) await put({ name: `n${count % 10}`, count })
  assert.ok(statSync(join(directory, 'e')).size <= 2_000)
  await journal.close()
  const { journal: again, counts } = await open('e')
  assert.deepEqual(
    [...counts.values()].sort((a, b) => a - b),
    Array.from({ length: 10 }, (_, index) => 490 + index),
  )
  await again.close()
})

test('an append that the disk refuses is not acknowledged, and the next one finds a whole file', async () => {
  const { journal, put, counts } = await open('f')
  await put({ name: 'x', count: 1 })
  await journal.close()
  await assert.rejects(put({ name: 'y', count: 2 }))
  counts.delete('y')
  const again = await open('f')
  assert.deepEqual([...again.counts], [['x', 1]])
  await again.journal.close()
})

test('what was refused to one is in no file that is begun anew for the next, whoever comes with him', async () => {
  const { journal, put, counts } = await open('g')
  // JSON has no such number: it stands for a disk that fails.
  const refused = assert.rejects(put({ name: 'x', count: 1n as never })).finally(() => counts.delete('x'))
  await Promise.all([refused, put({ name: 'y', count: 2 })])
  await journal.close()
  const again = await open('g')
  assert.deepEqual([...again.counts], [['y', 2]])
  await again.journal.close()
})

test('a file of which all counts is not begun anew with every line', async () => {
  const lines: Line[] = []
  let renewals = 0
  const journal = await Journal.open<Line>(
    { path: join(directory, 'h'), line, bytesMax: 1_000 },
    {
      restore: () => {},
      current: () => {
        renewals += 1
        return lines
      },
    },
  )
  for (let count = 0; count < 200; count += 1) {
    const next = { name: 'x', count }
    lines.push(next)
    await journal.append(next)
  }
  await journal.close()
  assert.ok(renewals < 10, `${renewals} times`)
})
