import type { BlockList } from 'node:net'
import { builtin } from '../config/builtin.ts'
import { optionError } from '../config/errors.ts'

/** Says of a host name or address, without port or brackets, whether context may travel to it. */
export type HostRule = (host: string) => boolean

// Loopback, RFC 1918 and RFC 4193; not link-local, where a cloud's metadata service lives.
const PRIVATE_SUBNETS = [
  ['127.0.0.0', 8, 'ipv4'],
  ['0.0.0.0', 32, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['::1', 128, 'ipv6'],
  ['::', 128, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
] as const

let privateAddresses: BlockList | undefined

function isPrivate(address: string, version: number): boolean {
  if (privateAddresses === undefined) {
    privateAddresses = new (builtin('node:net').BlockList)()
    for (const [subnet, bits, family] of PRIVATE_SUBNETS) privateAddresses.addSubnet(subnet, bits, family)
  }
  return privateAddresses.check(address, version === 4 ? 'ipv4' : 'ipv6')
}

// Whatever a parser of URLs would cut or decode is no name: 'evil.com/.internal' ends in a suffix of ours.
const NAME = /^[a-z0-9_.-]+$/
const OWN_SUFFIX = /\.(?:internal|local|localhost|svc)$/
const SINGLE_LABEL = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/
// What the resolver takes for a number is an address: 134744072 and 0x08080808 are both 8.8.8.8.
const NUMERIC_LABEL = /^(?:\d+|0x[0-9a-f]*)$/

/**
 * True for hosts of one's own: loopback and private addresses (RFC 1918, RFC 4193), single-label names, and
 * names below internal, local, localhost or svc.
 */
export function isOwnHost(host: string): boolean {
  const version = builtin('node:net').isIP(host)
  if (version !== 0) return isPrivate(host, version)
  const name = (host.endsWith('.') ? host.slice(0, -1) : host).toLowerCase()
  if (!NAME.test(name)) return false
  if (OWN_SUFFIX.test(name) || name === 'localhost') return true
  // With its dot a single label is a top-level domain.
  return name.length === host.length && SINGLE_LABEL.test(name) && !NUMERIC_LABEL.test(name)
}

const MAX_REMEMBERED = 1000

/**
 * A rule that lets pass hosts of one's own and what the list adds; it remembers its answers.
 *
 * @param hosts names ('api.example.com'), names with all below them ('*.example.com'), addresses, RegExps tested
 *   on the lower-case name
 * @throws TypeError ERR_SPOOR_OPTION for an entry that is none of these
 */
export function hostRule(hosts: readonly (string | RegExp)[]): HostRule {
  const tests = hosts.map(hostTest)
  const remembered = new Map<string, boolean>()
  return (host) => {
    // An expression that forbids would let it pass.
    if (host === '') return false
    const known = remembered.get(host)
    if (known !== undefined) return known
    const name = host.toLowerCase()
    const allowed = isOwnHost(host) || tests.some((test) => test(name))
    if (remembered.size >= MAX_REMEMBERED) remembered.clear()
    remembered.set(host, allowed)
    return allowed
  }
}

const HOST_ENTRY = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/

function hostTest(entry: string | RegExp, index: number): HostRule {
  if (entry instanceof RegExp) {
    // A global or sticky expression remembers where it stopped.
    const expression = new RegExp(entry.source, entry.flags.replace(/[gy]/g, ''))
    return (name) => expression.test(name)
  }
  const wanted = typeof entry === 'string' ? entry.toLowerCase() : ''
  if (builtin('node:net').isIP(wanted) === 0 && !HOST_ENTRY.test(wanted)) {
    throw optionError({
      option: `enableOutbound({ hosts[${index}] })`,
      value: entry,
      expected:
        "a host name such as 'api.example.com', '*.example.com' for all below it, an address, or a RegExp",
      instead: 'Leave out scheme, port and path.',
    })
  }
  if (!wanted.startsWith('*.')) return (name) => name === wanted
  const suffix = wanted.slice(1)
  return (name) => name.endsWith(suffix) && name.length > suffix.length
}

const NAME_AND_PORT = /^([a-z0-9_.-]+)(?::\d{0,5})?$/i
const BRACKETED = /^\[([0-9a-f:.]+)\](?::\d{0,5})?$/i

/**
 * The host of a Host header or authority, without port and brackets: of a name or an address, with a port or
 * without. Empty, which no rule lets pass, for all else: what we cut otherwise than the one who connects does
 * would send context to a stranger.
 */
export function hostOf(authority: string): string {
  const host = (NAME_AND_PORT.exec(authority) ?? BRACKETED.exec(authority))?.[1]
  if (host !== undefined) return host
  return builtin('node:net').isIP(authority) === 6 ? authority : ''
}
