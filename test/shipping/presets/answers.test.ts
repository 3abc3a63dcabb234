import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { at, judgeByStatus, reasonOf, retryAfterMs, shown } from '../../../src/shipping/presets/answers.ts'
import { anyAnswer } from '../fakes/answers.ts'
import { answer, expectSound, numRuns } from './verdicts.ts'

const DATE = 'Wed, 25 Nov 2026 20:00:00 GMT'
const after = (value: string, date?: string) =>
  retryAfterMs(answer(429, '', { 'retry-after': value, ...(date === undefined ? {} : { date }) }))

describe('Retry-After', () => {
  it.each([
    ['seconds', '120', undefined, 120_000],
    ['none', '0', undefined, 0],
    ['spaces', ' 7 ', undefined, 7000],
    ['parts of a second, as some gateways say', '1.5', undefined, 1500],
    ['a date, from the time of the answer on', 'Wed, 25 Nov 2026 20:00:30 GMT', DATE, 30_000],
    ['a date in RFC 850', 'Wednesday, 25-Nov-26 20:01:00 GMT', DATE, 60_000],
    ['a date in asctime', 'Wed Nov 25 20:00:05 2026', DATE, 5000],
    ['asctime with one digit', 'Wed Dec  2 20:00:00 2026', DATE, 7 * 86_400_000],
    ['a date that has passed', 'Wed, 25 Nov 2026 19:00:00 GMT', DATE, 0],
    ['a date without the time of the answer', 'Wed, 25 Nov 2026 20:00:30 GMT', undefined, undefined],
    ['a date after a time that is none', 'Wed, 25 Nov 2026 20:00:30 GMT', 'now', undefined],
    ['a day that is none', 'Wed, 99 Nov 2026 20:00:30 GMT', DATE, undefined],
    ['less than nothing', '-5', undefined, undefined],
    ['a unit', '5s', undefined, undefined],
    ['words', 'soon', DATE, undefined],
    ['nothing', '', DATE, undefined],
    ['more than a number holds', '9'.repeat(400), undefined, Number.MAX_SAFE_INTEGER],
  ])('%s', (_name, value, date, ms) => {
    expect(after(value, date)).toBe(ms)
  })

  it('is undefined where the header is missing', () => {
    expect(retryAfterMs(answer(503))).toBeUndefined()
  })
})

describe('the verdict by the status', () => {
  const kinds: Record<string, number[]> = {
    delivered: [200, 201, 202, 204, 207, 299],
    retry: [408, 425, 429, 500, 502, 503, 504, 507, 520, 529, 599],
    hold: [300, 301, 302, 307, 308, 401, 402, 403, 404, 405, 407, 415],
    halve: [413],
    bisect: [400, 422],
    refuse: [406, 409, 410, 418, 431, 451, 501, 505],
  }
  it.each(Object.entries(kinds))('%s', (kind, statuses) => {
    for (const status of statuses)
      expect([status, judgeByStatus(answer(status)).kind]).toEqual([status, kind])
  })

  it('lets a back end have its own rules', () => {
    const rules = { retry: (status: number) => status === 418, hold: [404], halve: [414], bisect: [409] }
    const verdict = (status: number) => judgeByStatus(answer(status), rules).kind
    expect([418, 404, 414, 409, 500, 413, 400, 401].map(verdict)).toEqual([
      'retry',
      'hold',
      'halve',
      'bisect',
      'refuse',
      'refuse',
      'refuse',
      'refuse',
    ])
  })

  it('says how long to wait, with a retry', () => {
    expect(judgeByStatus(answer(503, 'busy', { 'retry-after': '3' }))).toEqual({
      kind: 'retry',
      reason: '503: busy',
      afterMs: 3000,
    })
  })

  it('says where a redirect leads, without query and credentials', () => {
    const verdict = judgeByStatus(
      answer(301, '', { location: 'https://u:secret@b.example/in?key=secret#secret' }),
    )
    expect(verdict).toMatchObject({ kind: 'hold', reason: expect.stringContaining('https://b.example/in') })
    expect(JSON.stringify(verdict)).not.toContain('secret')
  })
})

describe('what an answer says', () => {
  it.each([
    ['an empty body', '', '500'],
    ['text', ' no\n space \t left ', '500: no space left'],
    ["OTLP's status", '{"code":3,"message":"bad"}', '500: bad'],
    ["Elasticsearch's error", '{"error":{"type":"t","reason":"why"},"status":500}', '500: why'],
    ['an error as a text', '{"error":"why"}', '500: why'],
    ["Datadog's errors", '{"errors":[{"status":"400","title":"t","detail":"why"}]}', '500: why'],
    ['errors as texts', '{"errors":["why"]}', '500: why'],
    ["Splunk's text", '{"text":"why","code":6}', '500: why'],
    ['JSON without a sentence', '{"a":1}', '500: {"a":1}'],
    ['an empty sentence', '{"message":""}', '500: {"message":""}'],
    ['no object', 'null', '500: null'],
    ['what drives a terminal', '\u001b[2J\u202e', '500: \\x1b[2J\\u202e'],
  ])('%s', (_name, body, reason) => {
    expect(reasonOf(answer(500, body))).toBe(reason)
  })

  it('is cut, never in the middle of a character', () => {
    expect(shown('x'.repeat(1e6))).toBe(`${'x'.repeat(300)}…`)
    expect(shown(`${'x'.repeat(299)}💥${'y'.repeat(2000)}`)).toBe(`${'x'.repeat(299)}\\ud83d…`)
  })

  it('finds only what an answer has itself', () => {
    expect(at({ a: [{ b: 1 }] }, 'a', 0, 'b')).toBe(1)
    expect(at({}, '__proto__')).toBeUndefined()
    expect(at('text', 'length')).toBeUndefined()
  })
})

it('any answer has a sound verdict', () => {
  fc.assert(
    fc.property(anyAnswer, (any) => expectSound(judgeByStatus(any), 1)),
    { numRuns },
  )
})
