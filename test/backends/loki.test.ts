import { beforeAll, describe, expect, it } from 'vitest'
import type { Preset, PresetRequest, Verdict } from '../../src/shipping/preset.ts'
import { nanosecondsOf } from '../../src/shipping/presets/fields.ts'
import { type LokiOptions, lokiPreset } from '../../src/shipping/presets/loki.ts'
import type { Shipped } from '../../src/shipping/shipped.ts'
import { shippedLine, variedRecords } from '../shipping/fakes/records.ts'
import { exchange, sendBy } from '../shipping/fakes/send.ts'
import { expectSound } from '../shipping/presets/verdicts.ts'
import { START_LIMIT_MS } from './support/build.ts'
import { type Loki, startLoki } from './support/loki.ts'
import { poll } from './support/poll.ts'

/** Set anew when the server is there: a cold build takes minutes. */
let now = Date.now()
const HOUR_MS = 3_600_000

const presetFor = (loki: Loki, options: Partial<LokiOptions> = {}): Preset =>
  lokiPreset({ url: new URL(loki.url), labels: ['module'], ...options })

/** A record of the service `name`, `ageMs` old. */
function aged(name: string, ageMs: number, fields: Record<string, unknown> = {}, nth = 0): Shipped {
  const timeMs = now - ageMs
  const time = new Date(timeMs).toISOString()
  return shippedLine(JSON.stringify({ time, level: 'info', msg: 'm', service: name, ...fields }), timeMs, nth)
}

function groupsOf(preset: Preset, records: readonly Shipped[]): Shipped[][] {
  const groups = new Map<string | undefined, Shipped[]>()
  for (const record of records) {
    const key = preset.group?.(record)
    groups.set(key, [...(groups.get(key) ?? []), record])
  }
  return [...groups.values()]
}

/** The lines that Loki has of a service, oldest first. */
const linesOf = async (loki: Loki, name: string, tenant?: string) =>
  (await loki.lokiQuery({ query: `{service_name="${name}"}`, tenant })).map(({ line }) => line)

async function pushChanged(
  preset: Preset,
  records: readonly Shipped[],
  change: (request: PresetRequest) => PresetRequest,
) {
  return preset.judge(await exchange(change(preset.encode(records))), records)
}

/** Which were refused, by index, and how many more are gone. */
function partOf(verdict: Verdict, count: number) {
  expectSound(verdict, count)
  if (verdict.kind !== 'partly') throw new Error(`${verdict.kind}: ${JSON.stringify(verdict)}`)
  return {
    retry: verdict.retry ?? [],
    refused: verdict.refused?.map(({ index }) => index),
    lost: verdict.lost,
  }
}

