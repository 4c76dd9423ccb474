/** The peers we know of and when to try them again. docs/spec/network.md, N54 to N56. */
import { type Infer, list, struct, text, timestamp } from '@claw-network/protocol'
import type { Clock, Log, PeerId } from '../ports.ts'
import { isPublic, parseAddress } from './addresses.ts'
import { addressesPerPeerMax, lastingMs, missedDialsMax, peersHeardMax, peersMetMax, redialMs } from './limits.ts'
import { LinesFile } from './lines-file.ts'

const peerRecord = struct({ id: text(64, 40), addresses: list(text(256), addressesPerPeerMax), metAtMs: timestamp })

/** A peer, or an address whose peer is not known yet. */
export interface Candidate {
  /** The peer id where it is known, else the address. */
  readonly key: string
  readonly id: PeerId | undefined
  readonly addresses: readonly string[]
  readonly isBootstrap: boolean
  readonly missedDials: number
}

interface Entry {
  id: PeerId | undefined
  addresses: readonly string[]
  /** Bootstrap entries are never forgotten. */
  readonly isBootstrap: boolean
  /** When we were last connected; 0 for a peer only heard of. */
  metAtMs: number
  missedDials: number
  dialAfterMs: number
}

export interface PeerBookOptions {
  readonly path: string
  readonly self: PeerId
  readonly local: boolean
  readonly bootstrap: readonly string[]
}

export class PeerBook {
  readonly #options: PeerBookOptions
  readonly #clock: Clock
  readonly #file: LinesFile<Infer<typeof peerRecord>>
  readonly #entries = new Map<string, Entry>()
  #hasNews = false

  constructor(options: PeerBookOptions, dependencies: { readonly clock: Clock; readonly log: Log }) {
    this.#options = options
    this.#clock = dependencies.clock
    this.#file = new LinesFile({ path: options.path, codec: peerRecord }, dependencies)
    for (const address of options.bootstrap) this.#addBootstrap(address)
    for (const { id, addresses, metAtMs } of this.#file.read()) {
      const entry = this.#entry(id as PeerId)
      entry.addresses = merge(entry.addresses, this.#usable(addresses, id as PeerId))
      entry.metAtMs = metAtMs
    }
  }

  /** Somebody told us where a peer is. It is believed only as far as one dial. */
  heard(id: PeerId, addresses: readonly string[]): void {
    const usable = this.#usable(addresses, id)
    if (id === this.#options.self || usable.length === 0) return
    const known = this.#entries.get(id)
    if (known !== undefined) {
      // What the peer said itself counts more, as long as it leads anywhere.
      if (known.metAtMs === 0 || known.missedDials >= missedDialsMax) known.addresses = merge(known.addresses, usable)
      return
    }
    if (this.#heardCount() >= peersHeardMax) return
    const entry = this.#entry(id)
    entry.addresses = usable
    // Of two that hear of each other at once, one goes first, or each would end with two connections.
    if (this.#options.self > id) entry.dialAfterMs = this.#clock.nowMs() + redialMs.first
  }

  /** We are connected with the peer, which says that it listens there. */
  met(id: PeerId, addresses: readonly string[]): void {
    const entry = this.#entry(id)
    entry.addresses = merge(this.#usable(addresses, id), entry.addresses)
    entry.metAtMs = this.#clock.nowMs()
    this.#hasNews = true
  }

  /** A dial of the address reached this peer. */
  reached(key: string, id: PeerId, address: string): void {
    if (key !== id) {
      // A bootstrap address given without a peer now has one.
      this.#entries.delete(key)
      this.#addBootstrap(`${address}/p2p/${id}`)
    }
    const entry = this.#entry(id)
    const full = address.endsWith(`/p2p/${id}`) ? address : `${address}/p2p/${id}`
    entry.addresses = merge([full], entry.addresses)
  }

  /** The connection ended. One that lasted is dialled again at once; one that did not counts as a dial that missed. */
  lost(id: PeerId, lastedMs: number): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    if (lastedMs < lastingMs) return this.missed(id)
    entry.missedDials = 0
    entry.dialAfterMs = this.#clock.nowMs()
    if (entry.metAtMs > 0) entry.metAtMs = entry.dialAfterMs
    this.#hasNews = true
  }

  missed(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    entry.missedDials++
    if (entry.metAtMs === 0 && !entry.isBootstrap && entry.missedDials >= missedDialsMax) {
      this.#entries.delete(key)
      return
    }
    const last = this.#options.local ? redialMs.lastOnLocal : redialMs.last
    const waitMs = Math.min(last, redialMs.first * 2 ** Math.min(entry.missedDials, 16))
    entry.dialAfterMs = this.#clock.nowMs() + waitMs
  }

  addressesOf(id: PeerId): readonly string[] {
    return this.#entries.get(id)?.addresses ?? []
  }

  /** Whom to dial now, the most promising first. */
  due(): readonly Candidate[] {
    const nowMs = this.#clock.nowMs()
    return [...this.#entries]
      .filter(([, entry]) => entry.dialAfterMs <= nowMs && entry.addresses.length > 0)
      .sort(([, a], [, b]) => a.missedDials - b.missedDials || b.metAtMs - a.metAtMs)
      .map(([key, { id, addresses, isBootstrap, missedDials }]) => ({ key, id, addresses, isBootstrap, missedDials }))
  }

  /** Writes down whom we met, if that changed. */
  async save(): Promise<void> {
    if (!this.#hasNews) return
    this.#hasNews = false
    const met = [...this.#entries.values()].filter(entry => entry.id !== undefined && entry.metAtMs > 0)
    met.sort((a, b) => b.metAtMs - a.metAtMs)
    for (const { id, isBootstrap } of met.splice(peersMetMax))
      if (id !== undefined && !isBootstrap) this.#entries.delete(id)
    await this.#file.replace(
      met.flatMap(({ id, addresses, metAtMs }) => (id === undefined ? [] : [{ id, addresses, metAtMs }])),
    )
  }

  #addBootstrap(address: string): void {
    const parts = parseAddress(address)
    if (parts === undefined)
      throw new Error(`${address} is no bootstrap address; one is /ip4/203.0.113.7/tcp/9527/p2p/12D3…`)
    if (parts.peer === this.#options.self) return
    const key = parts.peer ?? address
    const known = this.#entries.get(key)
    this.#entries.set(key, {
      id: parts.peer,
      addresses: merge(known?.addresses ?? [], [address]),
      isBootstrap: true,
      metAtMs: known?.metAtMs ?? 0,
      missedDials: 0,
      dialAfterMs: 0,
    })
  }

  #entry(id: PeerId): Entry {
    let entry = this.#entries.get(id)
    if (entry === undefined) {
      entry = { id, addresses: [], isBootstrap: false, metAtMs: 0, missedDials: 0, dialAfterMs: 0 }
      this.#entries.set(id, entry)
    }
    return entry
  }

  #usable(addresses: readonly string[], id: PeerId): readonly string[] {
    return addresses.filter(address => {
      const parts = parseAddress(address)
      return parts?.peer === id && (this.#options.local || isPublic(parts))
    })
  }

  #heardCount(): number {
    let count = 0
    for (const entry of this.#entries.values()) if (entry.metAtMs === 0 && !entry.isBootstrap) count++
    return count
  }
}

function merge(first: readonly string[], second: readonly string[]): readonly string[] {
  return [...new Set([...first, ...second])].slice(0, addressesPerPeerMax)
}
