import { describe, test } from 'node:test'
import assert from 'node:assert/strict'
import type { Hash } from '../crypto/hash.ts'
import { toHex } from '../lib/bytes.ts'
import { signBytes, type Statement } from './messages.ts'

const chainId = '11'.repeat(32) as Hash
const blockHash = '22'.repeat(32) as Hash
const statement: Statement = { type: 'prevote', height: 258, round: 3, blockHash }

describe('sign bytes', () => {
  test('are the domain, the chain, the type, the height, both rounds and the block', () => {
    const domain = toHex(new TextEncoder().encode('clawnet/vote/1'))
    assert.equal(
      toHex(signBytes(chainId, { ...statement, type: 'proposal', polRound: 2 })),
      `${domain}${chainId}00${'0000000000000102'}${'00000003'}${'00000002'}${blockHash}`,
    )
    assert.equal(
      toHex(signBytes(chainId, { type: 'precommit', height: 258, round: 3 })),
      `${domain}${chainId}02${'0000000000000102'}${'00000003'}${'ffffffff'}${'00'.repeat(32)}`,
    )
  })

  test('differ for different statements and chains', () => {
    const all = [
      signBytes(chainId, statement),
      signBytes('33'.repeat(32) as Hash, statement),
      ...(
        [
          { type: 'precommit' },
          { type: 'proposal' },
          { height: 259 },
          { height: 2 ** 32 + 258 },
          { round: 4 },
          { polRound: 0 },
          { blockHash: '23'.repeat(32) as Hash },
        ] as const
      ).map(changed => signBytes(chainId, { ...statement, ...changed })),
      signBytes(chainId, { type: 'prevote', height: 258, round: 3 }),
    ].map(toHex)
    assert.equal(new Set(all).size, all.length)
    assert.ok(all.every(bytes => bytes.length === 2 * 95))
  })
})
