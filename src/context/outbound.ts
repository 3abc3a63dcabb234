import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ClientRequest } from 'node:http'
import { optionError } from '../config/errors.ts'
import type { Propagation } from '../config/lists.ts'
import { shared } from '../config/shared.ts'
import { formatBaggage } from './baggage.ts'
import { type HostRule, hostOf, hostRule } from './hosts.ts'
import { currentTrace, tracingSuppressed } from './otel.ts'
import { REQUEST_ID_PATTERN } from './request-id.ts'
import { currentScope } from './scope.ts'
import { formatTraceparent } from './traceparent.ts'
import { addToUndici, type UndiciRequest, undiciHasHeader } from './undici.ts'

/** What goes out with requests that are made in a scope, and to whom. */
export interface OutboundOptions {
  /**
   * Hosts besides one's own (loopback, private addresses, single-label names, *.internal, *.local, *.svc):
   * names, '*.example.com', addresses, or RegExps on the lower-case name.
   * @default 'own' (none besides)
   */
  readonly hosts?: readonly (string | RegExp)[] | 'own'
  readonly headers?: {
    /** Header that carries the scope's request_id; false for none. @default 'x-request-id' */
    readonly requestId?: string | false
  }
  /** Names of scope fields that travel as W3C baggage where the scope names none itself. @default [] */
  readonly propagate?: readonly string[]
}

interface Settings {
  readonly allowed: HostRule
  readonly requestId: string | false
  readonly propagate: readonly string[]
}

interface OutboundState {
  given: OutboundOptions
  settings: Settings
  stop: (() => void) | undefined
}

const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/i

const state = shared<OutboundState>('outbound', 1, () => ({
  given: {},
  settings: settle({}),
  stop: undefined,
}))

function settle(options: OutboundOptions): Settings {
  const requestId = options.headers?.requestId ?? 'x-request-id'
  if (requestId !== false && (typeof requestId !== 'string' || !HEADER_NAME.test(requestId))) {
    throw optionError({
      option: 'enableOutbound({ headers: { requestId } })',
      value: requestId,
      expected: "a header's name, or false",
    })
  }
  const hosts = options.hosts ?? 'own'
  if (hosts !== 'own' && !Array.isArray(hosts)) {
    throw optionError({
      option: 'enableOutbound({ hosts })',
      value: hosts,
      expected: "'own' or an array of host names and RegExps",
    })
  }
  const propagate = options.propagate ?? []
  if (!Array.isArray(propagate) || propagate.some((name) => typeof name !== 'string')) {
    throw optionError({
      option: 'enableOutbound({ propagate })',
      value: propagate,
      expected: 'an array of names of scope fields',
    })
  }
  const allowed = hostRule(hosts === 'own' ? [] : hosts)
  return { allowed, requestId: requestId === false ? false : requestId.toLowerCase(), propagate }
}

/**
 * Turns outbound headers on, for the whole process: requests that fetch, undici, http and https (Node 22 and up)
 * make inside a scope or an active span carry x-request-id, traceparent and tracestate, and baggage, to the hosts
 * that are allowed. A header that is there already stays. May be called again: an option that is given replaces
 * what was, one that is left out keeps it.
 *
 * @throws TypeError ERR_SPOOR_OPTION for a wrong option
 */
export function enableOutbound(options: OutboundOptions = {}): void {
  const given = { ...state.given, ...options }
  state.settings = settle(given)
  state.given = given
  if (state.stop !== undefined) return
  subscribe('undici:request:create', onUndiciRequest)
  subscribe('http.client.request.created', onHttpRequest)
  state.stop = () => {
    unsubscribe('undici:request:create', onUndiciRequest)
    unsubscribe('http.client.request.created', onHttpRequest)
  }
}

/**
 * Turns outbound headers on towards the hosts that LOG_PROPAGATE or an option names; what somebody else allowed
 * stays, unless hosts were named here. 'off' does nothing.
 */
export function propagateTo(named: Propagation): void {
  if (named === 'off') return
  if (named === 'own') enableOutbound()
  else enableOutbound({ hosts: named.filter((host) => host !== 'own') })
}

/** Turns outbound headers off and forgets all options. */
export function disableOutbound(): void {
  state.stop?.()
  state.stop = undefined
  state.given = {}
  state.settings = settle({})
}

type Header = readonly [name: string, value: string]

