/** Who may sign now: identities unlocked for a while, or for one request by its passphrase (docs/spec/keystore.md). */
import { type Did, formatDid, type PublicKey } from '@claw-network/protocol'
import type { Clock, Entropy } from '../ports.ts'
import { AttemptLimiter } from './attempts.ts'
import type { Identity, Keystore, OpenKey } from './keystore.ts'
import { WarmCopy } from './warm-copy.ts'

export const unlockMsDefault = 15 * 60_000
export const unlockMsMax = 24 * 3_600_000

/** Why nothing was signed or unlocked. */
export interface SessionRefusal {
  readonly refused:
    | 'identity_is_unknown'
    | 'identity_is_locked'
    | 'key_is_missing'
    | 'wallet_is_another'
    | 'passphrase_is_missing'
    | 'passphrase_is_wrong'
    | 'too_many_attempts'
  /** With `too_many_attempts`: nothing is checked before. */
  readonly retryAfterMs?: number
}

export interface SessionIdentity extends Identity {
  /** Absent while locked; `Number.POSITIVE_INFINITY` where it stays open until the node stops. */
  readonly unlockedUntilMs?: number
}

/** Makes keys that sign; the native Ed25519 of the node satisfies it. */
export interface SigningKeys {
  readonly signingKey: (secretKey: Uint8Array) => SigningKey
}

export interface SigningKey {
  sign(message: Uint8Array): Uint8Array
  wipe(): void
}

export interface SessionDependencies {
  readonly keystore: Keystore
  readonly ed25519: SigningKeys
  readonly clock: Clock
  readonly entropy: Entropy
}

/**
 * Who brings a passphrase: `stranger` is whoever has shown nothing else that is the owner's. Their wrong ones are counted
 * apart, so that nobody can lock the owner out (K15).
 */
export type Guesser = 'owner' | 'stranger'

/** A key that may follow the one that signs now, and what it signed to prove that it is here. */
export interface NextKey {
  readonly key: PublicKey
  readonly proof: Uint8Array
}

export interface SessionOptions {
  /** Opens every identity without anybody asking: on `local`, where the passphrase lies beside the keys (K20). */
  readonly localPassphrase?: string
}

interface Session {
  readonly keys: Map<PublicKey, SigningKey>
  readonly untilMs: number
  readonly cancelExpiry: () => void
}

interface Guess {
  readonly passphrase: string
  readonly by: Guesser
}

interface Warm {
  readonly copy: WarmCopy
  readonly cancelExpiry: () => void
}

const walletName = 'wallet'

export class Sessions {
  readonly #localPassphrase: string | undefined
  readonly #keystore: Keystore
  readonly #ed25519: SigningKeys
  readonly #clock: Clock
  readonly #entropy: Entropy
  readonly #attempts: AttemptLimiter
  readonly #open = new Map<Did, Session>()
  readonly #warm = new Map<PublicKey, Warm>()
  /** The last check of the wallet and of each identity, under way: they take turns, so that guesses in parallel gain nothing. */
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor({ localPassphrase }: SessionOptions, { keystore, ed25519, clock, entropy }: SessionDependencies) {
    this.#localPassphrase = localPassphrase
    this.#keystore = keystore
    this.#ed25519 = ed25519
    this.#clock = clock
    this.#entropy = entropy
    this.#attempts = new AttemptLimiter({ directory: keystore.directory }, { clock })
  }

