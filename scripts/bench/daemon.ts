/** One daemon as a process: what a person notices of it. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { DaemonNetwork } from '../../test/helpers/daemons.ts'
import { median, percent, quantile, type Row, timed, whole } from './figures.ts'
import { getsPerSecond, loadAgent, send } from './http-load.ts'

const idleSeconds = 20
const emptyServer = fileURLToPath(new URL('./empty-server.ts', import.meta.url))
const cli = fileURLToPath(new URL('../../node/bin/clawnet.js', import.meta.url))

export async function oneDaemon(): Promise<readonly Row[]> {
  const network = await DaemonNetwork.found({ nodes: 1 })
  try {
    const daemon = network.daemon(1)
    const starts: number[] = []
    for (let run = 0; run < 3; run += 1) {
      await daemon.end('SIGTERM')
      starts.push(await timed(() => daemon.start()))
    }

    await sleep(2_000)
    const idle = await idleFigures(daemon.pid ?? 0)

    const finality: number[] = []
    const agent = loadAgent(1)
    for (let payment = 0; payment < 30; payment += 1) {
      await sleep(400)
      const body = JSON.stringify({ to: 'did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK', amount: 1 })
      const reply = await send(agent, { port: daemon.apiPort, path: '/api/wallet/transfer?wait=final' }, body)
      if (!reply.body.includes('"final"')) throw new Error(reply.body)
      finality.push(reply.elapsedMs)
    }
    agent.destroy()

    const balances = await getsPerSecond(daemon.apiPort, '/api/wallet/balance')
    const empty = await emptyServerRate()
    const bare = commandMs(['-e', '0'], {})
    const help = commandMs([cli, '--help'], {})
    const status = commandMs([cli, 'status'], { CLAWNET_HOME: daemon.home })
    return [
      { what: 'start of the daemon until the API answers', figure: `${whole(median(starts))} ms`, goal: '' },
      {
        what: 'transfer by HTTP until final, one local node, idle',
        figure: `p50 ${whole(quantile(finality, 0.5))} ms, p99 ${whole(quantile(finality, 0.99))} ms`,
        goal: 'p50 < 350 ms',
      },
      {
        what: 'GET /api/wallet/balance per second',
        figure: whole(balances),
        ratio: `${percent(balances / empty)} of an empty server of the same framework (${whole(empty)}/s)`,
        goal: '>= 50 %',
      },
      { what: 'idle daemon, processor', figure: percent(idle.cpu), goal: '< 1 %' },
      { what: 'idle daemon, resident memory', figure: `${whole(idle.rssMb)} MB`, goal: '< 200 MB' },
      {
        what: 'clawnet --help over bare node',
        figure: `${whole(help - bare)} ms`,
        ratio: `bare: ${whole(bare)} ms`,
        goal: '< 100 ms',
      },
      {
        what: 'clawnet status over bare node',
        figure: `${whole(status - bare)} ms`,
        ratio: `bare: ${whole(bare)} ms`,
        goal: '< 200 ms',
      },
    ]
  } finally {
    await network.destroy()
  }
}

/** In a process of its own, as the daemon is. */
async function emptyServerRate(): Promise<number> {
  const child = spawn(process.execPath, [emptyServer], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [url] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
    return await getsPerSecond(Number(new URL(url).port), '/')
  } finally {
    child.kill()
  }
}

/** Share of one processor over some seconds, and memory at the end (Linux). */
async function idleFigures(pid: number): Promise<{ cpu: number; rssMb: number }> {
  const ticks = (): number => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return Number(fields[11]) + Number(fields[12])
  }
  const before = ticks()
  await sleep(idleSeconds * 1000)
  const rss = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  // The kernel counts a hundred ticks a second.
  return { cpu: (ticks() - before) / 100 / idleSeconds, rssMb: Number(rss) / 1000 }
}

function commandMs(args: readonly string[], environment: Record<string, string>): number {
  const runs = Array.from({ length: 7 }, () => {
    const start = performance.now()
    const { status, stderr } = spawnSync(process.execPath, args, { env: { ...process.env, ...environment } })
    if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr.toString()}`)
    return performance.now() - start
  })
  return median(runs)
}
