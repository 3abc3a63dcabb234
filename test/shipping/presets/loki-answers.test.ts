import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lokiPreset } from '../../../src/shipping/presets/loki.ts'
import type { Shipped } from '../../../src/shipping/shipped.ts'
import { shippedLine } from '../fakes/records.ts'
import { answer, answersLike, expectSound, numRuns } from './verdicts.ts'

const { judge } = lokiPreset({ url: new URL('https://loki.example'), token: 'glc_secret' })

const BASE = Date.UTC(2026, 10, 25, 20)
const at = (seconds: number, bytes = 100): Shipped => ({ ...shippedLine('{}', BASE + seconds * 1000), bytes })
/** 20:00:00, one a second. */
const ten = Array.from({ length: 10 }, (_, i) => at(i))

const STREAM = `{env="production", instance="m-1", service_name="shop"}`
const tooOld = (time: string) =>
  `entry for stream '${STREAM}' has timestamp too old: ${time}, oldest acceptable timestamp is: 2026-11-25T20:00:04Z`
const tooLong = (bytes: number) =>
  `max entry size '262144' bytes exceeded for stream '${STREAM}' while adding an entry with length '${bytes}' bytes`
const tooNew = (time: string) => `entry for stream '${STREAM}' has timestamp too new: ${time}`
const behind = (time: string, cutoff: string) =>
  `entry with timestamp ${time} ignored, reason: 'entry too far behind, entry timestamp is: 2026-11-25T20:00:00Z, oldest acceptable timestamp is: ${cutoff}',\n`
const total = (n: number, m: number, stream = STREAM) =>
  `user 'fake', total ignored: ${n} out of ${m} for stream: ${stream}`
const rate = (limit: number, bytes: number) =>
  `ingestion rate limit exceeded for user fake (limit: ${limit} bytes/sec) while attempting to ingest '10' lines totaling '${bytes}' bytes, reduce log volume or contact your Loki administrator to see if the limit can be increased\n`
const streamRate = (limit: string) =>
  `entry with timestamp 2026-11-25 20:00:00 +0000 UTC ignored, reason: 'Per stream rate limit exceeded (limit: ${limit}/sec) while attempting to ingest for stream '${STREAM}' totaling 100B, consider splitting a stream via additional labels or contact your Loki administrator to see if the limit can be increased',\nuser 'fake', total ignored: 10 out of 10 for stream: ${STREAM}\n`
const METADATA_OFF = `stream '${STREAM}' includes structured metadata, but this feature is disallowed. Please see \`limits_config.allow_structured_metadata\` or contact your Loki administrator to enable it\n`
const STREAMS = `maximum active stream limit exceeded when trying to create stream ${STREAM}, reduce the number of active streams (reduce labels or reduce label values), or contact your Loki administrator to see if the limit can be increased, user: 'fake'\n`
const GRPC =
  'rpc error: code = ResourceExhausted desc = grpc: received message larger than max (5002508 vs. 4194304)\n'
const BLOCKED = `ingestion blocked for user 'fake' until '2027-01-01T00:00:00Z' with status code '260'\n`

describe('what Loki answers', () => {
  it.each([
    ['stored', 204, '', 'delivered'],
    ['blocked', 260, BLOCKED, 'hold'],
    ['blocked with a status of its own', 429, BLOCKED, 'hold'],
    ['blocked with another', 400, BLOCKED, 'hold'],
    ['a 2xx that Loki does not give', 200, '<html>', 'hold'],
    ['too large, as any server says it', 413, 'request body too large: 9 bytes, limit: 8 bytes\n', 'halve'],
    ['too large to be handed on', 500, GRPC, 'halve'],
    ['too large when unpacked', 400, 'compressed message size 104857601 exceeds limit 104857600\n', 'halve'],
    ['another 500', 500, 'at least 1 live replicas required, could only find 0\n', 'retry'],
    ['overload', 503, 'server overloaded\n', 'retry'],
    ['a gateway', 502, '<html>bad gateway</html>', 'retry'],
    ['the rate', 429, rate(4_194_304, 1000), 'retry'],
    ['more than the burst', 429, rate(4_194_304, 7_000_000), 'halve'],
    ["the stream's rate", 429, streamRate('3MB'), 'retry'],
    ["more than the stream's rate", 429, streamRate('512B'), 'halve'],
    ['too many streams', 429, STREAMS, 'retry'],
    ['no tenant', 401, 'no org id\n', 'hold'],
    ['a wrong token', 401, '{"status":"error","error":"invalid glc_secret"}', 'hold'],
    ['no right to push', 403, 'forbidden', 'hold'],
    ['no Loki', 404, '404 page not found\n', 'hold'],
    ['a wrong tenant', 400, "tenant ID 'a/b' contains unsupported character '/'\n", 'hold'],
    ['a proxy that packs anew', 400, 'Content-Encoding "zstd" not supported\n', 'hold'],
    ['no metadata allowed', 400, METADATA_OFF, 'hold'],
    ['no metadata allowed, ten times', 400, `10 errors like: ${METADATA_OFF}`, 'hold'],
    [
      'labels missing',
      400,
      `missing required labels 'team' for user 'fake' for stream '${STREAM}'\n`,
      'hold',
    ],
    ['too many labels', 400, `entry for stream '${STREAM}' has 16 label names; limit 15\n`, 'hold'],
    ['a label too long', 400, `stream '${STREAM}' has label value too long: 'xx'\n`, 'refuse'],
    ['labels that are none', 400, `error parsing labels '{' with error: parse error\n`, 'refuse'],
    [
      'labels that can not be read',
      400,
      "couldn't parse labels: 1:2: parse error: unexpected IDENTIFIER\n",
      'refuse',
    ],
    ['no push at all', 400, 'unknown value type: Number\n', 'bisect'],
    ['no time', 400, 'strconv.ParseInt: parsing "x": invalid syntax\n', 'bisect'],
    ['a redirect', 302, '', 'hold'],
  ])('%s', (_name, status, body, kind) => {
    const verdict = judge(answer(status, body), ten)
    expect(verdict.kind).toBe(kind)
    expect(JSON.stringify(verdict)).not.toContain('glc_secret')
    expectSound(verdict, ten.length)
  })

  it('never halves one record for the rate: it would be refused', () => {
    expect(judge(answer(429, rate(10, 100)), [at(0)]).kind).toBe('retry')
  })

  it('says how long to wait, where a gateway says it', () => {
    expect(judge(answer(429, rate(4_194_304, 10), { 'retry-after': '2' }), ten)).toMatchObject({
      afterMs: 2000,
    })
  })
})

