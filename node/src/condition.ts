/** How the node is: what `status` says of it. */
import type { PublicKey } from '@claw-network/protocol'
import type { NodeCondition } from './api/node.ts'
import type { BlockSync } from './chain/block-sync.ts'
import type { Chain } from './chain/chain.ts'
import type { Driver } from './chain/driver.ts'
import type { NetworkTransport } from './network/transport.ts'

export interface ConditionSources {
  readonly chain: Chain
  readonly driver: Driver
  readonly sync: BlockSync
  readonly transport: NetworkTransport
  readonly startedAtMs: number
  readonly publicKey: PublicKey
}

/** Idle blocks that may be missing before the chain counts as standing still. */
const idleBlocksMissing = 5

export function conditionOf(sources: ConditionSources, nowMs: number): NodeCondition {
  const { chain, sync, transport, startedAtMs, publicKey } = sources
  const { validators } = chain.validators(chain.tip.height + 1)
  const own = validators.find(validator => validator.publicKey === publicKey)
  return {
    type: 'full',
    synced: !sync.isBehind && sources.driver.halted === undefined,
    targetHeight: sync.target,
    degraded: complaints(sources, nowMs, validators.length),
    peerId: transport.id,
    listen: transport.addresses(),
    startedAtMs,
    ...(own && { validator: { publicKey, power: own.power } }),
  }
}

function complaints({ chain, driver, sync, transport }: ConditionSources, nowMs: number, validators: number): string[] {
  const found: string[] = []
  if (driver.halted !== undefined) found.push(`consensus stopped on this node: ${driver.halted}`)
  if (validators > 1 && transport.peers().length === 0) found.push('no peer is connected')
  const { startedAtMs } = driver.current
  const { idleBlockIntervalMs } = chain.params
  const isIdleTooLong = idleBlockIntervalMs > 0 && nowMs - chain.tip.timeMs > idleBlocksMissing * idleBlockIntervalMs
  if (driver.isStalled || (isIdleTooLong && !sync.isBehind)) {
    const since = Math.round((nowMs - (startedAtMs ?? chain.tip.timeMs)) / 1000)
    found.push(
      `no block for ${since} s: block ${driver.current.height} is in round ${driver.current.round}; ` +
        'more than a third of the validators’ power does not answer, or this node does not reach them',
    )
  }
  return found
}
