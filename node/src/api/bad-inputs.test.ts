import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import {
  assemble,
  type Envelope,
  envelopeCodec,
  formatDid,
  type Hash,
  type Json,
  ledger,
  toHex,
} from '@claw-network/protocol'
import { passphrase, TestApiNode } from '../../../test/helpers/api-node.ts'
import { call, type HttpAnswer, type HttpCall } from '../../../test/helpers/http-call.ts'

const transfer = '/api/wallet/transfer'
const txHash = `0x${'0'.repeat(64)}`

let node: TestApiNode
before(async () => {
  node = await TestApiNode.start({ network: 'local', params: { blockIntervalMs: 20 } })
  await node.wallet.unlock(node.did, passphrase, 3_600_000)
  node.decide()
  const first = await call(node, `${transfer}?wait=final`, { body: { to: node.names.other, amount: 5 } })
  assert.equal(first.json['status'], 'final', first.text)
})
after(() => node.stop())

interface Bad {
  readonly title: string
  readonly path?: string
  /** Fields of a transfer that are not right; the others are. */
  readonly transfer?: { readonly [field: string]: Json | undefined }
  readonly call?: HttpCall
  readonly status?: number
  readonly code?: string
  /** What `field` names; the detail must say it too. */
  readonly field?: string
  readonly detail?: RegExp
}

/** Raw bodies, for what JSON.stringify cannot write. */
const raw = (body: string | Uint8Array): HttpCall => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body,
})
const amount = (literal: string): HttpCall => raw(`{"to": "${node.names.stranger}", "amount": ${literal}}`)

