import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLogger } from '../../src/logger/create.ts'
import { wantsColor } from '../../src/transports/color.ts'
import { consoleTransport } from '../../src/transports/console.ts'
import { createPretty } from '../../src/transports/pretty.ts'
import { UNSAFE, unsafeCharacters } from '../support/unsafe.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 200)
const time = '2026-11-21T10:00:00.123Z'
const plain = createPretty(false)
const line = (fields: object) => `${JSON.stringify({ time, level: 'info', msg: 'hello', ...fields })}\n`

describe('pretty', () => {
  it('shows time, level, component, request id, message and fields on one line, identity not', () => {
    const text = plain(
      line({
        service: 'shop',
        host: 'h',
        pid: 1,
        component: 'db.pool',
        request_id: 'r-1',
        rows: 3,
        name: 'x',
      }),
    )
    expect(text).toMatch(/^\[\d\d:00:00\.123\] INFO: db\.pool \[r-1\] hello \{"rows":3,"name":"x"\}\n$/)
  })

  it('shows an error with its stack and causes below, indented', () => {
    const err = {
      type: 'TypeError',
      message: 'outer',
      stack: 'TypeError: outer\n    at a (x.js:1:1)',
      code: 'E1',
      cause: { type: 'Error', message: 'inner', stack: 'Error: inner\n    at b (y.js:2:2)' },
      errors: [{ type: 'Error', message: 'one' }],
    }
    expect(
      plain(line({ level: 'error', err }))
        .split('\n')
        .slice(1),
    ).toEqual([
      '    TypeError: outer',
      '        at a (x.js:1:1)',
      '    {"code":"E1"}',
      '    caused by: Error: inner',
      '        at b (y.js:2:2)',
      '    one of: Error: one',
      '',
    ])
  })

  it('colours by level only when asked', () => {
    const colored = createPretty(true)
    expect(colored(line({}))).toContain('\u001b[32mINFO')
    expect(colored(line({ level: 'error' }))).toContain('\u001b[31mERROR')
    expect(plain(line({ level: 'error' }))).not.toContain('\u001b')
  })

  it('reads other keys, numeric levels and epoch time', () => {
    const pretty = createPretty(false, { time: 'ts', msg: 'message' })
    const text = pretty(
      `${JSON.stringify({ level: 40, ts: Date.parse(time), message: 'hi', msg: 'field' })}\n`,
    )
    expect(text).toMatch(/^\[\d\d:00:00\.123\] WARN: hi \{"_msg":"field"\}\n$/)
  })

  const attack = 'ok\nINFO forged line \u001b[2Jx\r\n\u009b2J \u0085 \u2028 \u202e \u200b \u{e0041} \u115f \t'

  function expectHarmless(text: string): void {
    const [, ...rest] = text.split('\n')
    expect(rest.pop()).toBe('')
    for (const each of rest) expect(each).toMatch(/^ {4}/)
    expect(text.replaceAll('\n', '')).not.toMatch(UNSAFE)
  }

  /** A record with that text wherever one can stand. */
  function everywhere(text: string): object {
    const stack = `Error: ${text}\n    at ${text} (${text}:1:1)\n"stack": "\\q",`
    const err = { type: text, message: text, stack, [text]: text, cause: { message: text }, errors: [text] }
    return {
      ...{ msg: text, component: text, request_id: text, [text]: text, list: [text, { [text]: [text] }] },
      ...{ source: { file: text, line: text }, type: 'Error', stack: text, name: text, err },
    }
  }

  it('lets no value forge a line or drive the terminal', () => {
    const text = plain(line(everywhere(attack)))
    expect(text).toMatch(/^\[/)
    expectHarmless(text)
    expect(text).toContain('ok\\nINFO forged line \\x1b[2Jx\\r\\n\\x9b2J')
    expectHarmless(plain(line({ time: attack, level: attack })))
    expectHarmless(plain(line({ msg: 'request completed', method: attack, path: attack, status: attack })))
  })

  it('does so for every such character of Unicode', () => {
    for (const character of unsafeCharacters) expectHarmless(plain(line(everywhere(`a${character}b`))))
  })

  it('shows fields as JSON that says what they said', () => {
    const [, shown = ''] = /hello (\{.*\})\n/.exec(plain(line({ [attack]: attack }))) ?? []
    expect(JSON.parse(shown)).toEqual({ [attack]: attack })
    const err = { stack: 'Error: e', [attack]: attack }
    const [, , own = ''] = plain(line({ err })).split('\n')
    expect(JSON.parse(own)).toEqual({ [attack]: attack })
  })

  it('does so for any record at all, and for text that is none', () => {
    const hostile = fc
      .array(fc.constantFrom('a', '\n', '"', '\\', '{', ...unsafeCharacters), { maxLength: 10 })
      .map((parts) => parts.join(''))
    const value = fc.oneof(fc.jsonValue(), hostile)
    const known = ['time', 'level', 'msg', 'err', 'component', 'name', 'type', 'stack', '__proto__']
    const key = fc.oneof(fc.constantFrom(...known), hostile)
    fc.assert(
      fc.property(fc.oneof(fc.dictionary(key, value), hostile), (record) => {
        expectHarmless(plain(`${typeof record === 'string' ? record : JSON.stringify(record)}\n`))
      }),
      { numRuns },
    )
  })
})

describe('colour', () => {
  it.each([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: '1' }, true, false],
    [{ NO_COLOR: '' }, true, true],
    [{ NO_COLOR: '1', FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '0' }, true, false],
    [{ FORCE_COLOR: 'false' }, true, false],
    [{ FORCE_COLOR: '' }, false, false],
    [{ TERM: 'dumb' }, true, false],
    [{ TERM: 'dumb', FORCE_COLOR: '3' }, false, true],
  ])('%j on a terminal (%s) is %s', (env, terminal, expected) => {
    expect(wantsColor(env, terminal)).toBe(expected)
  })
})

