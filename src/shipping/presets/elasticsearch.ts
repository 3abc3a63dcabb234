import { Buffer } from 'node:buffer'
import { optionError } from '../../config/errors.ts'
import type { Preset, PresetOptions } from '../preset.ts'
import type { Shipped } from '../shipped.ts'
import { type Access, accessOf } from './credentials.ts'
import { ecsDocument } from './ecs.ts'
import { judgeBulk } from './elasticsearch-answers.ts'
import { isoTimeOf, jsonText, withTimeAs } from './fields.ts'

export interface ElasticsearchOptions extends PresetOptions {
  /**
   * Where Elasticsearch or OpenSearch is: `https://elastic.internal:9200`; `/_bulk` is added where there is no path.
   * A user and password in it become Basic authorisation.
   */
  readonly url: URL
  /** An API key (`id:key`, or as Elasticsearch encodes it), or a bearer token where `authorization` says so. */
  readonly token?: string | undefined
  /** What the token is. @default 'apiKey' */
  readonly authorization?: 'apiKey' | 'bearer' | undefined
  /** The data stream that all goes to. @default 'logs-spoor-default', which Elasticsearch's own template fits */
  readonly dataStream?: string | undefined
  /**
   * An index instead of a data stream, with the record's time (UTC) in braces: `logs-{yyyy.MM.dd}`; yyyy, MM, dd and
   * HH are understood.
   */
  readonly index?: string | undefined
  /** Whether documents have the names of the Elastic Common Schema. @default false: the record's own, and @timestamp */
  readonly ecs?: boolean | undefined
}

/** `http.max_content_length` is 100 MB, on small managed clusters 10; this is what keeps four in flight cheap. */
const MAX_BYTES = 2 * 1024 * 1024
const MAX_COUNT = 2000
const CONCURRENCY = 4
const STREAM = 'logs-spoor-default'
/** An item's `_id` and names would fill the 64 KiB that are read of an answer before its half. */
const FILTER = 'errors,items.*.status,items.*.error.type,items.*.error.reason'

/**
 * The bulk API of Elasticsearch 7 and later and of OpenSearch (docs: "Bulk API"; checked against OpenSearch 2.19.3).
 * Every document is a `create` with the record's id as `_id`: what was there already is answered with 409, which means
 * delivered. That holds within one backing index; a repetition after a rollover is there twice.
 *
 * @throws TypeError ERR_SPOOR_OPTION for both `dataStream` and `index`, and for a name that no index may have
 */
export function elasticsearchPreset(options: ElasticsearchOptions): Preset {
  const { url, headers, hide } = accessTo(options)
  const indexOf = indexNamer(options)
  const document =
    options.ecs === true
      ? ecsDocument(options.labels ?? [])
      : (shipped: Shipped) => withTimeAs('@timestamp', shipped)

  function linesOf(shipped: Shipped): string {
    const action = { create: { _index: indexOf(shipped), _id: shipped.id } }
    return `${JSON.stringify(action)}\n${jsonText(document(shipped))}\n`
  }

  return {
    name: 'elasticsearch',
    maxBytes: MAX_BYTES,
    maxCount: MAX_COUNT,
    concurrency: CONCURRENCY,
    compression: 'gzip',
    encode: (records) => ({ url: url.href, headers, body: records.map(linesOf).join('') }),
    judge: (answer, records) => judgeBulk(hide(answer), records.length),
  }
}

function accessTo(options: ElasticsearchOptions): Access {
  const access = accessOf('elasticsearch', options, {
    path: '/_bulk',
    headers: { 'content-type': 'application/x-ndjson' },
    authorization: (token) =>
      options.authorization === 'bearer' ? `Bearer ${token}` : `ApiKey ${encodedKey(token)}`,
  })
  const { searchParams } = access.url
  if (!searchParams.has('filter_path')) searchParams.set('filter_path', FILTER)
  return access
}

/** Elasticsearch hands out `id:key` both plain and in base64; in the header it is in base64. */
function encodedKey(token: string): string {
  return token.includes(':') ? Buffer.from(token).toString('base64') : token
}

function indexNamer({ dataStream, index }: ElasticsearchOptions): (shipped: Shipped) => string {
  if (index === undefined) {
    const name = dataStream ?? STREAM
    assertName('dataStream', name, name)
    return () => name
  }
  if (dataStream !== undefined) {
    throw optionError({
      option: 'elasticsearchPreset({ index })',
      value: index,
      expected: 'no index beside a dataStream',
      instead: 'Leave one of them out.',
    })
  }
  assertName('index', index, dated(index, '1970-01-01T00'))
  return (shipped) => dated(index, isoTimeOf(shipped))
}

const BRACES = /\{([^{}]*)\}/g
/** Where in an ISO 8601 text the parts of a time stand. */
const PARTS: Readonly<Record<string, readonly [start: number, end: number]>> = {
  yyyy: [0, 4],
  MM: [5, 7],
  dd: [8, 10],
  HH: [11, 13],
}

function dated(pattern: string, iso: string): string {
  return pattern.replace(BRACES, (_whole, inner: string) =>
    inner.replace(/yyyy|MM|dd|HH/g, (part) => iso.slice(...(PARTS[part] as [number, number]))),
  )
}

/** Elasticsearch's rules for a name ("Create index API"); a letter of a wrong pattern is caught by its case. */
function assertName(option: 'dataStream' | 'index', value: string, name: string): void {
  const braces = [...value.matchAll(BRACES)].map(([, inner]) => inner as string)
  const isPattern = option === 'dataStream' || braces.every((inner) => /^(yyyy|MM|dd|HH|[._-])+$/.test(inner))
  if (
    isPattern &&
    /^[^-_+A-Z\\/*?"<>| ,#:{}][^A-Z\\/*?"<>| ,#:{}]{0,254}$/.test(name) &&
    !/^\.\.?$/.test(name)
  )
    return
  throw optionError({
    option: `elasticsearchPreset({ ${option} })`,
    value,
    expected:
      option === 'index'
        ? 'an index name in lower case such as logs-{yyyy.MM.dd}'
        : "a data stream's name in lower case such as logs-shop-production",
  })
}