describe('Loki with its own limits', () => {
  let loki: Loki
  beforeAll(async () => {
    loki = await startLoki()
    now = Date.now()
  }, START_LIMIT_MS)

  it('gives every record back: the line, its ns, its labels, its metadata', async () => {
    const records = variedRecords(600).map((record, i) => ({
      ...record,
      timeMs: now - 60_000 + Math.floor(i / 4),
      nth: i % 4,
    }))
    const preset = presetFor(loki)
    for (const group of groupsOf(preset, records))
      expect(await sendBy(preset, group)).toEqual({ kind: 'delivered' })
    const found = await loki.lokiQuery({ query: '{service_name=~".+"}', from: now - 120_000 })
    expect(found.map(({ line }) => line)).toEqual(records.map(({ line }) => line))
    for (const [i, { record, ...shipped }] of records.entries()) {
      const { timeUnixNano, labels, metadata } = found[i] as (typeof found)[number]
      expect(timeUnixNano).toBe(nanosecondsOf({ record, ...shipped }))
      const expected = {
        service_name: record.service,
        env: record.env,
        instance: record.host,
        module: record.module,
      }
      expect(labels).toEqual(JSON.parse(JSON.stringify(expected)))
      const { detected_level, ...own } = metadata
      const ids = {
        level: record.level,
        request_id: record.request_id,
        trace_id: record.trace_id,
        span_id: record.span_id,
      }
      expect(own).toEqual(JSON.parse(JSON.stringify(ids)))
      expect(detected_level).toBe(record.level)
    }
  })

  it('has what was pushed twice once, and equal lines of one millisecond each', async () => {
    const records = [0, 1, 2].map((nth) => aged('twice', 1000, {}, nth))
    const preset = presetFor(loki)
    for (let i = 0; i < 3; i++) expect(await sendBy(preset, records)).toEqual({ kind: 'delivered' })
    expect(await linesOf(loki, 'twice')).toEqual(records.map(({ line }) => line))
  })

  it('takes records whose times went backwards', async () => {
    const records = [0, 5, 3, 70, 1].map((minutes, i) => aged('backwards', minutes * 60_000, { i }, i))
    expect(await sendBy(presetFor(loki), records)).toEqual({ kind: 'delivered' })
    expect(await linesOf(loki, 'backwards')).toHaveLength(5)
  })

  it('stores the others where some are too old, too new or too long', async () => {
    const records = [
      aged('mixed', 1000),
      aged('mixed', 8 * 24 * HOUR_MS),
      aged('mixed', 900, { long: 'ü'.repeat(140_000) }),
      aged('mixed', -11 * 60_000),
      aged('mixed', 9 * 24 * HOUR_MS),
      aged('mixed', -20 * 60_000),
      aged('mixed', 800),
    ]
    const part = partOf(await sendBy(presetFor(loki), records), records.length)
    // The oldest of those in the future lies in the very second that Loki names.
    expect(part).toEqual({ retry: [], refused: [1, 2, 4, 5], lost: 1 })
    expect(await linesOf(loki, 'mixed')).toEqual([records[0]?.line, records[6]?.line])
  })

  it.each([
    ['too old', () => aged('one-old', 8 * 24 * HOUR_MS), [0], 0],
    ['too long', () => aged('one-long', 0, { long: 'x'.repeat(300_000) }), [0], 0],
    ['too new', () => aged('one-new', -HOUR_MS), [], 1],
  ])('refuses one that is %s', async (_name, record, refused, lost) => {
    expect(partOf(await sendBy(presetFor(loki), [record()]), 1)).toEqual({ retry: [], refused, lost })
  })

  it('takes what is as old as we send at most', async () => {
    const preset = presetFor(loki)
    expect(await sendBy(preset, [aged('oldest', preset.oldestMs as number)])).toEqual({ kind: 'delivered' })
  })

  it('refuses what is an hour behind its stream, and says which', async () => {
    const preset = presetFor(loki)
    expect(await sendBy(preset, [aged('behind', 0)])).toEqual({ kind: 'delivered' })
    const records = [...Array(20).keys()].map((i) =>
      aged('behind', i < 15 ? 2 * HOUR_MS + i * 1000 : 1000, { i }, i),
    )
    expect(partOf(await sendBy(preset, records), 20)).toEqual({
      retry: [],
      refused: [...Array(15).keys()],
      lost: 0,
    })
    expect(await linesOf(loki, 'behind')).toHaveLength(6)
  })

  it('counts what was refused on the way, and what the stream refused after that', async () => {
    const preset = presetFor(loki)
    expect(await sendBy(preset, [aged('both', 0)])).toEqual({ kind: 'delivered' })
    const records = [aged('both', 9 * 24 * HOUR_MS), aged('both', 2 * HOUR_MS), aged('both', 10)]
    expect(partOf(await sendBy(preset, records), 3)).toEqual({ retry: [], refused: [0, 1], lost: 0 })
    expect(await linesOf(loki, 'both')).toHaveLength(2)
  })

  it.each([
    ['a number as metadata', (body: string) => body.replace('"level":"info"', '"level":1')],
    ['a time that is none', (body: string) => body.replace(/"\d{19}"/, '"x"')],
    ['no JSON', (body: string) => body.slice(0, -2)],
  ])('loses a whole push for %s: bisect', async (_name, change) => {
    const records = [aged('unread', 2), aged('unread', 1)]
    const verdict = await pushChanged(presetFor(loki), records, (request) => ({
      ...request,
      body: change(String(request.body)),
    }))
    expect(verdict.kind).toBe('bisect')
    expect(await linesOf(loki, 'unread')).toEqual([])
  })

  it('says 500 to more than 4 MiB, for ever: halve', async () => {
    const records = [...Array(50).keys()].map((i) => aged('large', 1000, { x: 'x'.repeat(90_000) }, i))
    const verdict = await sendBy(presetFor(loki), records)
    expect(verdict).toMatchObject({ kind: 'halve', reason: expect.stringContaining('larger than max') })
    // What it has read of the large one counts for its rate.
    await poll('room for a half', async () => {
      const half = await sendBy(presetFor(loki), records.slice(0, 25))
      return half.kind === 'delivered'
    })
  })

  it('says 429 to more than its burst, for ever: halve', async () => {
    const records = [...Array(80).keys()].map((i) => aged('burst', 1000, { x: 'x'.repeat(90_000) }, i))
    expect(await sendBy(presetFor(loki), records)).toMatchObject({
      kind: 'halve',
      reason: expect.stringContaining('rate limit exceeded'),
    })
    expect(await linesOf(loki, 'burst')).toEqual([])
  })

  it.each([
    ['another path', (request: PresetRequest) => ({ ...request, url: `${loki.url}/push` }), 'hold'],
    [
      'another content-encoding',
      (request: PresetRequest) => ({
        ...request,
        headers: { ...request.headers, 'content-encoding': 'zstd' },
      }),
      'hold',
    ],
    [
      'labels that are none',
      (request: PresetRequest) => ({
        ...request,
        body: String(request.body).replace(/"stream":\{.*?\}/, '"stream":{"a b":"c"}'),
      }),
      'refuse',
    ],
  ])('%s', async (_name, change, kind) => {
    expect(await pushChanged(presetFor(loki), [aged('odd', 1)], change)).toMatchObject({ kind })
  })
})

/** A Loki for one test. */
async function withLoki(
  limits: Record<string, unknown>,
  use: (loki: Loki) => Promise<void>,
  tenants = false,
) {
  const loki = await startLoki({ limits, tenants })
  try {
    await use(loki)
  } finally {
    await loki.stop()
  }
}

