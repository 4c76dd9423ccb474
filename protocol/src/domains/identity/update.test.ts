import assert from 'node:assert/strict'
import test from 'node:test'
import { actor } from '../../../../test/helpers/actors.ts'
import { type GrantTerms, IdentityRun, startMs } from '../../../../test/helpers/identity-run.ts'
import { formatDid } from '../../crypto/keys.ts'
import type { QueryContext } from '../../ledger/domain.ts'
import { granted } from './grant-queries.ts'
import { resolve } from './queries.ts'
import { identities } from './rows.ts'

const alice = actor('alice').did
const services = [{ id: '#agent', type: 'Agent', serviceEndpoint: 'https://agents.example/alice' }]
const alsoKnownAs = ['https://alice.example']

function update(run: IdentityRun, payload: unknown): string {
  return run.act(run.order('alice', 'identity.update', payload))
}

function context(timeMs = startMs): QueryContext {
  return { height: 1, timeMs, pending: () => 0n, begun: () => [] }
}

function documentOf(run: IdentityRun) {
  const answer = resolve.read(run.view, { did: alice }, context()) ?? assert.fail('every DID has a document')
  // The answer is what its declaration says.
  resolve.output.fromJson(resolve.output.toJson(answer))
  return answer
}

test('an update replaces what it gives and leaves the rest; empty values clear', () => {
  const run = new IdentityRun()
  assert.equal(update(run, { name: 'Alice', services, alsoKnownAs }), 'applied')
  assert.equal(update(run, { name: 'Alice II' }), 'applied')
  const { name, ...rest } = identities.get(run.view, alice) ?? assert.fail('alice has a row')
  assert.deepEqual([name, rest.services, rest.alsoKnownAs], ['Alice II', services, alsoKnownAs])
  update(run, { services: [] })
  assert.deepEqual(identities.get(run.view, alice)?.alsoKnownAs, alsoKnownAs)
  update(run, { name: '', alsoKnownAs: [] })
  assert.equal(identities.get(run.view, alice), undefined)
})

test('an update of nothing is applied and changes nothing', () => {
  const run = new IdentityRun()
  assert.equal(update(run, {}), 'applied')
  assert.equal(identities.get(run.view, alice), undefined)
})

const service = services[0]
const unfit: readonly (readonly [claim: string, payload: unknown, code: string])[] = [
  [
    'an endpoint without a scheme',
    { services: [{ ...service, serviceEndpoint: 'agents.example' }] },
    'uri_is_malformed',
  ],
  ['an endpoint with a blank', { services: [{ ...service, serviceEndpoint: 'https://a b' }] }, 'uri_is_malformed'],
  [
    'an endpoint with a control character',
    { services: [{ ...service, serviceEndpoint: 'https://a\u001b[2J' }] },
    'uri_is_malformed',
  ],
  [
    'an endpoint that is not ASCII',
    { services: [{ ...service, serviceEndpoint: 'https://bücher.example' }] },
    'uri_is_malformed',
  ],
  ['another name with a mark that turns text around', { alsoKnownAs: ['https://a\u202e'] }, 'uri_is_malformed'],
  ['a service id that is a word', { services: [{ ...service, id: 'agent' }] }, 'uri_is_malformed'],
  ['a service id that is an empty fragment', { services: [{ ...service, id: '#' }] }, 'uri_is_malformed'],
  ['another name that is no URI', { alsoKnownAs: ['alice'] }, 'uri_is_malformed'],
  ['two services of one id', { services: [service, service] }, 'service_is_named_twice'],
]
for (const [claim, payload, code] of unfit) {
  test(`an update with ${claim} is rejected`, () => {
    const run = new IdentityRun()
    assert.equal(update(run, payload), `rejected: ${code}`)
    assert.equal(identities.get(run.view, alice), undefined)
  })
}

test('a DID document of an identity that never did anything follows from its DID', () => {
  const run = new IdentityRun()
  const id = formatDid(alice)
  const multikey = id.slice('did:claw:'.length)
  const keyId = `${id}#${multikey}`
  assert.deepEqual(documentOf(run), {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
    id: alice,
    alsoKnownAs: [`did:key:${multikey}`],
    verificationMethod: [{ id: keyId, type: 'Multikey', controller: alice, publicKeyMultibase: multikey }],
    authentication: [keyId],
    assertionMethod: [keyId],
    capabilityInvocation: [keyId],
    service: [],
    rotations: 0,
    address: actor('alice').address,
    nonce: 0,
  })
})

