import { types } from 'node:util'
import { describe, expect, it } from 'vitest'
import { addContext, withContext } from '../../src/context/scope.ts'
import { createLogger } from '../../src/logger/create.ts'
import type { LoggerOptions } from '../../src/logger/options.ts'
import { memoryTransport } from '../../src/transports/memory.ts'
import { parseStrict } from '../support/strict-json.ts'

function recorder(options: LoggerOptions = {}) {
  const memory = memoryTransport({ limit: 100_000 })
  const logger = createLogger({ identity: false, lifecycle: false, transports: [memory], ...options })
  const records = () => memory.lines.map((line) => parseStrict<Record<string, unknown>>(line))
  return { logger, records, last: () => records().at(-1) as Record<string, unknown> }
}

describe('a number that begins with another', () => {
  it("is not taken for the parent's", () => {
    const { logger, last } = recorder()
    const parent = logger.child({ shard: 1 })
    parent.info('parent')
    parent.child({ shard: 12 }).info('child')
    expect(last()).toMatchObject({ msg: 'child', shard: 12 })
  })

  it('is not taken for the one before by setBindings', () => {
    const { logger, last } = recorder()
    const child = logger.child({ n: 4 })
    child.info('before')
    child.setBindings({ n: 42 })
    child.info('after')
    expect(last()).toMatchObject({ msg: 'after', n: 42 })
  })
})

describe('records within records', () => {
  it.each([
    [
      "a scope field's toJSON",
      (log: () => void) => ({
        fields: {
          user: {
            toJSON() {
              log()
              return 7
            },
          },
        },
        call: {},
      }),
    ],
    [
      'two getters of a field',
      (log: () => void) => ({
        fields: {},
        call: {
          a: {
            get x() {
              log()
              return 1
            },
            get y() {
              log()
              return 2
            },
          },
        },
      }),
    ],
  ])('end, where %s logs', (_name, make) => {
    const { logger, records } = recorder()
    const { fields, call } = make(() => logger.info('inner', call))
    withContext(fields, () => logger.info('outer', call))
    expect(records().filter(({ msg }) => msg === 'outer')).toHaveLength(1)
    expect(records().length).toBeLessThan(100)
  })

  it('end, where a transport logs what it does', () => {
    const lines: string[] = []
    const logger = createLogger({
      identity: false,
      transports: [
        {
          name: 'talkative',
          write(line) {
            lines.push(line)
            logger.warn('down')
            logger.info('retrying')
          },
          stats: () => ({ records: 0, bytes: 0, dropped: 0, buffered: 0 }),
        },
      ],
    })
    logger.info('first')
    expect(lines.length).toBeLessThan(100)
  })

  it('keep what addContext adds meanwhile', () => {
    const { logger, last } = recorder()
    const user = {
      toJSON() {
        addContext({ added: true })
        return 'u'
      },
    }
    withContext({ user }, () => {
      logger.info('one')
      logger.info('two')
    })
    expect(last()).toMatchObject({ user: 'u', added: true })
  })
})

describe('keys made from data', () => {
  it('do not keep memory: 40,000 orders of twelve keys', () => {
    const { logger } = recorder({ transports: [] })
    const names = Array.from({ length: 12 }, (_, i) => `k${i}`)
    const shuffled = () => Object.fromEntries(names.map((name) => [name, 1]).sort(() => Math.random() - 0.5))
    const grow = (count: number) => {
      for (let i = 0; i < count; i++) withContext(shuffled(), () => logger.info('x'))
      return process.memoryUsage().heapUsed
    }
    const before = grow(5000)
    // Kept shapes took 9 KB a scope: 360 MB here. Garbage that is not collected yet is far less.
    expect(grow(40_000) - before).toBeLessThan(150_000_000)
  })

  it('are all written, thousands in one object', () => {
    const { logger, last } = recorder()
    const many = Object.fromEntries(Array.from({ length: 4000 }, (_, i) => [`key-${i}`, i]))
    logger.child(many).info('x')
    expect(last()).toMatchObject({ 'key-0': 0, 'key-3999': 3999 })
  })
})

describe('a method taken off its logger', () => {
  it('writes all the same', async () => {
    const { logger, records } = recorder()
    const { info } = logger
    info('bare')
    await Promise.reject(new Error('lost otherwise')).catch(logger.error)
    ;[1].forEach(logger.warn)
    Reflect.apply(logger.info, { not: 'a logger' }, ['stranger'])
    expect(records().map(({ msg }) => msg)).toEqual(['bare', 'lost otherwise', '1', 'stranger'])
    expect(types.isNativeError(new Error())).toBe(true)
  })
})

describe('a clock of the user', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('no time')
      },
    ],
    ['is not a number', () => Number.NaN],
    ['is before the epoch', () => -1],
  ])('that %s takes no record with it', (_name, now) => {
    const { logger, last } = recorder({ now })
    logger.info('x')
    expect(last()).toMatchObject({ level: 'info', msg: 'x', time: expect.any(String) })
  })
})

it('a level is no name that every object has', () => {
  const { logger } = recorder()
  expect(() => {
    logger.level = 'constructor'
  }).toThrow(/logger.level/)
  expect(logger.isLevelEnabled(null as never)).toBe(false)
})

it("leaves out the body that body-parser's errors carry", () => {
  const { logger, last } = recorder()
  const err = Object.assign(new SyntaxError('bad JSON'), {
    type: 'entity.parse.failed',
    status: 400,
    body: '{"password":"hunter2",}',
  })
  logger.error(err)
  expect(last().err).toMatchObject({ type: 'SyntaxError', status: 400 })
  expect(JSON.stringify(last())).not.toContain('hunter2')
})

it('a polluted prototype does not break a line', () => {
  const prototype = Object.prototype as { toJSON?: unknown }
  prototype.toJSON = () => 'polluted'
  try {
    const { logger, records } = recorder()
    logger.info('x', { a: 1 })
    delete prototype.toJSON
    expect(records()).toMatchObject([{ level: 'info', msg: 'x', a: 1 }])
  } finally {
    delete prototype.toJSON
  }
})
