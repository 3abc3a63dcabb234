import { beforeAll, describe, expect, it } from 'vitest'
import type { Preset, PresetRequest } from '../../src/shipping/preset.ts'
import { nanosecondsOf } from '../../src/shipping/presets/fields.ts'
import type { Shipped } from '../../src/shipping/shipped.ts'
import { variedRecords } from '../shipping/fakes/records.ts'
import { exchange, sendBy } from '../shipping/fakes/send.ts'
import { START_LIMIT_MS } from './support/build.ts'
import { type Loki, startLoki } from './support/loki.ts'
import { aged, linesOf, partOf, presetFor, startClock } from './support/loki-pushes.ts'
import { poll } from './support/poll.ts'

const HOUR_MS = 3_600_000

function groupsOf(preset: Preset, records: readonly Shipped[]): Shipped[][] {
  const groups = new Map<string | undefined, Shipped[]>()
  for (const record of records) {
    const key = preset.group?.(record)
    groups.set(key, [...(groups.get(key) ?? []), record])
  }
  return [...groups.values()]
}

async function pushChanged(
  preset: Preset,
  records: readonly Shipped[],
  change: (request: PresetRequest) => PresetRequest,
) {
  return preset.judge(await exchange(change(preset.encode(records))), records)
}

describe('Loki with its own limits', () => {
  let loki: Loki
  let now = 0
  beforeAll(async () => {
    loki = await startLoki()
    now = startClock()
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
