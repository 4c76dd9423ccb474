import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { afterEach, beforeEach } from 'node:test'
import { type Did, fromHex, isCanonicalSignature, Prng, publicKeyOf, sign, utf8 } from '@claw-network/protocol'
import type { Clock } from '../ports.ts'
import { type Identity, Keystore } from './keystore.ts'
import { type SessionRefusal, Sessions, type SigningKeys, unlockMsDefault, unlockMsMax } from './sessions.ts'

const cost = { memoryKiB: 128, passes: 1, parallelism: 1 }
const entropy = new Prng(11)
const message = utf8('pay')
const stranger = publicKeyOf(new Uint8Array(32).fill(99)) as Did

/** Time that moves when told; `pending` counts timers not yet run or cancelled. */
class HandClock implements Clock {
  #nowMs = 1_700_000_000_000
  readonly #timers = new Set<{ atMs: number; task: () => void }>()

  nowMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, task: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, task }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  get pending(): number {
    return this.#timers.size
  }

  /** Moves on and runs the timers that are due, unless the machine sleeps through them. */
  pass(ms: number, { timersRun = true } = {}): void {
    this.#nowMs += ms
    for (const timer of this.#timers) {
      if (!timersRun || timer.atMs > this.#nowMs) continue
      this.#timers.delete(timer)
      timer.task()
    }
  }
}

/** Pure signing that counts the secrets it holds. */
function countingKeys(): SigningKeys & { held: number } {
  const keys = {
    held: 0,
    signingKey(secretKey: Uint8Array) {
      const copy = Uint8Array.from(secretKey)
      keys.held += 1
      return {
        sign: (bytes: Uint8Array) => sign(bytes, copy),
        wipe() {
          keys.held -= 1
        },
      }
    },
  }
  return keys
}

let directory: string
let clock: HandClock
let keys: ReturnType<typeof countingKeys>
let keystore: Keystore
let sealedChecks: number
let sessions: Sessions
let did: Did

/** As after a restart of the node. */
function restart(): void {
  keystore = new Keystore({ directory, cost }, { entropy })
  const secretKey = keystore.secretKey.bind(keystore)
  keystore.secretKey = (...args) => {
    sealedChecks += 1
    return secretKey(...args)
  }
  keys = countingKeys()
  sessions = new Sessions({}, { keystore, ed25519: keys, clock, entropy })
}

beforeEach(async () => {
  directory = join(mkdtempSync(join(tmpdir(), 'clawnet-sessions-')), 'keys')
  clock = new HandClock()
  sealedChecks = 0
  restart()
  did = (await keystore.createWallet(new Uint8Array(32), 'right')).did
})
afterEach(() => rmSync(join(directory, '..'), { recursive: true }))

const locked: SessionRefusal = { refused: 'identity_is_locked' }
const wrong: SessionRefusal = { refused: 'passphrase_is_wrong' }

const first = (): Identity => ({ did, index: 0, keys: [did], isImported: false })

async function signs(): Promise<boolean> {
  const answer = await sessions.sign(did, message)
  return !('refused' in answer) && isCanonicalSignature(answer, fromHex(did))
}

test('a locked identity signs nothing; an unlocked one signs what its key signs', async () => {
  assert.deepEqual(await sessions.sign(did, message), locked)
  assert.equal(await sessions.unlock(did, 'right'), undefined)
  const secretKey = (await keystore.secretKey(did, 'right'))!
  assert.deepEqual(await sessions.sign(did, message), sign(message, secretKey))
})

test('an identity is unlocked for 15 minutes unless told otherwise, and for 24 hours at most', async () => {
  for (const [asked, given] of [
    [undefined, 15 * 60_000],
    [1000, 1000],
    [unlockMsMax + 1, 24 * 3_600_000],
  ] as const) {
    await sessions.unlock(did, 'right', asked)
    assert.deepEqual(sessions.identities(), [{ ...first(), unlockedUntilMs: clock.nowMs() + given }])
    clock.pass(given - 1)
    assert.equal(await signs(), true)
    clock.pass(1)
    assert.equal(await signs(), false)
    assert.deepEqual(sessions.identities(), [first()])
    assert.equal(keys.held, 0)
  }
})

