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
const NAMES: Readonly<Record<string, string>> = { user_id: 'user.id', session_id: 'session.id' }

/** What the middleware's record says of its request. */
const REQUEST_NAMES: Readonly<Record<string, string>> = {
  method: 'http.request.method',
  route: 'http.route',
  path: 'url.path',
  status: 'http.response.status_code',
  request_bytes: 'http.request.body.size',
  response_bytes: 'http.response.body.size',
  remote_address: 'client.address',
  user_agent: 'user_agent.original',
}

type Attributes = Map<string, unknown>

/**
 * What a record says as a LogRecord's attributes: by the names of the semantic conventions where they have one, in the
 * order of the record, what has none last.
 *
 * @param said the fields that stand elsewhere: in the resource, the scope, the LogRecord itself
 * @param attributes what is there already
 */
export function attributesOf(
  record: Fields,
  said: { has(field: string): boolean },
  attributes: Attributes,
): Attributes {
  const own: [string, unknown][] = []
  const request = isCompletion(record)
  for (const [key, value] of Object.entries(record)) {
    if (said.has(key)) continue
    const name = named(NAMES, key) ?? (request ? named(REQUEST_NAMES, key) : undefined)
    if (name !== undefined) attributes.set(name, value)
    else if (key === 'err') addError(attributes, own, value)
    else if (key === 'source' && isObject(value)) addSource(attributes, value)
    else own.push([key, value])
  }
  for (const [key, value] of own) attributes.set(freeName(key, attributes), value)
  return attributes
}

function named(names: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(names, key) ? names[key] : undefined
}

/** type, message and stack have names; the code, the causes and the error's own fields stay under `err`. */
function addError(attributes: Attributes, own: [string, unknown][], value: unknown): void {
  if (!isObject(value)) {
    if (typeof value === 'string') attributes.set('exception.message', value)
    else own.push(['err', value])
    return
  }
  const { type, message, stack, ...rest } = value
  if (type !== undefined) attributes.set('exception.type', type)
  if (message !== undefined) attributes.set('exception.message', message)
  if (stack !== undefined) attributes.set('exception.stacktrace', stack)
  if (Object.keys(rest).length > 0) own.push(['err', rest])
}

function addSource(attributes: Attributes, { file, line, function: name }: Fields): void {
  if (file !== undefined) attributes.set('code.file.path', file)
  if (line !== undefined) attributes.set('code.line.number', line)
  if (name !== undefined) attributes.set('code.function.name', name)
}
