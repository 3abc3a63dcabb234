import { freeName, isCompletion, isObject } from './fields.ts'

// What a record's fields are called in OpenTelemetry (semantic conventions 1.44), for OTLP and for its SDK.

type Fields = Readonly<Record<string, unknown>>

/** Names of the resource's attributes. */
export const RESOURCE_NAMES: Readonly<Record<string, string>> = {
  service: 'service.name',
  version: 'service.version',
  env: 'deployment.environment.name',
  region: 'cloud.region',
  host: 'host.name',
  pid: 'process.pid',
  machine_id: 'host.id',
}

/** Names of attributes; what has none keeps its own. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ['user_id', 'user.id'],
  ['session_id', 'session.id'],
])

/** What the middleware's record says of its request. */
const REQUEST_NAMES: ReadonlyMap<string, string> = new Map([
  ['method', 'http.request.method'],
  ['route', 'http.route'],
  ['path', 'url.path'],
  ['status', 'http.response.status_code'],
  ['request_bytes', 'http.request.body.size'],
  ['response_bytes', 'http.response.body.size'],
  ['remote_address', 'client.address'],
  ['user_agent', 'user_agent.original'],
])

type Attributes = Record<string, unknown>

/**
 * What a record says as a LogRecord's attributes: by the names of the semantic conventions where they have one; a field
 * whose own name is one of these steps aside to `_name`.
 *
 * @param said the fields that stand elsewhere: in the resource, the scope, the LogRecord itself
 * @param attributes what is there already
 */
export function attributesOf(
  record: Fields,
  said: { has(field: string): boolean },
  attributes: Attributes,
): Attributes {
  const own: string[] = []
  const request = isCompletion(record)
  let errorRest: unknown
  for (const key of Object.keys(record)) {
    if (said.has(key)) continue
    const name = NAMES.get(key) ?? (request ? REQUEST_NAMES.get(key) : undefined)
    if (name !== undefined) attributes[name] = record[key]
    else if (key === 'source' && isObject(record.source)) addSource(attributes, record.source)
    else {
      if (key === 'err') errorRest = addError(attributes, record.err)
      if (key !== 'err' || errorRest !== undefined) own.push(key)
    }
  }
  for (const key of own) putFree(attributes, key, key === 'err' ? errorRest : record[key])
  return attributes
}

/** Sets an attribute by this name, or with as many underscores before it as it takes. */
export function putFree(attributes: Attributes, key: string, value: unknown): void {
  const name = Object.hasOwn(attributes, key)
    ? freeName(key, { has: (free) => Object.hasOwn(attributes, free) })
    : key
  if (name === '__proto__') {
    Object.defineProperty(attributes, name, { value, enumerable: true, configurable: true, writable: true })
  } else attributes[name] = value
}

/** type, message and stack have names; returns the code, the causes and the error's own fields, where there are any. */
function addError(attributes: Attributes, value: unknown): unknown {
  if (!isObject(value)) {
    if (typeof value !== 'string') return value
    attributes['exception.message'] = value
    return undefined
  }
  const { type, message, stack, ...rest } = value
  if (type !== undefined) attributes['exception.type'] = type
  if (message !== undefined) attributes['exception.message'] = message
  if (stack !== undefined) attributes['exception.stacktrace'] = stack
  return Object.keys(rest).length > 0 ? rest : undefined
}

function addSource(attributes: Attributes, { file, line, function: name }: Fields): void {
  if (file !== undefined) attributes['code.file.path'] = file
  if (line !== undefined) attributes['code.line.number'] = line
  if (name !== undefined) attributes['code.function.name'] = name
}
