import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldsOf, Output, width } from './output.ts'

function outputTo(isTTY: boolean, options: { isJson?: boolean; isQuiet?: boolean; hasColor?: boolean } = {}) {
  const written = { data: '', talk: '' }
  const sink = (name: 'data' | 'talk') => ({
    isTTY,
    write: (text: string) => {
      written[name] += text
    },
  })
  const output = new Output(
    { isJson: false, isQuiet: false, hasColor: false, ...options },
    { data: sink('data'), talk: sink('talk') },
  )
  return { output, written }
}

test('columns stand under their headings on a terminal, ideographs counted twice', () => {
  const { output } = outputTo(true)
  assert.equal(width('余额 ok'), 7)
  assert.equal(
    output.table(
      ['名称', 'n'],
      [
        ['余额', '1'],
        ['x', '22'],
      ],
    ),
    '名称  n\n余额  1\nx     22',
  )
})

test('programs get tabs and no headings', () => {
  const { output } = outputTo(false)
  assert.equal(output.table(['a', 'b'], [['1', '2']]), '1\t2')
  assert.equal(output.record([['name', 'x']]), 'name\tx')
})

test('what others wrote cannot steer the terminal', () => {
  for (const isTTY of [true, false]) {
    const { output } = outputTo(isTTY)
    const evil = '\u001b[2Jpaid\u202e\r\u0007'
    for (const shown of [output.record([['memo', evil]]), output.table(['memo'], [[evil]])]) {
      assert.match(shown, /paid/)
      assert.doesNotMatch(shown.replaceAll(/[\t\n]/g, ' '), /\p{Cc}|\u202e/u)
    }
  }
})

test('colour is for terminals that want it', () => {
  assert.equal(outputTo(true, { hasColor: true }).output.bold('x'), '\u001b[1mx\u001b[22m')
  assert.equal(outputTo(false, { hasColor: true }).output.bold('x'), 'x')
  assert.equal(outputTo(true).output.bold('x'), 'x')
})

test('progress is one line that goes away, and never reaches a file', () => {
  const terminal = outputTo(true)
  terminal.output.progress('half')
  terminal.output.say('done')
  assert.equal(terminal.written.talk, '\r\u001b[2Khalf\r\u001b[2Kdone\n')
  for (const { output, written } of [outputTo(false), outputTo(true, { isQuiet: true })]) {
    output.progress('half')
    assert.equal(written.talk, '')
  }
})

test('fields that are not there are not shown, structures are shown as JSON', () => {
  assert.deepEqual(fieldsOf({ a: 1, b: undefined, c: null, d: { e: [1] }, f: false }), [
    ['a', '1'],
    ['d', '{"e":[1]}'],
    ['f', 'false'],
  ])
})