test('unlocking again replaces the end of the session, be it sooner', async () => {
  await sessions.unlock(did, 'right', 60_000)
  await sessions.unlock(did, 'right', 1000)
  clock.pass(1000)
  assert.equal(await signs(), false)
  assert.equal(keys.held, 0)
})

test('a session whose end the machine slept through is over when it wakes', async () => {
  await sessions.unlock(did, 'right')
  clock.pass(unlockMsDefault, { timersRun: false })
  assert.equal(await signs(), false)
  assert.equal(keys.held, 0)
})

test('the daemon may keep an identity open; only locking ends that', async () => {
  await sessions.keepUnlocked(did, 'right')
  assert.deepEqual(sessions.identities(), [{ ...first(), unlockedUntilMs: Number.POSITIVE_INFINITY }])
  clock.pass(30 * unlockMsMax)
  assert.equal(await signs(), true)
  sessions.lock(did)
  assert.equal(await signs(), false)
  assert.equal(keys.held, 0)
})

test('a passphrase with a request unlocks for that request alone', async () => {
  const answer = await sessions.sign(did, message, 'right')
  assert.ok(!('refused' in answer))
  assert.deepEqual(await sessions.sign(did, message), locked)
  assert.equal(keys.held, 0)
})

test('after the first success a passphrase is not run through the KDF again, until locked or a day later', async () => {
  for (let i = 0; i < 5; i++) assert.ok(!('refused' in (await sessions.sign(did, message, 'right'))))
  assert.equal(sealedChecks, 1)

  sessions.lock(did)
  await sessions.sign(did, message, 'right')
  assert.equal(sealedChecks, 2)
  clock.pass(unlockMsMax)
  await sessions.sign(did, message, 'right')
  assert.equal(sealedChecks, 3)
})

test('a warm identity is as closed to other passphrases as a cold one', async () => {
  await sessions.sign(did, message, 'right')
  assert.deepEqual(await sessions.sign(did, message, 'wrong'), wrong)
  assert.deepEqual(await sessions.sign(did, message, ''), { refused: 'too_many_attempts', retryAfterMs: 250 })
  assert.deepEqual(await sessions.sign(did, message, 'right'), { refused: 'too_many_attempts', retryAfterMs: 250 })
})

test('a wrong passphrase costs 250 ms, twice that each time, and 60 s at most', async () => {
  const costs: number[] = []
  for (let i = 0; i < 11; i++) {
    assert.deepEqual(await sessions.unlock(did, 'wrong'), wrong)
    const refusal = await sessions.unlock(did, 'right')
    costs.push(refusal?.retryAfterMs ?? 0)
    assert.equal(refusal?.refused, 'too_many_attempts')
    clock.pass(costs.at(-1)! - 1)
    assert.equal((await sessions.unlock(did, 'right'))?.retryAfterMs, 1)
    clock.pass(1)
  }
  assert.deepEqual(costs, [250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000])
  assert.equal(sealedChecks, 11)
})

test('the right passphrase ends the waits', async () => {
  for (const ms of [250, 500, 1000]) {
    await sessions.unlock(did, 'wrong')
    clock.pass(ms)
  }
  assert.equal(await sessions.unlock(did, 'right'), undefined)
  sessions.lock(did)
  await sessions.unlock(did, 'wrong')
  assert.equal((await sessions.unlock(did, 'wrong'))?.retryAfterMs, 250)
})

test('a restart does not end a wait', async () => {
  await sessions.unlock(did, 'wrong')
  clock.pass(250)
  await sessions.unlock(did, 'wrong')
  restart()
  assert.deepEqual(await sessions.unlock(did, 'right'), { refused: 'too_many_attempts', retryAfterMs: 500 })
  clock.pass(500)
  assert.equal(await sessions.unlock(did, 'right'), undefined)
})

