import { describe, expect, it } from 'vitest'
import { BUFFER_DEFAULTS, parseBuffer, parseRateLimit, parseSample } from '../../src/config/gates.ts'

const SECOND = 1000

describe('LOG_RATE_LIMIT', () => {
  const limit = (count: number, periodMs: number, burst: number) => ({ count, periodMs, burst })

  it.each([
    ['1000/s', { rate: limit(1000, SECOND, 1000), site: limit(500, SECOND, 500) }],
    ['100/s,burst=500', { rate: limit(100, SECOND, 500), site: limit(50, SECOND, 250) }],
    [' 6000/M , Burst=90 ', { rate: limit(6000, 60 * SECOND, 90), site: limit(3000, 60 * SECOND, 45) }],
    ['1/10s', { rate: limit(1, 10 * SECOND, 1), site: limit(1, 10 * SECOND, 1) }],
    ['100/s,site=10/s', { rate: limit(100, SECOND, 100), site: limit(10, SECOND, 50) }],
    ['100/s,site=100/s', { rate: limit(100, SECOND, 100), site: limit(100, SECOND, 100) }],
    ['10/100ms', { rate: limit(10, 100, 10), site: limit(5, 100, 5) }],
    ['off', false],
    ['0', false],
  ])('reads %s', (text, value) => {
    expect(parseRateLimit(text)).toEqual({ value, wrong: [] })
  })

  it.each(['1000', 's', '0/s', '-1/s', '10/d', '1.5/s', '10/0s', 'on'])('takes nothing of %s', (text) => {
    expect(parseRateLimit(text)).toEqual({ value: undefined, wrong: [text] })
  })

  it('leaves out what is wrong beside the rate', () => {
    const { value, wrong } = parseRateLimit('10/s,burst=0,size=3,site=x,burst=20')
    expect(value).toMatchObject({ rate: limit(10, SECOND, 20) })
    expect(wrong).toEqual(['burst=0', 'size=3', 'site=x'])
  })
})

describe('LOG_SAMPLE', () => {
  it.each([
    ['0.1', { '': 0.1 }, false],
    ['10%', { '': 0.1 }, false],
    ['0', { '': 0 }, false],
    ['debug=0.01,db=.5,/health=0', { debug: 0.01, db: 0.5, '/health': 0 }, false],
    ['WARNING=0.5,http.client=100%', { warn: 0.5, 'http.client': 1 }, false],
    ['/orders/:id=25%', { '/orders/:id': 0.25 }, false],
    ['trace_flags', {}, true],
    ['trace_flags, debug=0.01', { debug: 0.01 }, true],
  ])('reads %s', (text, rates, traceFlags) => {
    const { value, wrong } = parseSample(text)
    expect(wrong).toEqual([])
    expect(value).toEqual({ rates: Object.assign(Object.create(null), rates), traceFlags })
  })

  it.each(['off', 'no', 'FALSE'])('%s is none', (text) => {
    expect(parseSample(text)).toEqual({ value: false, wrong: [] })
  })

  it.each(['1.5', '-0.1', 'db', '=0.5', 'db=', '1e-3', '101%'])('takes nothing of %s', (text) => {
    expect(parseSample(text)).toEqual({ value: undefined, wrong: [text] })
  })

  it('takes no name twice, whatever a level is called', () => {
    expect(parseSample('warn=0.5,WARNING=0.1,constructor=1').value).toEqual({
      rates: Object.assign(Object.create(null), { warn: 0.5, constructor: 1 }),
      traceFlags: false,
    })
  })
})

describe('LOG_BUFFER', () => {
  it.each([
    ['debug', { level: 'debug', ...BUFFER_DEFAULTS }],
    ['TRACE,upto=debug', { level: 'trace', ...BUFFER_DEFAULTS, upTo: 'debug' }],
    [
      'debug,upto=warning,records=10,size=1KB,total=1MB',
      { level: 'debug', upTo: 'warn', records: 10, size: 1024, total: 1024 ** 2 },
    ],
    ['off', false],
  ])('reads %s', (text, value) => {
    expect(parseBuffer(text)).toEqual({ value, wrong: [] })
  })

  it.each(['warn', 'error', 'silent', 'on', 'records=3'])('takes nothing of %s', (text) => {
    expect(parseBuffer(text)).toEqual({ value: undefined, wrong: [text] })
  })

  it('leaves out what is wrong beside the level', () => {
    const { value, wrong } = parseBuffer('debug,upto=error,records=0,size=0,x=1')
    expect(value).toEqual({ level: 'debug', ...BUFFER_DEFAULTS })
    expect(wrong).toEqual(['upto=error', 'records=0', 'size=0', 'x=1'])
  })
})
