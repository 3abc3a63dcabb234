import { HTTP_FORMATS, type HttpFormat } from '../../config/formats.ts'
import { nearest } from '../../config/nearest.ts'
import type { Settings } from '../../config/settings.ts'
import { visible } from '../../config/visible.ts'
import { usageError } from './usage.ts'

/** Where to. */
export interface Target {
  readonly url: string | undefined
  /** Undefined where the URL's path says it. */
  readonly format: HttpFormat | undefined
}

const ASSIGNED = /^([A-Za-z0-9]+)=(.*)$/s
const SCHEME = /^(?:https?|tcp|tls|udp|unix):/i
const EXAMPLE = '--to loki=https://loki.internal:3100'
const SECRET = /key|token|secret|pass|auth|sig|credential/i
/** They find their endpoint in the environment. */
const FIND_THEMSELVES: readonly (HttpFormat | undefined)[] = ['otlp', 'dash0', 'datadog', 'cloudwatch']

/**
 * Reads `loki=https://loki.internal:3100`, a URL alone, or a format that finds its endpoint itself.
 *
 * @param to undefined where the environment says it
 * @throws a usage error
 */
export function targetOf(to: string | undefined, settings: Settings): Target {
  const target = to === undefined ? { url: settings.httpUrl, format: settings.httpFormat } : read(to)
  if (target.url !== undefined || FIND_THEMSELVES.includes(target.format)) return target
  if (target.format === undefined)
    throw usageError(
      `it is not said where to ship to, expected --to <format>=<url>, such as ${EXAMPLE}, or the variable LOG_HTTP_URL.`,
    )
  throw usageError(`${target.format} needs an address, expected --to ${target.format}=https://…`)
}

function read(to: string): Target {
  const format = formatOf(to)
  if (format !== undefined) return { url: undefined, format }
  const [, name, address = ''] = ASSIGNED.exec(to) ?? []
  if (name === undefined) return { url: urlOf(to), format: undefined }
  return { url: urlOf(address), format: formatOf(name) ?? unknownFormat(name) }
}

function formatOf(name: string): HttpFormat | undefined {
  return HTTP_FORMATS.find((format) => format === name.toLowerCase())
}

function unknownFormat(name: string): never {
  const meant = nearest(name, HTTP_FORMATS)
  const advice = meant === undefined ? '.' : `, did you mean ${meant}?`
  throw usageError(
    `--to has no format that is called ${visible(name)}${advice} There are ${HTTP_FORMATS.join(', ')}.`,
  )
}

/** What stands in an address is in the process list: no secret may. */
function urlOf(address: string): string {
  if (!SCHEME.test(address) || !URL.canParse(address)) {
    const meant = nearest(address, HTTP_FORMATS)
    const advice = meant === undefined ? '' : ` Did you mean ${meant}?`
    throw usageError(`--to has no address with its scheme, expected one such as ${EXAMPLE}.${advice}`)
  }
  const { username, password, searchParams } = new URL(address)
  if (username !== '' || password !== '' || [...searchParams.keys()].some((name) => SECRET.test(name)))
    throw usageError(
      '--to has a password, key or token in its address, which everybody on this machine can read in the process list. Put the whole address into the variable LOG_HTTP_URL and leave --to out.',
    )
  return address
}
