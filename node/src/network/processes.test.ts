import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { TestNetwork, testChainId, until } from '../../../test/helpers/network.ts'
import { NetworkProcess } from '../../../test/helpers/network-process.ts'
import type { TransportOptions } from './transport.ts'

const directories = new TestNetwork()
const processes: NetworkProcess[] = []
after(async () => {
  await Promise.all(processes.map(process => process.kill()))
  await directories.close()
})

interface Running {
  readonly process: NetworkProcess
  readonly id: string
  readonly options: TransportOptions
}

async function start(options: Partial<TransportOptions> = {}): Promise<Running> {
  const process = new NetworkProcess()
  processes.push(process)
  const directory = options.directory ?? (await directories.directory())
  const full: TransportOptions = {
    chainId: testChainId,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    bootstrap: [],
    keyFile: join(directory, 'peer.key'),
    directory,
    local: true,
    agent: 'test/1',
    ...options,
  }
  const { id, addresses } = await process.order({ do: 'start', options: full })
  const listen = (addresses[0] as string).replace(/\/p2p\/.*$/, '')
  return { process, id, options: { ...full, listen: [listen], bootstrap: addresses } }
}

async function sees(one: Running, other: Running): Promise<boolean> {
  return (await one.process.order({ do: 'peers' })).some(peer => peer.id === other.id)
}

/** Connected, introduced, and gossip flows both ways. */
async function acquainted(one: Running, other: Running): Promise<void> {
  let number = 0
  const hears = async (speaker: Running, hearer: Running): Promise<boolean> => {
    await speaker.process.order({ do: 'publish', topic: 'votes', text: `from ${speaker.id} ${number++}`, bytes: 100 })
    return (await hearer.process.order({ do: 'heard' })).some(text => text.startsWith(`from ${speaker.id}`))
  }
  await until('they hear each other', async () => (await hears(one, other)) && hears(other, one))
}

describe('a transport in a process', { concurrency: true }, () => {
  test('a process exits by itself after stop', async () => {
    const one = await start()
    const other = await start({ bootstrap: one.options.bootstrap })
    await until('they are connected', () => sees(one, other))
    await one.process.order({ do: 'stop' })
    await until('the other notices', async () => !(await sees(other, one)))
    assert.equal(await one.process.exited(), 0)
  })

  test('a peer that was killed is connected again as soon as it returns', async () => {
    const stayer = await start()
    const victim = await start({ bootstrap: stayer.options.bootstrap })
    await acquainted(stayer, victim)
    await victim.process.kill()
    await until('it is missed', async () => !(await sees(stayer, victim)))

    const again = await start({ ...victim.options, bootstrap: [] })
    assert.equal(again.id, victim.id)
    await until('it is back', () => sees(stayer, again), 5_000)
  })

  test('a peer that was stopped while others talked hears them again', async () => {
    const talker = await start()
    const sleeper = await start({ bootstrap: talker.options.bootstrap })
    const hears = async (text: string, bytes = 100): Promise<boolean> => {
      await talker.process.order({ do: 'publish', topic: 'proposals', text: `${text} ${number++}`, bytes })
      return (await sleeper.process.order({ do: 'heard' })).some(heard => heard.startsWith(text))
    }
    let number = 0
    await until('it hears', () => hears('before'))

    sleeper.process.signal('SIGSTOP')
    const rest = await talker.process.order({ do: 'usage' })
    for (let megabyte = 0; megabyte < 100; megabyte++) {
      await talker.process.order({ do: 'publish', topic: 'proposals', text: `asleep ${megabyte}`, bytes: 1 << 20 })
    }
    const { rssBytes } = await talker.process.order({ do: 'usage' })
    assert.ok(rssBytes - rest.rssBytes < 64 * 1024 * 1024, `the talker keeps ${rssBytes - rest.rssBytes} bytes more`)
    sleeper.process.signal('SIGCONT')
    await until('it hears again', () => hears('after'), 15_000)
  })

  test('a stall of ours costs no connection', async () => {
    const one = await start()
    const other = await start({ bootstrap: one.options.bootstrap })
    await acquainted(one, other)
    const since = (await one.process.order({ do: 'peers' }))[0]?.connectedAtMs
    await other.process.order({ do: 'stall', ms: 12_000 })
    await other.process.order({ do: 'publish', topic: 'votes', text: 'awake', bytes: 100 })
    await until('it is heard', async () => (await one.process.order({ do: 'heard' })).includes('awake'))
    assert.equal((await one.process.order({ do: 'peers' }))[0]?.connectedAtMs, since)
  })
})
