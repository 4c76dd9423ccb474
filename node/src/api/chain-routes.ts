/** The routes about the chain: blocks, validators, history, events. */
import {
  type Address,
  address,
  addressOf,
  bytes,
  type Codec,
  DecodeError,
  describe,
  did,
  enumeration,
  hash,
  header,
  type Infer,
  list,
  optional,
  publicKey,
  signersOf,
  struct,
  text,
  timestamp,
  tokenSum,
  uint,
} from '@claw-network/protocol'
import { movements } from './events.ts'
import type { ApiNode, HistoryEntry } from './node.ts'
import { Problem } from './problems.ts'
import { jsonRoute, rawRoute, type Route } from './route.ts'
import { transactionAnswer, transactionAnswerOf } from './transaction-answer.ts'

/** Tokens more or less. */
const signed: Codec<bigint> = {
  ...tokenSum,
  schema: { type: 'integer', description: 'Tokens, negative where they left' },
}

const limitMax = 200
const limitDefault = 20

const block = jsonRoute({
  method: 'GET',
  path: '/api/blocks/:height',
  tag: 'blocks',
  access: 'read',
  doc: 'A final block with what became of its transactions, and the commit that proves it final.',
  input: struct({
    height: describe(text(66, 1), 'The height, the block’s hash, or latest'),
    limit: optional(describe(uint(limitMax, 1), `Most transactions to show; ${limitDefault} where it is left out`)),
    offset: optional(describe(uint(), 'Transactions to skip')),
  }),
  answer: struct({
    height: uint(),
    blockHash: hash,
    timeMs: timestamp,
    header,
    commit: describe(
      struct({ round: uint(), signers: list(publicKey, 1_000), signatures: list(bytes(64, 64), 1_000) }),
      'The validators that made it final, with their signatures in the same order',
    ),
    transactionCount: uint(),
    transactions: list(transactionAnswer, limitMax),
  }),
  codes: ['not_found'],
  example: { height: 'latest' },
  handle({ node, rejections }, { height: named, limit = limitDefault, offset = 0 }) {
    const { store } = node.chain
    const height = heightNamed(node, named)
    if (height === 0) throw noBlock('0 is the genesis file, the first block is 1')
    const decided = store.decidedAt(height)
    const outcome = store.outcomeAt(height)
    const set = store.validatorsAt(height)
    if (decided === undefined || outcome === undefined || set === undefined)
      throw noBlock(`${height} is not on this node, whose latest block is ${node.chain.tip.height}`)

    const { block, commit } = decided
    const { timeMs } = block.header
    const { blockHash, round, signatures } = commit
    const transactions = block.transactions.slice(offset, offset + limit).map((encoded, nth) => {
      const index = offset + nth
      const transaction = node.chain.decode(encoded)
      const place = { height, index, blockHash, timeMs }
      const code = outcome.rejections[index]
      return transactionAnswerOf(
        transaction.id,
        code === undefined ? { status: 'final', transaction, place } : { status: 'failed', code, transaction, place },
        rejections,
        false,
      )
    })
    return {
      height,
      blockHash,
      timeMs,
      header: block.header,
      commit: { round, signers: signersOf(set, commit.signers).map(signer => signer.publicKey), signatures },
      transactionCount: block.transactions.length,
      transactions,
    }
  },
})

const validators = jsonRoute({
  method: 'GET',
  path: '/api/validators',
  tag: 'blocks',
  access: 'read',
  doc: 'Who decides the next block, in the order of the set, and with what power.',
  input: struct({}),
  answer: struct({
    height: describe(uint(), 'The block they decide'),
    totalPower: tokenSum,
    validators: list(struct({ publicKey, address, power: tokenSum }), 1_000),
  }),
  handle({ node }) {
    const height = node.chain.tip.height + 1
    const { validators } = node.chain.validators(height)
    return { height, totalPower: validators.reduce((sum, { power }) => sum + power, 0n), validators }
  },
})

const historyEntry = struct({
  height: uint(),
  index: describe(uint(), 'The place in the block; what the end of the block paid comes after the last transaction'),
  timeMs: timestamp,
  txHash: optional(describe(hash, 'Absent for what the end of a block paid')),
  status: enumeration('final', 'failed'),
  code: optional(describe(text(64, 1), 'Why it had no effect but its fee')),
  kind: optional(text(64, 1)),
  did: optional(describe(did, 'Who sent the transaction')),
  nonce: optional(uint()),
  fee: optional(tokenSum),
  change: describe(signed, 'What it did to this account, in Tokens, fee included'),
  movements: describe(movements, 'The Tokens that moved from or to this account; a fee has no `to`'),
})

