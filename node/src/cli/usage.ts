/** The usage line of a command, such as `transfer <to> <amount>`, read as what it declares. */
import { assert } from '@claw-network/protocol'

export interface Positional {
  readonly name: string
  readonly isOptional: boolean
  /** Takes all words that are left. */
  readonly isRest: boolean
}

export interface Usage {
  /** The words that name the command: `['genesis', 'add']`. */
  readonly words: readonly string[]
  readonly positionals: readonly Positional[]
}

export function parseUsage(usage: string): Usage {
  const words: string[] = []
  const positionals: Positional[] = []
  for (const part of usage.split(' ')) {
    const match = /^([<[])([A-Za-z]+)(\.\.\.)?[>\]]$/.exec(part)
    if (match === null) {
      assert(positionals.length === 0 && /^[a-z-]+$/.test(part), `"${usage}" names the command before its arguments`)
      words.push(part)
    } else {
      positionals.push({ name: match[2] as string, isOptional: match[1] === '[', isRest: match[3] !== undefined })
    }
  }
  return { words, positionals }
}
