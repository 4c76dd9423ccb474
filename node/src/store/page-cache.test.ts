import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PageCache } from './page-cache.ts'

const page = fc.constantFrom('', '0', '1', 'a', 'ab', 'abc', 'f', 'f0')
const content = fc.option(fc.uint8Array({ minLength: 1, maxLength: 60 }), { nil: undefined })

test('a cache of any size answers what was written last', () => {
  const write = fc.record({ page, content, read: fc.array(page, { maxLength: 4 }) })
  fc.assert(
    fc.property(
      fc.array(write, { maxLength: 80, size: 'max' }),
      fc.integer({ min: 120, max: 400 }),
      (writes, bytes) => {
        const stored = new Map<string, Uint8Array>()
        const cache = new PageCache(id => stored.get(id), bytes)
        for (const { page, content, read } of writes) {
          // The database has it before the cache is told.
          if (content === undefined) stored.delete(page)
          else stored.set(page, content)
          cache.put(page, content)
          for (const id of [...read, page]) assert.deepEqual(cache.get(id), stored.get(id))
        }
      },
    ),
  )
})

test('what was used lately is not fetched again, and what was not is', () => {
  const fetched: string[] = []
  const cache = new PageCache(id => {
    fetched.push(id)
    return new Uint8Array(10).fill(id.length)
  }, 40)
  cache.get('a')
  cache.get('b')
  cache.get('c') // begins a new generation
  cache.get('a') // moves over
  cache.get('d') // and another: b is forgotten
  assert.deepEqual(fetched, ['a', 'b', 'c', 'd'])
  cache.get('a')
  cache.get('c')
  assert.deepEqual(fetched, ['a', 'b', 'c', 'd'])
  cache.get('b')
  assert.deepEqual(fetched, ['a', 'b', 'c', 'd', 'b'])
})

test('the bytes given to a cache are copied', () => {
  const cache = new PageCache(() => undefined, 100)
  const bytes = Uint8Array.of(1, 2, 3)
  cache.put('a', bytes)
  bytes.fill(9)
  assert.deepEqual(cache.get('a'), Uint8Array.of(1, 2, 3))
})
