import type { IncomingHttpHeaders } from 'node:http'
import { nanosecondsOf } from '../../src/shipping/presets/fields.ts'
import { parseStrict } from './strict-json.ts'

/** A record as a back end got it. */
export interface Got {
  /** By which the back end knows a repetition: the id that came with it; for Loki its time and its text. */
  readonly id: string
  /** With the names of the default schema, whatever the format made of them. */
  readonly record: Readonly<Record<string, unknown>>
}

/** One way to take records. What is wrong with a request is thrown. */
export interface SinkFormat {
  read(body: string, headers: IncomingHttpHeaders): Got[]
  /** @param statuses of each record, where the format has them */
  answer(statuses: readonly number[]): { readonly status: number; readonly body: string }
}

const DONE = { status: 204, body: '' }

function insist(what: unknown, why: string): asserts what {
  if (!what) throw new Error(why)
}

function linesOf(body: string): string[] {
  insist(body.endsWith('\n'), 'the last line has no end')
  return body.slice(0, -1).split('\n')
}

const ndjson: SinkFormat = {
  read: (body) => linesOf(body).map((line) => ({ id: line, record: parseStrict(line) })),
  answer: () => DONE,
}

interface Push {
  readonly streams: readonly {
    readonly stream: object
    readonly values: readonly [string, string, object?][]
  }[]
}

const loki: SinkFormat = {
  read(body) {
    const { streams } = parseStrict<Push>(body)
    insist(streams.length === 1, `a push of ${streams.length} label sets`)
    return streams.flatMap(({ values }) =>
      values.map(([ns, line, metadata = {}]) => {
        const record = parseStrict(line)
        insist(
          Object.values(metadata).every((value) => typeof value === 'string'),
          'metadata that is no text',
        )
        expectTime(ns, record)
        return { id: `${ns} ${line}`, record }
      }),
    )
  },
  answer: () => DONE,
}

const bulk: SinkFormat = {
  read(body) {
    const lines = linesOf(body)
    insist(lines.length % 2 === 0, 'an action without its document')
    return lines.flatMap((line, i) => {
      if (i % 2 === 1) return []
      const { create } = parseStrict<{ create?: { _id?: string; _index?: string } }>(line)
      insist(create?._id !== undefined && create._index !== undefined, `no action: ${line}`)
      const { '@timestamp': time, ...fields } = parseStrict(lines[i + 1] as string)
      insist(typeof time === 'string', 'no @timestamp')
      return [{ id: create._id, record: { time, ...fields } }]
    })
  },
  answer(statuses) {
    const items = statuses.map((status) => ({
      create: { status, ...(status >= 400 && { error: { type: 'of_a_test', reason: 'refused' } }) },
    }))
    return { status: 200, body: JSON.stringify({ errors: statuses.some((status) => status >= 400), items }) }
  },
}

interface Attribute {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}
interface Export {
  readonly resourceLogs: readonly {
    readonly scopeLogs: readonly {
      readonly logRecords: readonly {
        readonly timeUnixNano: string
        readonly body: { readonly stringValue: string }
        readonly attributes: readonly Attribute[]
      }[]
    }[]
  }[]
}

const UID = 'log.record.uid'

const otlp: SinkFormat = {
  read(body) {
    const { resourceLogs } = parseStrict<Export>(body)
    const records = resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords))
    return records.map(({ timeUnixNano, body: text, attributes }) => {
      const fields = Object.fromEntries(attributes.map(({ key, value }) => [key, plain(value)]))
      const { [UID]: id, ...record } = fields
      insist(typeof id === 'string', `no ${UID}`)
      insist(/^\d{19}$/.test(timeUnixNano), `${timeUnixNano} are no ns`)
      return { id, record: { msg: text.stringValue, ...record } }
    })
  },
  answer: () => ({ status: 200, body: '{"partialSuccess":{}}' }),
}

function plain(value: Readonly<Record<string, unknown>>): unknown {
  if (value.intValue !== undefined) return Number(value.intValue)
  return value.stringValue ?? value.boolValue ?? value.doubleValue ?? value
}

/** The ns begin with the record's own ms. */
function expectTime(ns: string, { time }: Readonly<Record<string, unknown>>): void {
  const own = nanosecondsOf({ timeMs: Date.parse(String(time)), nth: 0 } as never)
  insist(/^\d{19}$/.test(ns) && ns.slice(0, 13) === own.slice(0, 13), `${ns} ns for ${time}`)
}

/** The format that has that path; lines of JSON where none has. */
export function formatAt(path: string): SinkFormat {
  if (path === '/loki/api/v1/push') return loki
  if (path === '/_bulk') return bulk
  if (path === '/v1/logs') return otlp
  return ndjson
}
