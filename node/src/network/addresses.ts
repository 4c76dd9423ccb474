/** What the multiaddr of a peer says about where it is. Only TCP, and TCP through a relay, are ever dialled. */
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import type { PeerId } from '../ports.ts'

const form =
  /^\/(?<family>ip4|ip6|dns|dns4|dns6)\/(?<host>[^/]+)\/tcp\/(?<port>\d{1,5})(?<relay>\/p2p\/[1-9A-HJ-NP-Za-km-z]{40,60}\/p2p-circuit)?(?:\/p2p\/(?<peer>[1-9A-HJ-NP-Za-km-z]{40,60}))?$/

export interface AddressParts {
  readonly family: 'ip4' | 'ip6' | 'dns' | 'dns4' | 'dns6'
  /** Of the relay where there is one. */
  readonly host: string
  readonly isRelayed: boolean
  readonly peer: PeerId | undefined
}

/** Undefined for an address that this node could not dial. */
export function parseAddress(address: string): AddressParts | undefined {
  const parts = form.exec(address)?.groups
  if (parts === undefined || Number(parts['port']) > 65_535) return undefined
  const family = parts['family'] as AddressParts['family']
  const host = parts['host'] as string
  if (!isHost[family](host)) return undefined
  return {
    family,
    host,
    isRelayed: parts['relay'] !== undefined,
    peer: parts['peer'] as PeerId | undefined,
  }
}

/** False for addresses that mean something only inside a machine or a house. Names count as public. */
export function isPublic({ family, host }: AddressParts): boolean {
  if (family === 'ip4') return !reserved.check(host, 'ipv4')
  if (family === 'ip6') return !reserved.check(host, 'ipv6')
  return host !== 'localhost' && !host.endsWith('.local') && !host.endsWith('.localhost')
}

/** Addresses that one operator gets easily together: the /16 of IPv4, the /32 of IPv6, else the name. */
export function neighbourhoodOf({ family, host }: AddressParts): string {
  if (family === 'ip4') return host.split('.').slice(0, 2).join('.')
  if (family === 'ip6') return expandedIpv6(host).slice(0, 2).join(':')
  return host
}

const isName = (host: string): boolean => /^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*$/i.test(host)
const isHost = { ip4: isIPv4, ip6: isIPv6, dns: isName, dns4: isName, dns6: isName }

const reserved = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  reserved.addSubnet(network, prefix, 'ipv4')
}
for (const [network, prefix] of [
  ['::', 127],
  ['100::', 64],
  ['2001:db8::', 32],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  reserved.addSubnet(network, prefix, 'ipv6')
}

function expandedIpv6(host: string): readonly string[] {
  const [head = '', tail = ''] = host.toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
  return [...left, ...zeros, ...right].map(group => group.padStart(4, '0'))
}
