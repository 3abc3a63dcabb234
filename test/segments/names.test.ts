import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { doneName, nextSequence, parseDoneName, periodLabel } from '../../src/segments/names.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 500)
const at = (iso: string) => Date.parse(iso)

describe('names', () => {
  it.each([
    ['logs/app.log', '2026-11-21', 1, 'logs/app-2026-11-21.001.log'],
    ['app.log', '2026-11-21T14', 12, 'app-2026-11-21T14.012.log'],
    ['/var/log/app', '2026-11-21', 1000, '/var/log/app-2026-11-21.1000'],
    ['a.b.json', '2026-11-21', 3, 'a.b-2026-11-21.003.json'],
  ])('%s of %s, number %i, is %s', (path, label, sequence, expected) => {
    expect(doneName(path, label, sequence)).toBe(expected)
  })

  it('reads back what it made, and nothing that looks like it', () => {
    expect(parseDoneName('x/app.log', 'app-2026-11-21.001.log')).toEqual({
      label: '2026-11-21',
      sequence: 1,
      compression: undefined,
    })
    for (const name of [
      'app.log',
      'app-2026-11-21.log',
      'app-2026-11-21.01.log',
      'app-2026-11-21.0001.log',
      'app-2026-11-21.000.log',
      'app-2026-11-21.001.log.bz2',
      'app-2026-11-21.001.txt',
      'app-error-2026-11-21.001.log',
      'my-app-2026-11-21.001.log',
      'app-2026-11-21T1.001.log',
      'app-2026-11-21.001.002.log',
    ]) {
      expect(parseDoneName('x/app.log', name), name).toBeUndefined()
    }
  })

  it('numbers on after the highest of the period', () => {
    const names = ['app-2026-11-21.002.log', 'app-2026-11-21.1001.log', 'app-2026-11-22.2000.log', 'app.log']
    expect(nextSequence('app.log', '2026-11-21', names)).toBe(1002)
    expect(nextSequence('app.log', '2026-11-23', names)).toBe(1)
  })

  it('labels by day, hour and Monday', () => {
    const sunday = at('2026-11-22T23:59:59.999Z')
    expect(periodLabel(sunday, 'daily', 'utc')).toBe('2026-11-22')
    expect(periodLabel(sunday, 'hourly', 'utc')).toBe('2026-11-22T23')
    expect(periodLabel(sunday, 'weekly', 'utc')).toBe('2026-11-16')
    expect(periodLabel(sunday + 1, 'weekly', 'utc')).toBe('2026-11-23')
    expect(periodLabel(at('2027-01-01T00:00:00Z'), 'weekly', 'utc')).toBe('2026-12-28')
    expect(periodLabel(at('2028-02-29T12:00:00Z'), 'daily', 'utc')).toBe('2028-02-29')
  })

  it('never sorts a later UTC period before an earlier one', () => {
    const instant = fc.integer({ min: at('2000-01-01T00:00:00Z'), max: at('2099-12-31T00:00:00Z') })
    const period = fc.constantFrom('daily' as const, 'hourly' as const, 'weekly' as const)
    fc.assert(
      fc.property(instant, instant, period, (a, b, rotate) => {
        const [early, late] = a < b ? [a, b] : [b, a]
        const names = [early, late].map((ms) => periodLabel(ms, rotate, 'utc')) as [string, string]
        expect(names[0] <= names[1]).toBe(true)
      }),
      { numRuns },
    )
  })
})
