import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { memoryLog } from '../../../test/helpers/network.ts'
import type { PeerId } from '../ports.ts'
import { addressesPerPeerMax, lastingMs, missedDialsMax, peersHeardMax, redialMs } from './limits.ts'
import { PeerBook, type PeerBookOptions } from './peer-book.ts'

const directory = mkdtempSync(join(tmpdir(), 'clawnet-peers-'))
after(() => rmSync(directory, { recursive: true }))

const clock = { now: 1_800_000_000_000, nowMs: () => clock.now, after: () => () => {} }
const self = peer(0)
let files = 0

function peer(number: number): PeerId {
  return `12D3KooW${String(number).padStart(44, '1')}` as PeerId
}

function at(id: PeerId, host = '9.9.9.9', port = 9527): string {
  return `/ip4/${host}/tcp/${port}/p2p/${id}`
}

function open(options: Partial<PeerBookOptions> = {}) {
  const path = options.path ?? join(directory, `${files++}.jsonl`)
  return {
    path,
    book: new PeerBook({ path, self, local: false, bootstrap: [], ...options }, { clock, log: memoryLog() }),
  }
}

function due(book: PeerBook) {
  return book.due().map(({ key }) => key)
}

test('peers that we met are tried first after a restart, the latest of them before the others', async () => {
  const { book, path } = open()
  book.met(peer(1), [at(peer(1))])
  clock.now += 1_000
  book.met(peer(2), [at(peer(2))])
  book.heard(peer(3), [at(peer(3))])
  await book.save()

  const { book: again } = open({ path, bootstrap: [at(peer(4))] })
  assert.deepEqual(due(again), [peer(2), peer(1), peer(4)])
})

test('peers that we only heard of are not written down', async () => {
  const { book, path } = open()
  book.met(peer(1), [at(peer(1))])
  book.heard(peer(2), [at(peer(2))])
  await book.save()
  assert.ok(!readFileSync(path, 'utf8').includes(peer(2)))
})

test('a peer that does not answer is tried again after longer and longer', () => {
  const { book } = open({ bootstrap: [at(peer(1))] })
  const waits: number[] = []
  for (let dial = 0; dial < 12; dial++) {
    assert.deepEqual(due(book), [peer(1)])
    book.missed(peer(1))
    const start = clock.now
    while (due(book).length === 0) clock.now += redialMs.first
    waits.push(clock.now - start)
  }
  assert.equal(waits[0], redialMs.first * 2)
  assert.equal(waits[1], redialMs.first * 4)
  assert.equal(waits.at(-1), redialMs.last)
})

test('a connection that lasted is dialled again at once, one that did not is dialled less and less often', () => {
  const { book } = open()
  book.met(peer(1), [at(peer(1))])
  for (let dial = 0; dial < 5; dial++) book.missed(peer(1))
  assert.deepEqual(due(book), [])
  book.lost(peer(1), lastingMs)
  assert.deepEqual(due(book), [peer(1)])

  for (let flap = 0; flap < 5; flap++) {
    book.met(peer(1), [at(peer(1))])
    book.lost(peer(1), lastingMs - 1)
  }
  clock.now += redialMs.first * 31
  assert.deepEqual(due(book), [])
  clock.now += redialMs.first
  assert.deepEqual(due(book), [peer(1)])
})

test('a peer that we never met is forgotten when it does not answer; a bootstrap node never', () => {
  const { book } = open({ bootstrap: [at(peer(1))] })
  book.heard(peer(2), [at(peer(2))])
  for (let dial = 0; dial < missedDialsMax; dial++) {
    book.missed(peer(1))
    book.missed(peer(2))
  }
  clock.now += redialMs.last
  assert.deepEqual(due(book), [peer(1)])
})

test('who tells of a thousand peers fills a bounded place', () => {
  const { book } = open()
  for (let number = 1; number <= 1_000; number++) book.heard(peer(number), [at(peer(number))])
  clock.now += redialMs.last
  assert.equal(due(book).length, peersHeardMax)
  for (let port = 1; port < 100; port++) book.heard(peer(1), [at(peer(1), '9.9.9.9', port)])
  assert.equal(book.addressesOf(peer(1)).length, addressesPerPeerMax)
  assert.equal(book.addressesOf(peer(1))[0], at(peer(1)), 'what was known first stays first')
})

test('addresses that we cannot use are not believed', () => {
  const { book } = open()
  book.heard(peer(1), [at(peer(1), '192.168.1.1'), at(peer(2)), '/ip4/9.9.9.9/tcp/9527', 'nonsense'])
  book.heard(self, [at(self)])
  assert.deepEqual(due(book), [])
  const { book: local } = open({ local: true })
  local.heard(peer(1), [at(peer(1), '192.168.1.1')])
  clock.now += redialMs.first
  assert.deepEqual(due(local), [peer(1)])
})

test('a bootstrap address without a peer becomes the peer that answered there', () => {
  const { book } = open({ bootstrap: ['/ip4/9.9.9.9/tcp/9527'] })
  const [candidate] = book.due()
  assert.ok(candidate)
  assert.equal(candidate.id, undefined)
  book.reached(candidate.key, peer(1), '/ip4/9.9.9.9/tcp/9527')
  assert.deepEqual(due(book), [peer(1)])
  assert.deepEqual(book.addressesOf(peer(1)), [at(peer(1))])
})

test('a bootstrap address that is none is an error with an example', () => {
  assert.throws(() => open({ bootstrap: ['seed.example.org:9527'] }), /\/ip4\/203\.0\.113\.7\/tcp\/9527/)
})
