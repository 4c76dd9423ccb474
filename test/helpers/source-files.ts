/** The files of the repository as a test of its order sees them. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')

export interface SourceFile {
  /** From the root, with slashes. */
  readonly path: string
  readonly text: string
}

/** What is tracked, and what is new and not ignored. */
export function repositoryFiles(): readonly SourceFile[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 16 * 1024 * 1024,
  })
  return listed
    .split('\0')
    .filter(path => /\.(ts|md|json)$/.test(path) && !path.endsWith('package-lock.json'))
    .flatMap(path => {
      const text = readIfThere(join(root, path))
      return text === undefined ? [] : [{ path, text }]
    })
}

export interface Import {
  readonly specifier: string
  /** For a relative one the file it names, from the root. */
  readonly target: string | undefined
}

/** Everything a TypeScript file imports or exports on, types included. */
export function importsOf({ path, text }: SourceFile): readonly Import[] {
  return specifiersOf(text).map(specifier => ({
    specifier,
    target: specifier.startsWith('.') ? join(path, '..', specifier) : undefined,
  }))
}

const specifiersOf = remembered((text: string) =>
  [
    /\b(?:import|export)\b[^'"`;()]*?\bfrom\s*['"]([^'"]+)['"]/g,
    /\bimport\s*\(\s*['"]([^'"]+)['"]/g,
    /\bimport\s+['"]([^'"]+)['"]/g,
    /\b(?:require|createRequire\([^()]*\))\(\s*['"]([^'"]+)['"]/g,
  ].flatMap(form => [...withoutComments(text).matchAll(form)].map(match => match[1] ?? '')),
)

/** The name of the package that a bare specifier begins with. */
export function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** Comments alone, each on its line: for what is cited, promised and switched off there. */
export const commentsOf = remembered((text: string) =>
  [...text.matchAll(codeOrComment)].map(([whole, comment]) => comment ?? linesOf(whole)).join(''),
)

export const withoutComments = remembered((text: string) =>
  [...text.matchAll(codeOrComment)]
    .map(([whole, comment]) => (comment === undefined ? whole : linesOf(whole)))
    .join(''),
)

/** Code whose strings are empty: for what must not be in code, but may be in a test of that. */
export const withoutStrings = remembered((text: string) =>
  withoutComments(text).replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`/g, "''"),
)

/** A comment (captured), a string, a template without nesting, or code up to where one may begin. */
const codeOrComment =
  /(\/\*[\s\S]*?\*\/|\/\/[^\n]*)|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|[^'"`/]+|[\s\S]/g

/** The checks look at every file again and again. */
function remembered<Answer>(answer: (text: string) => Answer): (text: string) => Answer {
  const answers = new Map<string, Answer>()
  return text => {
    const known = answers.get(text)
    if (known !== undefined) return known
    const found = answer(text)
    answers.set(text, found)
    return found
  }
}

function linesOf(text: string): string {
  return text.replace(/[^\n]/g, '')
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return // listed by git, and removed since
  }
}
