/** Credentials from a plain POST to a third party who believes nobody and knows only the W3C documents. */
import assert from 'node:assert/strict'
import { createHash, createPublicKey, verify } from 'node:crypto'
import { after, before, test } from 'node:test'
import { DaemonNetwork } from '../helpers/daemons.ts'

let network: DaemonNetwork

before(async () => {
  network = await DaemonNetwork.found({ nodes: 2 })
  await network.start()
})
after(() => network.destroy())

test('an agent claims a capability, another attests it, and both stand in its list until revoked', async () => {
  const [alice, bob] = [network.daemon(1), network.daemon(2)]
  const path = '/api/identity/capabilities'
  const claim = { credential: { credentialSubject: { capability: 'translation' } }, nonce: 1, did: alice.did }
  assert.equal((await alice.post(`${path}?wait=final`, claim)).body.status, 'final')
  const attestation = { credential: { credentialSubject: { id: alice.did, capability: 'translation zh-en' } } }
  const attested = await bob.post(`${path}?wait=final`, attestation)
  assert.equal(attested.body.status, 'final', JSON.stringify(attested.body))

  const listed = async () => (await bob.get(`/api/identity/${alice.did}/capabilities`)).body.capabilities
  const summary = async () => (await listed()).map((entry: Entry) => [entry.type, entry.issuer, entry.status])
  assert.deepEqual(await summary(), [
    ['attestation', bob.did, 'valid'],
    ['claim', alice.did, 'valid'],
  ])

  const [{ txHash, credential }] = await listed()
  const { payload } = (await alice.get(`/api/tx/${txHash}`)).body
  assert.equal(`0x${checkAsStranger(payload.credential)}`, credential)
  const again = await bob.post(`${path}?wait=final`, { credential: payload.credential })
  assert.equal(again.body.code, 'credential_is_registered')

  const revocation = `${path}/${credential}/revoke?wait=final`
  assert.equal((await alice.post(revocation, {})).body.code, 'sender_is_not_issuer')
  assert.equal((await bob.post(revocation, {})).body.status, 'final')
  assert.deepEqual(await summary(), [
    ['attestation', bob.did, 'revoked'],
    ['claim', alice.did, 'valid'],
  ])
})

test('a credential that was changed on the way is refused with the field or the signature named', async () => {
  const alice = network.daemon(1)
  const [{ txHash }] = (await alice.get(`/api/identity/${alice.did}/capabilities?offset=1`)).body.capabilities
  const { credential } = (await alice.get(`/api/tx/${txHash}`)).body.payload
  const send = (change: object) =>
    alice.post('/api/identity/capabilities', { credential: { ...credential, ...change } })

  const forged = await send({ credentialSubject: { ...credential.credentialSubject, capability: 'surgery' } })
  assert.deepEqual([forged.status, forged.body.code], [422, 'signature_is_wrong'])
  const malformed = await send({ validUntil: 'soon' })
  assert.equal(malformed.status, 400)
  assert.match(malformed.body.field, /credential\.validUntil$/)
})

interface Entry {
  readonly type: string
  readonly issuer: string
  readonly status: string
}

/** Verifies the proof with nothing of ours; answers with the hash of the document. */
function checkAsStranger(secured: { proof: Record<string, string> }): string {
  const { proof, ...document } = secured
  const { proofValue = '', ...config } = proof
  const [configHash, documentHash] = [config, document].map(part => {
    // Texts and integers only: for these, sorting the names is all of RFC 8785.
    return createHash('sha256')
      .update(JSON.stringify(sorted(part)))
      .digest()
  }) as [Buffer, Buffer]
  const multikey = (proof['verificationMethod'] ?? '').split('#')[1] ?? ''
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), base58(multikey.slice(1)).subarray(2)])
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  assert.ok(verify(null, Buffer.concat([configHash, documentHash]), key, base58(proofValue.slice(1))))
  return documentHash.toString('hex')
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(sorted)
  const entries = Object.entries(value).map(([name, item]) => [name, sorted(item)] as const)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** The bytes of base58btc that begin with something else than zero. */
function base58(text: string): Buffer {
  const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
  const number = Array.from(text).reduce((sum, digit) => sum * 58n + BigInt(alphabet.indexOf(digit)), 0n)
  const hex = number.toString(16)
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex')
}
