/** Who may sign now: identities unlocked for a while, or for one request by its passphrase (docs/spec/keystore.md). */
import { type Did, formatDid, type PublicKey } from '@claw-network/protocol'
import type { Clock, Entropy } from '../ports.ts'
import { AttemptLimiter } from './attempts.ts'
import type { Keystore } from './keystore.ts'
import { WarmCopy } from './warm-copy.ts'

export const unlockMsDefault = 15 * 60_000
export const unlockMsMax = 24 * 3_600_000

/** Why nothing was signed or unlocked. */
export interface SessionRefusal {
  readonly refused:
    | 'identity_is_unknown'
    | 'identity_is_locked'
    | 'key_is_missing'
    | 'passphrase_is_wrong'
    | 'too_many_attempts'
  /** With `too_many_attempts`: nothing is checked before. */
  readonly retryAfterMs?: number
}

export interface SessionIdentity {
  readonly did: Did
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

interface Session {
  readonly key: SigningKey
  readonly untilMs: number
  readonly cancelExpiry: () => void
}

interface Warm {
  readonly copy: WarmCopy
  readonly cancelExpiry: () => void
}

const walletName = 'wallet'

export class Sessions {
  readonly #keystore: Keystore
  readonly #ed25519: SigningKeys
  readonly #clock: Clock
  readonly #entropy: Entropy
  readonly #attempts: AttemptLimiter
  readonly #open = new Map<Did, Session>()
  readonly #warm = new Map<Did, Warm>()
  /** The last check of each sealed file, under way: they take turns, so that guesses in parallel gain nothing. */
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor({ keystore, ed25519, clock, entropy }: SessionDependencies) {
    this.#keystore = keystore
    this.#ed25519 = ed25519
    this.#clock = clock
    this.#entropy = entropy
    this.#attempts = new AttemptLimiter({ directory: keystore.directory }, { clock })
  }

  /** The default identity first. */
  identities(): readonly SessionIdentity[] {
    return this.#keystore.identities.map(({ did }) => {
      const session = this.#session(did)
      return session === undefined ? { did } : { did, unlockedUntilMs: session.untilMs }
    })
  }

  /** With a passphrase signs for this call only; without one the identity must be unlocked. */
  async sign(
    did: Did,
    message: Uint8Array,
    passphrase?: string,
    key: PublicKey = did,
  ): Promise<Uint8Array | SessionRefusal> {
    if (!this.#isOurs(did)) return { refused: 'identity_is_unknown' }
    if (key !== did) return { refused: 'key_is_missing' }
    if (passphrase === undefined) {
      return this.#session(did)?.key.sign(message) ?? { refused: 'identity_is_locked' }
    }

    const secretKey = await this.#secretKey(did, passphrase)
    if ('refused' in secretKey) return secretKey
    const signing = this.#ed25519.signingKey(secretKey)
    secretKey.fill(0)
    const signature = signing.sign(message)
    signing.wipe()
    return signature
  }

  /** Unlocks for `durationMs`, at most 24 hours (K14); a session that is open already ends then instead. */
  async unlock(
    did: Did,
    passphrase: string,
    durationMs: number = unlockMsDefault,
  ): Promise<SessionRefusal | undefined> {
    return this.#unlock(did, passphrase, Math.min(durationMs, unlockMsMax))
  }

  /** Unlocks until the node stops or somebody locks: for the daemon's own use, on `local` and by passphrase file. */
  async keepUnlocked(did: Did, passphrase: string): Promise<SessionRefusal | undefined> {
    return this.#unlock(did, passphrase, Number.POSITIVE_INFINITY)
  }

  /** Forgets the identity's secret, unlocked or warm. */
  lock(did: Did): void {
    this.#endSession(did)
    this.#cool(did)
  }

  /** Makes the next identity of the wallet, sealed with the same passphrase. */
  async create(passphrase: string): Promise<Did | SessionRefusal> {
    if (!this.#keystore.hasWallet) return { refused: 'identity_is_unknown' }

    const identity = await this.#checked(walletName, { sealed: () => this.#keystore.deriveIdentity(passphrase) })
    return 'refused' in identity ? identity : identity.did
  }

  /** Forgets every secret. */
  close(): void {
    for (const did of [...this.#open.keys(), ...this.#warm.keys()]) this.lock(did)
  }

  async #unlock(did: Did, passphrase: string, durationMs: number): Promise<SessionRefusal | undefined> {
    if (!this.#isOurs(did)) return { refused: 'identity_is_unknown' }
    const secretKey = await this.#secretKey(did, passphrase)
    if ('refused' in secretKey) return secretKey

    this.#endSession(did)
    const cancelExpiry = Number.isFinite(durationMs)
      ? this.#clock.after(durationMs, () => this.#endSession(did))
      : () => {}
    const key = this.#ed25519.signingKey(secretKey)
    secretKey.fill(0)
    this.#open.set(did, { key, untilMs: this.#clock.nowMs() + durationMs, cancelExpiry })
    return
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
    session?.key.wipe()
    this.#open.delete(did)
  }

  /** The caller wipes what it gets. */
  #secretKey(did: Did, passphrase: string): Promise<Uint8Array | SessionRefusal> {
    return this.#checked(formatDid(did), {
      warm: () => this.#warm.get(did)?.copy.open(passphrase),
      sealed: async () => {
        const secretKey = await this.#keystore.secretKey(did, passphrase)
        if (secretKey !== undefined) this.#keepWarm(did, secretKey, passphrase)
        return secretKey
      },
    })
  }

  /** One check of a passphrase: in its turn, not before the wait is over, and counted before it is made. */
  #checked<T>(
    name: string,
    { warm, sealed }: { warm?: () => T | undefined; sealed: () => Promise<T | undefined> },
  ): Promise<T | SessionRefusal> {
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

  #keepWarm(did: Did, secretKey: Uint8Array, passphrase: string): void {
    this.#cool(did)
    this.#warm.set(did, {
      copy: new WarmCopy(secretKey, passphrase, { entropy: this.#entropy }),
      cancelExpiry: this.#clock.after(unlockMsMax, () => this.#cool(did)),
    })
  }

  #cool(did: Did): void {
    const warm = this.#warm.get(did)
    warm?.cancelExpiry()
    warm?.copy.wipe()
    this.#warm.delete(did)
  }

  #isOurs(did: Did): boolean {
    return this.#keystore.identities.some(identity => identity.did === did)
  }
}
