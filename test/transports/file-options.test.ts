import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { fileTransport } from '../../src/transports/file.ts'
import type { TransportEvent } from '../../src/transports/transport.ts'
import { run, withBundle } from '../faults/child.ts'
import { untilNextLook } from '../support/look.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const bundle = withBundle()
const text = (path: string) => readFileSync(path, 'utf8')
const visible = (directory: string) =>
  readdirSync(directory)
    .filter((name) => !name.startsWith('.'))
    .sort()

describe('rotation by call', () => {
  it('begins a new file behind all that was written, and not where there is nothing', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'app.log')
    const transport = fileTransport({ path, now: () => Date.parse('2026-11-21T12:00:00') })
    transport.rotate()
    transport.write('a\n', 30)
    transport.rotate()
    transport.rotate()
    transport.write('b\n', 30)
    await transport.close?.()
    expect(visible(directory)).toEqual(['app-2026-11-21.001.log', 'app.log'])
    expect(text(join(directory, 'app-2026-11-21.001.log'))).toBe('a\n')
    expect(text(path)).toBe('b\n')
    expect(transport.stats()).toMatchObject({ rotated: 1, compressed: 0, deleted: 0, dropped: 0 })
  })

  it('reopen leaves a file that was moved away, at once', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'app.log')
    const transport = fileTransport({ path })
    transport.write('a\n', 50)
    renameSync(path, `${path}.1`)
    transport.write('b\n', 30)
    transport.reopen()
    transport.write('c\n', 50)
    await transport.close?.()
    expect(text(`${path}.1`)).toBe('a\nb\n')
    expect(text(path)).toBe('c\n')
  })
})

describe('split', () => {
  it('puts levels into files of their own, and counts them together', async () => {
    const directory = temporaryDirectory()
    const transport = fileTransport({ path: join(directory, 'app.log'), split: true, symlink: 'now.log' })
    for (const level of [10, 20, 30, 40, 50, 60]) transport.write(`${level}\n`, level)
    transport.rotate()
    await transport.close?.()
    const done = visible(directory).filter((name) => /\d/.test(name))
    expect(done.map((name) => text(join(directory, name))).sort()).toEqual(
      ['10\n20\n', '30\n40\n', '50\n60\n'].sort(),
    )
    expect(visible(directory)).toEqual(
      expect.arrayContaining(['app.debug.log', 'app.error.log', 'app.log', 'now.debug.log', 'now.error.log']),
    )
    expect(transport.stats()).toMatchObject({ records: 6, bytes: 18, rotated: 3 })
  })
})

describe('symlink', () => {
  it('points to the live file, over rotations', async () => {
    const directory = temporaryDirectory()
    const link = join(directory, 'current.log')
    const transport = fileTransport({ path: join(directory, 'app.{pid}.log'), symlink: 'current.log' })
    for (const line of ['a\n', 'b\n']) {
      transport.write(line, 50)
      expect(readlinkSync(link)).toBe(`app.${process.pid}.log`)
      expect(text(link)).toBe(line)
      transport.rotate()
    }
    await transport.close?.()
    expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  it('never replaces what is no link; records are written all the same', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'app.log')
    writeFileSync(join(directory, 'current.log'), 'theirs')
    const events: TransportEvent[] = []
    const transport = fileTransport({ path, symlink: 'current.log' })
    transport.attach?.({ report: (event) => void events.push(event) })
    transport.write('a\n', 50)
    await transport.close?.()
    expect(events).toEqual([{ code: 'symlink', message: expect.stringContaining('another name') }])
    expect(text(join(directory, 'current.log'))).toBe('theirs')
    expect(text(path)).toBe('a\n')
  })
})

describe('durability', () => {
  it("'record': a record is in the file before its call returns; a SIGKILL in the same turn takes none", async () => {
    const path = join(temporaryDirectory(), 'app.log')
    const script = bundle().script(
      'record.mjs',
      `import { fileTransport } from './spoor.mjs'
       const file = fileTransport({ path: process.argv[2], durability: 'record' })
       for (let n = 0; n < 10; n++) file.write(n + '\\n', 20)
       process.kill(process.pid, 'SIGKILL')
       for (;;);`,
    )
    expect((await run(script, [path])).signal).toBe('SIGKILL')
    expect(text(path)).toBe('0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n')
  })

  it("'interval': records wait for it, the process for them, and its end for none", async () => {
    const path = join(temporaryDirectory(), 'app.log')
    const transport = fileTransport({ path, durability: 'interval', intervalMs: '20ms' })
    transport.write('a\n', 30)
    await new Promise((resolve) => setImmediate(resolve))
    expect(existsSync(path)).toBe(false)
    await transport.flush?.()
    expect(text(path)).toBe('a\n')
    await transport.close?.()
    for (const end of ['', 'process.exit()', 'throw new Error("x")']) {
      const at = join(temporaryDirectory(), 'app.log')
      const script = bundle().script(
        'interval.mjs',
        `import { fileTransport } from './spoor.mjs'
         const file = fileTransport({ path: process.argv[2], durability: 'interval' })
         file.write('a\\n', 30)
         ${end}`,
      )
      await run(script, [at])
      expect(text(at)).toBe('a\n')
    }
  })
})

