import fc from 'fast-check'
import { expect } from 'vitest'
import type { Answer, Verdict } from '../../../src/shipping/preset.ts'
import { anyAnswer } from '../fakes/answers.ts'

export const numRuns = Number(process.env.SPOOR_RUNS ?? 500)

export function answer(status: number, body = '', headers: Record<string, string> = {}): Answer {
  return { status, headers, body }
}

/** That a verdict keeps to its type: every record has one fate at most, and what is told is one short line. */
export function expectSound(verdict: Verdict, count: number): void {
  const reason = verdict.kind === 'delivered' ? (verdict.warning ?? 'none') : verdict.reason
  const { retry = [], refused = [], lost = 0 } = verdict.kind === 'partly' ? verdict : {}
  for (const text of [reason, ...refused.map((one) => one.reason)]) {
    expect(text).not.toBe('')
    expect(text.length).toBeLessThan(800)
    expect(text).not.toMatch(/\p{Cc}/u)
  }
  const indexes = [...retry, ...refused.map(({ index }) => index)]
  expect(new Set(indexes).size).toBe(indexes.length)
  for (const index of indexes) expect(Number.isInteger(index) && index >= 0 && index < count).toBe(true)
  expect(Number.isInteger(lost) && lost >= 0).toBe(true)
  expect(indexes.length + lost).toBeLessThanOrEqual(count)
  const after = verdict.kind === 'retry' || verdict.kind === 'partly' ? verdict.afterMs : undefined
  if (after !== undefined) expect(after >= 0 && Number.isFinite(after)).toBe(true)
}

/** Answers of any kind, and what the real servers say with its numbers and its end changed. */
export function answersLike(texts: readonly string[]): fc.Arbitrary<Answer> {
  const piece = fc
    .tuple(fc.constantFrom(...texts), fc.nat(400), fc.nat(1e9))
    .map(([text, end, number]) =>
      text
        .replace(/\d+/g, (digits) => (digits.length % 2 === number % 2 ? String(number) : digits))
        .slice(0, Math.max(text.length - end, 0)),
    )
  const said = fc.record({
    status: fc.constantFrom(200, 204, 260, 400, 413, 429, 500),
    headers: fc.constant({}),
    body: fc.array(piece, { maxLength: 3 }).map((pieces) => pieces.join('')),
  })
  return fc.oneof(anyAnswer, said)
}
