/** The audit log on disk: a chain of lines, each with the hash of the one before it (docs/audit-log.md). */
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, truncateSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  address,
  DecodeError,
  did,
  hash,
  type Hash,
  type Infer,
  list,
  optional,
  struct,
  text,
  timestamp,
  tokenSum,
  toHex,
  uint,
  utf8,
} from '@claw-network/protocol'
import { machineSha256 } from './machine.ts'
import { createPrivateFile } from './private-files.ts'

/** Full files become audit.log.1, .2 and so on; the oldest is dropped. */
export const auditFileBytesMax = 8 * 1024 * 1024
const filesMax = 8

export const payeesShownMax = 16

export const auditLine = struct({
  sequence: uint(Number.MAX_SAFE_INTEGER, 1),
  timeMs: timestamp,
  /** `socket`, `cookie`, `token`, `loopback`, `passphrase`, `agent:ID`, `nobody`, or `node` for what it does itself. */
  who: text(128, 1),
  /** A route, or `start`, `stop`, `repair`. */
  what: text(256, 1),
  did: optional(did),
  /** The id of what it was about: an agent token, an approval. */
  about: optional(text(128, 1)),
  tokens: optional(tokenSum),
  /** The first ones. */
  payees: optional(list(address, payeesShownMax)),
  txHash: optional(hash),
  /** `ok`, or the code of the problem. */
  outcome: text(64, 1),
  /** How many the line stands for; one where it is left out. */
  times: optional(uint(Number.MAX_SAFE_INTEGER, 1)),
  previous: hash,
})
export type AuditLine = Infer<typeof auditLine>

/** What a line says, before it has its place in the chain. */
export type AuditEntry = Omit<AuditLine, 'sequence' | 'previous'>

/** The end of the chain so far. */
export interface AuditHead {
  readonly sequence: number
  readonly hash: Hash
}

const beginning: AuditHead = { sequence: 0, hash: '00'.repeat(32) as Hash }

export interface AuditReport {
  readonly lines: number
  /** Undefined where there is no line. */
  readonly head: AuditHead | undefined
  readonly faults: readonly AuditFault[]
}

export interface AuditFault {
  readonly file: string
  /** From 1. */
  readonly line: number
  /** `changed`: not as it was written; `gap`: does not follow the line before it; `older_are_missing`: files are gone. */
  readonly fault: 'changed' | 'gap' | 'older_are_missing'
}

export function auditFileIn(home: string): string {
  return join(home, 'logs', 'audit.log')
}

/** The entry as the next line of the chain, and the chain's new end. */
export function sealed(entry: AuditEntry, after: AuditHead): { readonly text: string; readonly head: AuditHead } {
  const sequence = after.sequence + 1
  const open = JSON.stringify(auditLine.toJson({ ...entry, sequence, previous: after.hash })).slice(0, -1)
  const hash = hashOfText(open)
  return { text: `${open},"hash":"0x${hash}"}\n`, head: { sequence, hash } }
}

/** Reads every file that is there, oldest first, and tells what was removed or changed, as far as the files can show it. */
export function verifyAudit(path: string): AuditReport {
  const files = filesOf(path)
  const faults: AuditFault[] = []
  let head: AuditHead | undefined
  let lines = 0
  for (const file of files) {
    for (const [index, text] of wholeLines(file).entries()) {
      const place = { file, line: index + 1 }
      const read = readLine(text)
      lines += 1
      if (read === undefined || !read.isAsWritten) faults.push({ ...place, fault: 'changed' })
      if (read === undefined) continue
      const { sequence, previous } = read.line
      if (head === undefined) {
        if (lacksOlder(read.line, files)) faults.push({ ...place, fault: 'older_are_missing' })
      } else if (sequence !== head.sequence + 1 || previous !== head.hash) {
        faults.push({ ...place, fault: 'gap' })
      }
      head = { sequence, hash: read.hash }
    }
  }
  return { lines, head, faults }
}

/** The lines that can be read, oldest first. */
export function readAudit(path: string): readonly AuditLine[] {
  return filesOf(path)
    .flatMap(wholeLines)
    .flatMap(text => readLine(text)?.line ?? [])
}

/** Makes the file one that can be appended to: cuts off what a crash tore, and sets a full one aside. */
export function renewAudit(
  path: string,
  { isFull, nowMs }: { readonly isFull: boolean; readonly nowMs: number },
): { readonly bytes: number; readonly head: AuditHead } {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const wholeBytes = bytesOf(path).lastIndexOf('\n') + 1
  const tornBytes = bytesOf(path).length - wholeBytes
  let head = headOf(path) ?? headOf(`${path}.1`) ?? beginning
  if (tornBytes > 0) {
    const entry = { timeMs: nowMs, who: 'node', what: 'repair', about: `${tornBytes} bytes`, outcome: 'ok' }
    const repaired = sealed(entry, head)
    truncateSync(path, wholeBytes)
    appendFileSync(path, repaired.text, { flush: true })
    head = repaired.head
  }
  if (isFull) {
    for (let age = filesMax - 1; age > 0; age--) {
      const younger = age === 1 ? path : `${path}.${age - 1}`
      if (existsSync(younger)) renameSync(younger, `${path}.${age}`)
    }
  }
  createPrivateFile(path, '')
  return { bytes: bytesOf(path).length, head }
}

/** Oldest first. */
function filesOf(path: string): readonly string[] {
  const older = Array.from({ length: filesMax - 1 }, (_, index) => `${path}.${filesMax - 1 - index}`)
  return [...older, path].filter(file => existsSync(file))
}

function bytesOf(file: string): Buffer {
  return existsSync(file) ? readFileSync(file) : Buffer.alloc(0)
}

/** What follows the last line break is being written, or was torn by a crash, and never acknowledged. */
function wholeLines(file: string): readonly string[] {
  return bytesOf(file).toString('utf8').split('\n').slice(0, -1)
}

/** Of the last line that can be read: one that cannot is found by `verifyAudit`, and the chain goes on. */
function headOf(file: string): AuditHead | undefined {
  for (const text of wholeLines(file).toReversed()) {
    const read = readLine(text)
    if (read !== undefined) return { sequence: read.line.sequence, hash: read.hash }
  }
  return undefined
}

interface ReadLine {
  readonly line: AuditLine
  readonly hash: Hash
  readonly isAsWritten: boolean
}

/** Undefined for what is no line of an audit log. */
function readLine(text: string): ReadLine | undefined {
  const [, open, given] = /^(.*),"hash":"0x([0-9a-f]{64})"\}$/.exec(text) ?? []
  if (open === undefined || given === undefined) return undefined
  try {
    const line = auditLine.fromJson(JSON.parse(`${open}}`))
    return { line, hash: given as Hash, isAsWritten: hashOfText(open) === given }
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof DecodeError) return undefined
    throw error
  }
}

function hashOfText(text: string): Hash {
  return toHex(machineSha256(utf8(text))) as Hash
}

/** The first line that is left follows another one, though no file was ever dropped. */
function lacksOlder({ sequence, previous }: AuditLine, files: readonly string[]): boolean {
  if (sequence === 1) return previous !== beginning.hash
  return files.length < filesMax
}