function cases(): Bad[] {
  const { did, stranger } = node.names
  const mistyped = `${stranger.slice(0, -1)}${stranger.endsWith('q') ? 'p' : 'q'}`
  return [
    // Amounts
    { title: 'amount 0', transfer: { amount: 0 }, field: 'amount', detail: /from 1/ },
    { title: 'amount -1', transfer: { amount: -1 }, field: 'amount' },
    { title: 'amount 1.5', call: amount('1.5'), field: 'amount', detail: /1\.5/ },
    { title: 'amount 1.0', call: amount('1.0'), field: 'amount' },
    { title: 'amount 1e3', call: amount('1e3'), field: 'amount', detail: /plain digits/ },
    { title: 'amount 2^53', call: amount('9007199254740992'), field: 'amount', detail: /2\^53/ },
    { title: 'amount of 400 digits', call: amount('9'.repeat(400)), field: 'amount' },
    { title: 'amount 01', call: amount('01'), field: 'amount' },
    { title: 'amount 0x10', call: amount('0x10'), detail: /character/ },
    { title: 'amount NaN', call: amount('NaN'), field: 'amount' },
    { title: 'amount "1"', transfer: { amount: '1' }, field: 'amount' },
    { title: 'amount null', transfer: { amount: null }, field: 'amount' },
    { title: 'amount true', transfer: { amount: true }, field: 'amount' },
    { title: 'amount [1]', transfer: { amount: [1] }, field: 'amount' },
    { title: 'amount {}', transfer: { amount: {} }, field: 'amount' },
    { title: 'no amount', transfer: { amount: undefined }, field: 'amount', detail: /missing/ },
    { title: 'more than there is', transfer: { amount: 9_007_199_254_740_991 }, status: 422, code: 'funds_are_short' },
    // Names
    { title: 'the seed’s placeholder', transfer: { to: 'did:claw:recipient_xyz' }, field: 'to', detail: /DID/ },
    { title: 'no to', transfer: { to: undefined }, field: 'to', detail: /missing/ },
    { title: 'to null', transfer: { to: null }, field: 'to' },
    { title: 'to 7', transfer: { to: 7 }, field: 'to' },
    { title: 'to empty', transfer: { to: '' }, field: 'to' },
    { title: 'an address with a wrong character', transfer: { to: mistyped }, field: 'to', detail: /checksum/ },
    { title: 'an address in capitals', transfer: { to: stranger.toUpperCase() }, field: 'to' },
    { title: 'an address with a space', transfer: { to: `${stranger} ` }, field: 'to' },
    {
      title: 'an address of another chain',
      transfer: { to: 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4' },
      field: 'to',
    },
    { title: 'a DID with a character missing', transfer: { to: did.slice(0, -1) }, field: 'to' },
    { title: 'a DID of another method', transfer: { to: did.replace('claw', 'key') }, field: 'to' },
    {
      title: 'a DID that this node has no key of',
      transfer: { did: formatDid('11'.repeat(32) as typeof node.did) },
      status: 404,
      code: 'identity_is_unknown',
      field: 'did',
    },
    { title: 'a did that is an address', transfer: { did: stranger }, field: 'did' },
    // The common fields
    {
      title: 'a wrong passphrase',
      transfer: { passphrase: 'wrong' },
      status: 401,
      code: 'passphrase_is_wrong',
      field: 'passphrase',
    },
    { title: 'an empty passphrase', transfer: { passphrase: '' }, field: 'passphrase' },
    { title: 'a passphrase of 2 KiB', transfer: { passphrase: 'x'.repeat(2048) }, field: 'passphrase' },
    { title: 'a used nonce', transfer: { nonce: 1 }, status: 409, code: 'nonce_is_used', field: 'nonce' },
    {
      title: 'a nonce far ahead',
      transfer: { nonce: 1_000_000 },
      status: 429,
      code: 'nonce_is_too_far',
      field: 'nonce',
    },
    { title: 'nonce 0', transfer: { nonce: 0 }, field: 'nonce' },
    { title: 'nonce "2"', transfer: { nonce: '2' }, field: 'nonce' },
    { title: 'fee 0', transfer: { fee: 0 }, status: 422, code: 'fee_is_too_low', field: 'fee' },
    { title: 'fee -1', transfer: { fee: -1 }, field: 'fee' },
    { title: 'a stale prev', transfer: { prev: txHash }, status: 409, code: 'stale_prev', field: 'prev' },
    { title: 'prev without 0x', transfer: { prev: '0'.repeat(64) }, field: 'prev' },
    { title: 'a validUntil that has passed', transfer: { validUntil: 1 }, status: 422, code: 'transaction_expired' },
    { title: 'a memo of 257 bytes', transfer: { memo: 'ä'.repeat(129) }, field: 'memo' },
    {
      title: 'a memo with half a surrogate pair',
      call: raw(String.raw`{"to":"claw1","amount":1,"memo":"\ud800"}`),
      field: 'to',
    },
    // Bodies
    { title: 'an unknown field', transfer: { note: 'x' }, field: 'note', detail: /known are to, amount/ },
    { title: 'a field in other case', transfer: { Amount: 1 }, field: 'Amount' },
    { title: 'a field twice', call: raw('{"amount": 1, "amount": 2}'), field: 'amount', detail: /twice/ },
    { title: '__proto__', call: raw('{"__proto__": {"amount": 1}}'), field: '__proto__' },
    { title: 'no body', call: { method: 'POST', headers: { 'content-type': 'application/json' } }, detail: /body/ },
    { title: 'half a body', call: raw('{"to": '), detail: /character/ },
    { title: 'a list', call: raw('[]'), detail: /object/ },
    { title: 'null', call: raw('null'), detail: /object/ },
    { title: 'bytes that are no UTF-8', call: raw(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), detail: /UTF-8/ },
    { title: 'a byte order mark', call: raw('\uFEFF{}'), detail: /JSON/ },
    { title: 'deep JSON', call: raw('{"a":'.repeat(50_000)), detail: /deeper/ },
    { title: '10 MB', call: raw('x'.repeat(10_000_000)), status: 413, code: 'body_is_too_large' },
    {
      title: '2 MB in chunks',
      call: {
        ...raw(`"${'x'.repeat(2_000_000)}"`),
        headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
      },
      status: 413,
      code: 'body_is_too_large',
    },
    {
      title: 'a form',
      call: { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'to=x&amount=1' },
      status: 415,
      code: 'body_is_not_json',
      field: 'Content-Type',
    },
    {
      title: 'a form with files',
      call: { method: 'POST', headers: { 'content-type': 'multipart/form-data; boundary=x' }, body: '--x--' },
      status: 415,
      code: 'body_is_not_json',
    },
    {
      title: 'plain text',
      call: { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{}' },
      status: 415,
      code: 'body_is_not_json',
    },
    {
      title: 'no type',
      call: { method: 'POST', headers: { 'content-type': undefined }, body: '{}' },
      status: 415,
      code: 'body_is_not_json',
    },
    {
      title: 'JSON in UTF-16',
      call: { ...raw('{}'), headers: { 'content-type': 'application/json; charset=utf-16' } },
      status: 415,
      code: 'body_is_not_json',
    },
    {
      title: 'a compressed body',
      call: { ...raw('{}'), headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' } },
      status: 415,
      code: 'body_is_not_json',
      field: 'Content-Encoding',
    },
    // Where it is sent
    {
      title: 'a foreign Host',
      path: '/api/node/status',
      call: { headers: { host: 'evil.example' } },
      status: 403,
      code: 'foreign_host',
      field: 'Host',
    },
    {
      title: 'a foreign Origin',
      path: '/api/node/status',
      call: { headers: { origin: 'https://evil.example' } },
      status: 403,
      code: 'foreign_origin',
      field: 'Origin',
    },
    {
      title: 'an unknown path',
      path: '/api/wallet',
      call: {},
      status: 404,
      code: 'unknown_path',
      detail: /\/api\/wallet/,
    },
    { title: 'a path out of the tree', path: '/api/../../etc/passwd', call: {}, status: 404, code: 'unknown_path' },
    { title: 'a path that is no UTF-8', path: '/api/tx/%ff', call: {}, status: 400, code: 'malformed' },
    { title: 'an endless path', path: `/api/tx/${'a'.repeat(4_000)}`, call: {} },
    { title: 'a GET on a write', path: transfer, call: { method: 'GET' }, status: 405, code: 'wrong_method' },
    { title: 'a POST on a read', path: '/api/wallet/balance', call: raw('{}'), status: 405, code: 'wrong_method' },
    { title: 'a DELETE', path: '/api/node/status', call: { method: 'DELETE' }, status: 405, code: 'wrong_method' },
    { title: 'a method nobody knows', path: '/api/node/status', call: { method: 'PROPFIND' }, status: 404 },
    {
      title: 'a fragment of a field in the query of a write',
      path: `${transfer}?amount=1`,
      call: raw('{}'),
      field: 'amount',
      detail: /body/,
    },
    { title: 'another wait', path: `${transfer}?wait=1`, call: raw(`{"to":"${stranger}","amount":1}`), field: 'wait' },
    { title: 'wait where nothing waits', path: '/api/wallet/balance?wait=final', call: {}, field: 'wait' },
    {
      title: 'an empty idempotency key',
      call: { ...raw('{}'), headers: { 'content-type': 'application/json', 'idempotency-key': ' ' } },
      field: 'to',
    },
    {
      title: 'an idempotency key of 300 characters',
      transfer: {},
      call: { headers: { 'idempotency-key': 'x'.repeat(300) } },
      field: 'Idempotency-Key',
    },
    // Reads
    { title: 'a balance of nobody', path: '/api/wallet/balance?did=did:claw:nobody', call: {}, field: 'did' },
    {
      title: 'a balance of a mistyped address',
      path: `/api/wallet/balance?address=${mistyped}`,
      call: {},
      field: 'address',
      detail: /checksum/,
    },
    {
      title: 'a balance of two',
      path: `/api/wallet/balance?address=${stranger}&address=${stranger}`,
      call: {},
      field: 'address',
      detail: /twice/,
    },
    { title: 'an unknown query field', path: '/api/wallet/balance?adress=x', call: {}, field: 'adress' },
    { title: 'an identity that is no DID', path: '/api/identity/alice', call: {}, field: 'did' },
    { title: 'limit 0', path: '/api/wallet/history?limit=0', call: {}, field: 'limit' },
    { title: 'limit 201', path: '/api/wallet/history?limit=201', call: {}, field: 'limit', detail: /200/ },
    { title: 'limit 1e2', path: '/api/wallet/history?limit=1e2', call: {}, field: 'limit' },
    { title: 'offset -1', path: '/api/wallet/history?offset=-1', call: {}, field: 'offset' },
    { title: 'a made-up cursor', path: '/api/wallet/history?cursor=next', call: {}, field: 'cursor' },
    {
      title: 'a transaction that is not there',
      path: `/api/tx/${txHash}`,
      call: {},
      status: 404,
      code: 'not_found',
      field: 'hash',
    },
    { title: 'a transaction by half its hash', path: `/api/tx/${txHash.slice(0, 20)}`, call: {}, field: 'hash' },
    { title: 'block 0', path: '/api/blocks/0', call: {}, status: 404, code: 'not_found', field: 'height' },
    { title: 'block -1', path: '/api/blocks/-1', call: {}, field: 'height' },
    {
      title: 'a block of the future',
      path: '/api/blocks/999999999',
      call: {},
      status: 404,
      code: 'not_found',
      field: 'height',
    },
    {
      title: 'a block by a hash that is not there',
      path: `/api/blocks/${txHash}`,
      call: {},
      status: 404,
      code: 'not_found',
    },
    { title: 'events of nobody', path: '/api/events?did=nobody', call: {}, field: 'did' },
    // Transactions signed elsewhere
    { title: 'no transaction', path: '/api/tx', call: raw('{}'), field: 'envelope' },
    { title: 'bytes that are no hex', path: '/api/tx', call: raw('{"bytes": "0xzz"}'), field: 'bytes' },
    { title: 'bytes that are no CBOR', path: '/api/tx', call: raw('{"bytes": "0x00"}'), field: 'bytes' },
    { title: 'bytes and an envelope', path: '/api/tx', call: raw('{"bytes": "0x00", "envelope": {}}'), field: 'bytes' },
    {
      title: 'an envelope without signature',
      path: '/api/tx',
      call: { body: { envelope: envelope({}) } },
      field: 'signature',
    },
    {
      title: 'another chain',
      path: '/api/tx',
      call: { body: { envelope: envelope({ chainId: '11'.repeat(32) as Hash }), signature } },
      field: 'envelope.chainId',
      detail: /network/,
    },
    {
      title: 'bytes of another chain',
      path: '/api/tx',
      call: { body: { bytes: bytes({ chainId: '11'.repeat(32) as Hash }) } },
      field: 'bytes.chainId',
    },
    {
      title: 'an unknown kind',
      path: '/api/tx',
      call: { body: { envelope: { ...envelope({}), kind: 'wallet.steal' }, signature } },
      field: 'envelope.kind',
    },
    {
      title: 'a payload of another kind',
      path: '/api/tx',
      call: { body: { envelope: { ...envelope({}), payload: { id: 1 } }, signature } },
      field: 'envelope.payload.id',
    },
    {
      title: 'a wrong signature',
      path: '/api/tx',
      call: { body: { envelope: envelope({}), signature } },
      status: 422,
      code: 'signature_is_wrong',
      field: 'signature',
    },
    {
      title: 'a signature of 63 bytes',
      path: '/api/tx',
      call: { body: { envelope: envelope({}), signature: signature.slice(0, -2) } },
      field: 'signature',
    },
    {
      title: 'preparing an unknown kind',
      path: '/api/tx/prepare',
      call: { body: { kind: 'x', payload: {} } },
      field: 'kind',
      detail: /wallet\.transfer/,
    },
    {
      title: 'preparing a wrong payload',
      path: '/api/tx/prepare',
      call: { body: { kind: 'wallet.transfer', payload: { to: stranger, amount: 0 } } },
      field: 'payload.amount',
    },
    // Identities
    { title: 'unlocking without passphrase', path: '/api/identity/unlock', call: { body: {} }, field: 'passphrase' },
    {
      title: 'unlocking for two days',
      path: '/api/identity/unlock',
      call: { body: { passphrase, seconds: 172_800 } },
      field: 'seconds',
    },
    {
      title: 'locking somebody else',
      path: '/api/identity/lock',
      call: { body: { did: formatDid('11'.repeat(32) as typeof node.did) } },
      status: 404,
      code: 'identity_is_unknown',
    },
    {
      title: 'a new identity without passphrase',
      path: '/api/identity',
      call: { body: {} },
      status: 401,
      code: 'passphrase_is_missing',
      field: 'passphrase',
    },
    {
      title: 'a new key without passphrase',
      path: `/api/identity/${formatDid(node.did)}/rotate`,
      call: { body: {} },
      status: 401,
      code: 'passphrase_is_missing',
      field: 'passphrase',
    },
    {
      title: 'a new key for somebody else',
      path: `/api/identity/${formatDid('11'.repeat(32) as typeof node.did)}/rotate`,
      call: { body: { passphrase } },
      status: 404,
      code: 'identity_is_unknown',
      field: 'did',
    },
    {
      title: 'a new key for what is no DID',
      path: '/api/identity/alice/rotate',
      call: { body: { passphrase } },
      field: 'did',
    },
  ]
}

const signature = `0x${'00'.repeat(64)}`

function envelopeOf(over: Partial<Envelope>): Envelope {
  const payload = { to: node.stranger, amount: 1n }
  return { chainId: node.chain.chainId, kind: 'wallet.transfer', sender: node.did, nonce: 2, fee: 1n, payload, ...over }
}

function envelope(over: Partial<Envelope>): { [field: string]: Json } {
  return envelopeCodec(ledger.kinds).toJson(envelopeOf(over)) as { [field: string]: Json }
}

function bytes(over: Partial<Envelope>): string {
  return `0x${toHex(assemble(ledger.kinds, envelopeOf(over), new Uint8Array(64)).bytes)}`
}

function send(bad: Bad): Promise<HttpAnswer> {
  const body = bad.transfer && { to: node.names.stranger, amount: 1, ...bad.transfer }
  return call(node, bad.path ?? transfer, { ...bad.call, ...(body && { body }) })
}

test('every bad input gets a problem with a code and a detail that names the field, and none is a fault of the node', async () => {
  const all = cases()
  assert.ok(all.length >= 100, `${all.length} bad inputs`)
  const accountBefore = (await call(node, '/api/wallet/balance')).json
  for (const bad of all) {
    const { status = 400, code, field, detail } = bad
    const answer = await send(bad)
    const say = `${bad.title}: ${answer.status} ${answer.text}`
    assert.equal(answer.status, status, say)
    assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json/, say)
    assert.equal(answer.headers['x-request-id'], answer.json['requestId'], say)
    assert.equal(answer.json['status'], status, say)
    assert.equal(answer.json['code'], code ?? (status === 400 ? 'malformed' : answer.json['code']), say)
    assert.equal(typeof answer.json['retryable'], 'boolean', say)
    const told = String(answer.json['detail'])
    assert.ok(told.length > 10 && told.length < 500, say)
    assert.doesNotMatch(told, /\bat .*\.ts|node_modules|undefined|\[object/, say)
    if (field !== undefined) {
      assert.equal(answer.json['field'], field, say)
      assert.ok(told.includes(field), say)
    }
    if (detail !== undefined) assert.match(told, detail, say)
    // Wrong passphrases make the next one wait; that is tested elsewhere.
    if (code === 'passphrase_is_wrong') await node.wallet.unlock(node.did, passphrase, 3_600_000)
  }
  assert.equal((await call(node, '/health')).status, 200)
  const { asOfHeight: _, ...accountAfter } = (await call(node, '/api/wallet/balance')).json
  assert.deepEqual({ ...accountAfter, asOfHeight: accountBefore['asOfHeight'] }, accountBefore, 'nothing was spent')
  assert.deepEqual(node.complaints, [])
})

test('every code of a problem is in the documented list', async () => {
  const document = (await call(node, '/api/openapi.json')).json as {
    'x-problem-codes': { [code: string]: { status: number } }
  }
  for (const bad of cases()) {
    const { code, status } = (await send(bad)).json
    assert.equal(document['x-problem-codes'][String(code)]?.status, status, `${bad.title}: ${String(code)}`)
  }
})

describe('bytes that are not HTTP', () => {
  const garbage: [string, string | Uint8Array][] = [
    ['a TLS hello', Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03)],
    ['a request line without end', `GET /${'a'.repeat(40_000)}`],
    ['a head of 100 KB', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(100_000)}\r\n\r\n`],
    ['two lengths', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a line break in a header', 'GET / HTTP/1.1\r\nhost: x\nx: y\r\n\r\n'],
  ]
  for (const [title, bytes] of garbage) {
    test(`${title} gets a problem, or the connection is closed`, async () => {
      const { port } = new URL(node.url)
      const text = await new Promise<string>(resolve => {
        let answer = ''
        const socket = connect(Number(port), '127.0.0.1', () => socket.write(bytes))
        socket.on('data', chunk => (answer += chunk.toString()))
        socket.on('close', () => resolve(answer))
        socket.on('error', () => {})
      })
      if (text !== '') assert.match(text, /^HTTP\/1\.1 4\d\d [\s\S]*"code":"(malformed|foreign_host)"/)
      assert.equal((await call(node, '/health')).status, 200)
    })
  }
})
