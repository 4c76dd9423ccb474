/** What a log leaves open: the core asked for it and the crash came before the answer (docs/spec/consensus.md, C44). */
import type { Hash, Input, Output, Statement } from '@claw-network/protocol'

/** Takes out of `open` what this logged input answers. */
export function settle(open: Output[], logged: Input, self: number | undefined): void {
  const answered = open.findIndex(output => {
    switch (output.type) {
      case 'sign':
        return logged.type === 'vote'
          ? logged.vote.validator === self && isStatement(output.statement, logged.vote.type, logged.vote)
          : logged.type === 'proposal' && isStatement(output.statement, 'proposal', logged.proposal)
      case 'startTimer':
        return logged.type === 'timeout' && logged.round === output.round && logged.step === output.step
      case 'requestValue':
        return logged.type === 'value' && logged.round === output.round
      case 'validate':
        return logged.type === 'validity' && logged.blockHash === output.blockHash
      case 'certificate':
      case 'evidence':
      case 'decide':
      case 'halt':
        return false
    }
  })
  if (answered >= 0) open.splice(answered, 1)
}

function isStatement(
  statement: Statement,
  type: Statement['type'],
  signed: { readonly round: number; readonly blockHash?: Hash },
): boolean {
  return statement.type === type && statement.round === signed.round && statement.blockHash === signed.blockHash
}