/** What the running code's context adds to a request for `hosts` that has the headers that `has` finds. */
function contextHeaders(hosts: readonly string[], has: (name: string) => boolean): Header[] {
  const scope = currentScope()
  if (scope?.suppressed === true || tracingSuppressed()) return []
  const trace = currentTrace(scope)
  const { allowed, requestId, propagate } = state.settings
  if ((scope === undefined && trace === undefined) || !hosts.every(allowed)) return []
  const headers: Header[] = []
  const id = scope?.fields.request_id
  if (requestId !== false && typeof id === 'string' && REQUEST_ID_PATTERN.test(id) && !has(requestId)) {
    headers.push([requestId, id])
  }
  if (trace !== undefined && !has('traceparent')) {
    headers.push(['traceparent', formatTraceparent(trace)])
    if (trace.tracestate !== undefined && !has('tracestate')) headers.push(['tracestate', trace.tracestate])
  }
  const names = scope?.propagate ?? propagate
  if (scope !== undefined && names.length > 0 && !has('baggage')) {
    const baggage = formatBaggage(scope.fields, names)
    if (baggage !== undefined) headers.push(['baggage', baggage])
  }
  return headers
}

const ABSOLUTE = /^https?:\/\//i

/**
 * Every host that a request is for: who is connected to, and where a proxy or a Host header says otherwise, them
 * too, so that a local proxy does not carry context to the outside.
 */
function targets(connected: string, path: unknown, hostHeader: unknown): string[] {
  const hosts = [hostOf(connected)]
  if (typeof path === 'string' && ABSOLUTE.test(path)) hosts.push(hostOf(new URL(path).host))
  if (typeof hostHeader === 'string') hosts.push(hostOf(hostHeader))
  return hosts
}

// A channel's handler that throws ends the process: nothing may come out of these two.
function onUndiciRequest(message: unknown): void {
  try {
    const { request } = message as { request: UndiciRequest }
    if (request.method === 'CONNECT') return
    const connected = new URL(request.origin).host
    const headers = contextHeaders(targets(connected, request.path, request.host), (name) =>
      undiciHasHeader(request, name),
    )
    if (headers.length > 0) addToUndici(request, headers)
  } catch {}
}

function onHttpRequest(message: unknown): void {
  try {
    const { request } = message as { request: ClientRequest }
    if (request.method === 'CONNECT' || request.headersSent) return
    const hosts = targets(request.host, request.path, request.getHeader('host'))
    for (const [name, value] of contextHeaders(hosts, (name) => request.hasHeader(name))) {
      request.setHeader(name, value)
    }
  } catch {
    // Headers given as an array are with the socket already: that is what injectHeaders is for.
  }
}

/** Headers as http.request takes them, flat or paired arrays included, or a Headers object. */
export type OutgoingHeaders =
  | { readonly [name: string]: number | string | readonly string[] | undefined }
  | readonly string[]
  | readonly (readonly [string, string])[]
  | Headers

// With one slash, a backslash or none, URL and fetch still take what follows for the host.
const LIKE_URL = /^(?:(?:https?|wss?):|[a-z][a-z0-9+.-]*:[/\\])/i

function hostOfUrl(url: string | URL): string {
  return typeof url === 'string' && !LIKE_URL.test(url) ? hostOf(url) : hostOf(new URL(url).host)
}

/**
 * A copy of `headers` with what the scope adds to a request for `url`, by the same rules as enableOutbound, which
 * need not be on: for http and https on Node 20, and wherever headers are given as an array. Never throws.
 *
 * @param url whole URL of the request, or its host, with a port or without; for all else nothing is added
 */
export function injectHeaders<H extends OutgoingHeaders>(headers: H, url: string | URL): H {
  const names = headerNames(headers)
  let added: Header[] = []
  try {
    const host = hostOfUrl(url)
    const hostHeader = headerValue(headers, 'host')
    added = contextHeaders(hostHeader === undefined ? [host] : [host, hostOf(hostHeader)], (name) =>
      names.has(name.toLowerCase()),
    )
  } catch {}
  if (headers instanceof Headers) {
    const copy = new Headers(headers)
    for (const [name, value] of added) copy.set(name, value)
    return copy as H
  }
  if (isArray(headers)) {
    const pairs = Array.isArray(headers[0])
    return [...headers, ...(pairs ? added : added.flat())] as unknown as H
  }
  return { ...headers, ...Object.fromEntries(added) }
}

function isArray(
  headers: OutgoingHeaders,
): headers is readonly string[] | readonly (readonly [string, string])[] {
  return Array.isArray(headers)
}

function entriesOf(headers: OutgoingHeaders): (readonly [string, unknown])[] {
  if (headers instanceof Headers) return [...headers]
  if (!isArray(headers)) return Object.entries(headers).filter(([, value]) => value !== undefined)
  if (Array.isArray(headers[0])) return headers as readonly (readonly [string, string])[] as Header[]
  const flat = headers as readonly string[]
  return flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1]] as const] : []))
}

function headerNames(headers: OutgoingHeaders): Set<string> {
  return new Set(entriesOf(headers).map(([name]) => name.toLowerCase()))
}

function headerValue(headers: OutgoingHeaders, wanted: string): string | undefined {
  const value = entriesOf(headers).find(([name]) => name.toLowerCase() === wanted)?.[1]
  return typeof value === 'string' ? value : undefined
}
