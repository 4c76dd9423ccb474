/** A node as a process of its own, which goes on after its starter has ended. */
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What a node says of itself once it runs. */
export interface StartReport {
  readonly pid: number
  readonly did?: string
  readonly network: string
  readonly listen: readonly string[]
  /** Absent where the API is off. */
  readonly apiUrl?: string
  readonly blockHeight: number
  readonly peers: number
}

/** Over the channel between the two processes, once. */
export type StartMessage =
  | { readonly type: 'started'; readonly report: StartReport }
  | { readonly type: 'failed'; readonly message: string; readonly exitCode: number }

/** The node did not start; the message is the one it would have printed. */
export class BackgroundError extends Error {
  override readonly name = 'BackgroundError'
  readonly exitCode: number

  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}

export interface BackgroundOptions {
  /** Flags of clawnetd. */
  readonly argv: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Takes what the runtime itself says when it dies; null for nowhere. */
  readonly crashFile: string | null
}

/** Resolves once the node's API answers. Throws BackgroundError where the node ends before. */
export async function startInBackground({ argv, environment, crashFile }: BackgroundOptions): Promise<StartReport> {
  if (crashFile !== null) mkdirSync(dirname(crashFile), { recursive: true, mode: 0o700 })
  const errors = crashFile === null ? 'ignore' : openSync(crashFile, 'a', 0o600)
  const bin = fileURLToPath(new URL('../bin/clawnetd.js', import.meta.url))
  const child = spawn(process.execPath, [...process.execArgv, bin, '--foreground', ...argv], {
    env: environment,
    detached: true,
    stdio: ['ignore', 'ignore', errors, 'ipc'],
  })
  if (typeof errors === 'number') closeSync(errors)

  const { promise, resolve, reject } = Promise.withResolvers<StartReport>()
  child.once('error', reject)
  child.once('exit', (code, signal) => {
    const where = crashFile === null ? '' : `; see ${crashFile}`
    reject(new BackgroundError(`clawnetd ended while starting (${signal ?? `exit ${code}`})${where}`, code ?? 1))
  })
  child.once('message', message => {
    const said = message as StartMessage
    if (said.type === 'started') resolve(said.report)
    else reject(new BackgroundError(said.message, said.exitCode))
  })
  try {
    return await promise
  } finally {
    child.removeAllListeners()
    if (child.connected) child.disconnect()
    child.unref()
  }
}

/** Tells the starter, if there is one that waits. */
export function tellStarter(message: StartMessage): void {
  // The starter hangs up as soon as it knows; that it has gone already is no concern of the node.
  process.send?.(message, undefined, undefined, () => {
    if (process.connected) process.disconnect()
  })
}

/** Whether another process started this one in the background. */
export function hasStarter(): boolean {
  return process.send !== undefined
}
