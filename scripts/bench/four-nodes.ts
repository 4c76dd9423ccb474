/** Four validators as processes on this machine, and the load on them from this one. */
import { setTimeout as sleep } from 'node:timers/promises'
import { toHex } from '@claw-network/protocol'
import { DaemonNetwork } from '../../test/helpers/daemons.ts'
import { percent, quantile, type Row, whole } from './figures.ts'
import { loadAgent, send } from './http-load.ts'
import { fund, makePayers, signPayments } from './payments.ts'

const seconds = Number(process.env['CLAWNET_BENCH_SECONDS'] ?? 60)
const connections = 128
const payers = makePayers(2_000)

export async function fourNodes(): Promise<readonly Row[]> {
  const network = await DaemonNetwork.found({ nodes: 4, adjust: genesis => fund(genesis, payers, 1_000_000n) })
  try {
    await network.start()
    const rate = await sustained(network)
    const finality = await finalityAt(network, rate / 2)
    return [
      {
        what: `finalised transfers/s, four validators as processes, ${seconds} s, by POST /api/tx`,
        figure: whole(rate),
        goal: '>= 1,500/s for 60 s',
      },
      {
        what: `finality at half that load (${whole(rate / 2)}/s), by ?wait=final`,
        figure: `p50 ${whole(quantile(finality, 0.5))} ms, p99 ${whole(quantile(finality, 0.99))} ms`,
        goal: 'p50 < 1,500 ms',
      },
    ]
  } finally {
    await network.destroy()
  }
}

/** As many as the nodes take for `seconds`; counted are those that are final on node 1 by the end. */
async function sustained(network: DaemonNetwork): Promise<number> {
  const agent = loadAgent(connections)
  const chainId = await chainIdOf(network)
  const before = await finalCount(network)
  const end = performance.now() + seconds * 1000
  const start = performance.now()
  let nonce = 1
  let refused = 0
  while (performance.now() < end) {
    // One payment of every payer per turn, so that no queue of an account is full.
    const transactions = signPayments(chainId, payers, { count: payers.length, firstNonce: nonce })
    let next = 0
    await Promise.all(
      Array.from({ length: connections }, async () => {
        for (let index = next++; index < transactions.length; index = next++) {
          const transaction = transactions[index]
          if (transaction === undefined) return
          const body = JSON.stringify({ bytes: `0x${toHex(transaction.bytes)}` })
          const daemon = network.daemons[index % 4]
          for (;;) {
            const { status } = await send(agent, { port: daemon?.apiPort ?? 0, path: '/api/tx' }, body)
            if (status === 200 || status === 202) break
            refused += 1
            await sleep(20)
          }
        }
      }),
    )
    nonce += 1
  }
  nextNonce = nonce
  const elapsedMs = performance.now() - start
  const final = (await finalCount(network)) - before
  agent.destroy()
  if (refused > 0) console.error(`(${refused} were refused at first, mostly because the queue was full)`)
  return (final * 1000) / elapsedMs
}

let nextNonce = 1

/** Milliseconds until each was final, sent at an even pace. */
async function finalityAt(network: DaemonNetwork, perSecond: number): Promise<readonly number[]> {
  await untilIdle(network)
  const agent = loadAgent(4_000)
  const chainId = await chainIdOf(network)
  const count = Math.min(payers.length * 8, Math.floor(perSecond * 15))
  const transactions = signPayments(chainId, payers, { count, firstNonce: nextNonce })
  const elapsed: number[] = []
  const waiting: Promise<void>[] = []
  const start = performance.now()
  for (const [index, transaction] of transactions.entries()) {
    const due = start + (index * 1000) / perSecond
    if (due > performance.now()) await sleep(due - performance.now())
    const body = JSON.stringify({ bytes: `0x${toHex(transaction.bytes)}` })
    const port = network.daemons[index % 4]?.apiPort ?? 0
    waiting.push(
      send(agent, { port, path: '/api/tx?wait=final' }, body).then(reply => {
        if (reply.body.includes('"final"')) elapsed.push(reply.elapsedMs)
      }),
    )
  }
  await Promise.all(waiting)
  agent.destroy()
  console.error(`(${percent(elapsed.length / count)} of ${count} answered final)`)
  return elapsed
}

async function untilIdle(network: DaemonNetwork): Promise<void> {
  for (;;) {
    const states = await Promise.all(network.daemons.map(daemon => daemon.get('/api/node/status')))
    if (states.every(({ body }) => body.pendingTransactions === 0)) return
    await sleep(200)
  }
}

async function chainIdOf(network: DaemonNetwork) {
  return (await network.daemon(1).get('/api/node/status')).body.chainId.slice(2)
}

/** All payments pay a fee of 1 and fees go to the validators, so their rewards count the final ones. */
async function finalCount(network: DaemonNetwork): Promise<number> {
  const balances = await Promise.all(
    network.daemons.map(
      async ({ address }) => (await network.daemon(1).get(`/api/wallet/balance?address=${address}`)).body.balance,
    ),
  )
  return balances.reduce((sum, balance) => sum + balance, 0)
}