describe('a 400 that has stored the others', () => {
  const indexes = (status: number, body: string, records: readonly Shipped[]) => {
    const verdict = judge(answer(status, body), records)
    if (verdict.kind !== 'partly') throw new Error(`expected partly, got ${verdict.kind}`)
    expect(verdict.retry ?? []).toEqual([])
    return { refused: verdict.refused?.map(({ index }) => index), lost: verdict.lost }
  }

  it.each([
    ['too old, one', tooOld('2026-11-25T20:00:03Z'), ten.slice(3), [0], 0],
    [
      'too old, several',
      `1 errors like: ${tooOld('2026-11-25T20:00:00Z')}; 1 errors like: ${tooOld('2026-11-25T20:00:01Z')}; 1 errors like: ${tooOld('2026-11-25T20:00:02Z')}; 1 errors like: ${tooOld('2026-11-25T20:00:03Z')}\n`,
      ten,
      [0, 1, 2, 3],
      0,
    ],
    [
      'too old, in the second of the limit',
      `3 errors like: ${tooOld('2026-11-25T20:00:04Z')}`,
      [at(4.1), at(4.2), at(4.3), at(4.4), at(9)],
      [],
      3,
    ],
    ['too new', `2 errors like: ${tooNew('2026-11-25T20:00:08Z')}`, [...ten, at(8.5)], [9], 1],
    ['too long', tooLong(300_000), [at(0), at(1, 300_000), at(2, 262_144)], [1], 0],
    [
      'too long and too old',
      `1 errors like: ${tooLong(300_000)}; 4 errors like: ${tooOld('2026-11-25T20:00:00Z')}`,
      [...ten.slice(0, 8), at(8, 300_000), at(9)],
      [0, 1, 2, 3, 8],
      0,
    ],
    [
      'too far behind',
      `${behind('2026-11-25 20:00:00 +0000 UTC', '2026-11-25T20:00:02Z')}${behind('2026-11-25 20:00:01 +0000 UTC', '2026-11-25T20:00:02Z')}${total(2, 10)}`,
      ten,
      [0, 1],
      0,
    ],
    [
      'too far behind, and some that did not come so far',
      `${behind('2026-11-25 20:00:00 +0000 UTC', '2026-11-25T20:00:01Z')}${total(1, 8)}`,
      ten,
      [0],
      2,
    ],
    [
      'too far behind in one shard',
      `${behind('2026-11-25 20:00:00 +0000 UTC', '2026-11-25T20:00:01Z')}${total(1, 3, '{__stream_shard__="1", a="b"}')}`,
      ten,
      [0],
      0,
    ],
    [
      'out of order',
      `entry with timestamp x ignored, reason: 'entry out of order',\n${total(4, 10)}`,
      ten,
      [],
      4,
    ],
    ['more than there are', total(99, 99), ten, [], 10],
    [
      'metadata too large',
      `stream '${STREAM}' has structured metadata too large: '70000' bytes, limit: '65536' bytes.`,
      ten,
      [],
      1,
    ],
    [
      'too many metadata',
      `2 errors like: stream '${STREAM}' has too many structured metadata labels: '129', limit: '128'.`,
      ten,
      [],
      2,
    ],
    [
      'with the capital letters of Loki 3.5',
      `Max entry size '262144' bytes exceeded for stream '${STREAM}' while adding an entry with length '300000' bytes`,
      [at(0, 300_000), at(1)],
      [0],
      0,
    ],
    [
      'in the time zone of the server',
      tooOld('x').replace('2026-11-25T20:00:04Z', '2026-11-25T22:00:04+02:00'),
      ten,
      [0, 1, 2, 3],
      0,
    ],
  ])('%s', (_name, body, records, refused, lost) => {
    expect(indexes(400, body, records)).toEqual({ refused, lost })
  })
})

it('an answer that is all digits is read once', () => {
  // Looked through from each digit on it would take minutes.
  const digits = '1'.repeat(1_000_000)
  expect(judge(answer(400, `${tooLong(300_000)}${digits}`), ten).kind).toBe('partly')
})

it('any answer has a sound verdict', () => {
  const texts = [
    tooOld('2026-11-25T20:00:03Z'),
    `3 errors like: ${tooLong(300_000)}; `,
    tooNew('2026-11-25T20:00:03Z'),
    behind('2026-11-25 20:00:00 +0000 UTC', '2026-11-25T20:00:02Z'),
    total(3, 10),
    rate(4_194_304, 7_000_000),
    streamRate('3MB'),
    METADATA_OFF,
    STREAMS,
    GRPC,
    BLOCKED,
  ]
  const records = fc.array(fc.tuple(fc.nat(20), fc.nat(1e6)), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(answersLike(texts), records, (any, times) => {
      const batch = times.map(([seconds, bytes]) => at(seconds, bytes))
      expectSound(judge(any, batch), batch.length)
    }),
    { numRuns: numRuns * 5 },
  )
})
