import { execFileSync, spawn } from 'node:child_process'
import fs, {
  appendFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { parseRetention, retentionPolicy } from '../../../src/config/retention.ts'
import { hasZstd } from '../../../src/segments/compression.ts'
import { movingName, temporaryName } from '../../../src/segments/names.ts'
import {
  createMaintenance,
  type MaintenanceEvent,
  type MaintenanceOptions,
} from '../../../src/segments/upkeep/maintenance.ts'
import { removeFile } from '../../../src/segments/upkeep/remove.ts'
import { countLines } from '../../../src/segments/upkeep/unread.ts'
import { bundleOf } from '../../support/bundle.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

const runs = Number(process.env.SPOOR_RUNS ?? 3)
const DAY = 24 * 60 * 60 * 1000
const NOW = Date.parse('2026-11-21T12:00:00Z')

afterEach(() => vi.restoreAllMocks())

/** A family with a maintenance whose files settle at once, and what it reported. */
function familyWith(options: Partial<MaintenanceOptions> & { policy?: string } = {}) {
  const directory = temporaryDirectory()
  const at = (name: string) => join(directory, name)
  const events: MaintenanceEvent[] = []
  const { policy, ...rest } = options
  const spec = parseRetention(policy ?? 'off').value
  if (spec === undefined) throw new Error(policy)
  const maintenance = createMaintenance({
    path: at('app.log'),
    rotate: 'daily',
    timeZone: 'utc',
    retention: retentionPolicy(spec, false),
    settleMs: 1,
    leftoverMs: 1,
    staleMs: 20,
    now: () => NOW,
    report: (event) => events.push(event),
    ...rest,
  })
  /** Makes a file written so many days ago. */
  function add(name: string, content = `${name}\n`, daysAgo = 0): string {
    writeFileSync(at(name), content)
    utimesSync(at(name), (NOW - daysAgo * DAY) / 1000, (NOW - daysAgo * DAY) / 1000)
    return at(name)
  }
  const names = () => readdirSync(directory).sort()
  const codes = () => events.map(({ code }) => code)
  return { directory, at, add, names, maintenance, events, codes }
}

const done = (daysAgo: number, sequence = 1) =>
  `app-${new Date(NOW - daysAgo * DAY).toISOString().slice(0, 10)}.${String(sequence).padStart(3, '0')}.log`

function makeFifo(path: string): void {
  execFileSync('mkfifo', [path])
}

const LOOK_ALIKES = [
  ...[
    'app',
    'app.log.1',
    'app.log.gz',
    'app-2020-01-01.log',
    'app-2020-01-01.1.log',
    'app-2020-01-01.000.log',
  ],
  ...['app-2020-01-01.0001.log', 'app-2020-01-01.001.log.bz2', 'app-2020-01-01.001.log.gz.gz'],
  ...['app-2020-01-01.001.log.gz.zst', 'app-2020-01-01.001.log ', ' app-2020-01-01.001.log'],
  ...[
    'app-2020-01-01.001.LOG',
    'App-2020-01-01.001.log',
    'app-2020-01-01.001.log\n',
    'app-2020-01-01.001.log~',
  ],
  ...['app.error-2020-01-01.001.log', 'app-error-2020-01-01.001.log', 'my-app-2020-01-01.001.log'],
  ...['app-2020-01-01.001.001.log', 'app-2020-01-01T1.001.log', 'app-20-01-01.001.log', 'app-.001.log'],
  ...['app--2020-01-01.001.log', 'app-2020-01-01.001.log.moving', '.app-2020-01-01.001.log', '.app.log.swp'],
  ...['.app.log.0123456789abcde.tmp', '.app.log.0123456789ABCDEF.tmp', '.app.log.0123456789abcdef.tmp.old'],
  ...[
    '.other.log.0123456789abcdef.moving',
    '.app.logx.0123456789abcdef.moving',
    '.app-x.log.0123456789abcdef.tmp',
  ],
  ...['app-2020-01-01.1e3.log', 'app-2020-01-01.+01.log', 'app-2020-01-01. 01.log', 'app-٢٠٢٠-01-01.001.log'],
  ...[
    '.app.log.worker.checkpoint',
    '.app.log.lock',
    'other-2020-01-01.001.log',
    'app-2020-01-01.1234567890.log',
  ],
]

describe('maintenance', () => {
  it('does nothing to any file where nothing is asked', async () => {
    const { add, names, maintenance, codes } = familyWith()
    add('app.log')
    for (const daysAgo of [1, 30, 4000]) add(done(daysAgo), 'x', daysAgo)
    const before = names()
    expect(await maintenance.pass()).toMatchObject({ outcome: 'idle', deleted: 0, compressed: 0 })
    expect(names()).toEqual(before)
    expect(maintenance.stats().bytes).toBe(3 + 'app.log\n'.length)
    expect(codes()).toEqual([])
  })

  it('deletes and compresses what is due, and leaves no lock', async () => {
    const { add, names, at, maintenance } = familyWith({ policy: '30d,count=4', compress: { age: 7 * DAY } })
    add('app.log')
    for (const daysAgo of [0, 1, 8, 9, 20, 31]) add(done(daysAgo), 'old\n', daysAgo)
    expect(await maintenance.pass()).toEqual({
      outcome: 'done',
      compressed: 2,
      deleted: 2,
      finished: 0,
      failures: 0,
    })
    expect(names()).toEqual([`${done(9)}.gz`, `${done(8)}.gz`, done(1), done(0), 'app.log'])
    expect(gunzipSync(readFileSync(at(`${done(8)}.gz`))).toString()).toBe('old\n')
    expect(maintenance.stats()).toMatchObject({
      compressed: 2,
      deleted: { age: 1, count: 1, size: 0, free: 0 },
      lastError: undefined,
    })
    expect(await maintenance.pass()).toMatchObject({ outcome: 'idle' })
  })

  it('never touches a name that is not its own, nor what is no regular file', async () => {
    const { add, names, at, directory, maintenance } = familyWith({
      policy: '1d,count=1,size=1KB,free=99.9%',
      compress: { files: 0 },
    })
    for (const name of LOOK_ALIKES) add(name, 'x'.repeat(100), 3000)
    mkdirSync(at('app-2020-01-02.001.log'))
    writeFileSync(join(directory, 'app-2020-01-02.001.log/inside'), '')
    symlinkSync(at('app.log.1'), at('app-2020-01-03.001.log'))
    symlinkSync(at('nowhere'), at('app-2020-01-04.001.log.gz'))
    add('app.log', 'x'.repeat(2000), 3000)
    const before = names()
    add('app-2020-01-05.001.log', 'ours', 3000)
    expect(await maintenance.pass()).toMatchObject({ outcome: 'done', deleted: 1, failures: 0 })
    expect(names()).toEqual(before)
    expect(readFileSync(at('app.log.1'), 'utf8')).toBe('x'.repeat(100))
  })

  it('waits until a file has stood still, and leaves it if it does not', async () => {
    let clock = 0
    const { add, at, names, maintenance } = familyWith({
      policy: 'count=1',
      settleMs: 50,
      monotonic: () => clock,
    })
    add(done(2))
    add(done(1))
    // A clock that stands still: nothing has been seen still for 50 ms, however long the pass waits.
    expect(await maintenance.pass()).toMatchObject({ outcome: 'idle', deleted: 0 })
    clock = 49
    expect(await maintenance.pass()).toMatchObject({ outcome: 'idle', deleted: 0 })
    appendFileSync(at(done(2)), 'more\n')
    clock = 60
    expect(await maintenance.pass()).toMatchObject({ outcome: 'idle', deleted: 0 })
    clock = 110
    expect(await maintenance.pass()).toMatchObject({ outcome: 'done', deleted: 1 })
    expect(names()).toEqual([done(1)])
  })

  it('deletes for free space by what the file system says', async () => {
    const { add, names, maintenance } = familyWith({ policy: 'free=1KB' })
    for (const daysAgo of [3, 2, 1]) add(done(daysAgo), 'x'.repeat(600), daysAgo)
    const real = await fs.promises.statfs('/')
    vi.spyOn(fs.promises, 'statfs').mockResolvedValue({
      ...real,
      bavail: 0,
      bsize: 1,
      blocks: 10_000,
    } as never)
    expect(await maintenance.pass()).toMatchObject({ deleted: 2 })
    expect(names()).toEqual([done(1)])
    expect(maintenance.stats().deleted.free).toBe(2)
  })

  it('says how many lines it deleted that nobody had read, compressed or not', async () => {
    const unread = async (paths: readonly string[]) =>
      new Map(paths.map((path) => [path, [{ reader: 'worker', offset: 4 }]]))
    const { at, add, maintenance, events } = familyWith({ policy: '1d,size=1KB', unread })
    add(done(3), 'one\ntwo\nthree\n', 3)
    writeFileSync(at(`${done(2)}.gz`), gzipSync('one\ntwo\n'))
    add('app.log', 'x'.repeat(2000))
    expect(await maintenance.pass()).toMatchObject({ deleted: 2 })
    expect(maintenance.stats()).toMatchObject({ unreadLines: 3, deleted: { age: 0, size: 2 } })
    expect(events.map(({ code, dropped }) => [code, dropped])).toEqual([
      ['unread', 2],
      ['unread', 1],
    ])
    expect(events[0]?.message).toContain('worker')
  })

  it('deletes nothing by age while it can not tell what has been read', async () => {
    const unread = () => Promise.reject(new Error('no checkpoint'))
    const { add, names, maintenance, codes } = familyWith({ policy: '1d', unread })
    add(done(3), 'x', 3)
    expect(await maintenance.pass()).toMatchObject({ deleted: 0 })
    expect(names()).toEqual([done(3)])
    expect(codes()).toContain('unknown')
  })

  it('warns of a size that nothing bounds, once a day', async () => {
    let clock = 0
    const { add, maintenance, codes } = familyWith({ warnSize: 10, monotonic: () => clock })
    add(done(1), 'more than ten bytes')
    await maintenance.pass()
    await maintenance.pass()
    expect(codes()).toEqual(['size'])
    clock = DAY
    await maintenance.pass()
    expect(codes()).toEqual(['size', 'size'])
    const bounded = familyWith({ warnSize: 10, policy: 'size=1MB' })
    bounded.add(done(1), 'more than ten bytes')
    await bounded.maintenance.pass()
    expect(bounded.codes()).toEqual([])
  })

  it.skipIf(hasZstd())('compresses with gzip where there is no zstd, and says so once', async () => {
    const { add, names, maintenance, codes } = familyWith({ format: 'zstd', compress: { files: 0 } })
    add(done(2))
    await maintenance.pass()
    add(done(1))
    await maintenance.pass()
    expect(names()).toEqual([`${done(2)}.gz`, `${done(1)}.gz`])
    expect(codes()).toEqual(['zstd'])
  })

  it('reports a failure, loses nothing, and tries again', async () => {
    const { add, names, at, maintenance, codes } = familyWith({ policy: '1d', compress: { files: 0 } })
    add(done(3), 'x', 3)
    add(done(0), 'kept\n')
    const failure = Object.assign(new Error('EROFS: read-only file system'), { code: 'EROFS' })
    vi.spyOn(fs.promises, 'open').mockRejectedValue(failure)
    expect(await maintenance.pass()).toMatchObject({ outcome: 'failed', failures: 1 })
    expect(names()).toEqual([done(3), done(0)])
    expect(maintenance.stats().lastError).toContain('EROFS')
    expect(codes()).toEqual(['EROFS'])
    vi.restoreAllMocks()
    expect(await maintenance.pass()).toMatchObject({ outcome: 'done', deleted: 1, compressed: 1 })
    expect(gunzipSync(readFileSync(at(`${done(0)}.gz`))).toString()).toBe('kept\n')
  })

  it('frees room on a full disk, though it gets no lock and no compressed copy', async () => {
    const { add, names, maintenance, codes } = familyWith({ policy: '1d', compress: { files: 0 } })
    add(done(3), 'x', 3)
    add(done(0))
    vi.spyOn(fs.promises, 'open').mockImplementation(async (_, flags) => {
      throw Object.assign(new Error('no space'), { code: flags === 'wx' ? 'ENOSPC' : 'EIO' })
    })
    expect(await maintenance.pass()).toMatchObject({ outcome: 'done', deleted: 1, compressed: 0 })
    expect(names()).toEqual([done(0)])
    expect(codes()).toEqual(['EIO'])
  })

  it('is quiet about a directory that is not there', async () => {
    const { maintenance, codes } = familyWith({ path: '/no/such/directory/app.log', policy: '1d,size=1KB' })
    expect(await maintenance.pass()).toMatchObject({ outcome: 'idle' })
    expect(codes()).toEqual([])
  })

  it('stops at once when it is closed, while it waits and for good', async () => {
    const { add, names, maintenance } = familyWith({ policy: '1d', settleMs: 3_600_000 })
    add(done(3), 'x', 3)
    const running = maintenance.pass()
    maintenance.start()
    maintenance.rotated()
    await maintenance.close()
    expect(await running).toMatchObject({ outcome: 'stopped' })
    expect(await maintenance.pass()).toMatchObject({ outcome: 'stopped' })
    expect(names()).toEqual([done(3)])
  })

  it('works by itself after a start and after a rotation', async () => {
    const { add, at, maintenance } = familyWith({ policy: 'count=1' })
    const gone = (name: string) => vi.waitFor(() => expect(existsSync(at(name))).toBe(false))
    add(done(2))
    add(done(1))
    maintenance.start()
    await gone(done(2))
    add(done(0))
    maintenance.rotated()
    await gone(done(1))
    await maintenance.close()
  })
})

describe('what a crash has left', () => {
  it('gives a moving file a done name of the day of its last write', async () => {
    const { at, add, names, maintenance } = familyWith()
    add(done(2), 'first\n')
    const moving = movingName(at('app.log'))
    writeFileSync(moving, 'second\n')
    utimesSync(moving, (NOW - 2 * DAY) / 1000, (NOW - 2 * DAY) / 1000)
    expect(await maintenance.pass()).toMatchObject({ outcome: 'done', finished: 1 })
    expect(names()).toEqual([done(2), done(2, 2)])
    expect(readFileSync(at(done(2, 2)), 'utf8')).toBe('second\n')
  })

  it('takes the second name from a moving file that has its done name already', async () => {
    const { at, add, names, maintenance } = familyWith({ compress: { files: 0 } })
    linkSync(add(done(2), 'once\n'), movingName(at('app.log')))
    await maintenance.pass()
    await maintenance.pass()
    expect(names()).toEqual([`${done(2)}.gz`])
    expect(gunzipSync(readFileSync(at(`${done(2)}.gz`))).toString()).toBe('once\n')
  })

  it('removes hidden copies, and not before they have stood still', async () => {
    let clock = 0
    const { at, names, maintenance } = familyWith({ leftoverMs: 60_000, monotonic: () => clock })
    for (const name of [done(1), `${done(2)}.gz`, 'app.log']) writeFileSync(temporaryName(at(name)), 'half')
    await maintenance.pass()
    clock = 59_999
    await maintenance.pass()
    expect(names()).toHaveLength(3)
    clock = 60_000
    expect(await maintenance.pass()).toMatchObject({ finished: 3 })
    expect(names()).toEqual([])
  })

  it('compresses again what has its compressed copy beside it, with nothing configured', async () => {
    const { at, add, names, maintenance } = familyWith()
    add(done(1), 'one\ntwo\n')
    writeFileSync(at(`${done(1)}.gz`), gzipSync('one\n'))
    expect(await maintenance.pass()).toMatchObject({ compressed: 1 })
    expect(names()).toEqual([`${done(1)}.gz`])
    expect(gunzipSync(readFileSync(at(`${done(1)}.gz`))).toString()).toBe('one\ntwo\n')
  })
})

describe('what else has one of its names', () => {
  it('a FIFO in the place of a compressed file holds nothing up', async () => {
    const { at, add, names, maintenance, codes } = familyWith({ compress: { files: 0 } })
    add(done(2), 'kept\n')
    makeFifo(at(`${done(2)}.gz`))
    await maintenance.pass()
    await maintenance.pass()
    expect(names()).toEqual([`${done(2)}.gz`, `${done(2, 2)}.gz`])
    expect(gunzipSync(readFileSync(at(`${done(2, 2)}.gz`))).toString()).toBe('kept\n')
    expect(codes()).toEqual([])
  })

  it.each([
    ['a directory', (lock: string) => mkdirSync(lock)],
    ['a FIFO', makeFifo],
    ['a link to nowhere', (lock: string) => symlinkSync('/no/such/file', lock)],
  ])('%s in the place of its lock stays, is told once, and the work is done', async (_, make) => {
    let clock = 0
    const { at, add, names, maintenance, codes } = familyWith({ policy: 'count=1', monotonic: () => clock++ })
    make(at('.app.log.maintenance'))
    const { ino } = lstatSync(at('.app.log.maintenance'))
    expect(await maintenance.pass()).toMatchObject({ outcome: 'done' })
    expect(await maintenance.pass()).toMatchObject({ outcome: 'idle' })
    for (const daysAgo of [3, 2, 1]) add(done(daysAgo))
    clock += 1000
    expect(await maintenance.pass()).toMatchObject({ outcome: 'done', deleted: 2 })
    expect(await maintenance.pass()).toMatchObject({ outcome: 'idle' })
    expect(names()).toEqual(['.app.log.maintenance', done(1)])
    expect(lstatSync(at('.app.log.maintenance')).ino).toBe(ino)
    expect(codes()).toEqual(['lock'])
  })

  it('a lock that can not be removed is told once, and the work is done', async () => {
    let clock = 0
    const { add, names, maintenance, codes, events } = familyWith({
      policy: 'count=1',
      monotonic: () => clock++,
    })
    const lock = add('.app.log.maintenance', '')
    add(done(2))
    add(done(1))
    const { rename } = fs.promises
    vi.spyOn(fs.promises, 'rename').mockImplementation(async (from, to) => {
      if (from === lock) throw Object.assign(new Error('EPERM: immutable'), { code: 'EPERM' })
      return rename(from, to)
    })
    expect(await maintenance.pass()).toMatchObject({ outcome: 'busy', deleted: 0 })
    clock += 1000
    expect(await maintenance.pass()).toMatchObject({ outcome: 'done', deleted: 1, failures: 0 })
    expect(await maintenance.pass()).toMatchObject({ outcome: 'idle' })
    add(done(0))
    clock += 1000
    expect(await maintenance.pass()).toMatchObject({ outcome: 'done', deleted: 1 })
    expect(names()).toEqual(['.app.log.maintenance', done(0)])
    expect(codes()).toEqual(['lock'])
    expect(events[0]?.message).toContain('immutable')
  })

  it('removes only regular files', async () => {
    const { at } = familyWith()
    mkdirSync(at('directory'))
    writeFileSync(at('directory/inside'), '')
    makeFifo(at('fifo'))
    for (const name of ['directory', 'fifo'])
      expect(await removeFile(at(name), lstatSync(at(name)), at('app.log'))).toBe('changed')
    expect(readdirSync(at('')).sort()).toEqual(['directory', 'fifo'])
    await expect(countLines(at('fifo'), undefined, 0)).rejects.toMatchObject({ code: 'irregular' })
  })
})

it('a settle time of a month makes no pass after the other', async () => {
  const { add, names, maintenance } = familyWith({ policy: '1d', settleMs: 30 * DAY })
  add(done(3), 'x', 3)
  const readdir = vi.spyOn(fs.promises, 'readdir')
  const pass = maintenance.pass()
  maintenance.start()
  await vi.waitFor(() => expect(readdir).toHaveBeenCalledTimes(1))
  // What Node takes for a timer of 1 ms would fire before these.
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve, 5))
  expect(readdir).toHaveBeenCalledTimes(1)
  await maintenance.close()
  expect(await pass).toMatchObject({ outcome: 'stopped' })
  expect(names()).toEqual([done(3)])
})

