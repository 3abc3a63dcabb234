import { beforeAll, describe, expect, it } from 'vitest'
import type { Verdict } from '../../src/shipping/preset.ts'
import { sendBy } from '../shipping/fakes/send.ts'
import { build, START_LIMIT_MS } from './support/build.ts'
import { type Loki, startLoki } from './support/loki.ts'
import { aged, linesOf, partOf, presetFor, startClock } from './support/loki-pushes.ts'

beforeAll(() => build('loki'), START_LIMIT_MS)

/** A Loki for one test. */
async function withLoki(
  limits: Record<string, unknown>,
  use: (loki: Loki) => Promise<void>,
  tenants = false,
) {
  const loki = await startLoki({ limits, tenants })
  startClock()
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
