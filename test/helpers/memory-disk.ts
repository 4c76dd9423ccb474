import type { Disk } from '../../node/src/ports.ts'

/** A disk whose files a test may read, cut and damage. Everything is durable at once; `synced` says what was asked for. */
export class MemoryDisk implements Disk {
  readonly files = new Map<string, Uint8Array>()
  /** Names of files, in the order they were synced. */
  readonly synced: string[] = []

  static with(files: { readonly [name: string]: Uint8Array }): MemoryDisk {
    const disk = new MemoryDisk()
    for (const [name, bytes] of Object.entries(files)) disk.files.set(name, bytes.slice())
    return disk
  }

  read(name: string): Uint8Array | undefined {
    return this.files.get(name)?.slice()
  }

  append(name: string, bytes: Uint8Array): void {
    this.writeAt(name, this.files.get(name)?.length ?? 0, bytes)
  }

  writeAt(name: string, offset: number, bytes: Uint8Array): void {
    const before = this.files.get(name) ?? new Uint8Array()
    const after = new Uint8Array(Math.max(before.length, offset + bytes.length))
    after.set(before)
    after.set(bytes, offset)
    this.files.set(name, after)
  }

  sync(name: string): void {
    this.synced.push(name)
  }

  truncate(name: string, length: number): void {
    const file = this.files.get(name)
    if (file !== undefined) this.files.set(name, file.slice(0, length))
  }

  remove(name: string): void {
    this.files.delete(name)
  }

  /** A backup: the same files, and from now on others. */
  copy(): MemoryDisk {
    return MemoryDisk.with(Object.fromEntries(this.files))
  }
}
