import type { Sink } from './output.ts'

/** What the process gives a command; tests pass their own. */
export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly stdin: NodeJS.ReadStream
  readonly stdout: Sink
  readonly stderr: Sink
}

export function processTerminal(): Terminal {
  const { env, stdin, stdout, stderr } = process
  return { environment: env, stdin, stdout, stderr }
}
