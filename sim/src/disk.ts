/** A disk that forgets what was not synced, wholly or in part, when the power fails. */
import type { Disk } from '@claw-network/node/ports'
import { concat, type Prng } from '@claw-network/protocol'

interface Write {
  readonly offset: number
  readonly bytes: Uint8Array
}

interface File {
  /** What survives for certain; absent while the directory entry itself is not durable. */
  durable: Uint8Array | undefined
  /** Since the last sync, in order. */
  writes: Write[]
  content: Uint8Array
}

export class SimDisk implements Disk {
  readonly #files = new Map<string, File>()
  /** Removed, but the directory was not synced since: they may come back. */
  readonly #removed = new Map<string, Uint8Array>()

  read(name: string): Uint8Array | undefined {
    return this.#files.get(name)?.content.slice()
  }

  append(name: string, bytes: Uint8Array): void {
    this.writeAt(name, this.#files.get(name)?.content.length ?? 0, bytes)
  }

  writeAt(name: string, offset: number, bytes: Uint8Array): void {
    const file = this.#files.get(name) ?? { durable: undefined, writes: [], content: new Uint8Array(0) }
    const write = { offset, bytes: bytes.slice() }
    file.writes.push(write)
    file.content = written(file.content, write)
    this.#files.set(name, file)
  }

  sync(name: string): void {
    const file = this.#files.get(name)
    if (file === undefined) return
    if (file.durable === undefined) this.#removed.clear()
    file.durable = file.content
    file.writes = []
  }

  truncate(name: string, length: number): void {
    const file = this.#files.get(name)
    if (file === undefined) return
    file.content = file.content.slice(0, length)
    this.sync(name)
  }

  remove(name: string): void {
    const file = this.#files.get(name)
    if (file?.durable !== undefined) this.#removed.set(name, file.durable)
    this.#files.delete(name)
  }

  names(): readonly string[] {
    return [...this.#files.keys()]
  }

  /** Another disk with the same durable contents: a backup. */
  copy(): SimDisk {
    const copy = new SimDisk()
    for (const [name, { durable }] of this.#files) {
      if (durable !== undefined) copy.#files.set(name, { durable, writes: [], content: durable.slice() })
    }
    return copy
  }

  /** The power fails: of what was written since the last sync a part survives, the last of it perhaps torn. */
  lose(prng: Prng): void {
    for (const [name, file] of this.#files) {
      // A buffer of its own, without what was written and is lost.
      let content: Uint8Array = file.durable?.slice() ?? new Uint8Array(0)
      for (const write of survivors(file.writes, prng)) content = written(content, write)
      const isLost = file.durable === undefined && content.length === 0
      if (isLost) this.#files.delete(name)
      else this.#files.set(name, { durable: content, writes: [], content })
    }
    for (const [name, durable] of this.#removed) {
      if (!this.#files.has(name) && prng.chance(250)) this.#files.set(name, { durable, writes: [], content: durable })
    }
    this.#removed.clear()
  }
}

/**
 * Mostly the first of them, the next one torn. But the disk may also have written later ones first: then there is a hole
 * of zeros where the others should be.
 */
function survivors(writes: readonly Write[], prng: Prng): readonly Write[] {
  if (prng.chance(200)) return writes.filter(() => prng.chance(500))
  const whole = prng.below(writes.length + 1)
  const next = writes[whole]
  const kept = writes.slice(0, whole)
  return next !== undefined && prng.chance(700) ? [...kept, torn(next, prng)] : kept
}

/** A beginning of the write; behind it perhaps zeros or old garbage, where the file grew before its data arrived. */
function torn({ offset, bytes }: Write, prng: Prng): Write {
  const kept = bytes.slice(0, prng.below(bytes.length + 1))
  if (prng.chance(600)) return { offset, bytes: kept }
  const rest = new Uint8Array(prng.below(bytes.length - kept.length + 1))
  return { offset, bytes: concat(kept, prng.chance(500) ? rest : prng.bytes(rest.length)) }
}

function written(content: Uint8Array, { offset, bytes }: Write): Uint8Array {
  const length = Math.max(content.length, offset + bytes.length)
  // Appends are the rule. They may share the buffer of what is durable, because they do not touch it.
  const isAppend = offset >= content.length && content.buffer.byteLength >= length
  const target = isAppend ? new Uint8Array(content.buffer, 0, length) : grown(content, length)
  target.set(bytes, offset)
  return target
}

function grown(content: Uint8Array, length: number): Uint8Array {
  const room = new Uint8Array(Math.max(1_024, length * 2))
  room.set(content)
  return room.subarray(0, length)
}
