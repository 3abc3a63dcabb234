import type { IncomingMessage } from 'node:http'
import {
  type Check,
  checkOptions,
  isBoolean,
  isDuration,
  isEither,
  isFunction,
  isListOf,
  isNumber,
  isOneOf,
  isString,
  millisecondsOf,
  type OptionsSpec,
} from '../config/check.ts'
import { readEnvironment } from '../config/environment.ts'
import { LEVELS, type LevelName } from '../config/levels.ts'
import { type Propagation, parsePropagation, parseTrust, type Trust } from '../config/lists.ts'
import { propagateTo } from '../context/outbound.ts'
import type { ContextFields } from '../context/scope.ts'
import { logger as defaultLogger } from '../logger/default.ts'
import type { Logger } from '../logger/types.ts'
import { isSpoorLogger } from '../logger/write.ts'
import { addressRule, type TrustRule, trustRule } from './trust.ts'

/**
 * How a request ended: the response went out whole; the client went away before; a handler threw, passed an error
 * on or its response broke.
 */
export type Outcome = 'completed' | 'aborted' | 'errored'

/** What is known of a request when its record is made. */
export interface Completion {
  readonly method: string
  /** The framework's pattern; undefined where there is none. */
  readonly route: string | undefined
  readonly path: string
  /** Undefined where the request ended before a status was sent. */
  readonly status: number | undefined
  readonly duration_ms: number
  readonly outcome: Outcome
  readonly slow: boolean
  /** What was thrown; undefined where nothing was. */
  readonly err: unknown
}

/** Levels by status ('404'), class of status ('4xx') and outcome ('aborted', 'errored'); the nearest counts. */
export type LevelTable = Readonly<Record<string, LevelName>>

export interface RequestLoggerOptions<Req = IncomingMessage> {
  /** The logger that writes the records, and whose view is at req.log. @default the default logger */
  readonly logger?: Logger | undefined
  /**
   * Level of the record, over the defaults: 5xx and errored error, 4xx and aborted warn, else info. A function may
   * answer undefined for the default.
   */
  readonly level?: LevelTable | ((completion: Completion) => LevelName | undefined) | undefined
  /**
   * Milliseconds (or '2s') past which a request is slow: its record has `slow: true` and is a warning at least.
   * Infinity is never. @default LOG_SLOW_MS, else 2000
   */
  readonly slowMs?: number | string | undefined
  /** Requests that get no record, such as health checks; they have their scope. Strings are whole paths. @default none */
  readonly ignore?: readonly (string | RegExp)[] | ((req: Req) => boolean) | undefined
  /**
   * Who makes the request: its fields (user_id, session_id, …) join the scope. Called at the start, and again at
   * the end while there is no user_id, because who the user is is often known later. A promise delays nothing: its
   * fields join when it resolves; at the end it comes too late.
   */
  readonly getUser?: ((req: Req) => ContextFields | undefined | null | PromiseLike<unknown>) | undefined
  /**
   * Headers on the record, as request_headers and response_headers: all but those that carry secrets
   * (authorization, cookie, set-cookie and their like), or those that are named; their values go through the logger's
   * redaction. @default none
   */
  readonly headers?: boolean | readonly string[] | undefined
  /**
   * The request's body as the framework parsed it (req.body), as request_body, up to this many characters of JSON;
   * true is 4096. @default none
   */
  readonly body?: boolean | number | undefined
  /**
   * Who may send request ids, traceparent and baggage: 'all', 'none', a list of 'loopback', addresses and CIDR
   * ranges, or a function of the raw request. From others they count for nothing. With node:http it also says whose X-Forwarded-For
   * counts, but there only where it was given. @default LOG_TRUST, else ids from everybody
   */
  readonly trust?: Trust | ((req: IncomingMessage) => boolean) | undefined
  /** Response header that carries the request id; false for none. @default 'x-request-id' */
  readonly responseHeader?: string | false | undefined
  /**
   * Request header by which a trusted peer asks for all records of a request, whatever LOG_BUFFER and LOG_SAMPLE say:
   * any value but 0 and false. It counts only where `trust` or LOG_TRUST says whom to trust. false for none.
   * @default 'x-log-debug'
   */
  readonly debugHeader?: string | false | undefined
  /** Names of scope fields that come in and go out as W3C baggage. @default none */
  readonly propagate?: readonly string[] | undefined
  /**
   * Whose requests, made in a scope, carry the request id and trace: 'off', 'own' (loopback, private addresses,
   * names inside the network), or a list of more hosts. For the whole process. @default LOG_PROPAGATE, else 'own'
   */
  readonly outbound?: Propagation | undefined
  /** The clock of durations: milliseconds. @default performance.now */
  readonly now?: (() => number) | undefined
}

