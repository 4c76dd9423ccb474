/** Passphrases and mnemonics: by prompt, file, descriptor or standard input, never as an argument. */
import { readFileSync, writeSync } from 'node:fs'
import { entropyOf } from '@claw-network/protocol'
import { type Call, usageError } from './arguments.ts'
import type { Secrets } from './command.ts'
import { CliError, exitCodes } from './exit-codes.ts'
import type { Messages } from './messages.ts'
import type { Terminal } from './terminal.ts'

const stdinDescriptor = 0

export class TerminalSecrets implements Secrets {
  readonly #terminal: Terminal
  readonly #messages: Messages

  /** The home of the node that is meant; absent where that is on another machine. */
  readonly #home: string | undefined
  /** Typed before it was asked for. */
  #ahead: string[] = []

  constructor(
    options: { readonly home: string | undefined },
    dependencies: { readonly terminal: Terminal; readonly messages: Messages },
  ) {
    this.#home = options.home
    this.#terminal = dependencies.terminal
    this.#messages = dependencies.messages
  }

  async passphrase(call: Call, { isNew }: { readonly isNew: boolean }): Promise<string> {
    const source = sourceOf(call, this.#messages)
    if (source !== undefined) {
      const passphrase = firstLine(read(source, this.#messages))
      if (passphrase === '') throw usageError(this.#messages.passphraseIsEmpty())
      return passphrase
    }
    const kept = isNew ? undefined : await this.#keptByLocalNetwork()
    if (kept !== undefined) return kept
    const messages = this.#messages
    if (!this.canAsk) throw usageError(messages.passphraseNeeded())
    for (;;) {
      const passphrase = await this.#ask(isNew ? messages.newPassphrasePrompt() : messages.passphrasePrompt())
      if (passphrase === '') this.#tell(messages.passphraseIsEmpty())
      else if (!isNew || (await this.#ask(messages.passphraseAgainPrompt())) === passphrase) return passphrase
      else this.#tell(messages.passphrasesDiffer())
    }
  }

  async words(call: Call): Promise<string> {
    const descriptor = call.text('mnemonic-fd')
    if (descriptor !== undefined) return read(descriptorOf('mnemonic-fd', descriptor, this.#messages), this.#messages)
    if (!this.canAsk) throw usageError(this.#messages.wordsNeeded())
    for (;;) {
      const words = await this.#ask(this.#messages.wordsPrompt())
      try {
        entropyOf(words)
        return words
      } catch (error) {
        // The only thing that can be wrong is what was typed, so it may be typed again.
        this.#tell(error instanceof Error ? error.message : String(error))
      }
    }
  }

  showWords(call: Call, words: string): void {
    const descriptor = call.text('mnemonic-fd')
    if (descriptor !== undefined) {
      writeSync(descriptorOf('mnemonic-fd', descriptor, this.#messages), `${words}\n`)
      return
    }
    this.#tell(`\n${this.#messages.backUpWords()}\n\n${columnsOf(words)}\n`)
  }

  requireWordsOutlet(call: Call): void {
    const descriptor = call.text('mnemonic-fd')
    if (descriptor === undefined) {
      if (this.#terminal.stderr.isTTY !== true) throw usageError(this.#messages.wordsNeedTerminal())
      return
    }
    try {
      writeSync(descriptorOf('mnemonic-fd', descriptor, this.#messages), '')
    } catch (error) {
      throw error instanceof CliError
        ? error
        : usageError(this.#messages.cannotWrite(`fd ${descriptor}`, reasonOf(error)))
    }
  }

  get canAsk(): boolean {
    return this.#terminal.stdin.isTTY === true && this.#terminal.stderr.isTTY === true
  }

  async #keptByLocalNetwork(): Promise<string | undefined> {
    if (this.#home === undefined) return undefined
    const { localPassphraseIn } = await import('../home.ts')
    return localPassphraseIn(this.#home)
  }

  #tell(text: string): void {
    this.#terminal.stderr.write(`${text}\n`)
  }

  /** A line typed without echo. */
  async #ask(prompt: string): Promise<string> {
    const { stdin, stderr } = this.#terminal
    // Before the prompt, so that nothing typed in answer to it is shown.
    stdin.setRawMode(true)
    stdin.setEncoding('utf8')
    stderr.write(prompt)
    try {
      const typed: string[] = []
      if (this.#take('', typed)) return typed.join('')
      for await (const chunk of stdin.iterator({ destroyOnReturn: false })) {
        if (this.#take(chunk as string, typed)) break
      }
      return typed.join('')
    } finally {
      stdin.setRawMode(false)
      stdin.pause()
      stderr.write('\n')
    }
  }

  /** Puts keys into the line being typed; true once it has ended. What comes after its end is kept for the next question. */
  #take(chunk: string, typed: string[]): boolean {
    const keys = [...this.#ahead, ...Array.from(chunk)]
    this.#ahead = []
    for (const [index, key] of keys.entries()) {
      switch (key) {
        case '\r':
        case '\n':
          this.#ahead = keys.slice(index + 1)
          return true
        case '\u0003':
        case '\u0004':
          throw new CliError(exitCodes.failure, 'cancelled', this.#messages.cancelled())
        case '\u007f':
        case '\b':
          typed.pop()
          break
        case '\u0015':
          typed.length = 0
          break
        default:
          typed.push(key)
      }
    }
    return false
  }
}

/** A file's name or the number of an open descriptor. */
function sourceOf(call: Call, messages: Messages): string | number | undefined {
  const given = ['passphrase-file', 'passphrase-fd', 'passphrase-stdin'].filter(name => call.has(name))
  if (given.length > 1) throw usageError(messages.optionsExclude(given.map(name => `--${name}`).join(', ')))
  const [file, descriptor] = [call.text('passphrase-file'), call.text('passphrase-fd')]
  if (file !== undefined) return file
  if (descriptor !== undefined) return descriptorOf('passphrase-fd', descriptor, messages)
  return call.has('passphrase-stdin') ? stdinDescriptor : undefined
}

function descriptorOf(option: string, text: string, messages: Messages): number {
  if (!/^\d{1,4}$/.test(text)) throw usageError(messages.descriptorIsWrong(option, text))
  return Number(text)
}

function read(source: string | number, messages: Messages): string {
  try {
    return readFileSync(source, 'utf8')
  } catch (error) {
    throw usageError(messages.cannotRead(typeof source === 'number' ? `fd ${source}` : source, reasonOf(error)))
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0] ?? ''
}

/** Numbered, six to a line, so that a copy on paper can be checked. */
function columnsOf(words: string): string {
  const numbered = words.split(' ').map((word, index) => `${String(index + 1).padStart(2)} ${word.padEnd(8)}`)
  const lines: string[] = []
  for (let i = 0; i < numbered.length; i += 6) lines.push(`   ${numbered.slice(i, i + 6).join('  ')}`)
  return lines.join('\n')
}