describe('two at once', () => {
  it('the lock of another process is left alone, until it has given no sign for long', async () => {
    let clock = 0
    const { at, add, names, maintenance } = familyWith({
      policy: '1d',
      staleMs: 30_000,
      monotonic: () => clock++,
    })
    add(done(3), 'x', 3)
    const lock = add('.app.log.maintenance', '')
    expect(await maintenance.pass()).toMatchObject({ outcome: 'busy', deleted: 0 })
    clock += 30_000
    utimesSync(lock, 5, 5)
    expect(await maintenance.pass()).toMatchObject({ outcome: 'busy' })
    clock += 29_000
    expect(await maintenance.pass()).toMatchObject({ outcome: 'busy' })
    expect(statSync(lock).mtimeMs).toBe(5000)
    clock += 30_000
    expect(await maintenance.pass()).toMatchObject({ outcome: 'done', deleted: 1 })
    expect(names()).toEqual([])
    expect(at('')).toBeTruthy()
  })

  it('in processes that are killed at any moment, with every lock broken: each record once', async () => {
    const bundle = bundleOf(['segments/upkeep/maintenance.ts'])
    const script = bundle.script(
      'maintain.mjs',
      `import { createMaintenance } from './spoor.mjs'
       const maintenance = createMaintenance({ path: process.argv[2], rotate: 'daily', timeZone: 'utc', compress: { files: 0 },
         settleMs: 1, leftoverMs: 1000, staleMs: 2, threadFile: false, report: (event) => console.error(event) })
       const timer = setInterval(() => {}, 1000)
       console.log('begins')
       while ((await maintenance.pass()).outcome !== 'idle');
       clearInterval(timer)`,
    )
    try {
      for (let run = 0; run < runs; run++) {
        const { at, add, names, maintenance, codes } = familyWith({ compress: { files: 0 } })
        const all: string[] = []
        for (let file = 1; file <= 6; file++) {
          const lines = Array.from({ length: 3000 }, (_, n) => `{"file":${file},"n":${n}}`)
          all.push(...lines)
          add(done(1, file), `${lines.join('\n')}\n`)
        }
        const children = [0, 1, 2].map(() =>
          spawn(process.execPath, [script, at('app.log')], { stdio: ['ignore', 'pipe', 'inherit'] }),
        )
        const kills = children.map(async (child, i) => {
          const ended = new Promise((resolve) => child.once('exit', resolve))
          await new Promise((resolve) => child.stdout?.once('data', resolve))
          // The last one is let live.
          const timer = i < 2 ? setTimeout(() => child.kill('SIGKILL'), Math.random() * 80) : undefined
          await ended
          clearTimeout(timer)
        })
        await Promise.all(kills)
        const files = () => names().filter((name) => name !== '.app.log.maintenance')
        await vi.waitFor(async () => {
          await maintenance.pass()
          expect(files().filter((name) => !name.endsWith('.gz'))).toEqual([])
        }, 20_000)
        const found = files().flatMap((name) => {
          const content = readFileSync(at(name))
          return (name.endsWith('.gz') ? gunzipSync(content) : content).toString().split('\n').slice(0, -1)
        })
        expect(found.sort()).toEqual(all.sort())
        expect(codes()).toEqual([])
      }
    } finally {
      bundle.remove()
    }
  }, 60_000)
})