/** The options, checked and made ready to be asked on every request. */
export interface RequestLog<Req> {
  logger: Logger
  readonly level: (completion: Completion) => LevelName
  readonly slowMs: number
  readonly ignore: ((req: Req, path: string) => boolean) | undefined
  readonly getUser: RequestLoggerOptions<Req>['getUser']
  readonly headers: boolean | readonly string[]
  /** Characters; 0 for none. */
  readonly body: number
  readonly trust: ((req: IncomingMessage, address: string | undefined) => boolean) | undefined
  /** Whose X-Forwarded-For counts; undefined where nobody's does. */
  readonly forwarded: TrustRule | undefined
  readonly responseHeader: string | false
  /** In lower case; undefined where nobody may ask. */
  readonly debugHeader: string | undefined
  readonly propagate: readonly string[]
  readonly now: () => number
}

const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/i
const BODY_CHARACTERS = 4096

const isHeaderName: Check = {
  expected: "a header's name",
  accepts: (value) => typeof value === 'string' && HEADER_NAME.test(value),
}
const isLevelName: Check = {
  expected: `one of ${Object.keys(LEVELS).join(', ')}`,
  accepts: (value) => typeof value === 'string' && Object.hasOwn(LEVELS, value),
}
const isLevelTable: Check = {
  expected: `an object of levels by '404', '4xx', 'aborted' or 'errored', each ${isLevelName.expected}`,
  accepts: (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(value).every(
      ([key, level]) => /^(?:[1-5](?:\d\d|xx)|aborted|errored)$/.test(key) && isLevelName.accepts(level),
    ),
}
const isLogger: Check = { expected: 'a logger made by spoor', accepts: isSpoorLogger }
const isPathRule: Check = {
  expected: 'a path or a RegExp',
  accepts: (value) => typeof value === 'string' || value instanceof RegExp,
}
const isTrust: Check = {
  expected: "'all', 'none', a list of loopback, addresses and CIDR ranges",
  accepts: (value) =>
    value === 'all' ||
    value === 'none' ||
    (Array.isArray(value) && value.length > 0 && value.every((each) => parseTrust(each).wrong.length === 0)),
}
const isPropagation: Check = {
  expected: "'off', 'own', or a list of host names",
  accepts: (value) =>
    value === 'off' ||
    value === 'own' ||
    (Array.isArray(value) && value.every((each) => parsePropagation(each).wrong.length === 0)),
}

const SPEC: OptionsSpec<RequestLoggerOptions> = {
  logger: isLogger,
  level: isEither(isLevelTable, isFunction),
  slowMs: isEither(isDuration, isOneOf(Number.POSITIVE_INFINITY)),
  ignore: isEither(isListOf(isPathRule), isFunction),
  getUser: isFunction,
  headers: isEither(isBoolean, isListOf(isHeaderName)),
  body: isEither(isBoolean, isNumber({ min: 0, integer: true })),
  trust: isEither(isTrust, isFunction),
  responseHeader: isEither(isHeaderName, isOneOf(false)),
  debugHeader: isEither(isHeaderName, isOneOf(false)),
  propagate: isListOf(isString),
  outbound: isPropagation,
  now: isFunction,
}

/**
 * Checks the options and fills them from the environment; turns outbound headers on.
 *
 * @param where the function that was called, for messages
 * @throws TypeError ERR_SPOOR_OPTION for an unknown option or a wrong value
 */
export function createRequestLog<Req>(
  options: RequestLoggerOptions<Req> | undefined,
  where: string,
): RequestLog<Req> {
  checkOptions(options as RequestLoggerOptions | undefined, SPEC, where)
  const given = options ?? {}
  // The logger tells the operator about wrong variables, once.
  const settings = readEnvironment(process.env, () => {})
  propagateTo(given.outbound ?? settings.propagate ?? 'own')
  const trust = given.trust ?? settings.trust
  return {
    logger: given.logger ?? defaultLogger,
    level: levelRule(given.level),
    slowMs: given.slowMs === undefined ? settings.slowMs : slowMsOf(given.slowMs),
    ignore: ignoreRule(given.ignore),
    getUser: given.getUser,
    headers: Array.isArray(given.headers)
      ? given.headers.map((name: string) => name.toLowerCase())
      : (given.headers ?? false),
    body: given.body === true ? BODY_CHARACTERS : given.body === false ? 0 : (given.body ?? 0),
    trust: typeof trust === 'function' ? trust : addressTrust(trust),
    forwarded: trust === undefined || typeof trust === 'function' ? undefined : trustRule(trust),
    responseHeader: given.responseHeader ?? 'x-request-id',
    debugHeader: trust === undefined ? undefined : headerOr(given.debugHeader ?? 'x-log-debug'),
    propagate: given.propagate ?? [],
    now: given.now ?? (() => performance.now()),
  }
}

function headerOr(name: string | false): string | undefined {
  return name === false ? undefined : name.toLowerCase()
}

function slowMsOf(value: number | string): number {
  return value === Number.POSITIVE_INFINITY ? value : (millisecondsOf(value) as number)
}

function addressTrust(trust: Trust | undefined): RequestLog<unknown>['trust'] {
  if (trust === undefined || trust === 'all') return undefined
  const rule = addressRule(trust)
  return (_req, address) => address !== undefined && rule(address)
}

function ignoreRule<Req>(ignore: RequestLoggerOptions<Req>['ignore']): RequestLog<Req>['ignore'] {
  if (ignore === undefined || typeof ignore === 'function') return ignore
  const paths = new Set(ignore.filter((each) => typeof each === 'string'))
  const expressions = ignore
    .filter((each) => typeof each !== 'string')
    // A global or sticky expression remembers where it stopped.
    .map((each) => new RegExp(each.source, each.flags.replace(/[gy]/g, '')))
  return (_req, path) => paths.has(path) || expressions.some((expression) => expression.test(path))
}

function levelRule(option: RequestLoggerOptions['level']): RequestLog<unknown>['level'] {
  if (option === undefined) return defaultLevel
  if (typeof option !== 'function')
    return (completion) => fromTable(option, completion) ?? defaultLevel(completion)
  return (completion) => {
    const level = option(completion)
    return level !== undefined && Object.hasOwn(LEVELS, level) ? level : defaultLevel(completion)
  }
}

function fromTable(table: LevelTable, { status, outcome }: Completion): LevelName | undefined {
  const byOutcome = outcome === 'completed' ? undefined : table[outcome]
  if (byOutcome !== undefined || status === undefined) return byOutcome
  // A response that broke is no success, whatever status went out before.
  if (outcome !== 'completed' && status < 400) return undefined
  return table[status] ?? table[`${Math.floor(status / 100)}xx`]
}

function defaultLevel({ status, outcome }: Completion): LevelName {
  if (status !== undefined && status >= 500) return 'error'
  if (outcome === 'aborted' || (status !== undefined && status >= 400)) return 'warn'
  return outcome === 'errored' ? 'error' : 'info'
}
