import { EventEmitter } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import {
  addContext,
  addToScope,
  bindContext,
  createScope,
  currentScope,
  runInScope,
  withContext,
} from '../../src/context/scope.ts'
import { newTrace } from '../../src/context/traceparent.ts'

const fields = () => currentScope()?.fields

describe('scopes', () => {
  test('nest: an inner one begins with a copy and leaks nothing out', () => {
    withContext({ a: 1, b: 2, gone: undefined }, () => {
      const outer = currentScope()
      withContext({ b: 3 }, () => {
        addContext({ c: 4 })
        expect(fields()).toEqual({ a: 1, b: 3, c: 4 })
      })
      expect(currentScope()).toBe(outer)
      expect(fields()).toStrictEqual({ a: 1, b: 2 })
    })
    expect(currentScope()).toBe(undefined)
  })

  test('an inner scope keeps trace, propagated names and suppression', () => {
    const trace = newTrace()
    const scope = createScope({}, trace)
    scope.propagate = ['run_id']
    scope.suppressed = true
    runInScope(scope, () =>
      withContext({}, () =>
        expect(currentScope()).toMatchObject({ trace, propagate: ['run_id'], suppressed: true }),
      ),
    )
  })

  test('what is added is seen from then on, undefined removes, and the cache goes each time', () => {
    withContext({ a: 1 }, () => {
      const scope = currentScope()
      if (scope === undefined) throw new Error('no scope')
      scope.cache = 'prefix'
      expect(addContext({ b: 2, a: undefined })).toBe(true)
      expect(scope.cache).toBe(undefined)
      expect(scope.fields).toStrictEqual({ b: 2 })
      scope.cache = 'prefix'
      addToScope(scope, { b: undefined, c: null })
      expect(scope.cache).toBe(undefined)
      expect(scope.fields).toStrictEqual({ c: null })
    })
  })

  test("the caller's object is copied", () => {
    const given = { a: 1 }
    withContext(given, () => addContext({ a: 2 }))
    expect(given).toEqual({ a: 1 })
  })

  test('outside a scope addContext does nothing and says so once', () => {
    let told = 0
    const tell = () => {
      told++
    }
    expect([addContext({ a: 1 }, tell), addContext({ a: 1 }, tell)]).toEqual([false, false])
    expect(told).toBe(1)
  })

  test('returns what the function returns, and a throw comes through', async () => {
    expect(withContext({}, () => 7)).toBe(7)
    expect(await withContext({}, async () => 8)).toBe(8)
    expect(() =>
      withContext({}, () => {
        throw new RangeError('mine')
      }),
    ).toThrow(RangeError)
    expect(currentScope()).toBe(undefined)
  })
})

describe('bindContext', () => {
  test("a listener sees the scope it was bound in, not its emitter's", () => {
    const emitter = new EventEmitter()
    const seen: unknown[] = []
    withContext({ request_id: 'listener' }, () => {
      emitter.on('event', () => seen.push(fields()?.request_id))
      emitter.on(
        'event',
        bindContext(() => seen.push(fields()?.request_id)),
      )
    })
    withContext({ request_id: 'emitter' }, () => emitter.emit('event'))
    emitter.emit('event')
    expect(seen).toEqual(['emitter', 'listener', undefined, 'listener'])
  })

  test('keeps this, arguments and result; outside a scope it is the function itself', () => {
    const add = function (this: { base: number }, a: number, b: number) {
      return this.base + a + b
    }
    const bound = withContext({}, () => bindContext(add as (a: number, b: number) => number))
    expect(bound.call({ base: 1 }, 2, 3)).toBe(6)
    expect(bindContext(add as (a: number, b: number) => number)).toBe(add)
  })
})

test('the scope is kept by timers, microtasks, promises, iteration over streams and fetch', async () => {
  const server = createServer((_, res) => res.end('ok')).listen(0, '127.0.0.1')
  await new Promise((done) => server.once('listening', done))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const seen: Record<string, unknown> = {}
  const note = (where: string) => {
    seen[where] = fields()?.request_id
  }
  await withContext({ request_id: 'kept' }, async () => {
    await new Promise<void>((done) => setTimeout(() => done(note('setTimeout')), 1))
    await new Promise<void>((done) => setImmediate(() => done(note('setImmediate'))))
    await new Promise<void>((done) => process.nextTick(() => done(note('nextTick'))))
    await new Promise<void>((done) => queueMicrotask(() => done(note('queueMicrotask'))))
    await Promise.reject(new Error('no')).catch(() => note('catch'))
    for await (const _ of Readable.from(['a', 'b'])) note('for await')
    await (await fetch(url)).text()
    note('fetch')
  })
  server.close()
  const places = ['setTimeout', 'setImmediate', 'nextTick', 'queueMicrotask', 'catch', 'for await', 'fetch']
  expect(seen).toEqual(Object.fromEntries(places.map((place) => [place, 'kept'])))
})

test('1,000 interleaved scopes with random awaits never see each other', async () => {
  const emitter = new EventEmitter().setMaxListeners(0)
  const wrong: unknown[] = []
  let checks = 0
  const check = (id: string) => {
    checks++
    const seen = fields()
    if (seen?.request_id !== id || (seen.step !== undefined && !String(seen.step).startsWith(`${id}/`)))
      wrong.push(seen)
  }
  const pauses: (() => Promise<unknown>)[] = [
    () => Promise.resolve(),
    () => immediate(),
    () => delay(Math.random() * 5),
    () => new Promise<void>((done) => process.nextTick(done)),
    () => new Promise<void>((done) => emitter.once('tick', bindContext(done))),
    async () => {
      for await (const _ of Readable.from(['x', 'y'])) await null
    },
    () => withContext({ step: undefined }, () => immediate()),
  ]
  const ticking = setInterval(() => emitter.emit('tick'), 1)
  const work = async (id: string) => {
    for (let step = 0; step < 12; step++) {
      await pauses[Math.floor(Math.random() * pauses.length)]?.()
      check(id)
      addContext({ step: `${id}/${step}` })
      await Promise.all([immediate().then(() => check(id)), (async () => check(id))()])
    }
  }
  const ids = Array.from({ length: 1000 }, (_, n) => `r-${n}`)
  await Promise.all(ids.map((id) => withContext({ request_id: id }, () => work(id))))
  clearInterval(ticking)
  expect(wrong).toEqual([])
  expect(checks).toBe(36_000)
})
