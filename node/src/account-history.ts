/** What touched an account, put together from the index and the blocks. */
import { type Address, type Hash, present, type Transaction } from '@claw-network/protocol'
import type { HistoryEntry, HistoryPage } from './api/node.ts'
import type { Chain } from './chain/chain.ts'
import type { Log } from './ports.ts'
import type { History, HistoryItem, HistorySource, PlacePage } from './store/history.ts'

/** Heights indexed before other work gets its turn; full blocks take some 30 ms each. */
const heightsAtOnce = 10

/** What the index is made from, as far as this node has blocks. */
export function historySource(chain: Chain): HistorySource {
  const { store } = chain
  return {
    chainId: () => store.chainId(),
    tip: () => store.tip(),
    itemsAt(height) {
      const decided = store.decidedAt(height)
      const outcome = store.outcomeAt(height)
      if (decided === undefined || outcome === undefined) return
      const { transactions } = decided.block
      return outcome.movements.map((movements, index) => {
        const encoded = transactions[index]
        const isApplied = encoded !== undefined && outcome.rejections[index] === undefined
        return isApplied ? itemOf(chain.decode(encoded), movements) : { movements }
      })
    },
  }
}

function itemOf({ kind, envelope, account }: Transaction, movements: HistoryItem['movements']): HistoryItem {
  const parties = kind.parties?.(envelope.payload)
  if (parties === undefined) return { movements }
  return { movements, begun: { kind: kind.kind, parties: [...new Set([account, ...parties])] } }
}

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
    const items = receipts.map(({ transaction, result, movements }) =>
      result.rejected === undefined ? itemOf(transaction, movements) : { movements },
    )
    if (!history.follow(block.header.height, [...items, { movements: ownMovements }])) step()
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

/** Ids of the transactions of a kind that began something to which the account is a party, newest first. */
export function begunBy(
  account: Address,
  { kind, ...page }: PlacePage & { readonly kind: string },
  { history, chain }: { readonly history: History; readonly chain: Chain },
): readonly Hash[] {
  return history.begun(account, kind, page).map(({ height, index }) => {
    const { transactionIds } = present(chain.store.outcomeAt(height), 'what is indexed is on this node')
    return present(transactionIds[index], 'an indexed place holds a transaction')
  })
}
