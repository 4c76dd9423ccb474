/**
 * The only holder of the consensus key. It never signs two different statements for one height, round and step,
 * whatever kill -9, a full disk or a restored log does (docs/spec/consensus.md, C50 to C56).
 */
import { bytesEqual, concat, type Hash, signBytes, type Statement, toHex, uint64 } from '@claw-network/protocol'
import type { Disk } from '../ports.ts'
import { crc32c } from './wal.ts'

export interface ConsensusKey {
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array
}

/** The signer refuses: the statement conflicts with one it already signed. The node must not go on voting. */
export class DoubleSignError extends Error {
  override readonly name = 'DoubleSignError'
}

export class SignerRecordError extends Error {
  override readonly name = 'SignerRecordError'
}

interface SignRecord {
  readonly sequence: number
  readonly height: number
  readonly round: number
  readonly step: number
  /** How much of the height's log the signature rests on. */
  readonly logBytes: number
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

const fileName = 'signer.record'
const steps = { proposal: 0, prevote: 1, precommit: 2 } as const
/** Bytes of `signBytes`: 14 of domain, 32 of chain, 1 type, 8 height, 4 + 4 rounds, 32 hash. */
const messageBytes = 95
/** sequence 8 | height 8 | log 8 | round 4 | step 1 | key 32 | message 95 | signature 64 | crc32c 4 */
const slotBytes = 224

export class Signer {
  readonly #chainId: Hash
  readonly #key: ConsensusKey
  readonly #disk: Disk
  #last: SignRecord

  /** Begins the record of a key that never signed. Refuses where a record exists. */
  static create(disk: Disk, key: ConsensusKey): void {
    if (disk.read(fileName) !== undefined) {
      throw new SignerRecordError(`${fileName} exists: this directory already has a validator`)
    }
    const empty: SignRecord = {
      sequence: 0,
      height: 0,
      round: 0,
      step: 0,
      logBytes: 0,
      message: new Uint8Array(messageBytes),
      signature: new Uint8Array(64),
    }
    for (const sequence of [0, 1]) {
      disk.writeAt(fileName, sequence * slotBytes, encodeSlot({ ...empty, sequence }, key.publicKey))
    }
    disk.sync(fileName)
  }

  /** Throws SignerRecordError where the record is missing, damaged or another key's. */
  constructor(chainId: Hash, key: ConsensusKey, disk: Disk) {
    const bytes = disk.read(fileName)
    if (bytes === undefined) {
      throw new SignerRecordError(
        `${fileName} is missing: without it this key could sign twice. Restore it, or make a new consensus key`,
      )
    }
    const slots = [0, 1]
      .map(slot => decodeSlot(bytes.subarray(slot * slotBytes, (slot + 1) * slotBytes), key.publicKey))
      .filter(record => record !== undefined)
    const newest = slots.sort((a, b) => b.sequence - a.sequence)[0]
    if (newest === undefined) {
      throw new SignerRecordError(`${fileName} is damaged or belongs to another consensus key: restore it`)
    }
    this.#chainId = chainId
    this.#key = key
    this.#disk = disk
    this.#last = newest
  }

  get publicKey(): Uint8Array {
    return this.#key.publicKey
  }

  /** How many bytes of the log of `height` must be there for this key to go on voting in it (C43). */
  logBytesOf(height: number): number {
    return this.#last.height === height ? this.#last.logBytes : 0
  }

  /** Whether a later step was signed already, so that this one never will be again. */
  isPast(statement: Statement): boolean {
    return this.#order(statement) < 0
  }

  /** Whether nothing was signed yet at this step or a later one. */
  isNews(statement: Statement): boolean {
    return this.#order(statement) > 0
  }

  /**
   * The same statement gives the stored signature; a conflicting or earlier one throws DoubleSignError. `logBytes` of the
   * height's log, which led to the statement, must be durable.
   */
  sign(statement: Statement, logBytes: number): Uint8Array {
    const { height, round } = statement
    const step = steps[statement.type]
    const message = signBytes(this.#chainId, statement)
    const last = this.#last
    const order = this.#order(statement)
    if (order === 0 && bytesEqual(message, last.message)) return last.signature
    if (order <= 0) {
      throw new DoubleSignError(
        `refused to sign ${statement.type} at height ${height}, round ${round}: ` +
          `already signed step ${last.step} at height ${last.height}, round ${last.round}`,
      )
    }

    const sequence = last.sequence + 1
    const record = { sequence, height, round, step, logBytes, message, signature: this.#key.sign(message) }
    this.#disk.writeAt(fileName, (record.sequence % 2) * slotBytes, encodeSlot(record, this.#key.publicKey))
    this.#disk.sync(fileName)
    this.#last = record
    return record.signature
  }

  /** Negative before the last signed step, 0 at it, positive after it. */
  #order({ height, round, type }: Statement): number {
    return height - this.#last.height || round - this.#last.round || steps[type] - this.#last.step
  }
}

function encodeSlot(record: SignRecord, publicKey: Uint8Array): Uint8Array {
  const fixed = new Uint8Array(5)
  new DataView(fixed.buffer).setUint32(0, record.round)
  fixed[4] = record.step
  const body = concat(
    uint64(record.sequence),
    uint64(record.height),
    uint64(record.logBytes),
    fixed,
    publicKey,
    record.message,
    record.signature,
  )
  const sum = new Uint8Array(4)
  new DataView(sum.buffer).setUint32(0, crc32c(body))
  return concat(body, sum)
}

/** Undefined where the slot was torn or is another key's. */
function decodeSlot(bytes: Uint8Array, publicKey: Uint8Array): SignRecord | undefined {
  if (bytes.length !== slotBytes) return
  const view = new DataView(bytes.buffer, bytes.byteOffset, slotBytes)
  if (crc32c(bytes.subarray(0, slotBytes - 4)) !== view.getUint32(slotBytes - 4)) return
  if (toHex(bytes.subarray(29, 61)) !== toHex(publicKey)) return
  return {
    sequence: Number(view.getBigUint64(0)),
    height: Number(view.getBigUint64(8)),
    logBytes: Number(view.getBigUint64(16)),
    round: view.getUint32(24),
    step: bytes[28] as number,
    message: bytes.slice(61, 61 + messageBytes),
    signature: bytes.slice(61 + messageBytes, slotBytes - 4),
  }
}