describe('Loki with other limits', () => {
  it('says 260 where pushes are blocked: hold', async () => {
    await withLoki({ block_ingestion_until: '2100-01-01T00:00:00Z' }, async (loki) => {
      const verdict = await sendBy(presetFor(loki), [aged('blocked', 1)])
      expect(verdict).toMatchObject({
        kind: 'hold',
        reason: expect.stringContaining('260: ingestion blocked'),
      })
    })
  })

  it('says 429 for a while where the rate is used up: retry, and nothing was stored', async () => {
    await withLoki({ ingestion_rate_mb: 0.01, ingestion_burst_size_mb: 0.05 }, async (loki) => {
      const preset = presetFor(loki)
      const verdicts: Verdict[] = []
      for (let i = 0; i < 20 && verdicts.at(-1)?.kind !== 'retry'; i++) {
        verdicts.push(
          await sendBy(preset, [aged('rate', 1000, { x: 'x'.repeat(4000) }, i), aged('rate', 1, {}, i)]),
        )
      }
      expect(verdicts.at(-1)).toMatchObject({ kind: 'retry' })
      expect(await linesOf(loki, 'rate')).toHaveLength((verdicts.length - 1) * 2)
    })
  })

  it("says 429 for a stream's rate: retry, and halve where it can never pass", async () => {
    await withLoki({ per_stream_rate_limit: '10KB', per_stream_rate_limit_burst: '20KB' }, async (loki) => {
      const preset = presetFor(loki)
      const some = [0, 1, 2, 3].map((i) => aged('stream', 1000, { x: 'x'.repeat(2000) }, i))
      const verdicts: Verdict[] = []
      for (let i = 0; i < 20 && verdicts.at(-1)?.kind !== 'retry'; i++) {
        verdicts.push(
          await sendBy(
            preset,
            some.map((one, k) => aged('stream', 900 - i, { k, x: one.line }, k)),
          ),
        )
      }
      expect(verdicts.at(-1)).toMatchObject({
        kind: 'retry',
        reason: expect.stringContaining('stream rate limit'),
      })
      const many = [...Array(30).keys()].map((i) => aged('stream', 500, { x: 'x'.repeat(2000) }, i))
      expect(await sendBy(preset, many)).toMatchObject({ kind: 'halve' })
    })
  })

  it('says 429 where there are too many streams: retry', async () => {
    await withLoki({ max_global_streams_per_user: 1 }, async (loki) => {
      const preset = presetFor(loki)
      expect(await sendBy(preset, [aged('first', 1)])).toEqual({ kind: 'delivered' })
      expect(await sendBy(preset, [aged('second', 1)])).toMatchObject({
        kind: 'retry',
        reason: expect.stringContaining('maximum active stream limit'),
      })
    })
  })

  it('says 400 where metadata is turned off or labels are missing: hold', async () => {
    await withLoki({ allow_structured_metadata: false }, async (loki) => {
      expect(await sendBy(presetFor(loki), [aged('a', 2), aged('a', 1)])).toMatchObject({ kind: 'hold' })
      expect(await sendBy(presetFor(loki, { metadata: false }), [aged('a', 1)])).toEqual({
        kind: 'delivered',
      })
    })
    await withLoki({ enforced_labels: ['team'] }, async (loki) => {
      expect(await sendBy(presetFor(loki), [aged('a', 1)])).toMatchObject({ kind: 'hold' })
    })
    await withLoki({ max_label_names_per_series: 1 }, async (loki) => {
      const record = aged('a', 1, { env: 'e', region: 'r', host: 'h' })
      expect(await sendBy(presetFor(loki), [record])).toMatchObject({ kind: 'hold' })
    })
    await withLoki({ max_label_value_length: 10 }, async (loki) => {
      expect(await sendBy(presetFor(loki), [aged('a'.repeat(20), 1)])).toMatchObject({ kind: 'refuse' })
    })
  })

  it('refuses single lines for their metadata', async () => {
    await withLoki({ max_structured_metadata_size: '100B' }, async (loki) => {
      const records = [aged('meta', 2), aged('meta', 1, { user_id: 'u'.repeat(200) })]
      expect(partOf(await sendBy(presetFor(loki), records), 2)).toEqual({ retry: [], refused: [], lost: 1 })
      expect(await linesOf(loki, 'meta')).toEqual([records[0]?.line])
    })
  })

  it('wants to know the tenant', async () => {
    await withLoki(
      {},
      async (loki) => {
        const record = aged('tenant', 1)
        expect(await sendBy(presetFor(loki), [record])).toMatchObject({ kind: 'hold' })
        expect(await sendBy(presetFor(loki, { tenant: 'a/b' }), [record])).toMatchObject({ kind: 'hold' })
        expect(await sendBy(presetFor(loki, { tenant: 'me' }), [record])).toEqual({ kind: 'delivered' })
        expect(await linesOf(loki, 'tenant', 'me')).toEqual([record.line])
      },
      true,
    )
  })
})