test('a DID document has the key that signs now, and what the identity says of itself', () => {
  const run = new IdentityRun()
  update(run, { name: 'Alice', services, alsoKnownAs })
  run.act(run.rotate('alice', 'dora'))
  const document = documentOf(run)
  const multikey = formatDid(actor('dora').did).slice('did:claw:'.length)
  const keyId = `${formatDid(alice)}#${multikey}`
  assert.equal(document.id, alice)
  assert.deepEqual(document.alsoKnownAs, [`did:key:${multikey}`, ...alsoKnownAs])
  assert.deepEqual(document.verificationMethod, [
    { id: keyId, type: 'Multikey', controller: alice, publicKeyMultibase: multikey },
  ])
  assert.deepEqual(
    [document.authentication, document.assertionMethod, document.capabilityInvocation],
    [[keyId], [keyId], [keyId]],
  )
  assert.deepEqual(document.service, [{ ...services[0], id: `${formatDid(alice)}#agent` }])
  assert.deepEqual([document.name, document.rotations, document.nonce], ['Alice', 1, 2])
})

// GET /api/identity/:did/grants

function grantOf(terms: GrantTerms, timeMs: number, spend: bigint[] = []) {
  const run = new IdentityRun()
  run.act(run.grant('alice', 'dora', { periodMs: 10_000, notAfter: startMs + 60_000, ...terms }))
  for (const amount of spend) run.act(run.pay('alice', 'bob', amount, { by: 'dora' }))
  const { grants } = granted.read(run.view, { did: alice }, context(timeMs)) ?? assert.fail('a list, if empty')
  granted.output.fromJson(granted.output.toJson({ grants }))
  return grants[0] ?? assert.fail('there is a grant')
}

test('a grant is shown with what it has taken and may still take', () => {
  assert.deepEqual(grantOf({ total: 400n, kinds: ['wallet.transfer'] }, startMs + 9_999, [90n, 90n, 90n]), {
    key: actor('dora').did,
    status: 'live',
    perTx: 100n,
    budget: 300n,
    periodMs: 10_000,
    total: 400n,
    kinds: ['wallet.transfer'],
    notBefore: startMs,
    notAfter: startMs + 60_000,
    periodEnds: startMs + 10_000,
    spent: 273n,
    spentInAll: 273n,
    left: 27n,
    leftInPeriod: 27n,
    leftInAll: 127n,
  })
})

test('with a new period the budget is there again, as far as the total reaches', () => {
  const { spent, spentInAll, left, leftInPeriod, leftInAll, periodEnds } = grantOf({ total: 400n }, startMs + 10_000, [
    90n,
    90n,
    90n,
  ])
  assert.deepEqual([spent, spentInAll, left, leftInPeriod, leftInAll], [0n, 273n, 100n, 127n, 127n])
  assert.equal(periodEnds, startMs + 20_000)
})

test('a grant waits, lives and is over, to the millisecond; only a live one has something left', () => {
  const notBefore = startMs + 5_000
  const times: readonly (readonly [timeMs: number, status: string, left: bigint])[] = [
    [notBefore - 1, 'waiting', 0n],
    [notBefore, 'live', 100n],
    [startMs + 59_999, 'live', 100n],
    [startMs + 60_000, 'over', 0n],
  ]
  for (const [timeMs, status, left] of times) {
    const shown = grantOf({ notBefore }, timeMs)
    assert.deepEqual([shown.status, shown.left, shown.leftInPeriod], [status, left, left === 0n ? 0n : 300n])
  }
})

test('a grant at the end of all times can be shown as well', () => {
  const last = Number.MAX_SAFE_INTEGER
  assert.equal(grantOf({ notBefore: last - 1, notAfter: last }, startMs).periodEnds, last)
})

test('who granted nothing has an empty list', () => {
  const run = new IdentityRun()
  assert.deepEqual(granted.read(run.view, { did: alice }, context()), { grants: [] })
})
