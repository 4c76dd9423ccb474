/** The command line `clawnet`: finds the command, runs it, and turns what happens into words and an exit code. */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { enumeration } from '@claw-network/protocol'
import { Call, callOf, splitWords, usageError } from './arguments.ts'
import { type Command, globalOptions, type Shell } from './command.ts'
import { commands } from './commands.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { helpOf, overview, subcommandsOf } from './help.ts'
import { languageOf, languages, type Messages, messagesIn } from './messages.ts'
import { Output } from './output.ts'
import { TerminalSecrets } from './secrets.ts'
import { processTerminal, type Terminal } from './terminal.ts'
import { parseUsage } from './usage.ts'
import { valueOf } from './values.ts'
import { closest } from '../spelling.ts'
import { version } from '../version.ts'

/** Runs one command line to its end. */
export async function main(argv: readonly string[], terminal: Terminal = processTerminal()): Promise<ExitCode> {
  const { environment } = terminal
  const messages = messagesIn(languageOf(languageNamed(argv), environment))
  // What is wrong with the line itself is said in the form it asks for, too.
  let output = outputOf(terminal, { isJson: argv.includes('--json'), isQuiet: false })
  try {
    const { words, options } = splitWords(argv, everyOption(), messages)
    const globals = new Call(options)
    valueOf(globals, 'lang', enumeration(...languages), messages)
    output = outputOf(terminal, { isJson: globals.has('json'), isQuiet: globals.has('quiet') })

    if (globals.has('version')) {
      output.data('version', { version }, () => version)
      return exitCodes.ok
    }
    const isHelp = words[0] === 'help' || globals.has('help') || words.length === 0
    const wanted = words[0] === 'help' ? words.slice(1) : words
    const bold = (text: string): string => output.bold(text)
    const command = find(wanted)
    if (isHelp || command === undefined) {
      const text = wanted.length === 0 ? overview(bold) : command ? helpOf(command, bold) : subcommandsOf(wanted, bold)
      if (text === '') throw unknownCommand(wanted, messages)
      output.help(text)
      return isHelp ? exitCodes.ok : exitCodes.usage
    }
    const rest = wanted.slice(parseUsage(command.usage).words.length)
    const call = callOf(command, rest, options, messages)
    return await command.run(call, shellOf(call, { terminal, messages, output }))
  } catch (error) {
    const { failureOf } = await import('./failures.ts')
    const failure = failureOf(error, messages)
    output.fail(failure)
    return failure.exitCode
  }
}

/** Known before the line is understood, for what is said about it. */
function languageNamed(argv: readonly string[]): string | undefined {
  const inline = argv.find(word => word.startsWith('--lang='))
  return inline?.slice('--lang='.length) ?? (argv.includes('--lang') ? argv[argv.indexOf('--lang') + 1] : undefined)
}

/** The command whose words the line begins with; the longer name wins. */
function find(words: readonly string[]): Command | undefined {
  const wordsOf = (command: Command): readonly string[] => parseUsage(command.usage).words
  return commands
    .filter(command => wordsOf(command).every((word, index) => words[index] === word))
    .toSorted((a, b) => wordsOf(b).length - wordsOf(a).length)[0]
}

function unknownCommand(words: readonly string[], messages: Messages): Error {
  const names = commands.map(({ usage }) => parseUsage(usage).words.join(' '))
  const [first = ''] = words
  const isGroup = names.some(name => name.startsWith(`${first} `))
  const line = words.slice(0, 2).join(' ')
  return usageError(messages.commandUnknown(isGroup ? line : first, closest(line, names) ?? closest(first, names)))
}

function everyOption(): readonly Command['options'][number][] {
  return [...globalOptions, ...commands.flatMap(command => command.options)]
}

function outputOf(
  { environment, stdout, stderr }: Terminal,
  options: { readonly isJson: boolean; readonly isQuiet: boolean },
): Output {
  const hasColor = (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb'
  return new Output({ ...options, hasColor }, { data: stdout, talk: stderr })
}

function shellOf(
  call: Call,
  { terminal, messages, output }: { terminal: Terminal; messages: Messages; output: Output },
): Shell {
  const { environment } = terminal
  const home = homeOf(call, environment, messages)
  const isElsewhere = call.has('api') || environment['CLAWNET_API'] !== undefined
  return {
    environment,
    home,
    messages,
    output,
    secrets: new TerminalSecrets({ home: isElsewhere ? undefined : home }, { terminal, messages }),
    connect: async () => {
      const { connect } = await import('./connection.ts')
      return connect(call, { home, environment }, messages)
    },
  }
}

function homeOf(call: Call, environment: Shell['environment'], messages: Messages): string {
  // An empty variable is one that is not set: compose files and unit files write them so.
  const named = call.text('home') ?? (environment['CLAWNET_HOME'] || '~/.clawnet')
  const home = resolve(named.replace(/^~(?=\/|$)/, homedir()))
  const node = call.text('node')
  if (node === undefined) return home
  if (!/^[1-9]\d?$/.test(node)) throw usageError(messages.nodeNumberIsWrong(node))
  return join(home, 'devnet', `node-${node}`)
}