  /** The default identity first. */
  identities(): readonly SessionIdentity[] {
    return this.#keystore.identities.map(identity => {
      const session = this.#session(identity.did)
      return session === undefined ? identity : { ...identity, unlockedUntilMs: session.untilMs }
    })
  }

  /**
   * With a passphrase signs for this call only; without one the identity must be unlocked. `key` is the one that signs
   * for the identity now.
   */
  async sign(
    did: Did,
    message: Uint8Array,
    passphrase?: string,
    key: PublicKey = did,
    by: Guesser = 'owner',
  ): Promise<Uint8Array | SessionRefusal> {
    if (!this.#isOurs(did)) return { refused: 'identity_is_unknown' }
    if (passphrase === undefined) {
      const signing = this.#session(did)?.keys.get(key)
      if (signing !== undefined) return signing.sign(message)
      return { refused: this.#keystore.holds(did, key) ? 'identity_is_locked' : 'key_is_missing' }
    }

    const secretKey = await this.#secretKey(did, { passphrase, by }, key)
    return 'refused' in secretKey ? secretKey : this.#signOnce(secretKey, message)
  }

  /**
   * Unlocks for `durationMs`, at most 24 hours (K14); a session that is open already ends then instead. `key` is the one
   * that signs for the identity now; with it those are opened that are to follow.
   */
  async unlock(
    did: Did,
    passphrase: string,
    durationMs: number = unlockMsDefault,
    key: PublicKey = did,
    by: Guesser = 'owner',
  ): Promise<SessionRefusal | undefined> {
    if (!this.#isOurs(did)) return { refused: 'identity_is_unknown' }
    const guess = { passphrase, by }
    return this.#unlock(did, Math.min(durationMs, unlockMsMax), key, wanted => this.#secretKey(did, guess, wanted))
  }

  /**
   * Unlocks until the node stops or somebody locks, for the daemon's own use. What it brings is no guess, so that it is
   * not counted and waits for nobody else's.
   */
  async keepUnlocked(did: Did, passphrase: string, key: PublicKey = did): Promise<SessionRefusal | undefined> {
    return this.#unlock(did, Number.POSITIVE_INFINITY, key, async wanted => {
      if (this.#keystore.holds(did, wanted)) {
        return (await this.#keystore.secretKey(did, passphrase, wanted)) ?? { refused: 'passphrase_is_wrong' }
      }
      if (!this.#keystore.hasWallet) return { refused: 'key_is_missing' }
      return secretOf((await this.#keystore.recoverKey(did, wanted, passphrase)) ?? { refused: 'passphrase_is_wrong' })
    })
  }

  /** Forgets the identity's secrets, unlocked or warm. */
  lock(did: Did): void {
    this.#endSession(did)
    for (const key of this.#keystore.keysOf(did)) this.#cool(key)
  }

  /** Makes the next identity of the wallet, sealed with the same passphrase; on `local` it is unlocked at once. */
  async create(
    passphrase: string | undefined = this.#localPassphrase,
    by: Guesser = 'owner',
  ): Promise<Did | SessionRefusal> {
    if (!this.#keystore.hasWallet) return { refused: 'identity_is_unknown' }
    if (passphrase === undefined) return { refused: 'passphrase_is_missing' }

    const identity = await this.#checked(walletName, by, { sealed: () => this.#keystore.deriveIdentity(passphrase) })
    if ('refused' in identity) return identity
    if (passphrase === this.#localPassphrase) await this.keepUnlocked(identity.did, passphrase)
    return identity.did
  }

  /**
   * Makes the key of a rotation that is to come, sealed before it signs anything, and lets it sign `proofOf`; the same
   * key whenever it is asked for (K23). An open session holds it from then on.
   */
  async nextKey(
    did: Did,
    rotation: number,
    passphrase: string | undefined = this.#localPassphrase,
    proofOf: (key: PublicKey) => Uint8Array,
    by: Guesser = 'owner',
  ): Promise<NextKey | SessionRefusal> {
    if (!this.#isOurs(did)) return { refused: 'identity_is_unknown' }
    if (!this.#keystore.hasWallet) return { refused: 'wallet_is_another' }
    if (passphrase === undefined) return { refused: 'passphrase_is_missing' }

    const next = await this.#checked(walletName, by, {
      sealed: () => this.#keystore.nextKey(did, rotation, passphrase),
    })
    if ('refused' in next) return next
    const session = this.#session(did)
    if (session !== undefined && !session.keys.has(next.key)) {
      session.keys.set(next.key, this.#ed25519.signingKey(next.secretKey))
    }
    return { key: next.key, proof: this.#signOnce(next.secretKey, proofOf(next.key)) }
  }

  /** Forgets every secret. */
  close(): void {
    for (const { did } of this.#keystore.identities) this.lock(did)
  }

  /** Opens the key that signs now and those after it, which a rotation may name while the session lasts. */
  async #unlock(
    did: Did,
    durationMs: number,
    current: PublicKey,
    secretOfKey: (key: PublicKey) => Promise<Uint8Array | SessionRefusal>,
  ): Promise<SessionRefusal | undefined> {
    const held = this.#keystore.keysOf(did)
    const keys = new Map<PublicKey, SigningKey>()
    for (const key of held.includes(current) ? held.slice(held.indexOf(current)) : [current]) {
      const secretKey = await secretOfKey(key)
      if ('refused' in secretKey) {
        for (const opened of keys.values()) opened.wipe()
        return secretKey
      }
      keys.set(key, this.#ed25519.signingKey(secretKey))
      secretKey.fill(0)
    }

    this.#endSession(did)
    const cancelExpiry = Number.isFinite(durationMs)
      ? this.#clock.after(durationMs, () => this.#endSession(did))
      : () => {}
    this.#open.set(did, { keys, untilMs: this.#clock.nowMs() + durationMs, cancelExpiry })
    return undefined
  }

  /** Wipes the secret. */
  #signOnce(secretKey: Uint8Array, message: Uint8Array): Uint8Array {
    const signing = this.#ed25519.signingKey(secretKey)
    secretKey.fill(0)
    const signature = signing.sign(message)
    signing.wipe()
    return signature
  }

  /** The open session. One whose time is over is closed here too: a machine that slept runs its timers late. */
  #session(did: Did): Session | undefined {
    const session = this.#open.get(did)
    if (session === undefined || session.untilMs > this.#clock.nowMs()) return session
    this.#endSession(did)
    return undefined
  }

  #endSession(did: Did): void {
    const session = this.#open.get(did)
    session?.cancelExpiry()
    for (const key of session?.keys.values() ?? []) key.wipe()
    this.#open.delete(did)
  }

  /** The caller wipes what it gets. */
  async #secretKey(did: Did, guess: Guess, key: PublicKey): Promise<Uint8Array | SessionRefusal> {
    if (!this.#keystore.holds(did, key)) return this.#recovered(did, guess, key)
    const { passphrase, by } = guess
    return this.#checked(formatDid(did), by, {
      warm: () => this.#warm.get(key)?.copy.open(passphrase),
      sealed: async () => {
        const secretKey = await this.#keystore.secretKey(did, passphrase, key)
        if (secretKey !== undefined) this.#keepWarm(key, secretKey, passphrase)
        return secretKey
      },
    })
  }

  /** A key that another node with the same words made, derived here as well (K24). */
  async #recovered(did: Did, { passphrase, by }: Guess, key: PublicKey): Promise<Uint8Array | SessionRefusal> {
    if (!this.#keystore.hasWallet) return { refused: 'key_is_missing' }
    const sealed = (): Promise<OpenKey | SessionRefusal | undefined> => this.#keystore.recoverKey(did, key, passphrase)
    return secretOf(await this.#checked(walletName, by, { sealed }))
  }

  /** One check of a passphrase: in its turn, not before the wait is over, and counted before it is made. */
  #checked<T>(
    subject: string,
    by: Guesser,
    { warm, sealed }: { warm?: () => T | undefined; sealed: () => Promise<T | undefined> },
  ): Promise<T | SessionRefusal> {
    const name = by === 'owner' ? subject : `${subject} (${by})`
    return this.#inTurn(name, async (): Promise<T | SessionRefusal> => {
      // Before the warm copy too, or that would be a quicker way to guess.
      const retryAfterMs = this.#attempts.waitMs(name)
      if (retryAfterMs > 0) return { refused: 'too_many_attempts', retryAfterMs }
      const known = warm?.()
      if (known !== undefined) return known

      this.#attempts.charge(name)
      const opened = await sealed()
      if (opened === undefined) return { refused: 'passphrase_is_wrong' }
      this.#attempts.clear(name)
      return opened
    })
  }

  async #inTurn<T>(name: string, task: () => Promise<T>): Promise<T> {
    const mine = (this.#turns.get(name) ?? Promise.resolve()).then(task, task) // who came before has its own errors
    this.#turns.set(name, mine)
    try {
      return await mine
    } finally {
      if (this.#turns.get(name) === mine) this.#turns.delete(name)
    }
  }

  #keepWarm(key: PublicKey, secretKey: Uint8Array, passphrase: string): void {
    this.#cool(key)
    this.#warm.set(key, {
      copy: new WarmCopy(secretKey, passphrase, { entropy: this.#entropy }),
      cancelExpiry: this.#clock.after(unlockMsMax, () => this.#cool(key)),
    })
  }

  #cool(key: PublicKey): void {
    const warm = this.#warm.get(key)
    warm?.cancelExpiry()
    warm?.copy.wipe()
    this.#warm.delete(key)
  }

  #isOurs(did: Did): boolean {
    return this.#keystore.keysOf(did).length > 0
  }
}

function secretOf(opened: OpenKey | SessionRefusal): Uint8Array | SessionRefusal {
  return 'refused' in opened ? opened : opened.secretKey
}
