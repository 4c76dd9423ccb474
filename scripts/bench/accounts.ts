/** A ledger that grows to a million accounts by a million transfers, and a node that starts on it. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Address,
  assemble,
  digest,
  ledger,
  present,
  toHex,
  type Transaction,
  uint64,
} from '@claw-network/protocol'
import { Chain } from '../../node/src/chain/chain.ts'
import { readGenesis } from '../../node/src/daemon.ts'
import { readFounder } from '../../node/src/home.ts'
import { historySource } from '../../node/src/account-history.ts'
import { History } from '../../node/src/store/history.ts'
import { LevelStore } from '../../node/src/store/level-store.ts'
import { loadTreeHasher } from '../../node/src/store/tree-hasher.ts'
import { DaemonNetwork } from '../../test/helpers/daemons.ts'
import { median, percent, type Row, timed, whole } from './figures.ts'
import { fund, makePayers } from './payments.ts'

const accountsMax = Number(process.env['CLAWNET_BENCH_ACCOUNTS'] ?? 1_000_000)
const blockTransactions = 2_000
/** Blocks whose time is compared: the first after 10,000 accounts, the last of all. */
const blocksCompared = 20
const payers = makePayers(blockTransactions)

export async function accounts(): Promise<readonly Row[]> {
  const network = await DaemonNetwork.found({ nodes: 1, adjust: genesis => fund(genesis, payers, 1_000_000n) })
  try {
    const daemon = network.daemon(1)
    const took = await grow(daemon.home)
    const small = median(took.slice(5, 5 + blocksCompared))
    const large = median(took.slice(-blocksCompared))
    const startMs = await timed(() => daemon.start())
    const rss = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))?.[1]
    const perTransfer = (milliseconds: number): string => `${((milliseconds * 1000) / blockTransactions).toFixed(1)} us`
    return [
      {
        what: `execution, tree and durable commit of a transfer, ${whole(accountsMax)} accounts`,
        figure: perTransfer(large),
        ratio: `${percent(large / small)} of that with 10,000 (${perTransfer(small)})`,
        goal: 'within 20 %',
      },
      {
        what: `start with ${whole(accountsMax)} accounts and as many transactions`,
        figure: `${whole(startMs)} ms, ${whole(Number(rss) / 1000)} MB`,
        goal: '< 3 s, < 400 MB',
      },
    ]
  } finally {
    await network.destroy()
  }
}

/** Every transfer pays an account that was never paid. Answers the milliseconds of each block. */
async function grow(home: string): Promise<readonly number[]> {
  const store = await LevelStore.open(join(home, 'data', 'chain'))
  const chain = await Chain.open(readGenesis(join(home, 'genesis.json'), 'local'), {
    ledger,
    store,
    signatures: { verify: () => true, verifyMany: async batch => batch.map(() => true) },
    hashPairs: await loadTreeHasher(),
  })
  const history = new History(join(home, 'data', 'history.sqlite'), historySource(chain))
  const proposer = readFounder(home).consensusKey
  const took: number[] = []
  for (let block = 1; block * blockTransactions <= accountsMax; block += 1) {
    const transactions = payers.map((_, index) => firstPayment(chain, index, block))
    took.push(
      await timed(async () => {
        const { candidate } = chain.build({ nowMs: Date.now(), proposer, transactions, evidence: [] })
        if (candidate.transactions.length !== blockTransactions) throw new Error('a payment was refused')
        await chain.commit(candidate, {
          height: candidate.block.header.height,
          round: 0,
          blockHash: candidate.blockHash,
          signers: Uint8Array.of(1),
          signatures: [new Uint8Array(64)],
        })
      }),
    )
    while (!history.catchUp(1)) continue
    if (block % 100 === 0) console.error(`(${whole(block * blockTransactions)} accounts)`)
  }
  history.close()
  await store.close()
  return took
}

/** Not signed: a chain executes what was checked before, and checking is not what is measured here. */
function firstPayment(chain: Chain, index: number, block: number): Transaction {
  const payer = present(payers[index], 'one payment of each payer')
  const number = block * blockTransactions + index
  const envelope = {
    chainId: chain.chainId,
    kind: 'wallet.transfer',
    sender: payer.did,
    nonce: block,
    fee: 1n,
    payload: { to: toHex(digest(uint64(number)).subarray(0, 20)) as Address, amount: 1n },
  }
  return assemble(ledger.kinds, envelope, randomBytes(64))
}
