import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'

// Runs `npm run demo`'s program once, and then shows that its own check notices what it is there to notice.
// Needs a build.

const demo = fileURLToPath(new URL('../../examples/demo', import.meta.url))

type Fields = Record<string, unknown>
interface Entry {
  file: string
  record: Fields
}
interface Answer extends Fields {
  order_id: number
  request_id: string
  paid: boolean
}
const { complaintsAbout } = (await import(join(demo, 'check.js'))) as {
  complaintsAbout(entries: Entry[], answers: Answer[]): string[]
}
const { readRecords, trailOf } = (await import(join(demo, 'trail.js'))) as {
  readRecords(directory: string): Entry[]
  trailOf(entries: Entry[], requestId: string): Entry[]
}

describe('the demo', () => {
  it('runs, tells one way through the files of both services, and its check can fail', () => {
    const OUT = temporaryDirectory()
    const inherited = Object.entries(process.env).filter(([name]) => !/^(LOG_|OTEL_|NODE_|VITEST)/.test(name))
    const done = spawnSync(process.execPath, [join(demo, 'run.js')], {
      env: { ...Object.fromEntries(inherited), OUT, FORCE_COLOR: '1' },
      encoding: 'utf8',
    })
    expect(done.stderr).toBe('')
    expect(done.status).toBe(0)
    expect(done.stdout).toContain('All is right')
    expect(done.stdout).toContain(OUT)
    expect(done.stdout).toContain('\x1b[32mINFO')

    const answers = JSON.parse(readFileSync(join(OUT, 'answers.json'), 'utf8')) as Answer[]
    const read = (): Entry[] => readRecords(OUT)
    expect(answers.length).toBeGreaterThanOrEqual(60)
    expect(complaintsAbout(read(), answers)).toEqual([])
    const good = answers.find(({ kind }) => kind === 'good') as Answer
    const other = answers.findLast(({ kind }) => kind === 'good') as Answer

    const trail = trailOf(read(), good.request_id).map(({ record }) => record)
    expect(new Set(trail.map(({ service }) => service))).toEqual(new Set(['shop', 'payments']))
    expect(new Set(trail.map(({ trace_id }) => trace_id)).size).toBe(1)
    const times = trail.map(({ time }) => time as string)
    expect(times).toEqual([...times].sort())

    /** What the check says where each record that fits is changed, or taken away. */
    const complaints = (fits: (entry: Entry) => boolean, change?: Fields): string[] =>
      complaintsAbout(
        read().flatMap((entry) =>
          !fits(entry)
            ? [entry]
            : change === undefined
              ? []
              : [{ ...entry, record: { ...entry.record, ...change } }],
        ),
        answers,
      )
    const own = ({ record }: Entry): boolean => record.request_id === good.request_id
    const inPayments = (entry: Entry): boolean => entry.record.service === 'payments'
    expect(
      complaints((entry) => own(entry) && 'charge_id' in entry.record, { request_id: other.request_id }),
    ).toContainEqual(expect.stringContaining(`instead of ${good.request_id}`))
    expect(
      complaints((entry) => own(entry) && 'order_id' in entry.record, { user_id: 'u-9' }),
    ).toContainEqual(expect.stringContaining('carries the user u-9'))
    expect(
      complaints((entry) => own(entry) && inPayments(entry), { trace_id: 'f'.repeat(32) }),
    ).toContainEqual(expect.stringContaining('2 trace ids instead of one'))
    expect(complaints((entry) => own(entry) && inPayments(entry))).toContainEqual(
      expect.stringContaining('0 "request completed" in payments, expected 1'),
    )
    expect(complaints(inPayments)).toContain('the service payments left no records')
    expect(complaints(({ file }) => file.startsWith('shop-'))).toContain('the file of shop did not rotate')
    expect(complaintsAbout(read(), [{ ...good, expected: 200 }])).toContainEqual(
      expect.stringContaining(`order ${good.order_id} got 201 instead of 200`),
    )
  })
})
