/** Agents of a running daemon: each an identity with Tokens, and a token of its own for the API. */
import assert from 'node:assert/strict'
import { ClawnetClient } from '@claw-network/sdk'
import { localPassphraseIn } from '../../node/src/home.ts'
import type { Answer, Daemon } from './daemons.ts'
import { call } from './http-call.ts'

type Fields = { readonly [field: string]: unknown }

export class Agent {
  readonly did: string
  readonly address: string
  /** Of its token. */
  readonly id: string
  readonly token: string
  readonly client: ClawnetClient
  readonly #daemon: Daemon

  /** Makes an identity that has `funds` Tokens, and a token for it. */
  static async of(daemon: Daemon, grant: Fields, funds = 10_000): Promise<Agent> {
    const passphrase = localPassphraseIn(daemon.home)
    const { did } = await ask(daemon, '/api/identity', { passphrase })
    await ask(daemon, '/api/identity/unlock', { did, passphrase })
    await ask(daemon, '/api/wallet/transfer?wait=final', { to: did, amount: funds })
    return Agent.withToken(daemon, { did, ...grant })
  }

  /** With one more token for an identity that is there. */
  static async withToken(daemon: Daemon, grant: Fields): Promise<Agent> {
    return new Agent(daemon, await ask(daemon, '/api/tokens', { scopes: ['wallet'], ...grant }))
  }

  private constructor(daemon: Daemon, made: Fields) {
    this.did = String(made['did'])
    this.address = String(made['address'])
    this.id = String(made['id'])
    this.token = String(made['token'])
    this.client = new ClawnetClient({ url: urlOf(daemon), token: this.token })
    this.#daemon = daemon
  }

  get(path: string): Promise<Answer> {
    return over(this.#daemon, path, { token: this.token })
  }

  /** With `key` as Idempotency-Key. */
  post(path: string, body: unknown, key?: string): Promise<Answer> {
    return over(this.#daemon, path, { token: this.token, body, key })
  }
}

/** One request over TCP, as whoever holds the token, or as nobody. */
export async function over(
  daemon: Daemon,
  path: string,
  {
    token,
    body,
    key,
  }: { readonly token?: string | undefined; readonly body?: unknown; readonly key?: string | undefined },
): Promise<Answer> {
  const headers = { authorization: token === undefined ? undefined : `Bearer ${token}`, 'idempotency-key': key }
  const { status, json } = await call({ url: urlOf(daemon), socketPath: '' }, path, { body, headers })
  return { status, body: json }
}

/** The owner asks for something that is done. */
export async function ask(daemon: Daemon, path: string, body: Fields): Promise<Answer['body']> {
  const answer = await daemon.post(path, body)
  assert.equal(answer.status, 200, `${path}: ${JSON.stringify(answer.body)}`)
  return answer.body
}

export async function availableTo(daemon: Daemon, account: string): Promise<number> {
  return (await daemon.get(`/api/wallet/balance?address=${encodeURIComponent(account)}`)).body.available
}

function urlOf({ apiPort }: Daemon): string {
  return `http://127.0.0.1:${apiPort}`
}
