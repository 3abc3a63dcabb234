import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fileTransport } from '../../src/transports/file.ts'
import type { TransportEvent } from '../../src/transports/transport.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const line = (n: number, level = 'info') => `${JSON.stringify({ level, n })}\n`

function told() {
  const events: TransportEvent[] = []
  return { events, host: { report: (event: TransportEvent) => void events.push(event) } }
}

describe('the file transport', () => {
  it.each([
    [{}, 'path'],
    [{ path: '' }, 'path'],
    [{ path: 'x', maxSize: 'big' }, 'maxSize'],
    [{ path: 'x', rotate: 'monthly' }, 'rotate'],
    [{ path: 'x', mode: 0o20000 }, 'mode'],
    [{ path: 'x', maxsize: 5 }, 'maxSize'],
  ])('refuses %j and says what to write', (options, mentions) => {
    const make = () => fileTransport(options as unknown as { path: string })
    expect(make).toThrow(expect.objectContaining({ name: 'TypeError', code: 'ERR_SPOOR_OPTION' }))
    expect(make).toThrow(mentions)
  })

  it('rotates by size and loses nothing', async () => {
    const directory = temporaryDirectory()
    const transport = fileTransport({ path: join(directory, 'app.log'), maxSize: '1KB', rotate: 'off' })
    for (let n = 0; n < 500; n++) {
      transport.write(line(n), 30)
      if (n % 7 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await transport.close?.()
    const names = readdirSync(directory).sort()
    expect(names.length).toBeGreaterThan(5)
    const files = names.map((name) => readFileSync(join(directory, name), 'utf8'))
    for (const text of files) expect(text.length).toBeLessThanOrEqual(1024)
    expect(files.join('')).toBe(Array.from({ length: 500 }, (_, n) => line(n)).join(''))
  })

  it('holds records while it can not write, goes on by itself, and the loss told is the loss there is', async () => {
    const path = join(temporaryDirectory(), 'app.log')
    const { events, host } = told()
    mkdirSync(path)
    const transport = fileTransport({ path, bufferLimit: 300 })
    transport.attach?.(host)
    for (let n = 0; n < 20; n++) transport.write(line(n, 'debug'), 20)
    for (let n = 0; n < 5; n++) transport.write(line(n, 'error'), 50)
    expect(events.map(({ code }) => code)).toEqual(['EISDIR', 'dropped'])
    expect(transport.stats().lastError).toContain('EISDIR')
    const { dropped } = transport.stats()
    expect(dropped).toBeGreaterThan(0)

    rmSync(path, { recursive: true })
    await transport.flush?.()
    transport.flushSync?.()
    const records = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text))
    const own = records.filter((record) => record.component !== 'spoor')
    expect(own).toHaveLength(25 - dropped)
    expect(own.filter(({ level }) => level === 'error').map(({ n }) => n)).toEqual([0, 1, 2, 3, 4])
    expect(records.at(-1)).toMatchObject({
      level: 'warn',
      transport: 'file',
      dropped,
      dropped_by_level: { debug: dropped },
      reason: expect.stringContaining('EISDIR'),
    })
    expect(events.at(-1)).toMatchObject({ code: 'recovered', dropped })
    await transport.close?.()
  })

  it('writes the record of its loss as the host makes it', () => {
    const path = join(temporaryDirectory(), 'app.log')
    mkdirSync(path)
    const transport = fileTransport({ path, bufferLimit: 20 })
    transport.attach?.({
      report: () => {},
      line: (level, msg, fields) => `${level} ${msg} ${fields.dropped}\n`,
    })
    for (let n = 0; n < 4; n++) transport.write(line(n), 50)
    rmSync(path, { recursive: true })
    transport.flushSync?.()
    transport.flushSync?.()
    expect(readFileSync(path, 'utf8')).toBe(`40 log records were lost 4\n`)
  })

  it('tells what it gives up when it is closed before it can write', async () => {
    const { events, host } = told()
    const transport = fileTransport({ path: '/dev/full' })
    transport.attach?.(host)
    transport.write(line(0), 50)
    await transport.close?.()
    expect(events.map(({ code, dropped }) => [code, dropped])).toEqual([
      ['ENOSPC', undefined],
      ['dropped', 1],
    ])
  })
})

describe('a host that breaks its promise', () => {
  it('stops nothing', () => {
    const path = join(temporaryDirectory(), 'app.log')
    mkdirSync(path)
    const transport = fileTransport({ path, bufferLimit: 20 })
    const fail = () => {
      throw new Error('host')
    }
    transport.attach?.({ report: fail, line: fail })
    for (let n = 0; n < 4; n++) transport.write(line(n), 50)
    rmSync(path, { recursive: true })
    transport.flushSync?.()
    transport.flushSync?.()
    expect(readFileSync(path, 'utf8')).toContain('"msg":"log records were lost"')
  })
})
