/** One node in this process: how many payments it makes final, and how fast another catches up with it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { signatureStatements, type Transaction } from '@claw-network/protocol'
import { type RunningNode, startNode } from '../../node/src/daemon.ts'
import { configOf, createKeys, foundLocalNetwork, settle } from '../../node/src/home.ts'
import type { Log } from '../../node/src/ports.ts'
import { nativeEd25519 } from '../../node/src/signatures/ed25519.ts'
import { median, percent, perSecond, type Row, timed, whole } from './figures.ts'
import { fund, makePayers, signPayments } from './payments.ts'

const payments = 30_000
const batch = 500
const batchesAhead = 4
const quiet: Log = { debug: () => {}, info: () => {}, warn: console.warn, error: console.error }

export async function oneNode(): Promise<readonly Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'clawnet-bench-'))
  const payers = makePayers(1_000)
  try {
    const [home, follower] = ['node', 'follower'].map(name => join(directory, name)) as [string, string]
    const founder = await createKeys(home, { walletEntropy: randomBytes(32) })
    await createKeys(follower, { walletEntropy: randomBytes(32) })
    const genesis = fund(foundLocalNetwork('bench', [founder], Date.now()), payers, 1_000_000n)
    for (const place of [home, follower]) settle(place, genesis, settingsIn(place))

    const node = await startNode(configOf(home, process.env), { log: quiet })
    const transactions = signPayments(node.chain.chainId, payers, { count: payments, firstNonce: 1 })
    const limit = signatureLimit(transactions.slice(0, 4_000))
    const rate = perSecond(payments, await timed(() => settleAll(node, transactions)))

    const other = await startNode(
      configOf(follower, { ...process.env, CLAWNET_P2P_BOOTSTRAP: node.transport.addresses()[0] }),
      {
        log: quiet,
      },
    )
    const syncRate = perSecond(
      payments,
      await timed(() => until(() => other.chain.tip.height >= node.chain.tip.height)),
    )
    await other.stop()
    await node.stop()
    return [
      { what: 'Ed25519 verifications/s, one thread', figure: whole(limit), goal: 'the machine’s own limit' },
      {
        what: 'finalised transfers/s, one node: check, mempool, consensus, ledger, store',
        figure: whole(rate),
        ratio: `${percent(rate / limit)} of one thread’s verifications`,
        goal: '>= 5,000/s per core; >= 25 %',
      },
      {
        what: 'block sync, transfers/s, from a node in the same process',
        figure: whole(syncRate),
        ratio: `${percent(syncRate / limit)} of one thread’s verifications`,
        goal: '>= 8,000/s',
      },
    ]
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function settingsIn(home: string) {
  return {
    'p2p.listen': ['/ip4/127.0.0.1/tcp/0'],
    'p2p.mdns': false,
    'api.enabled': false,
    'node.dataDir': join(home, 'data'),
    'node.genesis': join(home, 'genesis.json'),
    'logging.file': null,
  } as const
}

function signatureLimit(transactions: readonly Transaction[]): number {
  const { verify } = nativeEd25519()
  const statements = transactions.flatMap(signatureStatements)
  const rounds = [1, 2, 3].map(() => {
    const start = performance.now()
    for (const { signature, message, publicKey } of statements) {
      if (!verify(signature, message, publicKey)) throw new Error('a signature of our own does not verify')
    }
    return perSecond(statements.length, performance.now() - start)
  })
  return median(rounds)
}

/** As payments come from the network: bytes, whose signatures are checked on the way in, several batches at a time. */
async function settleAll(node: RunningNode, transactions: readonly Transaction[]): Promise<void> {
  const batches: Uint8Array[][] = []
  for (let from = 0; from < transactions.length; from += batch) {
    batches.push(transactions.slice(from, from + batch).map(({ bytes }) => bytes))
  }
  const checks: Promise<readonly Transaction[]>[] = []
  for (let next = 0; next < batches.length; next += 1) {
    while (checks.length < batchesAhead && next + checks.length < batches.length) {
      checks.push(node.relay.check(batches[next + checks.length] as Uint8Array[]))
    }
    for (const transaction of (await checks.shift()) ?? []) {
      for (
        let refusal = node.relay.submit(transaction);
        refusal !== undefined;
        refusal = node.relay.submit(transaction)
      ) {
        // The queue is full: wait for the next block, as a busy client would.
        if (refusal.code !== 'mempool_is_full' && refusal.code !== 'nonce_is_too_far') throw new Error(refusal.code)
        await new Promise(resolve => setTimeout(resolve, 5))
      }
    }
  }
  const last = transactions.slice(-batch)
  await until(() => last.every(({ id }) => node.chain.store.placeOf(id) !== undefined))
}

async function until(condition: () => boolean): Promise<void> {
  const start = performance.now()
  while (!condition()) {
    if (performance.now() - start > 120_000) throw new Error('not within two minutes')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