test('a node killed during a check has counted it', async () => {
  keystore.secretKey = () => new Promise(() => {})
  void sessions.unlock(did, 'guess')
  await new Promise(resolve => setImmediate(resolve))
  restart()
  assert.deepEqual(await sessions.unlock(did, 'right'), { refused: 'too_many_attempts', retryAfterMs: 250 })
})

test('a clock set back lengthens no wait beyond 60 s', async () => {
  await sessions.unlock(did, 'wrong')
  clock.pass(-7 * unlockMsMax)
  assert.equal((await sessions.unlock(did, 'right'))?.retryAfterMs, 60_000)
})

test('guesses in parallel take turns, so that all but one are refused unchecked', async () => {
  const guesses = await Promise.all(['a', 'b', 'c', 'right'].map(guess => sessions.unlock(did, guess)))
  assert.deepEqual(
    guesses.map(refusal => refusal?.refused),
    ['passphrase_is_wrong', 'too_many_attempts', 'too_many_attempts', 'too_many_attempts'],
  )
  assert.equal(sealedChecks, 1)
})

test('a hundred requests at once with the right passphrase cost one check', async () => {
  const answers = await Promise.all(Array.from({ length: 100 }, () => sessions.sign(did, message, 'right')))
  assert.ok(answers.every(answer => !('refused' in answer)))
  assert.equal(sealedChecks, 1)
})

test('a check that fails by the disk is thrown to its caller, and whoever waits behind is served', async () => {
  const failed = sessions.unlock(did, 'right')
  keystore.secretKey = async () => {
    keystore.secretKey = async () => undefined
    throw new Error('disk')
  }
  const behind = sessions.unlock(did, 'wrong')
  await assert.rejects(failed, /disk/)
  assert.equal((await behind)?.refused, 'too_many_attempts')
})

test('identities have their own sessions, waits and signatures', async () => {
  const second = await sessions.create('right')
  assert.ok(typeof second === 'string')
  await sessions.unlock(second, 'right')
  await sessions.unlock(did, 'wrong')
  assert.deepEqual(
    sessions.identities().map(({ unlockedUntilMs }) => unlockedUntilMs !== undefined),
    [false, true],
  )
  assert.ok(!('refused' in (await sessions.sign(second, message))))
  assert.deepEqual(await sessions.sign(did, message), locked)
})

test('a new identity needs the passphrase of the wallet, and guessing that one costs as much', async () => {
  assert.deepEqual(await sessions.create('wrong'), wrong)
  assert.deepEqual(await sessions.create('right'), { refused: 'too_many_attempts', retryAfterMs: 250 })
  clock.pass(250)
  const dids = await Promise.all([sessions.create('right'), sessions.create('right')])
  assert.deepEqual(
    [did, ...dids],
    sessions.identities().map(identity => identity.did),
  )
})

test('somebody else is unknown, with or without a passphrase', async () => {
  const unknown: SessionRefusal = { refused: 'identity_is_unknown' }
  assert.deepEqual(await sessions.sign(stranger, message), unknown)
  assert.deepEqual(await sessions.sign(stranger, message, 'right'), unknown)
  assert.deepEqual(await sessions.unlock(stranger, 'right'), unknown)
  sessions.lock(stranger)
})

test('closing forgets every secret and timer', async () => {
  const second = await sessions.create('right')
  await sessions.unlock(did, 'right')
  await sessions.sign(second as Did, message, 'right')
  sessions.close()
  assert.equal(await signs(), false)
  assert.equal(keys.held, 0)
  assert.equal(clock.pending, 0)
})

test('a damaged count of attempts is refused with the way out', () => {
  const path = join(directory, 'attempts.json')
  for (const text of ['', '{', '{"wallet": 1}', '{"wallet": {"count": 1, "notBeforeMs": "soon"}}']) {
    writeFileSync(path, text, { mode: 0o600 })
    assert.throws(restart, /attempts\.json is damaged: remove it/)
    assert.equal(readFileSync(path, 'utf8'), text)
  }
})
