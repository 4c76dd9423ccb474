import assert from 'node:assert/strict'
import test from 'node:test'
import {
  choice,
  type Kind,
  list,
  listenAddress,
  optional,
  path,
  peerAddress,
  port,
  secret,
  tokens,
  boolean,
  host,
} from './kinds.ts'

const place = { home: '/srv/claw', userHome: '/home/ada', directory: '/etc/claw' }

function accepts<T>(kind: Kind<T>, value: unknown, expected: T): void {
  assert.deepEqual(kind.fromYaml(value, place), expected)
}

function refuses<T>(kind: Kind<T>, values: readonly unknown[], problem: RegExp): void {
  for (const value of values) {
    assert.throws(() => kind.fromYaml(value, place), { name: 'DecodeError', message: problem }, String(value))
  }
}

test('numbers and truth values are taken as YAML has them, never coerced', () => {
  accepts(port, 0, 0)
  accepts(port, 65_535, 65_535)
  refuses(
    port,
    [65_536, -1, 1.5, '80', null, true, Number.NaN, Number.POSITIVE_INFINITY],
    /^must be an integer from 0 to 65535, not /,
  )
  refuses(boolean, ['true', 1, 0, null, 'yes'], /^must be true or false, not /)
  accepts(tokens, 2 ** 53 - 1, 2n ** 53n - 1n)
  refuses(tokens, [2 ** 53, -1, 0.5, '5'], /^must be an integer from 0 to 9007199254740991/)
})

test('text from flags and environment is read strictly', () => {
  assert.equal(port.fromText('9527', place), 9527)
  for (const text of ['', ' 1', '1e3', '0x10', '-1', '1.0', '65536'])
    assert.throws(() => port.fromText(text, place), /must be/, text)
  assert.equal(boolean.fromText('true', place), true)
  for (const text of ['TRUE', '1', 'yes', ''])
    assert.throws(() => boolean.fromText(text, place), /must be true or false/, text)
  assert.equal(optional(tokens).fromText('none', place), null)
  assert.equal(optional(tokens).fromText('7', place), 7n)
})

test('a choice names what there is', () => {
  refuses(choice('full', 'light'), ['Full', 'lite', '', null, ['full']], /^must be full or light, not /)
})

test('paths: ~/.clawnet is the home of the node, ~ that of the user, the rest is relative to where it was written', () => {
  for (const [written, meant] of [
    ['~/.clawnet/data', '/srv/claw/data'],
    ['~/.clawnet', '/srv/claw'],
    ['~/.clawnet2/data', '/home/ada/.clawnet2/data'],
    ['~/data', '/home/ada/data'],
    ['~', '/home/ada'],
    ['data', '/etc/claw/data'],
    ['../data', '/etc/data'],
    ['/var/data', '/var/data'],
  ] as const) {
    accepts(path, written, meant)
    assert.equal(path.fromText(written, place), meant)
  }
  refuses(path, ['', null, 5], /^must be a path, not /)
})

test('hosts are names or addresses', () => {
  for (const good of ['127.0.0.1', '::1', 'localhost', 'node-1.example.org', '0.0.0.0']) accepts(host, good, good)
  refuses(host, ['', 'a b', 'http://x', 'x:80', '-a', 'a..b', null], /^must be an IP address or a host name/)
})

test('addresses of nodes are checked part by part', () => {
  const peer = '/p2p/12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo'
  for (const good of [
    '/ip4/1.2.3.4/tcp/9527',
    `/ip6/::1/tcp/1${peer}`,
    `/dns4/node.example/tcp/9527${peer}`,
    `/ip4/1.2.3.4/tcp/1${peer}/p2p-circuit${peer}`,
  ]) {
    accepts(peerAddress, good, good)
  }
  refuses(
    peerAddress,
    [
      '',
      '1.2.3.4:9527',
      '/ip4/1.2.3.4',
      '/ip4/1.2.3.4/udp/1',
      '/ip6/1.2.3.4/tcp/1',
      '/ip4/1.2.3.4/tcp/65536',
      '/ip4/::1/tcp/1',
      '/ip4/1.2.3.4/tcp/1/ws x',
      null,
    ],
    /^must be an (address like|integer)/,
  )
  accepts(listenAddress, '/ip4/0.0.0.0/tcp/0', '/ip4/0.0.0.0/tcp/0')
  refuses(listenAddress, ['/dns4/node.example/tcp/1', '/ip4/node.example/tcp/1'], /^must be an address like/)
})

test('a name after /ip4/ is what it can only be: a name', () => {
  accepts(peerAddress, '/ip4/node.example/tcp/9527/p2p/Qm', '/dns4/node.example/tcp/9527/p2p/Qm')
})

test('a list is empty where nothing is written, and names the entry that is wrong', () => {
  accepts(list(port), null, [])
  accepts(list(port), [1, 2], [1, 2])
  assert.deepEqual(list(port).fromText('1, 2', place), [1, 2])
  assert.throws(() => list(port).fromYaml([1, 'x'], place), /^DecodeError: \[1\]: must be an integer/)
  refuses(list(port), [1, 'x', {}], /^must be a list, each an integer/)
})

test('a secret is never repeated in a message nor shown', () => {
  accepts(secret, 'hunter2', 'hunter2')
  assert.equal(secret.toJson('hunter2'), '(set)')
  assert.throws(
    () => secret.fromYaml(123_456, place),
    (error: unknown) => error instanceof Error && !error.message.includes('123456') && /in quotes/.test(error.message),
  )
})
