/** What the command line says of itself: always examples first. */
import { type Command, globalOptions, type Option } from './command.ts'
import { commands } from './commands.ts'
import { exitCodeDocs } from './exit-codes.ts'
import { width } from './output.ts'
import { parseUsage } from './usage.ts'

/** Sets headings apart; the identity where there is no colour. */
export type Emphasis = (text: string) => string

const firstCommands = [
  'init',
  'status',
  'balance',
  'transfer did:claw:z6Mk… 100 --memo "invoice 7"',
  'devnet up --nodes 4',
]

export function overview(bold: Emphasis): string {
  const sections = [...new Set(commands.map(command => command.group))].map(group =>
    section(bold(group), commands.filter(command => command.group === group).map(lineOf)),
  )
  return [
    'clawnet talks to your node of the clawnet network; clawnetd is the node itself.',
    section(
      bold('Examples'),
      firstCommands.map(example => [`clawnet ${example}`, '']),
    ),
    ...sections,
    section(bold('Options of every command'), globalOptions.map(optionLine)),
    '"clawnet help <command>" explains a command.',
  ].join('\n\n')
}

export function helpOf(command: Command, bold: Emphasis): string {
  return [
    section(
      bold('Examples'),
      command.examples.map(example => [`clawnet ${example}`, '']),
    ),
    `${bold('Usage')}\n  clawnet ${command.usage}${command.options.length > 0 ? ' [options]' : ''}`,
    command.doc,
    ...(command.options.length > 0 ? [section(bold('Options'), command.options.map(optionLine))] : []),
    `${globalOptions.map(option => `--${option.name}`).join(' ')} work with every command: "clawnet help" explains them.`,
  ].join('\n\n')
}

/** The commands that begin with these words, which are none by themselves; empty where there are none. */
export function subcommandsOf(words: readonly string[], bold: Emphasis): string {
  const under = commands.filter(({ usage }) => `${usage} `.startsWith(`${words.join(' ')} `))
  return under.length === 0 ? '' : section(bold(`clawnet ${words.join(' ')}`), under.map(lineOf))
}

/** docs/reference/cli.md. */
export function renderCliReference(): string {
  const parts = [
    '# The command line',
    'Generated from the tables of commands and domains (`npm run reference`). `clawnet help <command>` says the same.',
    '## Options of every command',
    optionTable(globalOptions),
    '## Exit codes',
    markdownTable(
      ['code', 'meaning'],
      exitCodeDocs.map(([code, doc]) => [String(code), doc]),
    ),
  ]
  for (const group of new Set(commands.map(command => command.group))) {
    parts.push(`## ${group}`)
    for (const command of commands.filter(candidate => candidate.group === group)) {
      parts.push(`### clawnet ${parseUsage(command.usage).words.join(' ')}`, command.doc)
      parts.push(`\`\`\`\n${command.examples.map(example => `clawnet ${example}`).join('\n')}\n\`\`\``)
      parts.push(`Usage: \`clawnet ${command.usage}\``)
      if (command.options.length > 0) parts.push(optionTable(command.options))
    }
  }
  return `${parts.join('\n\n')}\n`
}

function lineOf({ usage, doc }: Command): [string, string] {
  return [usage, doc]
}

function optionLine(option: Option): [string, string] {
  return [flagOf(option), option.doc + (option.isRepeatable ? ' (may be repeated)' : '')]
}

function flagOf({ name, value }: Option): string {
  return value === undefined ? `--${name}` : `--${name} ${value}`
}

function section(heading: string, lines: readonly (readonly [string, string])[]): string {
  const widest = Math.max(...lines.map(([term]) => width(term)))
  return [
    heading,
    ...lines.map(([term, doc]) => `  ${term}${' '.repeat(widest - width(term))}  ${doc}`.trimEnd()),
  ].join('\n')
}

function optionTable(options: readonly Option[]): string {
  return markdownTable(
    ['option', 'meaning'],
    options.map(option => [`\`${flagOf(option)}\``, optionLine(option)[1]]),
  )
}

function markdownTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n')
}
