import { formatDid, type Did } from '../../crypto/keys.ts'
import type { WorkloadDraw, WorkloadOrder } from '../../ledger/domain.ts'
import { formatDateTime } from '../../lib/date-time.ts'
import { credentials, credentialCounts, nthCredential } from './credential-rows.ts'
import { signCredential } from './credential.ts'
import { keyOf } from './rows.ts'

/** Identities say of themselves and each other what they can do, again at times, and take it back. */
export function credentialWorkload(draw: WorkloadDraw): WorkloadOrder | undefined {
  const { sender } = draw
  const other = draw.identities[draw.below(draw.identities.length)]
  if (other === undefined) return
  if (draw.below(3) === 0) return revocation(draw)
  const [issuer, subject] = draw.below(2) === 0 ? [sender, other] : [other, sender]
  return attestation(draw, issuer, subject)
}

function attestation(draw: WorkloadDraw, issuer: Did, subject: Did): WorkloadOrder {
  const { view, nowMs } = draw
  const key = keyOf(view, issuer)
  const credential = signCredential(
    {
      credentialSubject: { id: formatDid(subject), capability: `skill ${draw.below(10)}` },
      ...(draw.below(2) === 0 && { validUntil: formatDateTime(nowMs + draw.below(30_000)) }),
    },
    { did: issuer, key, nowMs },
    message => draw.sign(key, message),
  )
  return { kind: 'identity.attest', payload: { credential } }
}

/** Of what the sender itself has issued; now and then of anything. */
function revocation({ view, sender, identities, below }: WorkloadDraw): WorkloadOrder | undefined {
  const issued = identities.flatMap(subject => {
    const credential = nthCredential(view, subject, below(Math.max(1, credentialCounts.get(view, subject) ?? 0)))
    return credential === undefined ? [] : [credential]
  })
  const own = issued.filter(credential => credentials.get(view, credential)?.issuer === sender)
  const credential = (below(8) === 0 ? issued : own)[0]
  return credential === undefined ? undefined : { kind: 'identity.revokeCredential', payload: { credential } }
}
