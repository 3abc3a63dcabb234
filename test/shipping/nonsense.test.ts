import { describe, expect, it, onTestFinished } from 'vitest'
import type { Destination } from '../../src/shipping/destination.ts'
import { httpDestination } from '../../src/shipping/http-destination.ts'
import { assertOwn } from '../../src/shipping/own.ts'
import type { Preset } from '../../src/shipping/preset.ts'
import { httpSettings } from '../../src/transports/http-options.ts'
import { httpServer } from './support/http-server.ts'
import { linesPreset } from './support/lines-preset.ts'
import { many } from './support/memory-source.ts'
import { rig } from './support/rig.ts'

const HELD = 'its preset or destination gave no verdict that spoor knows'

describe("a verdict of a user's own", () => {
  it.each<[string, unknown, string, string]>([
    ['nothing', undefined, 'held', HELD],
    ['null', null, 'held', HELD],
    ['of an unknown kind', { kind: 'maybe' }, 'held', HELD],
    ['partly, with a number to retry', { kind: 'partly', retry: 5, reason: 'x' }, 'held', HELD],
    ['partly, with nothing refused', { kind: 'partly', refused: [null], reason: 'x' }, 'held', HELD],
    [
      'that throws',
      {
        kind: 'partly',
        get retry() {
          throw new Error('no')
        },
      },
      'held',
      HELD,
    ],
    ['without a reason', { kind: 'retry' }, 'failing', 'no reason was given'],
    ['with a number for a reason', { kind: 'hold', reason: 5 }, 'held', 'no reason was given'],
    [
      'with an error for a reason',
      { kind: 'retry', reason: new Error('x') },
      'failing',
      'no reason was given',
    ],
  ])('%s keeps the records and is told', async (_, verdict, state, reason) => {
    const { url } = await httpServer()
    const preset = { ...linesPreset(url), judge: () => verdict } as Preset
    const own = { ...linesPreset(url), send: async () => verdict } as unknown as Destination
    for (const destination of [httpDestination(preset), own]) {
      const { shipper, source, codes } = rig(destination, { batch: { count: 3 } })
      void shipper.add(source('s', many('r', 3)))
      await expect.poll(codes).toEqual([state])
      expect(shipper.stats()).toMatchObject({ state, lastError: reason, delivered: 0, refused: 0 })
    }
  })
})

it('a verdict that is a promise is none', async () => {
  const { url } = await httpServer()
  const judge = async () => ({ kind: 'delivered' })
  const made = httpDestination({ ...linesPreset(url), judge } as never)
  onTestFinished(() => made.close?.())
  expect(await made.send(many('r', 2), new AbortController().signal)).toMatchObject({
    kind: 'hold',
    reason: HELD,
  })
})

describe("a request of a user's own", () => {
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a promise', Promise.resolve({})],
    ['without a body', { url: 'https://x', headers: {} }],
    ['with a body that is an object', { url: 'https://x', headers: {}, body: {} }],
  ])('that is %s is not sent', async (_, request) => {
    const { url, received } = await httpServer()
    const made = httpDestination({
      ...linesPreset(url),
      encode: (records) => (records[0]?.id === 'sample' ? { url, headers: {}, body: '' } : request) as never,
    })
    onTestFinished(() => made.close?.())
    expect(await made.send(many('r', 2), new AbortController().signal)).toMatchObject({
      kind: 'hold',
      reason: expect.stringContaining('its preset gave no request'),
    })
    expect(received).toEqual([])
  })
})

describe("a preset or destination of a user's own", () => {
  const preset = linesPreset('http://127.0.0.1/')
  const destination = {
    name: 'own',
    maxBytes: 1,
    maxCount: 1,
    concurrency: 1,
    send: async () => ({ kind: 'delivered' }),
  }

  it.each<[string, object]>([
    ['name', { name: '' }],
    ['maxBytes', { maxBytes: undefined }],
    ['maxBytes', { maxBytes: '1000' }],
    ['maxCount', { maxCount: undefined }],
    ['maxCount', { maxCount: 0 }],
    ['concurrency', { concurrency: Number.NaN }],
  ])('is refused without its %s', (name, more) => {
    for (const own of [preset, destination])
      expect(() => httpSettings({ preset: { ...own, ...more } as Preset })).toThrow(
        expect.objectContaining({
          code: 'ERR_SPOOR_OPTION',
          message: expect.stringContaining(`.${name} is `),
        }),
      )
  })

  it('is refused without what it does', () => {
    expect(() => assertOwn('own', { ...preset, judge: undefined } as never)).toThrow('own.judge is undefined')
    expect(() => assertOwn('own', { ...destination, send: 1 } as never)).toThrow('own.send is 1')
  })

  it('is taken with all of it', () => {
    for (const own of [preset, destination, { ...destination, maxBytes: Number.POSITIVE_INFINITY }])
      expect(httpSettings({ preset: own as Preset }).own).toBe(own)
  })
})
