/** config.yaml: read with the line of every value, written with the comments of the table. */
import { DecodeError } from '@claw-network/protocol'
import { isMap, isNode, isScalar, LineCounter, parseDocument, stringify, type YAMLParseError } from 'yaml'
import { closest } from '../spelling.ts'
import type { Place } from './kinds.ts'
import {
  fallbackText,
  type SettingKey,
  type SettingValues,
  settingKeys,
  settingOf,
  settings,
  writtenFallback,
} from './settings.ts'

export interface FileValue {
  readonly value: unknown
  readonly line: number
}

export interface FileReading {
  readonly values: ReadonlyMap<SettingKey, FileValue>
  /** One sentence each, with file and line; empty where the file is right. */
  readonly problems: readonly string[]
}

/** Reads what the file says, and everything that is wrong with it at once. */
export function readConfigText(text: string, file: string, place: Place): FileReading {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  if (document.errors.length > 0) {
    return { values: new Map(), problems: document.errors.map(error => `${file}:${syntaxProblem(error)}`) }
  }

  const values = new Map<SettingKey, FileValue>()
  const problems: string[] = []
  for (const { key, node, line, isDotted } of entriesOf(document.contents, '', lines)) {
    const at = `${file}:${line}: ${key}`
    if (isDotted) {
      problems.push(`${at} is written with a dot: write its section and, indented below, the setting`)
    } else if (isSettingKey(key)) {
      try {
        const written: unknown = isNode(node) ? node.toJS(document) : null
        values.set(key, { value: settings[key].kind.fromYaml(written, place), line })
      } catch (error) {
        if (error instanceof DecodeError) problems.push(`${at}${error.field} ${error.problem}`)
        // YAML's own complaint about an alias without its anchor, or too many of them.
        else if (error instanceof ReferenceError) problems.push(`${at}: ${error.message}`)
        else throw error
      }
    } else if (isSection(key)) {
      const isEmpty = node === null || (isScalar(node) && node.value === null)
      if (!isEmpty)
        problems.push(`${at} is a section: write its settings below it, indented (${sectionKeys(key).join(', ')})`)
    } else {
      problems.push(`${file}:${line}: ${unknownSetting(key)}`)
    }
  }
  return { values, problems }
}

interface Entry {
  readonly key: string
  readonly node: unknown
  readonly line: number
  /** Written as one name with dots in it, which YAML does not take apart. */
  readonly isDotted: boolean
}

/** The entries of a section and of the sections in it; a section itself only where it holds no entries. */
function* entriesOf(section: unknown, prefix: string, lines: LineCounter): Generator<Entry> {
  if (!isMap(section)) {
    // A file may be empty or all comments, but not a bare text or list.
    if (section !== null) yield { key: '', node: section, line: 1, isDotted: false }
    return
  }
  for (const { key: keyNode, value: node } of section.items) {
    const name = isScalar(keyNode) ? String(keyNode.value) : ''
    const key = prefix + name
    const offset = isNode(keyNode) ? keyNode.range?.[0] : undefined
    if (isMap(node) && isSection(key)) yield* entriesOf(node, `${key}.`, lines)
    else yield { key, node, line: lines.linePos(offset ?? 0).line, isDotted: name.includes('.') }
  }
}

/** "3: what is wrong", without the excerpt that the parser adds. */
function syntaxProblem({ code, message, linePos }: YAMLParseError): string {
  if (code === 'DUPLICATE_KEY') return `${linePos?.[0].line ?? 1}: the same name stands twice in one section: keep one`
  const [problem = ''] = message.split(/ at line \d+/)
  return `${linePos?.[0].line ?? 1}: ${problem.charAt(0).toLowerCase()}${problem.slice(1)}`
}

/** "x is not a setting", with the one that was meant or all that there are. */
function unknownSetting(key: string): string {
  if (key === '') return 'there must be settings such as "network: mainnet", one on a line'
  const cut = key.lastIndexOf('.')
  const [section, name] = [key.slice(0, Math.max(cut, 0)), key.slice(cut + 1)]
  const siblings = isSection(section) ? sectionKeys(section) : []
  const sibling = closest(name, siblings)
  if (sibling !== undefined) return `${key} is not a setting; did you mean ${section}.${sibling}?`
  if (siblings.length > 0) return `${key} is not a setting; in ${section} there are ${siblings.join(', ')}`

  const sections = new Set(settingKeys.map(known => known.split('.')[0] as string))
  const near =
    closest(key, sections) ?? settingKeys.find(known => known.endsWith(`.${name}`)) ?? closest(key, settingKeys)
  if (near !== undefined) return `${key} is not a setting; did you mean ${near}?`
  return `${key} is not a setting; there are ${[...sections].join(', ')}`
}

/** A new config.yaml: the settings of `chosen` and the defaults, each under its sentence. */
export function renderConfigFile(chosen: Partial<SettingValues>): string {
  const lines = [
    '# Settings of this node. A flag of clawnetd wins over the environment, that over this file, that over the defaults.',
    '# See what is in force, and why: clawnet config show --effective --origin',
  ]
  let section = ''
  for (const key of settingKeys) {
    const [name, parent = ''] = key.split('.').toReversed() as [string, string?]
    if (parent === '' || parent !== section) lines.push('')
    if (parent !== section && parent !== '') lines.push(`${parent}:`)
    section = parent
    const indent = parent === '' ? '' : '  '
    lines.push(`${indent}# ${settingOf(key).doc}`)
    lines.push(...settingLines(key, name, chosen).map(line => indent + line))
  }
  return `${lines.join('\n')}\n`
}

/** The setting as YAML; as a comment where its default follows from other settings. */
function settingLines(key: SettingKey, name: string, chosen: Partial<SettingValues>): string[] {
  const setting = settingOf(key)
  const written = key in chosen ? setting.kind.toJson(chosen[key]) : writtenFallback(setting)
  return written === undefined ? [`# ${name}: (by default ${fallbackText(setting)})`] : yamlLines(name, written)
}

function yamlLines(name: string, value: unknown): string[] {
  return stringify({ [name]: value }, { lineWidth: 0 })
    .trimEnd()
    .split('\n')
}

function isSettingKey(key: string): key is SettingKey {
  return Object.hasOwn(settings, key)
}

function isSection(key: string): boolean {
  return sectionKeys(key).length > 0
}

function sectionKeys(section: string): string[] {
  return settingKeys.filter(key => key.startsWith(`${section}.`)).map(key => key.slice(section.length + 1))
}
