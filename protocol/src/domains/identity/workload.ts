import { addressOf, type Did, type PublicKey } from '../../crypto/keys.ts'
import type { WorkloadDraw, WorkloadOrder } from '../../ledger/domain.ts'
import { credentialWorkload } from './credential-workload.ts'
import { rotationMessage } from './rotation.ts'
import { identityOf } from './rows.ts'

/** Session keys come, pay and go; names change, and now and then the key of an identity does. */
export function workload(draw: WorkloadDraw): WorkloadOrder | undefined {
  const { identities, below } = draw
  const other = identities[below(identities.length)]
  if (other === undefined) return
  switch (below(12)) {
    case 0:
      return { kind: 'identity.update', payload: profile(draw) }
    case 1:
      return below(2) === 0 ? rotation(draw, other) : { kind: 'identity.grant', payload: grant(draw, other) }
    case 2:
    case 3:
    case 4:
      return { kind: 'identity.grant', payload: grant(draw, other) }
    case 5:
      return revocation(draw)
    case 6:
    case 7:
      return credentialWorkload(draw)
    default:
      return payment(draw, other) ?? { kind: 'identity.grant', payload: grant(draw, other) }
  }
}

function profile({ sender, below }: WorkloadDraw): unknown {
  const name = below(3) === 0 ? '' : `agent ${below(100)}`
  if (below(2) === 0) return { name }
  const serviceEndpoint = `https://agents.example/${sender.slice(0, 8)}`
  return { name, services: below(3) === 0 ? [] : [{ id: '#agent', type: 'Agent', serviceEndpoint }] }
}

/** Identities take each other’s keys: whoever drew an identity can sign for it. */
function rotation({ sender, chainId, view, sign }: WorkloadDraw, newKey: Did): WorkloadOrder {
  const rotation = identityOf(view, sender).rotations + 1
  const proof = sign(newKey, rotationMessage(chainId, sender, newKey, rotation))
  return { kind: 'identity.rotate', payload: { newKey, rotation, proof } }
}

/** Short and narrow, so that many a transaction meets a bound. */
function grant({ nowMs, accounts, below }: WorkloadDraw, key: Did): unknown {
  const perTx = BigInt(1 + below(80))
  const budget = perTx + BigInt(below(150))
  return {
    key,
    perTx,
    budget,
    periodMs: 1_000 + below(60_000),
    ...(below(2) === 0 && { total: budget + BigInt(below(300)) }),
    ...(below(4) === 0 && { payees: accounts.slice(0, 1 + below(accounts.length)) }),
    ...(below(4) === 0 && { kinds: ['wallet.transfer', 'escrow.release'].slice(below(2)) }),
    ...(below(3) === 0 && { notBefore: nowMs + below(below(2) === 0 ? 2_000 : 30_000) }),
    notAfter: nowMs + 1 + below(below(4) === 0 ? 5_000 : 600_000),
  }
}

function revocation(draw: WorkloadDraw): WorkloadOrder | undefined {
  const key = sessionKey(draw)
  if (key === undefined) return
  const order = { kind: 'identity.revoke', payload: { key } }
  return draw.below(2) === 0 ? order : { ...order, signer: key }
}

function payment(draw: WorkloadDraw, payee: Did): WorkloadOrder | undefined {
  const signer = sessionKey(draw)
  if (signer === undefined) return
  const payload = { to: addressOf(payee), amount: BigInt(1 + draw.below(60)) }
  return { kind: 'wallet.transfer', payload, signer }
}

function sessionKey({ view, sender, below }: WorkloadDraw): PublicKey | undefined {
  const keys = identityOf(view, sender).grants
  return keys[below(Math.max(1, keys.length))]
}
