import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseLines } from '../support/strict-json.ts'
import { recorder } from './memory.ts'
import { makeService, type Service } from './service.ts'

let service: Service
beforeAll(() => {
  service = makeService()
})
afterAll(() => service.remove())

type Place = { file: string; line: number; function?: string }

async function places(
  script: string,
  env: Record<string, string> = {},
  args: string[] = [],
): Promise<Place[]> {
  const { stdout, stderr } = await service.run(script, { env, args }).done
  expect(stderr).toBe('')
  return parseLines(stdout).map(({ source }) => source as Place)
}

const BODY = `async function later() {
  await null
  logger.warn('async function') // later
}
class Shop {
  constructor() { logger.warn('constructor') } // Shop
  sell() { logger.warn('method') } // Shop.sell
  async ship() { await null; logger.warn('async method') } // Shop.ship
  static open() { logger.warn('static') } // open
  get price() { logger.warn('getter'); return 1 } // Shop.get price
}
const arrow = () => { logger.warn('arrow') } // arrow
const maker = () => () => { logger.warn('closure') } //
function* steps() { yield; logger.warn('generator') } // steps
async function all() {
  logger.warn('top') // all
  await later()
  const shop = new Shop()
  shop.sell()
  await shop.ship()
  Shop.open()
  void shop.price
  arrow()
  maker()()
  ;[...steps()]
  ;[1].forEach(() => logger.warn('callback')) //
  await new Promise((done) => setTimeout(() => { logger.warn('timer'); done() }, 0)) //
  logger.error(new Error('an error')) // all
  logger.child({ a: 1 }).fatal('child', { b: 1 }) // all
  spoor.getLogger('db').warn('component') // all
  spoor.withContext({ a: 1 }, () => logger.warn('scope')) //
}
const done = all()`

/** Line and function of each call, from the body's own comments. */
function expected(source: string, order: readonly string[]): { line: number; name: string }[] {
  const lines = source.split('\n')
  return order.map((text) => {
    const at = lines.findIndex((line) => line.includes(`'${text}'`))
    return { line: at + 1, name: (lines[at] as string).replace(/^.*\/\/ ?/, '') }
  })
}
const ORDER = ['top', 'async function', 'constructor', 'method', 'async method', 'static', 'getter', 'arrow']
ORDER.push('closure', 'generator', 'callback', 'timer', 'an error', 'child', 'component', 'scope')

describe('file, line and function of a call', () => {
  it.each([
    ['calls.mjs', `import * as spoor from './spoor.mjs'\nconst { logger } = spoor\n${BODY}`],
    ['calls.cjs', `'use strict'\nconst spoor = require('./spoor.cjs'); const { logger } = spoor\n${BODY}`],
  ])('in %s', async (name, source) => {
    service.file(name, source)
    const found = await places(name)
    expect(found.map(({ line }) => line)).toEqual(expected(source, ORDER).map(({ line }) => line))
    expect(new Set(found.map(({ file }) => file))).toEqual(new Set([name]))
    const wanted = expected(source, ORDER)
    for (const [i, { name: function_ }] of wanted.entries()) {
      // From Node 24 on V8 names the class of a static method too.
      const seen = function_ === 'open' ? found[i]?.function?.replace(/^Shop\./, '') : found[i]?.function
      if (function_ !== '') expect(seen).toBe(function_)
    }
  })

  it('of code in eval is where it was called', async () => {
    service.file(
      'eval.mjs',
      "import { logger } from './spoor.mjs'\nfunction inner() {\n  eval('\\n\\nlogger.warn(1)')\n}\ninner()",
    )
    const [place] = await places('eval.mjs')
    expect(place).toMatchObject({ file: 'eval.mjs', line: 3 })
  })

  it('is the wrapper’s caller where the wrapper says so', async () => {
    service.file(
      'wrapper.mjs',
      `import { logger } from './spoor.mjs'
const one = logger.child({}, { callerSkip: 1 })
const wrap = (msg) => one.warn(msg)
const two = one.child({}, { callerSkip: 2 })
const outer = (msg) => inner(msg)
const inner = (msg) => two.warn(msg)
function caller() {
  wrap('a')
  outer('b')
}
caller()`,
    )
    expect(await places('wrapper.mjs')).toEqual([
      { file: 'wrapper.mjs', line: 8, function: 'caller' },
      { file: 'wrapper.mjs', line: 9, function: 'caller' },
    ])
  })

  it.each([
    ['the original with --enable-source-maps', ['--enable-source-maps'], 'original.ts', 5],
    ['the built file without', [], 'built.mjs', undefined],
  ])('is %s', async (_name, args, file, line) => {
    const source = service.file(
      'original.ts',
      `import { logger } from './spoor.mjs'
interface Unused { a: string }
type Other = Unused
export function typed(what: Other | string): void {
  logger.warn(String(what))
}
typed('x')`,
    )
    buildSync({
      entryPoints: [source],
      outfile: join(service.directory, 'built.mjs'),
      sourcemap: true,
      minifyWhitespace: true,
      format: 'esm',
    })
    const [place] = await places('built.mjs', {}, args)
    expect(place).toMatchObject({ file, function: 'typed' })
    if (line === undefined) expect(place?.line).not.toBe(5)
    else expect(place?.line).toBe(line)
  })

  it.each([
    ['warn and above by default', {}, [false, true]],
    ['all in development', { NODE_ENV: 'development' }, [true, true]],
    ['all where LOG_SOURCE says so', { LOG_SOURCE: 'all' }, [true, true]],
    ['none where LOG_SOURCE says so', { LOG_SOURCE: 'off', NODE_ENV: 'development' }, [false, false]],
  ])('stands on %s', async (_name, env, found) => {
    service.file('which.mjs', "import { logger } from './spoor.mjs'\nlogger.info('a')\nlogger.warn('b')")
    expect(
      (await places('which.mjs', env as Record<string, string>)).map((place) => place !== undefined),
    ).toEqual(found)
  })
})

describe('in this process', () => {
  it.each([
    ['direct', {}],
    ['mixin', { mixin: () => ({}) }],
    ['redact', { redact: ['a.b'] }],
    [
      'hook',
      { hooks: { logMethod: (args: never[], method: (...args: never[]) => void) => method(...args) } },
    ],
  ] as const)('on the way: %s', (way, options) => {
    const log = recorder({ source: 'all', ...(way === 'hook' ? {} : (options as object)) })
    function here(): void {
      log.logger.info('x')
    }
    here()
    expect(log.only().source).toMatchObject({ file: 'test/logger/source.test.ts', function: 'here' })
  })

  it('is not on records that spoor itself makes', () => {
    const log = recorder({ source: 'all', lifecycle: true })
    log.logger.startTimer('x')()
    expect(log.records().map(({ msg }) => msg)).toEqual(['service started', 'x'])
    for (const record of log.records()) expect(record).not.toHaveProperty('source')
  })

  it('leaves Error as it was', () => {
    const log = recorder({ source: 'all' })
    const limit = Error.stackTraceLimit
    const prepare = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace')
    log.logger.info('x')
    expect(Error.stackTraceLimit).toBe(limit)
    expect(Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace')).toEqual(prepare)
  })

  it('costs no record where the stack can’t be read', () => {
    const log = recorder({ source: 'all' })
    const capture = Error.captureStackTrace
    Error.captureStackTrace = () => {
      throw new Error('none')
    }
    try {
      log.logger.info('x')
    } finally {
      Error.captureStackTrace = capture
    }
    expect(log.only()).not.toHaveProperty('source')
  })
})
