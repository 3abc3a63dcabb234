import {
  BUFFER_ACCEPTED,
  type BufferRules,
  parseBuffer,
  parseRateLimit,
  parseSample,
  RATE_LIMIT_ACCEPTED,
  type RateLimit,
  SAMPLE_ACCEPTED,
  type SampleRules,
} from './gates.ts'
import { LEVELS_ACCEPTED, type LevelSpec, parseLevel, parseLevelSpec } from './levels.ts'
import {
  type Parsed,
  parseHeaders,
  parseKeyNames,
  parseKeys,
  parseLabels,
  parsePropagation,
  parseTrust,
} from './lists.ts'
import {
  COMPRESS_ACCEPTED,
  parseCompress,
  parseRetention,
  RETENTION_ACCEPTED,
  type RetentionSpec,
} from './retention.ts'
import { parseBoolean, parseDuration, parseSize } from './units.ts'

/** A kind of value that a variable may have. */
export interface Kind<T> {
  /** What is accepted, for the docs and for warnings. */
  readonly accepted: string
  /** Never throws; gets the text without the blanks around it. */
  parse(text: string): Parsed<T>
}

/** A value that is right or wrong as a whole. */
function whole<T>(accepted: string, read: (text: string) => T | undefined): Kind<T> {
  return {
    accepted,
    parse: (text) => {
      const value = read(text)
      return { value, wrong: value === undefined ? [text] : [] }
    },
  }
}

const KILOBYTE = 1024

export const boolean = whole('on or off (also 1/0, true/false, yes/no)', parseBoolean)

export const level = whole(LEVELS_ACCEPTED, parseLevel)

export const levels: Kind<LevelSpec> = {
  accepted: `${LEVELS_ACCEPTED}, and component=level after it, separated by commas`,
  parse: (text) => {
    const value = parseLevelSpec(text)
    return { value, wrong: value.problems }
  },
}

/** One of some words, in any case. The words that mean no (0, false, no) are taken for 'off' where it is one. */
export function oneOf<W extends string>(...words: readonly W[]): Kind<W> {
  return whole(words.join(', '), (text) => {
    const word = text.toLowerCase()
    const named = words.find((each) => each === word)
    if (named !== undefined || parseBoolean(word) !== false) return named
    return words.find((each) => each === 'off')
  })
}

/** What becomes of secrets. */
export const redact = whole('on, hash, remove or off', (text) => {
  const word = text.toLowerCase()
  if (word === 'hash' || word === 'remove') return word
  const on = parseBoolean(word)
  return on === undefined ? undefined : on ? 'on' : 'off'
})

/** A whole number from 1; Infinity for off. */
export const count = whole('a whole number from 1, or off', (text) => {
  if (text.toLowerCase() === 'off') return Number.POSITIVE_INFINITY
  return /^\d{1,15}$/.test(text) && Number(text) >= 1 ? Number(text) : undefined
})

export const depth = whole('a whole number from 1 to 100', (text) =>
  /^(?:[1-9]\d?|100)$/.test(text) ? Number(text) : undefined,
)

export const keyNames: Kind<readonly string[]> = {
  accepted: 'names of keys, separated by commas',
  parse: parseKeyNames,
}

export const format = whole('json, pretty (or console), auto', (text) => {
  const word = text.toLowerCase()
  if (word === 'console') return 'pretty'
  return word === 'json' || word === 'pretty' || word === 'auto' ? word : undefined
})

/** Bytes; Infinity for off. */
export const size = whole('a size from 1KB such as 100MB, or off', (text) => {
  if (text.toLowerCase() === 'off') return Number.POSITIVE_INFINITY
  const bytes = parseSize(text)
  return bytes !== undefined && bytes >= KILOBYTE ? bytes : undefined
})

/** Milliseconds; Infinity for off. */
export const milliseconds = whole('a number of milliseconds, a duration such as 2s, or off', (text) => {
  if (text.toLowerCase() === 'off') return Number.POSITIVE_INFINITY
  return parseDuration(/^\d+(\.\d+)?$/.test(text) ? `${text}ms` : text)
})

const OWNER_READS_AND_WRITES = 0o600

/** Permission bits of a file. */
export const mode = whole('an octal mode such as 0640 that lets the owner read and write', (text) => {
  if (!/^(?:0o?)?[0-7]{3}$/.test(text)) return undefined
  const bits = Number.parseInt(text.replace('o', ''), 8)
  return (bits & OWNER_READS_AND_WRITES) === OWNER_READS_AND_WRITES ? bits : undefined
})

export const path = whole('the path of a file', (text) =>
  text.includes('\0') || /[/\\]$/.test(text) ? undefined : text,
)

export const directory = whole('the path of a directory', (text) => (text.includes('\0') ? undefined : text))

export const compress = whole(COMPRESS_ACCEPTED, parseCompress)

export const retention: Kind<RetentionSpec> = { accepted: RETENTION_ACCEPTED, parse: parseRetention }

/** A signal that a process may listen to without changing what Node does with it. */
export const reopenSignal = whole('SIGHUP, SIGUSR2 or off', (text) => {
  const word = text.toUpperCase()
  if (word === 'SIGHUP' || word === 'SIGUSR2') return word
  return parseBoolean(text) === false ? 'off' : undefined
})

export const text = whole('a text', (value) => value)

export const keys: Kind<Record<string, string>> = {
  accepted: 'old:new pairs separated by commas; no two keys with one name',
  parse: parseKeys,
}

export const labels: Kind<Record<string, string>> = {
  accepted: "key=value pairs separated by commas; not one of spoor's own keys",
  parse: parseLabels,
}

export const headers: Kind<Record<string, string>> = {
  accepted: 'name=value pairs separated by commas, the values percent-encoded',
  parse: parseHeaders,
}

const ADDRESS = /^(?:https?|tcp|tls|udp|unix):/i

/** Where records are shipped to. */
export const address = whole('an address such as https://logs.example.com/loki/api/v1/push', (value) =>
  ADDRESS.test(value) && URL.canParse(value) ? value : undefined,
)

export const trust = {
  accepted: 'all, none, or a list of loopback, addresses and CIDR ranges',
  parse: parseTrust,
}

export const propagation = {
  accepted: 'off, own, or a list of hosts such as api.example.com, *.example.com, own',
  parse: parsePropagation,
}

export const rateLimit: Kind<RateLimit | false> = { accepted: RATE_LIMIT_ACCEPTED, parse: parseRateLimit }

export const sample: Kind<SampleRules | false> = { accepted: SAMPLE_ACCEPTED, parse: parseSample }

export const buffer: Kind<BufferRules | false> = { accepted: BUFFER_ACCEPTED, parse: parseBuffer }

/** NO_COLOR: whatever it says, no colour (https://no-color.org). */
export const noColor = whole('anything', () => true)

/** FORCE_COLOR, read as Node reads it: empty is yes. */
export const forceColor = whole('0, 1, 2, 3, true or false; empty means 1', (value) => {
  if (value === '' || value === '1' || value === '2' || value === '3' || value === 'true') return true
  return value === '0' || value === 'false' ? false : undefined
})
