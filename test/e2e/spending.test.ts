/**
 * Fifty payments at once against a limit that fits ten, on a real daemon that is killed (kill -9) on the way from the
 * reservation to the block, until each has its answer: ten are paid, always.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { present, Prng } from '@claw-network/protocol'
import { createWallet } from '@claw-network/sdk'
import { ask, availableTo } from '../helpers/agents.ts'
import { type Answer, type Daemon, DaemonNetwork } from '../helpers/daemons.ts'

/** `npm test` kills a few times for each limit; CLAWNET_TEST_KILLS=50 is the whole exercise. */
const kills = Number(process.env['CLAWNET_TEST_KILLS'] ?? 3)
const seed = Number(process.env['CLAWNET_TEST_SEED'] ?? 20_260_202)

type Send = (to: string, key: string) => Promise<Answer>

/** What is known of a run of requests while it goes on. */
interface Run {
  readonly daemon: Daemon
  readonly prng: Prng
  /** Orders in the journal before anything of these was sent. */
  readonly orders: number
  readonly height: number
  paid: number
  isOver: boolean
}

/** When the node is killed: the steps in which a payment goes from its request to its block. */
const moments: { readonly [moment: string]: (run: Run) => Promise<void> } = {
  'at some time': ({ prng }) => pause(prng.below(250)),
  'when the first order is on disk': run => ordersKept(run, 1),
  'when some orders are on disk': run => ordersKept(run, 2 + run.prng.below(7)),
  'when the last order is on disk': run => ordersKept(run, 10),
  'when a block has come': run => soon(run, async () => (await heightOf(run.daemon)) > run.height),
  'when the first payment is answered': run => soon(run, () => run.paid > 0),
}

const names = Object.keys(moments)
/** After so many kills the next limit of ten begins. */
const killsPerRound = 3

interface Subject {
  /** Its kills begin with another moment than those of the others, so that few kills meet all. */
  readonly first: number
  /** Makes room for ten payments more than all before, and says how one is sent. */
  readonly allowTen: (daemon: Daemon, round: number) => Promise<Send>
}

const subjects: { readonly [limit: string]: Subject } = {
  'perDay of an agent token': {
    first: 0,
    allowTen: async daemon => {
      const { token } = await ask(daemon, '/api/tokens', { scopes: ['wallet'], perDay: 10 * (1 + 1) })
      return (to, key) => pay(daemon, { to, key, token })
    },
  },
  'limits.maxTransferPerDay of the node': {
    first: killsPerRound,
    allowTen: async (daemon, round) => {
      await daemon.end('SIGKILL')
      const file = join(daemon.home, 'config.yaml')
      const config = readFileSync(file, 'utf8')
      writeFileSync(file, config.replace(/maxTransferPerDay: .*/, `maxTransferPerDay: ${10 * round}`))
      await daemon.start()
      return (to, key) => pay(daemon, { to, key })
    },
  },
}

describe('at once', { concurrency: true }, () => {
  for (const [limit, { first, allowTen }] of Object.entries(subjects)) {
    test(`of fifty payments ten fit ${limit}, whenever the node is killed (${kills} times)`, async t => {
      const prng = new Prng(seed)
      const daemon = await alone(t)
      for (let round = 1; (round - 1) * killsPerRound < kills; round += 1) {
        const send = await allowTen(daemon, round)
        const to = createWallet(randomBytes(32)).address
        const request = (index: number): Promise<Answer> => send(to, `${round}-${index}`)
        const orders = ordersIn(daemon)
        const from = (round - 1) * killsPerRound
        for (let kill = from; kill < Math.min(kills, from + killsPerRound); kill += 1) {
          await killedDuring(daemon, { prng, moment: momentOf(first + kill), request, orders })
        }
        const answers = await told(request)
        const finals = hashesOf(answers)
        const codes = answers.map(({ body }) => body.code)
        assert.equal(new Set(finals).size, 10, codes.join())
        assert.equal(codes.filter(code => code === 'exceeds_limit_per_day').length, 40, codes.join())
        assert.equal(await availableTo(daemon, to), 10)

        await daemon.end('SIGKILL')
        await daemon.start()
        assert.deepEqual(hashesOf(await told(request)), finals)
        assert.equal((await send(to, `${round}-eleventh`)).body.code, 'exceeds_limit_per_day')
        assert.equal(await availableTo(daemon, to), 10)
        t.diagnostic(`round ${round}: ten of fifty after ${Math.min(kills, from + killsPerRound)} kills`)
      }
    })
  }

  test('a hundred requests with the same idempotency key are one payment, also across a kill', async t => {
    const prng = new Prng(seed)
    const daemon = await alone(t)
    for (let kill = 0; kill < kills - 1; kill += 1) {
      const to = createWallet(randomBytes(32)).address
      const request = (): Promise<Answer> => pay(daemon, { to, key: to })
      // Of the moments there are three that come with one payment: some time, its order, its answer.
      const moment = momentOf([1, 5, 0][kill % 3] ?? 0)
      await killedDuring(daemon, { prng, moment, request, times: 100 })
      const hashes = hashesOf(await told(request, 100))
      assert.deepEqual([hashes.length, new Set(hashes).size], [100, 1], moment)
      assert.equal(await availableTo(daemon, to), 1, moment)
    }
  })
})

