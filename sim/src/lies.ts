/** What a traitor answers when it is asked, and the blocks it makes up. */
import type { Chain } from '@claw-network/node/chain/chain'
import {
  blocksAnswer,
  roundAnswer,
  statusMessage,
  transactionsAnswer,
  transactionsRequest,
} from '@claw-network/node/chain/wire'
import { tampered } from './false-blocks.ts'
import type { RequestName } from '@claw-network/node/ports'
import {
  blockHashOf,
  type Block,
  type Commit,
  type DecidedBlock,
  fromBytes,
  type Hash,
  type Prng,
  toBytes,
  type Transaction,
} from '@claw-network/protocol'

export interface LyingDependencies {
  readonly prng: Prng
  readonly chain: Chain
  /** A commit that nobody but the traitor signed. */
  readonly commitAlone: (height: number, blockHash: Hash) => Commit
}

/** The honest answer, changed. */
export function lyingAnswer(name: RequestName, honest: Uint8Array, dependencies: LyingDependencies): Uint8Array {
  const { prng } = dependencies
  switch (name) {
    case 'status': {
      const status = fromBytes(statusMessage, honest)
      return toBytes(statusMessage, { ...status, height: status.height + prng.pick([1, 2, 50, 1_000_000]) })
    }
    case 'blocks': {
      const { blocks } = fromBytes(blocksAnswer, honest)
      const told =
        blocks.length === 0
          ? madeUp(dependencies)
          : blocks.map(block => (prng.chance(500) ? changed(block, dependencies) : block))
      return toBytes(blocksAnswer, { blocks: told })
    }
    case 'round': {
      const answer = fromBytes(roundAnswer, honest)
      return toBytes(roundAnswer, {
        ...answer,
        height: prng.chance(300) ? answer.height + prng.between(1, 100) : answer.height,
        blocks: answer.blocks.map(block => tampered(block, prng)),
        messages: answer.messages.map(message => {
          if (message.type !== 'vote') return message
          return { type: 'vote', value: { ...message.value, signature: prng.bytes(64) } } as const
        }),
      })
    }
    case 'transactions': {
      const { transactions } = fromBytes(transactionsAnswer, honest)
      return toBytes(transactionsAnswer, { transactions: transactions.slice(0, prng.below(transactions.length + 1)) })
    }
  }
}

/** Those of the asked transactions that are among the secret ones; undefined where none is. */
export function answerFrom(question: Uint8Array, secrets: ReadonlyMap<string, Transaction>): Uint8Array | undefined {
  const { hashes } = fromBytes(transactionsRequest, question)
  const transactions = hashes.flatMap(hash => secrets.get(hash)?.bytes ?? [])
  return transactions.length === 0 ? undefined : toBytes(transactionsAnswer, { transactions })
}

/** A decided block with something about it that is not what was decided. */
function changed({ block, commit }: DecidedBlock, { prng, commitAlone }: LyingDependencies): DecidedBlock {
  switch (prng.below(6)) {
    case 5:
      return { block: later(block), commit: commitAlone(commit.height, blockHashOf(later(block).header)) }
    case 0:
      return { block: { ...block, transactions: block.transactions.slice(1) }, commit }
    case 1:
      return { block: later(block), commit: { ...commit, blockHash: blockHashOf(later(block).header) } }
    case 2:
      return { block, commit: oneSigner(commit) }
    case 3: {
      const { lastCommit: _, ...rest } = block
      return { block: rest, commit }
    }
    default:
      return { block: later(block), commit }
  }
}

/** The next block, as this node alone would like it, under a commit of its own or of the block before. */
function madeUp({ prng, chain, commitAlone }: LyingDependencies): DecidedBlock[] {
  const { tip } = chain
  const proposer = chain.validators(tip.height + 1).validators[0]?.publicKey
  if (proposer === undefined) return []
  const { candidate } = chain.build({ nowMs: tip.timeMs + 1, proposer, transactions: [], evidence: [] })
  const { block, blockHash } = candidate
  const height = tip.height + 1
  const commit = tip.commit && prng.chance(500) ? { ...tip.commit, height, blockHash } : commitAlone(height, blockHash)
  return [{ block, commit }]
}

function later(block: Block): Block {
  return { ...block, header: { ...block.header, timeMs: block.header.timeMs + 1 } }
}

function oneSigner(commit: Commit): Commit {
  const signers = new Uint8Array(commit.signers.length)
  signers[0] = 1
  return { ...commit, signers, signatures: commit.signatures.slice(0, 1) }
}
