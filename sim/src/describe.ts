/** What nodes say to each other, in words for whoever reads a trace. */
import {
  blocksRequest,
  consensusMessage,
  proposalMessage,
  roundRequest,
  transactionBatch,
  transactionsRequest,
} from '@claw-network/node/chain/wire'
import type { GossipTopic, RequestName } from '@claw-network/node/ports'
import { type Certificate, fromBytes, type Hash, type Statement, type Vote } from '@claw-network/protocol'

export function describe(topic: GossipTopic | RequestName, payload: Uint8Array): string {
  switch (topic) {
    case 'votes': {
      const { type, value } = fromBytes(consensusMessage, payload)
      return type === 'vote' ? `${aVote(value)} by ${value.validator}` : `certificate of ${aVote(value)}`
    }
    case 'proposals': {
      const { proposal, block } = fromBytes(proposalMessage, payload)
      const pol = proposal.polRound === undefined ? '' : ` with polka of ${proposal.polRound}`
      const body = block === undefined ? 'no block' : `${block.transactionHashes.length} transactions`
      return `proposal ${proposal.height}/${proposal.round} ${short(proposal.blockHash)}${pol}, ${body}`
    }
    case 'transactions':
      return `${countOf(payload)} transactions`
    case 'round': {
      const { height, summary, blocks } = fromBytes(roundRequest, payload)
      return `at ${height}/${summary.round ?? '-'} ${summary.step}, wants ${blocks.length} blocks`
    }
    case 'blocks': {
      const { from, count } = fromBytes(blocksRequest, payload)
      return `${count} from ${from}`
    }
    case 'status':
    case 'evidence':
      return ''
  }
}

/** What the sender of a payload signed for it; undefined where nothing. */
export function statementIn(topic: GossipTopic, payload: Uint8Array): Statement | undefined {
  if (topic === 'proposals') return { type: 'proposal', ...fromBytes(proposalMessage, payload).proposal }
  if (topic !== 'votes') return
  const { type, value } = fromBytes(consensusMessage, payload)
  return type === 'vote' ? value : undefined
}

export function short(hash: Hash): string {
  return hash.slice(0, 6)
}

/** The topic and the request have one name and two forms. */
function countOf(payload: Uint8Array): number {
  try {
    return fromBytes(transactionBatch, payload).transactions.length
  } catch {
    // Then it is a request.
    return fromBytes(transactionsRequest, payload).hashes.length
  }
}

function aVote({ type, height, round, blockHash }: Vote | Certificate): string {
  return `${type} ${height}/${round} ${blockHash === undefined ? 'nil' : short(blockHash)}`
}
