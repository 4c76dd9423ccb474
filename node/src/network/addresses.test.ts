import assert from 'node:assert/strict'
import { test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { isPublic, neighbourhoodOf, parseAddress } from './addresses.ts'

const peer = '12D3KooWD3bfmNbuuuVCYwkjnFt3ukm3qaB3hDED3peHHXawvRAi'

function parts(address: string) {
  const parsed = parseAddress(address)
  assert.ok(parsed, address)
  return parsed
}

test('an address says where, through whom and who', () => {
  assert.deepEqual(parts(`/ip4/203.0.113.7/tcp/9527/p2p/${peer}`), {
    family: 'ip4',
    host: '203.0.113.7',
    isRelayed: false,
    peer,
  })
  assert.equal(parts('/dns4/seed.example.org/tcp/9527').peer, undefined)
  assert.equal(parts(`/ip4/9.9.9.9/tcp/1/p2p/${peer}/p2p-circuit/p2p/${peer}`).isRelayed, true)
})

test('what cannot be dialled is no address', () => {
  for (const address of [
    '',
    '/ip4/1.2.3.4',
    '/ip4/1.2.3.4/udp/9527/quic-v1',
    '/ip4/1.2.3.4/tcp/9527/ws',
    '/ip4/1.2.3.4/tcp/70000',
    '/unix/tmp/socket',
    `/ip4/1.2.3.4/tcp/9527/p2p/${peer}/http`,
    '/ip4/1.2.3.4/tcp/9527/p2p/../../etc',
    '/ip4/seed.example.org/tcp/9527',
    '/ip6/1.2.3.4/tcp/9527',
    '/dns4/a%b/tcp/9527',
  ]) {
    assert.equal(parseAddress(address), undefined, address)
  }
})

test('whatever a peer tells, it is an address or none', () => {
  const word = fc.constantFrom(
    'ip4',
    'ip6',
    'dns',
    'tcp',
    '1.2.3.4',
    '::1',
    '::ffff:1.2.3.4',
    '9527',
    '-1',
    'p2p',
    peer,
    'p2p-circuit',
    '',
  )
  const told = fc.oneof(
    fc.string(),
    fc.array(fc.oneof(word, fc.string()), { maxLength: 9 }).map(words => `/${words.join('/')}`),
  )
  fc.assert(
    fc.property(told, address => {
      const parsed = parseAddress(address)
      if (parsed === undefined) return
      assert.equal(typeof isPublic(parsed), 'boolean')
      assert.ok(neighbourhoodOf(parsed).length > 0)
      assert.ok(multiaddr(address).toString().length > 0)
    }),
    { numRuns: 20_000 },
  )
})

test('an address inside a machine or a house is not public', () => {
  for (const host of [
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '169.254.1.1',
    '0.0.0.0',
    '224.0.0.1',
  ]) {
    assert.equal(isPublic(parts(`/ip4/${host}/tcp/1`)), false, host)
  }
  for (const host of ['::1', '::', 'fe80::1', 'fd00::1', '2001:db8::1', '::ffff:10.0.0.1']) {
    assert.equal(isPublic(parts(`/ip6/${host}/tcp/1`)), false, host)
  }
  for (const address of ['/ip4/9.9.9.9/tcp/1', '/ip6/2606:4700::1/tcp/1', '/dns/seed.example.org/tcp/1']) {
    assert.equal(isPublic(parts(address)), true, address)
  }
  assert.equal(isPublic(parts('/dns4/localhost/tcp/1')), false)
})

test('neighbours share the /16 or the /32', () => {
  assert.equal(neighbourhoodOf(parts('/ip4/9.9.1.2/tcp/1')), neighbourhoodOf(parts('/ip4/9.9.200.2/tcp/2')))
  assert.notEqual(neighbourhoodOf(parts('/ip4/9.9.1.2/tcp/1')), neighbourhoodOf(parts('/ip4/9.8.1.2/tcp/1')))
  assert.equal(neighbourhoodOf(parts('/ip6/2606:4700::1/tcp/1')), neighbourhoodOf(parts('/ip6/2606:4700:1:2::3/tcp/1')))
  assert.notEqual(neighbourhoodOf(parts('/ip6/2606:4700::1/tcp/1')), neighbourhoodOf(parts('/ip6/2606:4701::1/tcp/1')))
})
