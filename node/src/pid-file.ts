/** `clawnetd.pid`: the process of the node that lives in a home directory. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Called by a node that holds the lock on its data, so that a file left by one that was killed is replaced. */
export function writePid(home: string): void {
  writeFileSync(pathIn(home), `${process.pid}\n`, { mode: 0o600 })
}

export function removePid(home: string): void {
  rmSync(pathIn(home), { force: true })
}

/** The process named there, if it lives and, as far as this system tells, is a node. */
export function runningPid(home: string): number | undefined {
  if (!existsSync(pathIn(home))) return undefined
  const pid = Number(readFileSync(pathIn(home), 'utf8'))
  return Number.isSafeInteger(pid) && pid > 1 && isAlive(pid) && looksLikeNode(pid) ? pid : undefined
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Somebody else's process is alive too.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** After kill -9 the number may have gone to another program: Linux shows what it runs. */
function looksLikeNode(pid: number): boolean {
  const commandLine = `/proc/${pid}/cmdline`
  return !existsSync(commandLine) || /clawnetd|start\.js/.test(readFileSync(commandLine, 'utf8'))
}

function pathIn(home: string): string {
  return join(home, 'clawnetd.pid')
}
