import { describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { plantedBugs } from './planted-bugs.ts'

const root = new URL('../../', import.meta.url)

describe('planted bugs', () => {
  for (const { name, file, find, replace } of plantedBugs) {
    test(`"${name}" has exactly one place in ${file}`, () => {
      const source = readFileSync(new URL(file, root), 'utf8')
      assert.equal(source.split(find).length - 1, 1)
      assert.notEqual(source.replace(find, replace), source)
    })
  }

  test('names are distinct', () => {
    assert.equal(new Set(plantedBugs.map(bug => bug.name)).size, plantedBugs.length)
  })
})
