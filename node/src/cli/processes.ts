import { setTimeout as pause } from 'node:timers/promises'
import { isAlive } from '../pid-file.ts'
import { CliError, exitCodes } from './exit-codes.ts'
import type { Messages } from './messages.ts'

/** A node that is asked to stop finishes its height first; this is longer than it takes. */
const stopMsMax = 15_000
const lookMs = 50

/** Asks a node to stop and waits until its process is gone. Throws CliError where it stays. */
export async function endProcess(pid: number, messages: Messages): Promise<void> {
  process.kill(pid, 'SIGTERM')
  for (const endsAtMs = Date.now() + stopMsMax; isAlive(pid); await pause(lookMs)) {
    if (Date.now() > endsAtMs) throw new CliError(exitCodes.failure, 'does_not_stop', messages.doesNotStop(pid))
  }
}
