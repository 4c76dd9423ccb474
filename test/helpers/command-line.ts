/** Runs command lines of `clawnet` in this process, with streams that remember. */
import { Readable } from 'node:stream'
import { main } from '../../node/src/cli/main.ts'

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** Standard output as JSON. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  readonly json: any
}

export interface RunOptions {
  readonly home?: string
  readonly environment?: Readonly<Record<string, string>>
  /** Whether all three streams are terminals. */
  readonly isTerminal?: boolean
  /** What is typed, one text per read. */
  readonly typed?: readonly string[]
}

export async function clawnet(argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { home = '/nonexistent', environment = {}, isTerminal = false, typed = [] } = options
  const written = { stdout: '', stderr: '' }
  const sink = (name: 'stdout' | 'stderr') => ({
    isTTY: isTerminal,
    write: (text: string) => {
      written[name] += text
    },
  })
  const keys = typed[Symbol.iterator]()
  const stdin = Object.assign(Readable.from([]), {
    isTTY: isTerminal,
    setRawMode: () => {},
    // One text for each question, as somebody types them.
    iterator: async function* () {
      const next = keys.next()
      if (!next.done) yield next.value
    },
  })
  const code = await main(argv, {
    environment: { CLAWNET_HOME: home, ...environment },
    stdin: stdin as unknown as NodeJS.ReadStream,
    stdout: sink('stdout'),
    stderr: sink('stderr'),
  })
  return {
    code,
    ...written,
    get json() {
      return JSON.parse(written.stdout)
    },
  }
}
