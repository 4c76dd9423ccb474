/** `completion bash|zsh|fish`: scripts that complete commands and options, made from the table of commands. */
import type { Call } from './arguments.ts'
import { type Command, globalOptions, type Shell } from './command.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { parseUsage } from './usage.ts'

export function completionCommands(all: () => readonly Command[]): readonly Command[] {
  return (['bash', 'zsh', 'fish'] as const).map(shellName => ({
    usage: `completion ${shellName}`,
    group: 'Other',
    doc: `Prints a script that completes commands and options in ${shellName}.`,
    examples: [installed[shellName]],
    options: [],
    async run(_call: Call, { output }: Shell): Promise<ExitCode> {
      output.help(scripts[shellName](menuOf(all())))
      return exitCodes.ok
    },
  }))
}

const installed = {
  bash: 'completion bash >> ~/.bashrc',
  zsh: 'completion zsh > "${fpath[1]}/_clawnet"',
  fish: 'completion fish > ~/.config/fish/completions/clawnet.fish',
}

interface Choice {
  readonly word: string
  readonly doc: string
}

/** What can follow: words after words already typed, options after a whole command. */
interface Menu {
  readonly words: ReadonlyMap<string, readonly Choice[]>
  readonly options: ReadonlyMap<string, readonly Choice[]>
}

function menuOf(commands: readonly Command[]): Menu {
  const words = new Map<string, Map<string, Choice>>()
  const options = new Map<string, readonly Choice[]>()
  for (const command of commands) {
    const named = parseUsage(command.usage).words
    named.forEach((word, index) => {
      const before = named.slice(0, index).join(' ')
      const choices = words.get(before) ?? new Map<string, Choice>()
      if (!choices.has(word)) choices.set(word, { word, doc: index === named.length - 1 ? command.doc : `${word} …` })
      words.set(before, choices)
    })
    options.set(named.join(' '), choicesOf(command.options))
  }
  return { words: new Map([...words].map(([before, choices]) => [before, [...choices.values()]])), options }
}

function choicesOf(options: Command['options']): readonly Choice[] {
  return options.map(({ name, doc }) => ({ word: `--${name}`, doc }))
}

const globals = choicesOf(globalOptions)

const scripts: { readonly [shell in 'bash' | 'zsh' | 'fish']: (menu: Menu) => string } = {
  bash: ({ words, options }) => `# Completion of clawnet for bash.
_clawnet() {
  local word="\${COMP_WORDS[COMP_CWORD]}" line="" words="" options="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ "\${COMP_WORDS[i]}" == -* ]] || line+="\${COMP_WORDS[i]} "
  done
${cases(words, options, { words: list => `words="${list}"`, options: list => `options="${list}"` })}
  [[ "$word" == -* ]] && words="$options ${joined(globals)}"
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _clawnet clawnet`,

  zsh: ({ words, options }) => `#compdef clawnet
# Completion of clawnet for zsh.
_clawnet() {
  local line="" w
  local -a candidates options
  for w in "\${(@)words[2,CURRENT-1]}"; do
    [[ "$w" == -* ]] || line+="$w "
  done
${cases(words, options, { words: list => `candidates=(${list})`, options: list => `options=(${list})` })}
  [[ "\${words[CURRENT]}" == -* ]] && candidates=($options ${joined(globals)})
  if (( \${#candidates} )); then compadd -- $candidates; else _files; fi
}
_clawnet "$@"`,

  fish: ({ words, options }) => {
    const lines = [
      '# Completion of clawnet for fish.',
      'function __clawnet_line',
      "  string join ' ' (string match --invert -- '-*' (commandline -opc)[2..-1])",
      'end',
      'complete -c clawnet -f',
    ]
    for (const [before, choices] of words) {
      for (const { word, doc } of choices) {
        lines.push(
          `complete -c clawnet -n ${quoted(`test "$(__clawnet_line)" = "${before}"`)} -a ${word} -d ${quoted(doc)}`,
        )
      }
    }
    for (const [command, choices] of options) {
      for (const { word, doc } of choices) {
        lines.push(
          `complete -c clawnet -n ${quoted(`string match -q -- "${command}*" "$(__clawnet_line)"`)} -l ${word.slice(2)} -d ${quoted(doc)}`,
        )
      }
    }
    for (const { word, doc } of globals) lines.push(`complete -c clawnet -l ${word.slice(2)} -d ${quoted(doc)}`)
    return lines.join('\n')
  },
}

/** The two `case` statements that bash and zsh share. */
function cases(
  words: Menu['words'],
  options: Menu['options'],
  assign: { words: (list: string) => string; options: (list: string) => string },
): string {
  const longestFirst = [...options].toSorted(([a], [b]) => b.length - a.length)
  return [
    '  case "$line" in',
    ...[...words].map(
      ([before, choices]) => `    "${before === '' ? '' : `${before} `}") ${assign.words(joined(choices))} ;;`,
    ),
    '  esac',
    '  case "$line" in',
    ...longestFirst.map(([command, choices]) => `    "${command} "*) ${assign.options(joined(choices))} ;;`),
    '  esac',
  ].join('\n')
}

function joined(choices: readonly Choice[]): string {
  return choices.map(({ word }) => word).join(' ')
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
