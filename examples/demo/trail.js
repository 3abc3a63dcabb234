// Follows one request through the files of all services. Usage: node trail.js <directory> <request id>
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { style } from './style.js'

const LEVEL_STYLE = {
  trace: 'gray',
  debug: 'gray',
  info: 'green',
  warn: 'yellow',
  error: 'red',
  fatal: 'red',
}
const NOT_SHOWN = new Set([
  ...['time', 'level', 'msg', 'err', 'source', 'service', 'version', 'env', 'region', 'host', 'pid'],
  ...['machine_id', 'worker_id', 'component', 'request_id', 'user_id', 'trace_id', 'span_id', 'trace_flags'],
  ...['method', 'route', 'path', 'status', 'duration_ms', 'request_bytes', 'response_bytes'],
  ...['remote_address', 'user_agent'],
])

/** The records of every .log file of the directory, rotated and live, each with the name of its file. */
export function readRecords(directory) {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.log'))
    .sort(inOrderOfWriting)
    .flatMap((file) =>
      readFileSync(join(directory, file), 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => ({ file, record: JSON.parse(line) })),
    )
}

/** Rotated files have a date and a number in their name; the live one has none and is the youngest. */
function inOrderOfWriting(a, b) {
  const live = (name) => !/-\d{4}-\d{2}-\d{2}\.\d+\.log$/.test(name)
  return Number(live(a)) - Number(live(b)) || a.localeCompare(b, 'en', { numeric: true })
}

/** The records of one request in the order of time. In the same millisecond who is writing goes on writing. */
export function trailOf(entries, requestId) {
  const queues = new Map()
  for (const entry of entries) {
    const { request_id, service } = entry.record
    if (request_id !== requestId) continue
    if (!queues.has(service)) queues.set(service, [])
    queues.get(service).push(entry)
  }
  const trail = []
  let writing
  for (;;) {
    const waiting = [...queues].filter(([, queue]) => queue.length > 0)
    if (waiting.length === 0) return trail
    const [service, queue] = waiting.reduce((first, other) => {
      const [a, b] = [first[1][0].record.time, other[1][0].record.time]
      return b < a || (b === a && other[0] === writing) ? other : first
    })
    writing = service
    trail.push(queue.shift())
  }
}

/** Lines for people: when, who, how bad, what; the first service on the left, those that it called indented. */
export function describeTrail(trail) {
  const services = [...new Set(trail.map(({ record }) => record.service))]
  const start = Date.parse(trail[0].record.time)
  const width = Math.max(...services.map((name) => name.length))
  return trail.flatMap(({ record }) => {
    const at = `+${Date.parse(record.time) - start} ms`.padStart(10)
    const depth = '   '.repeat(services.indexOf(record.service))
    const parts = [
      record.msg,
      ...(record.method === undefined
        ? []
        : [`${record.method} ${record.path} ${record.status ?? ''}`.trim()]),
      ...(record.duration_ms === undefined ? [] : [style('cyan', milliseconds(record.duration_ms))]),
      style('gray', fieldsOf(record)),
    ]
    const level = style(LEVEL_STYLE[record.level] ?? 'white', record.level.padEnd(5))
    const head = `${at}  ${style('bold', record.service.padEnd(width))}  ${level}  ${depth}`
    const indent = ' '.repeat(at.length + width + 11 + depth.length)
    return [
      head + parts.filter((part) => part !== '').join('  '),
      ...causesOf(record.err).map((text) => indent + style('red', text)),
    ]
  })
}

function milliseconds(duration) {
  return `${duration < 10 ? duration.toFixed(1) : Math.round(duration)} ms`
}

function fieldsOf(record) {
  return Object.entries(record)
    .filter(([key, value]) => !NOT_SHOWN.has(key) && !(key === 'outcome' && value === 'completed'))
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
}

function causesOf(err, label = '') {
  if (err === undefined) return []
  return [`${label}${err.type}: ${err.message}`, ...causesOf(err.cause, 'caused by ')]
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [directory, requestId] = process.argv.slice(2)
  if (requestId === undefined) {
    console.error(`usage: node ${basename(process.argv[1])} <directory> <request id>`)
    process.exit(2)
  }
  const trail = trailOf(readRecords(directory), requestId)
  if (trail.length === 0) {
    console.error(`no record of ${requestId} in ${directory}`)
    process.exit(1)
  }
  for (const line of describeTrail(trail)) console.log(line)
}
