/** What touched an account, put together from the index and the blocks. */
import type { Address } from '@claw-network/protocol'
import type { HistoryEntry, HistoryPage } from './api/node.ts'
import type { Chain } from './chain/chain.ts'
import type { Log } from './ports.ts'
import type { History } from './store/history.ts'

/** Heights indexed before other work gets its turn; full blocks take some 30 ms each. */
const heightsAtOnce = 10

/** Keeps the index at the tip; the answer stops that. */
export function followChain(history: History, { chain, log }: { chain: Chain; log: Log }): () => void {
  let next: NodeJS.Immediate | undefined
  const step = (): void => {
    next = undefined
    if (!history.catchUp(heightsAtOnce)) next = setImmediate(step)
  }
  const behind = chain.tip.height - history.height
  if (behind > heightsAtOnce) log.info('indexing the history', { heights: behind })
  step()
  chain.onDecided(({ block, receipts, ownMovements }) => {
    if (next !== undefined) return
    const movements = [...receipts.map(receipt => receipt.movements), ownMovements]
    if (!history.follow(block.header.height, movements)) step()
  })
  return () => clearImmediate(next)
}

/** Newest first. */
export function historyOf(
  account: Address,
  page: HistoryPage,
  { history, chain }: { readonly history: History; readonly chain: Chain },
): readonly HistoryEntry[] {
  return history.page(account, page).flatMap(({ height, index }) => {
    const decided = chain.store.decidedAt(height)
    const outcome = chain.store.outcomeAt(height)
    if (decided === undefined || outcome === undefined) return []
    const { block } = decided
    const encoded = block.transactions[index]
    const movements = (outcome.movements[index] ?? []).filter(({ from, to }) => from === account || to === account)
    const entry = { height, index, timeMs: block.header.timeMs, movements }
    if (encoded === undefined) return [entry]
    const { id, envelope } = chain.decode(encoded)
    const rejected = outcome.rejections[index]
    const { kind, sender, nonce, fee } = envelope
    return [{ ...entry, transaction: { id, kind, sender, nonce, fee, ...(rejected !== undefined && { rejected }) } }]
  })
}
