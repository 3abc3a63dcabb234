import { AsyncLocalStorage } from 'node:async_hooks'
import { PassThrough, Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { streamTransport } from '../../src/transports/stream.ts'
import type { TransportEvent } from '../../src/transports/transport.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A stream that takes one write and then waits to be let on. */
function gated() {
  let text = ''
  let letOn: (() => void) | undefined
  const stream = new Writable({
    highWaterMark: 1,
    decodeStrings: false,
    write(chunk, _encoding, done) {
      text += chunk
      letOn = done
    },
  })
  return {
    stream,
    text: () => text,
    letOn: () => {
      const done = letOn
      letOn = undefined
      done?.()
    },
  }
}

describe('the stream transport', () => {
  it("writes in no request's scope, neither at once nor at the end of a turn", async () => {
    const scope = new AsyncLocalStorage<string>()
    const seen: unknown[] = []
    const stream = new Writable({
      write(_chunk, _encoding, done) {
        seen.push(scope.getStore())
        done()
      },
    })
    const transport = streamTransport(stream)
    scope.run('request', () => transport.write('at once\n', 50))
    scope.run('request', () => transport.write('later\n', 30))
    await turn()
    expect(seen).toEqual([undefined, undefined])
  })

  it('refuses what is no stream', () => {
    expect(() => streamTransport({} as Writable)).toThrow(
      expect.objectContaining({ code: 'ERR_SPOOR_OPTION' }),
    )
  })

  it('gives a stream that asks to wait nothing more until it drains', async () => {
    const { stream, text, letOn } = gated()
    const transport = streamTransport(stream)
    transport.write('a\n', 30)
    await turn()
    transport.write('b\n', 30)
    transport.write('c\n', 50)
    await turn()
    expect(text()).toBe('a\n')
    expect(stream.writableLength).toBe(2)
    expect(transport.stats().buffered).toBe(4)
    letOn()
    await turn()
    letOn()
    await turn()
    letOn()
    await transport.flush?.()
    expect(text()).toBe('a\nb\nc\n')
  })

  it('holds no more than its bound and tells what it lost', async () => {
    const { stream, text, letOn } = gated()
    const events: TransportEvent[] = []
    const transport = streamTransport(stream, { bufferLimit: 6 })
    transport.attach?.({ report: (event) => void events.push(event), line: () => 'lost\n' })
    for (const line of ['a\n', 'b\n', 'c\n', 'd\n', 'e\n']) transport.write(line, 50)
    expect(transport.stats()).toMatchObject({ dropped: 1, buffered: 6 })
    for (let i = 0; i < 8; i++) {
      letOn()
      await turn()
    }
    expect(text()).toBe('a\nc\nd\ne\nlost\n')
    expect(events.map(({ code }) => code)).toEqual(['dropped', 'recovered'])
  })

  it.each(['end', 'destroy', 'error'])('counts what comes after the stream has ended: %s', async (how) => {
    const stream = new PassThrough()
    const events: TransportEvent[] = []
    const transport = streamTransport(stream)
    transport.attach?.({ report: (event) => void events.push(event) })
    if (how === 'end') stream.end()
    else stream.destroy(how === 'error' ? new Error('gone') : undefined)
    await turn()
    transport.write('a\n', 30)
    transport.write('b\n', 50)
    await transport.flush?.()
    await transport.close?.()
    expect(transport.stats()).toMatchObject({ records: 2, dropped: 2, buffered: 0 })
    expect(events).toHaveLength(1)
  })
})
