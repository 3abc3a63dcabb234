import type { FastifyBaseLogger } from 'fastify'
import Fastify from 'fastify'
import type pino from 'pino'
import { describe, expectTypeOf, it } from 'vitest'
import { getLogger, logger } from '../../src/logger/default.ts'
import type { EndTimer, Logger } from '../../src/logger/types.ts'

interface Order {
  id: number
  name?: string
}
declare const order: Order
declare const anything: unknown
declare const error: Error

declare module '../../src/logger/types.ts' {
  interface LogFields {
    order_id?: number
  }
}

describe('message first', () => {
  it('takes what is right', () => {
    logger.info('x')
    logger.info('x', { a: 1 })
    logger.info('x', order)
    logger.info('x', error)
    logger.error('x', error, { a: 1 })
    logger.error('x', error, { order_id: 1 })
    logger.critical('x', error)
    logger.info('x', { order_id: 1 })
    try {
      logger.info('x')
    } catch (caught) {
      logger.error('x', caught)
      logger.error('x', caught, { a: 1 })
      logger.error(caught)
    }
    logger.error('x', anything, { a: 1 })
  })

  it('refuses what is wrong', () => {
    // @ts-expect-error a stray string
    logger.info('x', 'y')
    // @ts-expect-error a stray number
    logger.info('x', 1)
    // @ts-expect-error fields twice
    logger.info('x', { a: 1 }, { b: 2 })
    // @ts-expect-error the error after the fields
    logger.error('x', { a: 1 }, error)
    // @ts-expect-error an array is no fields
    logger.info('x', [1])
    // @ts-expect-error a function is no fields
    logger.info('x', () => 1)
    // @ts-expect-error the fields of LogFields have types
    logger.info('x', { order_id: 'one' })
    // @ts-expect-error also beside an error
    logger.error('x', error, { order_id: 'one' })
    // @ts-expect-error something that is known to be no error
    logger.error('x', 'y', { a: 1 })
  })
})

describe('pino’s order', () => {
  it('takes what pino takes', () => {
    logger.info({ a: 1 })
    logger.info({ a: 1 }, 'x')
    logger.info(order, 'x')
    logger.info(error)
    logger.info(error, 'x')
    logger.info('%s is %d', 'a', 1)
    logger.info({ a: 1 }, '%s', 'b')
    logger.info('%j', { a: 1 })
  })

  it('refuses what pino refuses', () => {
    // @ts-expect-error a text for a number
    logger.info('%d', 'a')
    // @ts-expect-error a text for a number behind fields
    logger.info({ a: 1 }, '%d', 'a')
  })
})

describe('loggers', () => {
  it('child keeps the type, and knows its levels', () => {
    const child = logger.child({ a: 1 })
    expectTypeOf(child).toExtend<Logger>()
    expectTypeOf(getLogger('db').child({}).child({})).toExtend<Logger>()
    child.info('x', { a: 1 })
    child.critical('x')
    const custom = logger.child({}, { customLevels: { notice: 35 }, callerSkip: 1 })
    custom.notice('x')
    custom.notice('x', { a: 1 })
    // @ts-expect-error no such level
    child.notice('x')
  })

  it('timers', () => {
    expectTypeOf(logger.startTimer('x')).toEqualTypeOf<EndTimer>()
    expectTypeOf(logger.time('x', () => 1)).toEqualTypeOf<number>()
    expectTypeOf(logger.time('x', async () => 'a')).toEqualTypeOf<Promise<string>>()
  })

  it('audit', () => {
    expectTypeOf(logger.audit('x', { a: 1 })).toEqualTypeOf<Promise<void>>()
    expectTypeOf(logger.audit('x', new Error('y'))).toEqualTypeOf<Promise<void>>()
    expectTypeOf(getLogger('db').child({}).audit('x')).toEqualTypeOf<Promise<void>>()
    // @ts-expect-error the action comes first
    logger.audit({ a: 1 }, 'x')
  })

  it('is accepted wherever a pino logger is', () => {
    // What pino-http's option `logger` asks for; its own types would change IncomingMessage for all other tests.
    expectTypeOf<Logger>().toExtend<pino.Logger<never>>()
    expectTypeOf<Logger>().toExtend<pino.Logger>()
    expectTypeOf<Logger>().toExtend<pino.BaseLogger>()
    expectTypeOf<Logger>().toExtend<FastifyBaseLogger>()
    Fastify({ loggerInstance: logger })
    const plain: pino.Logger = logger.child({ a: 1 })
    plain.info('x')
  })
})