describe('a symbolic link as the live file', () => {
  it('is followed where it is ours', async () => {
    const directory = temporaryDirectory()
    const script = bundle().script(
      'links.mjs',
      `import { fileTransport } from './spoor.mjs'
       import { chownSync, lchownSync, mkdirSync, symlinkSync, chmodSync } from 'node:fs'
       const directory = process.argv[2]
       chmodSync(directory, 0o777)
       const root = process.getuid() === 0
       symlinkSync(directory + '/target', directory + '/ours.log')
       symlinkSync(directory + '/target', directory + '/theirs.log')
       // Only root can make a link that is another's; elsewhere this is told by the count of them.
       if (root) lchownSync(directory + '/theirs.log', 65534, 65534)
       const write = (name) => {
         const file = fileTransport({ path: directory + '/' + name })
         const events = []
         file.attach({ report: (event) => events.push(event.code) })
         file.write(name + '\\n', 50)
         return events
       }
       console.log(JSON.stringify({ root, ours: write('ours.log'), theirs: write('theirs.log') }))`,
    )
    const { root, ours, theirs } = JSON.parse((await run(script, [directory])).stdout)
    expect(ours).toEqual([])
    expect(theirs).toEqual(root ? ['ELOOP'] : [])
    expect(text(join(directory, 'target'))).toBe(root ? 'ours.log\n' : 'ours.log\ntheirs.log\n')
    expect(lstatSync(join(directory, 'theirs.log')).isSymbolicLink()).toBe(true)
  })
})

describe('files that are made', () => {
  it('have the modes that were asked for', async () => {
    const directory = join(temporaryDirectory(), 'logs')
    const path = join(directory, 'app.log')
    const transport = fileTransport({ path, mode: 0o600, directoryMode: 0o700 })
    transport.write('a\n', 50)
    await transport.close?.()
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(directory).mode & 0o777).toBe(0o700)
  })
})

describe('options that are right or wrong', () => {
  it.each(['off', 'OFF', false, Number.POSITIVE_INFINITY])('maxSize %s is no limit', async (maxSize) => {
    const directory = temporaryDirectory()
    const transport = fileTransport({
      path: join(directory, 'app.log'),
      maxSize: maxSize as string,
      rotate: 'off',
    })
    for (let n = 0; n < 20; n++) transport.write(`${'x'.repeat(10_000)}\n`, 50)
    await transport.close?.()
    expect(visible(directory)).toEqual(['app.log'])
  })

  it.each([
    [{ mode: 640 }, 'octal'],
    [{ mode: 0o240 }, 'octal'],
    [{ directoryMode: 0o600 }, 'octal'],
    [{ path: 'logs/' }, 'path of a file'],
    [{ path: `${'x'.repeat(201)}` }, '200 bytes'],
    [{ path: 'app-{date}.log' }, '{instance}'],
    [{ compress: 'yes' }, '7d'],
    [{ retention: 'info=14' }, '30d'],
    [{ durability: 'fsync' }, 'record'],
  ])('%j is refused', (options, mentions) => {
    expect(() => fileTransport({ path: 'app.log', ...options } as { path: string })).toThrow(mentions)
  })
})

describe('what is told', () => {
  it('may log itself: nothing is lost or broken', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'app.log')
    writeFileSync(join(directory, 'link'), 'no link')
    const transport = fileTransport({ path, symlink: 'link', maxSize: 60 })
    let told = 0
    transport.attach?.({ report: ({ code }) => transport.write(`{"told":"${code}","n":${told++}}\n`, 50) })
    for (let n = 0; n < 20; n++) transport.write(`{"n":${n}}\n`, n % 3 === 0 ? 50 : 30)
    await transport.close?.()
    const lines = visible(directory)
      .filter((name) => name !== 'link')
      .flatMap((name) => text(join(directory, name)).trimEnd().split('\n'))
      .map((line) => JSON.parse(line) as { n: number; told?: string })
    expect(told).toBeGreaterThan(1)
    expect(lines.filter((line) => line.told === undefined).map(({ n }) => n)).toEqual(
      Array.from({ length: 20 }, (_, n) => n),
    )
    expect(lines.filter((line) => line.told !== undefined)).toHaveLength(told)
  })

  it('says how many lines went with a file that was removed and can not be made again', async () => {
    const directory = join(temporaryDirectory(), 'logs')
    const events: TransportEvent[] = []
    let remove = false
    const transport = fileTransport({
      path: join(directory, 'app.log'),
      // It is asked between the look and the write.
      now() {
        if (remove) {
          rmSync(directory, { recursive: true })
          writeFileSync(directory, 'in the way')
        }
        remove = false
        return Date.now()
      },
    })
    transport.attach?.({ report: (event) => void events.push(event) })
    transport.write('before\n', 50)
    untilNextLook()
    remove = true
    for (const line of ['a\n', 'b\n', 'c\n']) transport.write(line, 30)
    transport.flushSync?.()
    await transport.close?.()
    expect(events.at(-1)).toMatchObject({ code: 'dropped', dropped: 3 })
    expect(transport.stats().dropped).toBe(3)
  })
})

describe('a closed file', () => {
  it('is not opened again', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'app.log')
    const transport = fileTransport({ path })
    transport.write('a\n', 30)
    await transport.close?.()
    transport.rotate()
    transport.reopen()
    transport.write('late\n', 50)
    await transport.close?.()
    expect(visible(directory)).toEqual(['app.log'])
    expect(text(path)).toBe('a\n')
    expect(transport.stats()).toMatchObject({ records: 2, dropped: 1 })
  })
})

describe('upkeep', () => {
  it('looks after all files of a split one, also those that get no record', async () => {
    const directory = temporaryDirectory()
    const old = join(directory, 'app.debug-2025-01-01.001.log')
    writeFileSync(old, '{}\n')
    utimesSync(old, 1e9, 1e9)
    const transport = fileTransport({
      path: join(directory, 'app.log'),
      split: true,
      retention: 'debug=3d,info=14d,error=365d',
      settleMs: 10,
    })
    transport.write('{}\n', 30)
    await vi.waitUntil(() => !existsSync(old), { timeout: 30_000 })
    await transport.close?.()
    expect(transport.stats().deleted).toBe(1)
  })
})
