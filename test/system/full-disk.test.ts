import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmdirSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileTransport } from '../../src/transports/file.ts'
import type { TransportEvent } from '../../src/transports/transport.ts'

/** A real small file system; needs root. */
let disk = ''
beforeEach(() => {
  disk = mkdtempSync(join(tmpdir(), 'spoor-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', disk])
})
afterEach(() => {
  // Lazily, since a test that fails leaves its file open.
  execFileSync('umount', ['-l', disk])
  rmdirSync(disk)
})

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
