import { describe, expect, it, vi } from 'vitest'
import { consoleTransport } from '../../src/transports/console.ts'

const line = '{"time":"2026-11-21T10:00:00.000Z","level":"info","msg":"hi"}\n'

function sink(isTTY: boolean) {
  let text = ''
  const write = (piece: string) => {
    text += piece
  }
  return { isTTY, write, text: () => text }
}

describe('the console transport', () => {
  it.each([
    [undefined, false, 'json'],
    ['auto', true, 'pretty'],
    ['auto', false, 'json'],
    ['pretty', false, 'pretty'],
    ['console', false, 'pretty'],
    ['json', true, 'json'],
  ] as const)('with format %s on a terminal (%s) is %s', (format, isTTY, expected) => {
    const stream = sink(isTTY)
    const transport = consoleTransport({ format, stream, color: false })
    transport.write(line, 50)
    expect(stream.text()).toMatch(expected === 'json' ? line : /INFO: hi\n$/)
    expect(transport.stats()).toMatchObject({ records: 1, bytes: stream.text().length, dropped: 0 })
  })

  it('counts what a stream that throws did not take', () => {
    const write = () => {
      throw new Error('no')
    }
    const transport = consoleTransport({ stream: { write }, format: 'json' })
    transport.write(line, 50)
    expect(transport.stats()).toMatchObject({ records: 1, dropped: 1, lastError: 'no' })
  })

  it('refuses a wrong format and says what to write', () => {
    expect(() => consoleTransport({ format: 'colour' as 'json' })).toThrow(
      expect.objectContaining({ code: 'ERR_SPOOR_OPTION', message: expect.stringContaining('json') }),
    )
  })

  it('flushes at the end of the turn also where a test has stopped the timers', async () => {
    const stream = sink(false)
    const turn = setImmediate
    vi.useFakeTimers()
    try {
      consoleTransport({ stream, format: 'json' }).write(line, 30)
      await new Promise((resolve) => turn(resolve))
      expect(stream.text()).toBe(line)
    } finally {
      vi.useRealTimers()
    }
  })
})
