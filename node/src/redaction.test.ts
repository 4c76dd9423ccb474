import assert from 'node:assert/strict'
import test from 'node:test'
import { mnemonicOf, Prng } from '@claw-network/protocol'
import fc from 'fast-check'
import { redacted, redactedText } from './redaction.ts'

const entropy = fc.uint8Array({ minLength: 32, maxLength: 32 })

test('a mnemonic is found wherever it stands and however it is written', () => {
  const separators = fc.constantFrom(' ', '  ', '\n', ', ', '\t', ' \n ', '" "')
  const around = fc.constantFrom('', 'words: ', 'my wallet is "', '(', '0x12 ', '，')
  fc.assert(
    fc.property(entropy, separators, around, fc.boolean(), (bytes, separator, before, isLoud) => {
      const words = mnemonicOf(bytes).split(' ')
      const written = before + (isLoud ? words.join(separator).toUpperCase() : words.join(separator))
      const clean = redactedText(`${written}.`).toLowerCase()
      const left = words.filter(word => new RegExp(`\\b${word}\\b`).test(clean))
      // At most a word of the sentence around it.
      assert.ok(left.length <= 1 && clean.includes('[redacted]'), clean)
    }),
  )
})

test('a numbered list of words is a mnemonic too', () => {
  const words = mnemonicOf(new Prng(4).bytes(32)).split(' ')
  const clean = redactedText(words.map((word, index) => `${index + 1}. ${word}`).join('\n'))
  assert.ok(
    words.slice(1).every(word => !clean.includes(` ${word}`)),
    clean,
  )
})

test('a mnemonic at the place where a long text is cut leaves nothing', () => {
  const mnemonic = mnemonicOf(new Prng(6).bytes(32))
  for (const before of [0, 800, 950, 1000, 1100]) {
    const clean = redactedText(`${'x '.repeat(before / 2)}${mnemonic}`)
    assert.ok(clean.length <= 1001)
    assert.ok(!mnemonic.split(' ').some(word => new RegExp(`\\b${word}\\b`).test(clean)), clean.slice(-80))
  }
})

test('sentences are left alone', () => {
  for (const text of [
    'a signature worker died; the others take its work',
    'Connected to 42 peers on /ip4/127.0.0.1/tcp/9527 and synced to block #1234567 of the local network',
    'p2p.bootstrap: /dns4/node.example/tcp/9527 is an example and is skipped: replace it, or remove the line',
    'transferred 100 Tokens, fee 1; tokens=5 publicKey=0x12 tokenSum: 7',
    '没有节点可以连接，请检查网络配置',
  ]) {
    assert.equal(redactedText(text), text)
  }
})

test('credentials in texts lose their value', () => {
  for (const [text, clean] of [
    ['Authorization: Bearer abc.def-ghi', 'Authorization: [redacted] [redacted]'],
    ['got header bearer abc123', 'got header bearer [redacted]'],
    ['{"passphrase":"correct horse","amount":5}', '{"passphrase":[redacted],"amount":5}'],
    ['{\\"passphrase\\":\\"correct horse\\"}', '{\\"passphrase\\":[redacted]}'],
    ["token='a b' next", 'token=[redacted] next'],
    ['clawnetd --api-token=my-secret --light', 'clawnetd --api-token=[redacted] --light'],
    ['clawnetd --api-token 0123456789abcdef', 'clawnetd --api-token [redacted]'],
    ['?token=abc&x=1', '?token=[redacted]&x=1'],
    ['apiToken: abc, secretKey: def', 'apiToken: [redacted], secretKey: [redacted]'],
  ] as const) {
    assert.equal(redactedText(text), clean)
  }
})

test('fields with telling names lose their value at any depth', () => {
  const clean = redacted({
    passphrase: 'a',
    newPassphrase: 'b',
    mnemonic: ['c'],
    'api.token': 'd',
    secretKey: new Uint8Array(32),
    secret_key: 1,
    headers: { Authorization: 'e', cookie: 'f', 'x-api-token': 'g' },
    nested: [{ seed: 'h' }, new Map([['entropy', 'i']])],
    token: null,
    tokens: 5n,
    publicKey: '0x12',
    amount: 7,
  })
  assert.deepEqual(clean, {
    passphrase: '[redacted]',
    newPassphrase: '[redacted]',
    mnemonic: '[redacted]',
    'api.token': '[redacted]',
    secretKey: '[redacted]',
    secret_key: '[redacted]',
    headers: { Authorization: '[redacted]', cookie: '[redacted]', 'x-api-token': '[redacted]' },
    nested: [{ seed: '[redacted]' }, { entropy: '[redacted]' }],
    token: null,
    tokens: '5',
    publicKey: '0x12',
    amount: 7,
  })
})

test('errors keep what helps: name, code, cause and where; their texts are cleaned', () => {
  const cause = Object.assign(new Error('no space, token=abc'), { code: 'ENOSPC' })
  const { stack, ...rest } = redacted(new TypeError('cannot write', { cause })) as Record<string, unknown>
  assert.match(String((stack as string[])[0]), /^at .*redaction\.test\.ts/)
  const { stack: _, ...causeRest } = rest['cause'] as Record<string, unknown>
  assert.deepEqual(
    { ...rest, cause: causeRest },
    {
      name: 'TypeError',
      message: 'cannot write',
      cause: { name: 'Error', message: 'no space, token=[redacted]', code: 'ENOSPC' },
    },
  )
})

test('bytes are shown short, long lists and deep objects are cut, circles end', () => {
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  assert.ok(JSON.stringify(redacted(circle)).length < 200)
  assert.equal(redacted(Uint8Array.of(1, 255)), '0x01ff')
  assert.match(String(redacted(new Uint8Array(1000))), /^0x(00){32}… \(1000 bytes\)$/)
  const list = redacted(Array.from({ length: 80 }, (_, index) => index)) as unknown[]
  assert.deepEqual([list.length, list.at(-1)], [51, '… 30 more'])
})

test('anything can be logged: the answer is JSON and it is small', () => {
  fc.assert(
    fc.property(
      fc.anything({
        withBigInt: true,
        withDate: true,
        withMap: true,
        withSet: true,
        withTypedArray: true,
        withNullPrototype: true,
      }),
      value => {
        const text = JSON.stringify(redacted(value)) ?? ''
        assert.ok(text.length < 100_000)
      },
    ),
    { numRuns: 300 },
  )
})

test('of a hostile text there is an answer, and a short one', () => {
  for (const text of [
    'abc '.repeat(50_000),
    '1'.repeat(100_000),
    'token '.repeat(20_000),
    '"'.repeat(100_000),
    'token="\\'.repeat(20_000),
  ]) {
    const clean = redactedText(text)
    assert.ok(clean.length <= 1001 && clean.endsWith('…'))
  }
})

test('an object that is as wide as it is deep is cut', () => {
  const wide = (depth: number): unknown => (depth === 0 ? 1 : Array.from({ length: 12 }, () => wide(depth - 1)))
  assert.ok(JSON.stringify(redacted(wide(5))).length < 20_000)
})
