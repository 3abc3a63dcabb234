import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { splunkAckDestination } from '../../../src/shipping/destinations/splunk-ack.ts'
import { shipped, variedRecords } from '../fakes/records.ts'
import { exchange } from '../fakes/send.ts'
import { type FakeSplunk, fakeSplunk, splunkAnswer } from '../fakes/splunk.ts'

const TOKEN = 't-hec'

let splunk: FakeSplunk
beforeEach(async () => {
  splunk = await fakeSplunk({ token: TOKEN, useAck: true })
})
afterEach(() => splunk.close())

const destination = (options = {}) =>
  splunkAckDestination({ url: splunk.url, token: TOKEN, exchange, pollMs: [1, 4], ...options })
const forever = () => new AbortController().signal

describe('splunk with indexer acknowledgement', () => {
  it('is delivered once the indexers have it', async () => {
    splunk.unacknowledged = 3
    const records = variedRecords(100)
    expect(await destination().send(records, forever())).toEqual({ kind: 'delivered' })
    expect(splunk.requests).toBe(1 + 3 + 1)
    expect(splunk.events.map(({ event }) => event)).toEqual(records.map(({ record }) => record))
  })

  it('keeps its batches apart when several are in flight', async () => {
    const to = destination()
    const batches = Array.from({ length: 5 }, (_, i) => [shipped({ i }, i)])
    const verdicts = await Promise.all(batches.map((batch) => to.send(batch, forever())))
    expect(verdicts).toEqual(batches.map(() => ({ kind: 'delivered' })))
    expect(splunk.events).toHaveLength(5)
  })

  it('asks on when a question gets no answer or a bad one', async () => {
    const asked = async (...args: Parameters<typeof exchange>) => {
      const isFirstQuestion = args[0].url.endsWith('/ack') && splunk.requests === 1
      if (isFirstQuestion) splunk.failNext(1, 'reset')
      else if (splunk.requests === 2) splunk.failNext(1, splunkAnswer(19))
      return exchange(...args)
    }
    expect(await destination({ exchange: asked }).send([shipped({})], forever())).toEqual({
      kind: 'delivered',
    })
    expect(splunk.requests).toBe(4)
  })

  it('rejects at the time-out, so that it is sent again, and says no yes', async () => {
    splunk.unacknowledged = Number.POSITIVE_INFINITY
    const stop = new AbortController()
    const reason = new Error('time-out')
    const asked = async (...args: Parameters<typeof exchange>) => {
      if (splunk.requests > 3) stop.abort(reason)
      return exchange(...args)
    }
    await expect(destination({ exchange: asked }).send([shipped({})], stop.signal)).rejects.toThrow()
  })

  it('says so where the token has no acknowledgement', async () => {
    const plain = await fakeSplunk({ token: TOKEN })
    expect(await destination({ url: plain.url }).send([shipped({})], forever())).toMatchObject({
      kind: 'delivered',
      warning: expect.stringContaining('acknowledgement is off'),
    })
    await plain.close()
    splunk.failNext(1, splunkAnswer(0, { ackId: 5 }))
    const answers = async (...args: Parameters<typeof exchange>) => {
      if (args[0].url.endsWith('/ack')) splunk.failNext(1, splunkAnswer(14))
      return exchange(...args)
    }
    expect(await destination({ exchange: answers }).send([shipped({})], forever())).toHaveProperty('warning')
  })

  it('hands on what the preset judges, and asks nothing then', async () => {
    splunk.failNext(1, splunkAnswer(26))
    expect(await destination().send([shipped({})], forever())).toMatchObject({ kind: 'retry' })
    expect(await destination({ token: 'x' }).send([shipped({})], forever())).toMatchObject({ kind: 'hold' })
    expect(splunk.requests).toBe(2)
  })
})