const history = jsonRoute({
  method: 'GET',
  path: '/api/wallet/history',
  tag: 'accounts',
  access: 'read',
  doc: 'What touched an account, newest first.',
  input: struct({
    did: optional(describe(did, 'Whose history; the node’s own identity where neither did nor address is given')),
    address: optional(describe(address, 'Whose history, by address or DID')),
    limit: optional(describe(uint(limitMax, 1), `Most entries to show; ${limitDefault} where it is left out`)),
    offset: optional(describe(uint(1_000_000), 'Entries to skip; for long histories use cursor')),
    cursor: optional(describe(text(64, 1), 'Go on after the page that gave this cursor')),
  }),
  answer: struct({
    address,
    entries: list(historyEntry, limitMax),
    cursor: optional(describe(text(64, 1), 'Where the next page begins; absent on the last one')),
  }),
  example: { limit: 20, offset: 0 },
  handle({ node, sender }, { did: owner, address: named, limit = limitDefault, offset = 0, cursor }, call) {
    const account = named ?? addressOf(owner ?? sender.identity(undefined, call.principal))
    const before = cursor === undefined ? undefined : placeOf(cursor)
    const found = node.history(account, { limit: limit + 1, offset, ...(before && { before }) })
    const entries = found.slice(0, limit)
    const last = entries.at(-1)
    return {
      address: account,
      entries: entries.map(entry => historyEntryOf(account, entry)),
      ...(found.length > limit && last && { cursor: `${last.height}.${last.index}` }),
    }
  },
})

const events = rawRoute({
  method: 'GET',
  path: '/api/events',
  tag: 'events',
  access: 'read',
  doc:
    'What becomes final, as server-sent events: `transaction` with what GET /api/tx/:hash answers and the Tokens it moved, then ' +
    '`block`; first a `hello`. Ids are `<height>.<index>`; a stream goes on after the one in Last-Event-ID. ' +
    '`reset` says that events in between are not here any more: read the state anew.',
  input: struct({
    did: optional(describe(did, 'Only what concerns this identity')),
    address: optional(describe(address, 'Only what concerns this account')),
    kind: optional(describe(text(64, 1), 'Only transactions of this kind')),
  }),
  mediaType: 'text/event-stream',
  codes: ['too_many_streams'],
  example: {},
  open({ events }, { did: owner, address: named, kind }, { headers, response }) {
    const account = named ?? (owner && addressOf(owner))
    const lastEventId = headers['last-event-id']
    events.open(
      { ...(account !== undefined && { account }), ...(kind !== undefined && { kind }) },
      typeof lastEventId === 'string' && lastEventId !== '' ? lastEventId : undefined,
      response,
    )
  },
})

export const chainRoutes: readonly Route[] = [block, validators, history, events]

function heightNamed({ chain }: ApiNode, named: string): number {
  if (named === 'latest') return chain.tip.height
  if (/^0x[0-9a-f]{64}$/.test(named)) {
    const height = chain.store.heightOf(hash.fromJson(named))
    if (height === undefined) throw noBlock('no block with this hash is on this node')
    return height
  }
  if (!/^(0|[1-9]\d{0,15})$/.test(named)) {
    throw new DecodeError('must be a height, the hash of a block (0x…) or latest').within('height')
  }
  return Number(named)
}

function noBlock(reason: string): Problem {
  return Problem.of('not_found', { field: 'height', detail: `height: ${reason}.` })
}

function placeOf(cursor: string): { height: number; index: number } {
  const [, height, index] = (/^(\d{1,15})\.(\d{1,6})$/.exec(cursor) ?? []).map(Number)
  if (height === undefined || index === undefined) throw new DecodeError('is not one this API gave').within('cursor')
  return { height, index }
}

function historyEntryOf(
  account: Address,
  { height, index, timeMs, transaction, movements }: HistoryEntry,
): Infer<typeof historyEntry> {
  const change = movements.reduce((sum, { from, to, amount }) => {
    return sum + (to === account ? amount : 0n) - (from === account ? amount : 0n)
  }, 0n)
  const code = transaction?.rejected
  return {
    height,
    index,
    timeMs,
    ...(transaction && {
      txHash: transaction.id,
      kind: transaction.kind,
      did: transaction.sender,
      nonce: transaction.nonce,
      fee: transaction.fee,
    }),
    status: code === undefined ? 'final' : 'failed',
    ...(code !== undefined && { code }),
    change,
    movements,
  }
}