describe('a record under other names', () => {
  it.each([
    ['default', {}],
    ['ecs', { schema: 'ecs' }],
    ['gcp', { schema: 'gcp' }],
    ['datadog', { schema: 'datadog' }],
    ['pino', { schema: 'pino' }],
    ['renamed keys', { keys: { time: 'ts', level: 'severity', msg: 'message', err: 'error' } }],
  ] as const)('looks like any other: %s', (_name, options) => {
    const shown: string[] = []
    const logger = createLogger({
      ...options,
      identity: { service: 'shop' },
      source: 'off',
      now: () => 0,
      transports: [
        consoleTransport({ format: 'pretty', color: false, stream: { write: (text) => shown.push(text) } }),
      ],
    })
    const err = new TypeError('declined')
    err.stack = 'TypeError: declined\n    at pay (shop.js:1:1)'
    logger.child({ component: 'db' }).error('payment failed', err, { order_id: 42 })
    const [head, ...stack] = shown.join('').split('\n')
    expect(head).toMatch(/^\[\d\d:\d\d:00\.000\] ERROR: db payment failed \{"order_id":42\}$/)
    expect(stack).toEqual(['    TypeError: declined', '        at pay (shop.js:1:1)', ''])
  })

  it('shows a completed request as a line of an access log, and the place of a call at the end', () => {
    const pretty = createPretty(false)
    const request = { method: 'GET', path: '/orders/7', route: '/orders/:id', status: 200, duration_ms: 8.3 }
    const more = { user_agent: 'node', remote_address: '::1', outcome: 'completed' }
    expect(pretty(JSON.stringify({ level: 'info', msg: 'request completed', ...request, ...more }))).toBe(
      'INFO: GET /orders/7 200 in 8.3 ms\n',
    )
    expect(pretty(JSON.stringify({ level: 'warn', msg: 'x', source: { file: 'a.js', line: 4 } }))).toBe(
      'WARN: x (a.js:4)\n',
    )
  })
})
