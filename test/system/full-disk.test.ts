import { readFileSync, statfsSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { fileTransport } from '../../src/transports/file.ts'
import type { TransportEvent } from '../../src/transports/transport.ts'
import { untilNextLook } from '../support/look.ts'
import { tmpfs } from './disks.ts'
import { compared, found, isPiece } from './found.ts'
import { services } from './service.ts'

/** Needs root. */
let disk = ''
beforeEach(() => {
  disk = tmpfs('128k')
})

const service = services()

const pad = 'ü'.repeat(150)

describe('a disk that fills', () => {
  it.each([16 * 1024 * 1024, 50_000])(
    'takes what it can; with %i units of memory every record is written or counted, five times over',
    async (bufferLimit) => {
      const path = join(disk, 'app.log')
      const events: TransportEvent[] = []
      const transport = fileTransport({ path, bufferLimit })
      transport.attach?.({ report: (event) => void events.push(event) })
      let n = 0
      let pieces = ''
      for (let round = 0; round < 5; round++) {
        for (let i = 0; i < 800; i++) {
          transport.write(`${JSON.stringify({ n: n++, pad })}\n`, i % 2 === 0 ? 20 : 40)
          if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
        }
        await new Promise((resolve) => setImmediate(resolve))
        expect(transport.stats().buffered).toBeGreaterThan(0)
        // The file is moved out of the way as it fills, as an operator would.
        while (transport.stats().buffered > 0) {
          transport.flushSync?.()
          pieces += `${readFileSync(path, 'utf8')}\n`
          // As if some time had passed since the last write: what is removed within a tick of the file system's
          // clock (4 ms) may have been removed before it, and is written again.
          utimesSync(path, 1, 1)
          unlinkSync(path)
          untilNextLook()
        }
        expect(events.at(-1)?.code).toBe('recovered')
      }
      transport.write('{"last":true}\n', 30)
      await transport.close?.()
      pieces += readFileSync(path, 'utf8')
      const records = pieces.split('\n').flatMap((line) => {
        try {
          return [JSON.parse(line) as { n?: number; dropped?: number }]
        } catch {
          return []
        }
      })
      const found = records.flatMap((record) => (record.n === undefined ? [] : [record.n]))
      const told = records.reduce((sum, record) => sum + (record.dropped ?? 0), 0)
      expect(new Set(found).size).toBe(found.length)
      expect(found).toEqual([...found].sort((a, b) => a - b))
      expect(found.length + told).toBe(n)
      expect(told).toBe(transport.stats().dropped)
      if (bufferLimit > 1e6) expect(told).toBe(0)
      else expect(told).toBeGreaterThan(0)
      expect(events.filter(({ code }) => code === 'ENOSPC')).toHaveLength(5)
    },
  )

  it('and is freed: the same file goes on, its cut records whole again on lines of their own', async () => {
    const path = join(disk, 'app.log')
    const ballast = join(disk, 'ballast')
    const transport = fileTransport({ path })
    transport.attach?.({ report: () => {} })
    writeFileSync(ballast, Buffer.alloc(100_000))
    for (let n = 0; n < 200; n++) transport.write(`${JSON.stringify({ n, pad })}\n`, 50)
    expect(transport.stats().buffered).toBeGreaterThan(0)
    const full = readFileSync(path, 'utf8')
    unlinkSync(ballast)
    await transport.flush?.()
    transport.flushSync?.()
    await transport.close?.()
    const text = readFileSync(path, 'utf8')
    expect(text.startsWith(full)).toBe(true)
    expect(full.endsWith('\n')).toBe(false)
    const lines = text.split('\n').filter((line) => line.endsWith('}'))
    expect(lines.map((line) => JSON.parse(line).n)).toEqual(Array.from({ length: 200 }, (_, n) => n))
  })
})

const MINUTE = 61_000
const MEGABYTE = 1024 * 1024

describe('a disk of 16 MB that two processes fill, five times over', () => {
  it.each(['turn', 'interval'] as const)(
    'takes what it can; what is missing is what they told, in one line an outage: durability %s',
    async (durability) => {
      const rounds = process.env.SPOOR_FULL ? 50 : 5
      disk = tmpfs('16m')
      const path = join(disk, 'app.log')
      const ballast = join(disk, 'ballast')
      const options = { path, rotate: 'off', bufferLimit: 200_000, durability } as const
      const both = ['a', 'b'].map((who) => service({ who, options, perTurn: 20 }))
      const ask = (what: string, more = {}) => Promise.all(both.map((one) => one.ask(what, more)))
      for (let round = 0; round < rounds; round++) {
        const { bavail, bsize } = statfsSync(disk)
        writeFileSync(ballast, Buffer.alloc(bavail * bsize - MEGABYTE / 4))
        await ask('pace', { perTurn: 20 })
        await ask('dropping')
        await ask('failing', { code: 'ENOSPC' })
        // It goes on while there is room again, but not so fast that it fills at once.
        await ask('pace', { perTurn: 1 })
        unlinkSync(ballast)
        await ask('drained')
        // Past the minute in which stderr says the same cause once.
        await ask('leap', { ms: MINUTE })
      }
      const ends = await Promise.all(both.map((one) => one.end()))
      const { numbers, pieces, told } = found(disk)
      expect(pieces.filter((piece) => !isPiece(piece))).toEqual([])
      let missing = 0
      for (const [i, end] of ends.entries()) {
        const there = numbers.get(i === 0 ? 'a' : 'b') ?? []
        expect(compared(there, end.written).doubled).toEqual([])
        expect(end.written - there.length).toBe(end.dropped)
        missing += end.dropped
        expect(end.stderr.match(/can't write .*ENOSPC: no space left on device/g)).toHaveLength(rounds)
        const recovered = [...end.stderr.matchAll(/ is written again; (\d+) records were lost/g)]
        expect(recovered).toHaveLength(rounds)
        expect(recovered.reduce((sum, [, lost]) => sum + Number(lost), 0)).toBe(end.dropped)
      }
      expect(told).toHaveLength(2 * rounds)
      expect(told.reduce((sum, each) => sum + each, 0)).toBe(missing)
      const all = ends.reduce((sum, { written }) => sum + written, 0)
      console.log(`full disk: ${all} records, ${missing} dropped and told, ${pieces.length} pieces`)
    },
  )
})
