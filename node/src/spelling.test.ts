import assert from 'node:assert/strict'
import test from 'node:test'
import { closest } from './spelling.ts'

const flags = ['--network', '--no-api', '--api-port', '--api-host', '--listen', '--light']

test('a word with a letter missing, added, wrong or swapped finds its own', () => {
  for (const [word, meant] of [
    ['--netwrk', '--network'],
    ['--networkk', '--network'],
    ['--nitwork', '--network'],
    ['--netowrk', '--network'],
    ['--noapi', '--no-api'],
    ['--API-PORT', '--api-port'],
    ['--api-prot', '--api-port'],
  ] as const) {
    assert.equal(closest(word, flags), meant, word)
  }
})

test('a word unlike all others finds none', () => {
  for (const word of ['--verbose', 'x', '', '--']) assert.equal(closest(word, flags), undefined, word)
  assert.equal(closest('anything', []), undefined)
  assert.equal(closest('--amont', ['--json']), undefined, 'dashes are no likeness')
})

test('of two near words the nearer is found', () => {
  assert.equal(closest('--api-hort', ['--api-port', '--api-host']), '--api-port')
  assert.equal(closest('--api-hoss', ['--api-port', '--api-host']), '--api-host')
})