async function alone(t: { after: (task: () => unknown) => void }): Promise<Daemon> {
  const network = await DaemonNetwork.found({ nodes: 1 })
  t.after(() => network.destroy())
  await network.start()
  return network.daemon(1)
}

function momentOf(kill: number): string {
  return present(names[kill % names.length], 'there are moments')
}

function pay(
  daemon: Daemon,
  { to, key, token }: { readonly to: string; readonly key: string; readonly token?: string },
): Promise<Answer> {
  const headers = { 'idempotency-key': key, ...(token !== undefined && { authorization: `Bearer ${token}` }) }
  return daemon.post('/api/wallet/transfer?wait=final', { to, amount: 1 }, headers)
}

interface Killed {
  readonly prng: Prng
  readonly moment: string
  readonly request: (index: number) => Promise<Answer>
  readonly orders?: number
  readonly times?: number
}

/** Sends them all at once, kills the node at that moment, and starts it again. */
async function killedDuring(daemon: Daemon, { moment, request, times = 50, prng, ...given }: Killed): Promise<void> {
  const { orders = ordersIn(daemon) } = given
  const run: Run = { daemon, prng, orders, height: await heightOf(daemon), paid: 0, isOver: false }
  const sent = Promise.all(
    Array.from({ length: times }, async (_, index) => {
      const answer = await request(index).catch(() => undefined) // the kill may cut it off
      if (answer?.status === 200) run.paid += 1
    }),
  )
  // Where an earlier life has decided all of it, no such moment comes any more.
  await Promise.race([present(moments[moment], 'such a moment comes')(run), sent])
  run.isOver = true
  await daemon.end('SIGKILL')
  await sent
  await daemon.start()
}

/** All of them once more, and again until each is told its end. */
async function told(request: (index: number) => Promise<Answer>, times = 50): Promise<readonly Answer[]> {
  return Promise.all(
    Array.from({ length: times }, async (_, index) => {
      for (;;) {
        const answer = await request(index)
        if (answer.status === 403 || answer.body.status === 'final') return answer
        assert.ok([200, 409].includes(answer.status), JSON.stringify(answer.body))
        await pause(20)
      }
    }),
  )
}

function hashesOf(answers: readonly Answer[]): readonly string[] {
  return answers.flatMap(({ body }) => (body.status === 'final' ? [body.txHash as string] : []))
}

function ordersKept(run: Run, more: number): Promise<void> {
  return soon(run, () => ordersIn(run.daemon) >= run.orders + more)
}

async function soon(run: Run, condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!run.isOver && !(await condition())) await pause(1)
}

function ordersIn(daemon: Daemon): number {
  const journal = readFileSync(join(daemon.home, 'orders.jsonl'), 'utf8')
  return journal.split('\n').filter(line => line.includes('"order"')).length
}

async function heightOf(daemon: Daemon): Promise<number> {
  return (await daemon.get('/api/node/status')).body.blockHeight
}
