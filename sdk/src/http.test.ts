import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Fetch, Http } from './http.ts'
import { ConnectionError, ProblemError } from './problem.ts'

type Answer = { status: number; body: unknown } | 'lost'

/** A server that gives these answers in order and remembers what it was asked. */
function server(...answers: Answer[]): { fetch: Fetch; requests: { url: string; init: Parameters<Fetch>[1] }[] } {
  const requests: { url: string; init: Parameters<Fetch>[1] }[] = []
  const fetch: Fetch = async (url, init) => {
    requests.push({ url, init })
    const answer = answers.shift()
    if (answer === undefined || answer === 'lost') throw new TypeError('fetch failed')
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body)
    return { status: answer.status, body: null, text: async () => text }
  }
  return { fetch, requests }
}

const write = { body: { amount: 5n }, idempotencyKey: 'k', timeoutMs: 1000 }
const problem = {
  code: 'funds_are_short',
  detail: 'amount: too much',
  field: 'amount',
  retryable: false,
  requestId: 'r1',
}

test('a read is repeated when the connection is lost', async () => {
  const { fetch, requests } = server('lost', { status: 200, body: { ok: true } })
  const http = new Http({ url: 'http://node/', attempts: 2 }, { fetch })
  assert.deepEqual(await http.get('/api/x'), { ok: true })
  assert.deepEqual(
    requests.map(({ url }) => url),
    ['http://node/api/x', 'http://node/api/x'],
  )
})

test('a write is repeated under the same key, with the same body', async () => {
  const { fetch, requests } = server('lost', { status: 200, body: {} })
  await new Http({ url: 'http://node', attempts: 2 }, { fetch }).post('/api/x', write)
  for (const { init } of requests) {
    assert.equal(init.headers['idempotency-key'], 'k')
    assert.equal(init.body, '{"amount":5}')
  }
  assert.equal(requests.length, 2)
})

test('a write without a key is sent once', async () => {
  const { fetch, requests } = server('lost', { status: 200, body: {} })
  const { body, timeoutMs } = write
  const http = new Http({ url: 'http://node', attempts: 3 }, { fetch })
  await assert.rejects(http.post('/api/tokens', { body, timeoutMs }), ConnectionError)
  assert.equal(requests.length, 1)
})

test('a problem names the approval that it waits for', async () => {
  const { fetch } = server({ status: 403, body: { ...problem, code: 'approval_is_needed', approval: 'a1' } })
  await assert.rejects(new Http({ url: 'http://node', attempts: 1 }, { fetch }).post('/api/x', write), {
    code: 'approval_is_needed',
    approval: 'a1',
  })
})

test('repeats end, and the error names the key of a write', async () => {
  const { fetch, requests } = server('lost', 'lost', 'lost')
  const http = new Http({ url: 'http://node', attempts: 2 }, { fetch })
  await assert.rejects(http.post('/api/x', write), (error: unknown) => {
    assert.ok(error instanceof ConnectionError)
    assert.equal(error.idempotencyKey, 'k')
    assert.equal(error.url, 'http://node/api/x')
    return true
  })
  assert.equal(requests.length, 2)
})

test('a problem is an error with all its parts, and is not repeated', async () => {
  const { fetch, requests } = server({ status: 422, body: problem }, { status: 200, body: {} })
  const http = new Http({ url: 'http://node', attempts: 4 }, { fetch })
  await assert.rejects(http.post('/api/x', write), { name: 'ProblemError', status: 422, ...problem })
  assert.equal(requests.length, 1)
})

test('a request whose first sending is still at work is sent again', async () => {
  const inFlight = { status: 409, body: { ...problem, code: 'idempotency_key_is_in_flight' } }
  const { fetch } = server(inFlight, { status: 200, body: { done: true } })
  const http = new Http({ url: 'http://node', attempts: 2 }, { fetch })
  assert.deepEqual(await http.post('/api/x', write), { done: true })
})

test('an answer that is no problem document is told as that', async () => {
  const { fetch } = server({ status: 502, body: '<html>Bad gateway</html>' })
  await assert.rejects(new Http({ url: 'http://node', attempts: 1 }, { fetch }).get('/api/x'), {
    code: 'not_a_node_answer',
    status: 502,
  })
})

test('only not_found is undefined for find; a path that does not exist is an error', async () => {
  const { fetch } = server(
    { status: 404, body: { ...problem, code: 'not_found' } },
    { status: 404, body: { ...problem, code: 'unknown_path' } },
  )
  const http = new Http({ url: 'http://node', attempts: 1 }, { fetch })
  assert.equal(await http.find('/api/x'), undefined)
  await assert.rejects(http.find('/api/x'), ProblemError)
})

test('the credential goes with every request, and nothing where there is none', async () => {
  const answers = server({ status: 200, body: {} }, { status: 200, body: {} })
  await new Http({ url: 'http://node', attempts: 1, token: 't' }, answers).get('/api/x')
  await new Http({ url: 'http://node', attempts: 1 }, answers).get('/api/x')
  assert.deepEqual(
    answers.requests.map(({ init }) => init.headers['authorization']),
    ['Bearer t', undefined],
  )
})

test('an amount that JSON cannot carry exactly is refused before it is sent', async () => {
  const { fetch, requests } = server({ status: 200, body: {} })
  const http = new Http({ url: 'http://node', attempts: 1 }, { fetch })
  await assert.rejects(http.post('/api/x', { ...write, body: { amount: 2n ** 53n } }), RangeError)
  assert.equal(requests.length, 0)
})
