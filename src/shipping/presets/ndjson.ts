import type { Preset, PresetOptions } from '../preset.ts'
import { judgeByStatus } from './answers.ts'
import { accessOf } from './credentials.ts'
import { jsonOf } from './record-parts.ts'

export interface NdjsonOptions extends PresetOptions {
  /** Where the lines are posted to, as it is. */
  readonly url: URL
  /** Sent as `authorization: Bearer …`; for another scheme give the header. */
  readonly token?: string | undefined
  /** 'lines': one JSON a line, each ended by a newline. 'array': one JSON array. @default 'lines' */
  readonly layout?: 'lines' | 'array' | undefined
  /** @default 'application/x-ndjson' for lines, 'application/json' for an array */
  readonly contentType?: string | undefined
  /** What bodies are compressed with; Fluent Bit understands gzip from 2.2.1 on. @default 'gzip' */
  readonly compression?: 'gzip' | 'none' | undefined
  /** Most bytes of a body before it is compressed. @default 3,500,000: Fluent Bit takes 4 MiB */
  readonly maxBytes?: number | undefined
  /** Most records of a request. @default 10,000 */
  readonly maxCount?: number | undefined
  /** Most requests in flight; more than 1 gives up the order. @default 1 */
  readonly concurrency?: number | undefined
}

const MAX_BYTES = 3_500_000
const MAX_COUNT = 10_000

/**
 * JSON lines to whoever takes them: Vector's http_server, Fluent Bit's http input (`layout: 'array'` suits all of its
 * versions), Fluentd's in_http, a receiver of one's own. The lines go byte for byte as they were written, with
 * the names of LOG_SCHEMA; only text that is no JSON object becomes the record made of it. The answer's status alone
 * decides, by the rules of answers.ts; 404, 405 and 415 are kept too, since they blame the address and not a record.
 */
export function ndjsonPreset(options: NdjsonOptions): Preset {
  const isArray = options.layout === 'array'
  const { url, headers, hide } = accessOf('ndjson', options, {
    path: '/',
    headers: {
      'content-type': options.contentType ?? (isArray ? 'application/json' : 'application/x-ndjson'),
    },
  })
  return {
    name: 'ndjson',
    maxBytes: options.maxBytes ?? MAX_BYTES,
    maxCount: options.maxCount ?? MAX_COUNT,
    concurrency: options.concurrency ?? 1,
    compression: options.compression ?? 'gzip',
    encode(records) {
      const lines = records.map(jsonOf)
      return { url: url.href, headers, body: isArray ? `[${lines.join(',')}]` : `${lines.join('\n')}\n` }
    },
    judge: (answer) => judgeByStatus(hide(answer), { hold: [401, 402, 403, 404, 405, 407, 415] }),
  }
}
