import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { directory, references } from './reference.ts'

test('docs/reference is what the code says; else run "npm run reference"', () => {
  const wanted = references()
  assert.deepEqual(readdirSync(directory).sort(), [...wanted.keys()].sort())
  for (const [name, text] of wanted) assert.equal(readFileSync(new URL(name, directory), 'utf8'), text, name)
})
