import { BlockList, isIP } from 'node:net'
import type { Trust } from '../config/lists.ts'

/** Says of an address whether its sender is trusted. */
export type TrustRule = (address: string) => boolean

const MAX_REMEMBERED = 1000
const MAPPED = '::ffff:'

/** An IPv4 address that came as an IPv6 one, as IPv4. */
function plain(address: string): string {
  return address.startsWith(MAPPED) && isIP(address.slice(MAPPED.length)) === 4
    ? address.slice(MAPPED.length)
    : address
}

/** The rule of 'all', 'none', or a list that parseTrust has accepted. */
export function trustRule(trust: Trust): TrustRule {
  if (trust === 'all') return () => true
  return addressRule(trust)
}

/** The rule of 'none' or a list; it remembers its answers. */
export function addressRule(trust: Exclude<Trust, 'all'>): TrustRule {
  if (trust === 'none') return () => false
  const list = new BlockList()
  for (const entry of trust) add(list, entry.toLowerCase())
  const remembered = new Map<string, boolean>()
  return (address) => {
    const known = remembered.get(address)
    if (known !== undefined) return known
    const one = plain(address)
    const version = isIP(one)
    const trusted = version !== 0 && list.check(one, version === 4 ? 'ipv4' : 'ipv6')
    if (remembered.size >= MAX_REMEMBERED) remembered.clear()
    remembered.set(address, trusted)
    return trusted
  }
}

function add(list: BlockList, entry: string): void {
  if (entry === 'loopback') {
    list.addSubnet('127.0.0.0', 8, 'ipv4')
    list.addAddress('::1', 'ipv6')
    return
  }
  const [address = '', bits] = entry.split('/')
  const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
  if (bits === undefined) list.addAddress(address, family)
  else list.addSubnet(address, Number(bits), family)
}

const MAX_FORWARDED = 2048

/**
 * The client's address: the socket's, or, where the socket's owner and everybody behind it are trusted, the
 * nearest one of X-Forwarded-For that is not. Whatever is no address ends the search.
 */
export function clientAddress(
  socketAddress: string | undefined,
  forwardedFor: string | readonly string[] | undefined,
  trusted: TrustRule | undefined,
): string | undefined {
  if (socketAddress === undefined) return undefined
  let address = plain(socketAddress)
  if (trusted === undefined || forwardedFor === undefined || !trusted(address)) return address
  const text = typeof forwardedFor === 'string' ? forwardedFor : forwardedFor.join(',')
  if (text.length > MAX_FORWARDED) return address
  for (const part of text.split(',').reverse()) {
    const next = plain(part.trim())
    if (isIP(next) === 0) return address
    address = next
    if (!trusted(address)) return address
  }
  return address
}
