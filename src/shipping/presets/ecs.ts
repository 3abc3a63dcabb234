import { isIP } from 'node:net'
import type { Shipped } from '../shipped.ts'
import { freeName, isCompletion, isObject, isoTimeOf, jsonText } from './fields.ts'
import { textOf } from './record-parts.ts'

/** As LOG_SCHEMA=ecs writes it. */
const ECS_VERSION = '8.17.0'
const NANOSECONDS = 1_000_000

/** Fields that only get another name; those that have a type in ECS are made it below. */
const NAMES: Readonly<Record<string, string>> = {
  level: 'log.level',
  msg: 'message',
  service: 'service.name',
  version: 'service.version',
  env: 'service.environment',
  region: 'cloud.region',
  host: 'host.hostname',
  pid: 'process.pid',
  machine_id: 'host.id',
  worker_id: 'service.node.name',
  component: 'log.logger',
  request_id: 'http.request.id',
  user_id: 'user.id',
  tenant: 'organization.id',
  session_id: 'labels.session_id',
  trace_id: 'trace.id',
  span_id: 'span.id',
  trace_flags: 'labels.trace_flags',
}

/** What the middleware's record says of its request. */
const REQUEST_NAMES: Readonly<Record<string, string>> = {
  method: 'http.request.method',
  path: 'url.path',
  status: 'http.response.status_code',
  request_bytes: 'http.request.body.bytes',
  response_bytes: 'http.response.body.bytes',
  remote_address: 'client.address',
  user_agent: 'user_agent.original',
}

type Document = Map<string, unknown>

/**
 * Makes documents with the names of the Elastic Common Schema (version 8; ecs-logging's order: @timestamp, log.level,
 * message first). Fields that ECS has no name for keep theirs; `labels` are the keys that become `labels.*`.
 */
export function ecsDocument(labels: readonly string[]): (shipped: Shipped) => Record<string, unknown> {
  const labelNames = new Map(labels.map((key) => [key, `labels.${key.replace(/[.*\\]/g, '_')}`]))
  return (shipped) => {
    const { record } = shipped
    const document: Document = new Map<string, unknown>([
      ['@timestamp', isoTimeOf(shipped)],
      ['log.level', textOf(record, 'level') ?? ''],
      ['message', messageOf(record.msg)],
      ['ecs.version', ECS_VERSION],
    ])
    const own: [string, unknown][] = []
    const request = isCompletion(record)
    for (const [key, value] of Object.entries(record)) {
      if (SAID.has(key)) continue
      const name =
        named(NAMES, key) ?? (request ? named(REQUEST_NAMES, key) : undefined) ?? labelNames.get(key)
      if (name !== undefined && typeof value !== 'object') document.set(name, typed(name, value))
      else if (key === 'duration_ms' && typeof value === 'number')
        document.set('event.duration', Math.round(value * NANOSECONDS))
      else if (key === 'err') document.set('error', errorOf(value))
      else if (key === 'source' && isObject(value)) document.set('log.origin', originOf(value))
      else own.push([key, value])
    }
    if (typeof record.service === 'string') document.set('event.dataset', `${record.service}.log`)
    const address = document.get('client.address')
    // An address with a zone or of a socket is no IP for Elasticsearch, which would refuse the document.
    if (typeof address === 'string' && isIP(address) !== 0 && !address.includes('%')) {
      document.set('client.ip', address)
    }
    for (const [key, value] of own) document.set(ownName(key, value, document), value)
    return Object.fromEntries(document)
  }
}

/** Fields that stand in every document, whatever they are. */
const SAID = new Set(['time', 'level', 'msg'])

function messageOf(msg: unknown): string {
  if (typeof msg === 'string') return msg
  return msg === undefined ? '' : jsonText(msg)
}

function named(names: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(names, key) ? names[key] : undefined
}

const NUMBERS = new Set(['process.pid', 'http.response.status_code'])

/** ECS says keyword for nearly all: a number once would make the field one for all that come after. */
function typed(name: string, value: unknown): unknown {
  if (NUMBERS.has(name) || name.endsWith('.bytes')) return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value
}

/** `code` is a keyword in ECS, and both 404 and ECONNRESET in the world. */
function errorOf(value: unknown): unknown {
  if (!isObject(value)) return { message: typeof value === 'string' ? value : jsonText(value) }
  const { type, message, stack, code, ...rest } = value
  return {
    ...rest,
    ...(type === undefined ? {} : { type }),
    ...(message === undefined ? {} : { message }),
    ...(stack === undefined ? {} : { stack_trace: stack }),
    ...(code === undefined ? {} : { code: typeof code === 'number' ? String(code) : code }),
  }
}

function originOf({ file, line, function: name }: Readonly<Record<string, unknown>>): unknown {
  return { file: { name: file, line }, function: name }
}

/** What our documents have objects for. */
const OBJECTS = new Set(
  [...Object.values(NAMES), ...Object.values(REQUEST_NAMES), 'ecs.version', 'error.type', 'event.dataset']
    .filter((name) => name.includes('.'))
    .map((name) => name.slice(0, name.indexOf('.'))),
)

/**
 * The name of a field of the application's own. In Elasticsearch `user` and `user.id` are one object, so a value that
 * is none steps aside: one text under `user`, and every document with `user.id` behind it would be refused.
 */
function ownName(key: string, value: unknown, taken: Document): string {
  return freeName(OBJECTS.has(key) && !isObject(value) ? `_${key}` : key, taken)
}
