import { builtin } from '../config/builtin.ts'
import { optionError } from '../config/errors.ts'
import { shownAddress } from './credentials.ts'

/** True for hosts that are this machine: 127.0.0.0/8, ::1, localhost and names below it (RFC 6761). */
export function isLoopback(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/^\[|\]$/g, '')
  const { isIP } = builtin('node:net')
  if (isIP(host) === 4) return host.startsWith('127.')
  // As the URL parser writes what was ::ffff:127.0.0.1.
  if (isIP(host) === 6) return host === '::1' || /^::ffff:7f[0-9a-f]{2}:/.test(host)
  return host === 'localhost' || host.endsWith('.localhost')
}

/** What is wrong with an address that records shall go to; undefined if nothing is. */
export function problemOf(
  address: string,
  allowInsecure: boolean,
): { expected: string; instead: string } | undefined {
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (url?.protocol === 'https:') return undefined
  if (url?.protocol !== 'http:')
    return { expected: 'an https:// address', instead: 'Write it with its scheme: https://logs.example.com.' }
  if (allowInsecure || isLoopback(url.hostname)) return undefined
  return {
    expected: 'an https:// address, since the host is not this machine',
    instead:
      'Over http anybody on the way reads the records and the token. Write https://, or say allowInsecure: true (LOG_HTTP_INSECURE=on) if the network is trusted.',
  }
}

/** @throws TypeError ERR_SPOOR_OPTION for an address that records must not go to */
export function checkAddress(address: string, allowInsecure: boolean): void {
  const problem = problemOf(address, allowInsecure)
  if (problem === undefined) return
  const value = URL.canParse(address) ? shownAddress(new URL(address)) : undefined
  throw optionError({ option: 'httpDestination(): the url', value, ...problem })
}
