import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { movingName } from '../../../src/segments/names.ts'
import { createMover, giveDoneName, type Mover } from '../../../src/segments/write/done.ts'
import { tryLock } from '../../../src/segments/write/lock.ts'
import { createRotation } from '../../../src/segments/write/rotation.ts'
import { createWriter, type WriterOptions } from '../../../src/segments/write/writer.ts'
import { bundleOf } from '../../support/bundle.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

const HOUR = 3_600_000
const visible = (directory: string) => readdirSync(directory).filter((name) => !name.startsWith('.'))
const at = (iso: string) => Date.parse(iso)

function daily(rotate: 'daily' | 'hourly' | 'weekly' | 'off' = 'daily', maxSize = Number.MAX_SAFE_INTEGER) {
  return createRotation({ maxSize, rotate, timeZone: 'utc' })
}

/** A writer with a clock that the test turns. */
function writerAt(
  directory: string,
  iso: string,
  options: Partial<Parameters<typeof createRotation>[0]> = {},
) {
  const clock = { now: at(iso) }
  const path = join(directory, 'app.log')
  let looks = 0
  const writer = createWriter({
    path,
    // Every append looks at the path.
    monotonic: () => (looks += 2),
    mode: 0o640,
    directoryMode: 0o750,
    rotation: createRotation({ maxSize: 1e9, rotate: 'daily', timeZone: 'utc', ...options }),
    now: () => clock.now,
  } satisfies WriterOptions)
  const contents = () =>
    Object.fromEntries(
      readdirSync(directory)
        .sort()
        .map((name) => [name, readFileSync(join(directory, name), 'utf8')]),
    )
  return { writer, clock, path, contents, to: (time: string) => (clock.now = at(time)) }
}

describe('a rotation', () => {
  it('is due at the period, not before, and never for an empty file', () => {
    const rotation = daily()
    rotation.opened(5, at('2026-11-21T10:00:00Z'), at('2026-11-21T10:00:00Z'))
    expect(rotation.due(5, 1, at('2026-11-21T23:59:59.999Z'))).toBe(false)
    expect(rotation.due(5, 1, at('2026-11-22T00:00:00.000Z'))).toBe(true)
    expect(rotation.due(0, 1, at('2026-11-22T00:00:00.000Z'))).toBe(false)
  })

  it('is due before the write that would pass the size', () => {
    const rotation = daily('off', 100)
    rotation.opened(0, 0, 0)
    expect(rotation.due(90, 10, 1)).toBe(false)
    expect(rotation.due(90, 11, 1)).toBe(true)
    expect(rotation.due(0, 500, 1)).toBe(false)
  })

  it('waits for a clock that was set back a little, and follows one set back far', () => {
    const rotation = daily()
    rotation.opened(0, 0, at('2026-11-22T00:10:00Z'))
    expect(rotation.due(5, 1, at('2026-11-21T23:50:00Z'))).toBe(false)
    expect(rotation.due(5, 1, at('2026-11-22T00:20:00Z'))).toBe(false)
    expect(rotation.due(5, 1, at('2026-06-01T00:00:00Z'))).toBe(false)
    expect(rotation.label).toBe('2026-06-01')
    expect(rotation.due(5, 1, at('2026-06-02T00:00:00Z'))).toBe(true)
  })

  it('takes a file written just before midnight for one of the new day if the clock of files is a tick late', () => {
    const rotation = daily()
    rotation.opened(5, at('2026-11-21T23:59:59.997Z'), at('2026-11-22T00:00:01Z'))
    expect(rotation.due(5, 1, at('2026-11-22T00:00:02Z'))).toBe(false)
  })
})

describe('local midnight over changes of the clock', () => {
  // The zone is the process's, so each has one of its own.
  const cases = {
    'Europe/Berlin': ['2026-03-28T12:00:00Z', '2026-10-24T12:00:00Z'],
    'America/New_York': ['2026-03-07T12:00:00Z', '2026-10-31T12:00:00Z'],
    'Australia/Lord_Howe': ['2026-04-04T00:00:00Z', '2026-10-03T00:00:00Z'],
    'Asia/Kathmandu': ['2026-12-31T00:00:00Z'],
  }
  it.each(Object.entries(cases))('%s', (zone, starts) => {
    const bundle = bundleOf(['segments/write/rotation.ts'])
    const script = bundle.script(
      'zone.mjs',
      `import { createRotation } from './spoor.mjs'
       const found = []
       for (const [start, rotate] of ${JSON.stringify(starts)}.flatMap((s) => [[s, 'daily'], [s, 'hourly']])) {
         const rotation = createRotation({ maxSize: 1e9, rotate, timeZone: 'local' })
         const from = Date.parse(start)
         rotation.opened(0, 0, from)
         for (let now = from; now < from + 48 * 3600_000; now += 60_000) {
           if (!rotation.due(1, 1, now)) continue
           const d = new Date(now)
           found.push({ rotate, hour: d.getHours(), minute: d.getMinutes(), done: rotation.label, now })
           rotation.opened(0, 0, now)
         }
       }
       console.log(JSON.stringify(found))`,
    )
    try {
      const child = spawnSync(process.execPath, [script], {
        env: { ...process.env, TZ: zone },
        encoding: 'utf8',
      })
      const found = JSON.parse(child.stdout) as Record<'rotate' | 'done', string>[] & { hour: number }[]
      const days = found.filter(({ rotate }) => rotate === 'daily') as unknown as {
        hour: number
        minute: number
      }[]
      expect(days).toHaveLength(2 * starts.length)
      for (const { hour, minute } of days) expect([hour, minute]).toEqual([0, 0])
      const hours = found.filter(({ rotate }) => rotate === 'hourly') as unknown as {
        done: string
        now: number
      }[]
      expect(new Set(hours.map(({ done }) => done)).size).toBe(hours.length)
      // An hour shown twice is one file of up to two hours; none is longer.
      for (const [i, { now }] of hours.entries()) {
        const before = hours[i - 1]
        if (before !== undefined && now - before.now < 100 * HOUR)
          expect(now - before.now).toBeLessThanOrEqual(2 * HOUR)
      }
    } finally {
      bundle.remove()
    }
  })
})

describe('a leap year and the ends of years, restarted at every step', () => {
  const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'America/St_Johns', 'UTC']
  it.each(zones)('%s', (zone) => {
    const bundle = bundleOf(['segments/write/rotation.ts', 'segments/names.ts'])
    const script = bundle.script(
      'year.mjs',
      `import { createRotation, periodLabel } from './spoor.mjs'
       const STEP = 15 * 60_000
       const found = {}
       for (const rotate of ['hourly', 'daily', 'weekly']) {
         const labels = []
         const seen = new Set()
         let rotation = createRotation({ maxSize: 1e9, rotate, timeZone: 'local' })
         let wrong = 0
         let writtenAt = Date.parse('2027-12-20T00:00:00Z')
         rotation.opened(0, 0, writtenAt)
         for (let now = writtenAt; now < Date.parse('2029-01-15T00:00:00Z'); now += STEP) {
           // As a restart finds it: by the time of the file's last write.
           rotation = createRotation({ maxSize: 1e9, rotate, timeZone: 'local' })
           rotation.opened(1, writtenAt, now)
           const d = new Date(now)
           seen.add(periodLabel(now, rotate, 'local'))
           if (rotation.due(1, 1, now)) {
             labels.push(rotation.label)
             if (d.getMinutes() !== 0 || (rotate !== 'hourly' && d.getHours() !== 0) || (rotate === 'weekly' && d.getDay() !== 1)) wrong++
             rotation.opened(0, 0, now)
           }
           writtenAt = now
         }
         labels.push(rotation.label)
         found[rotate] = { files: labels.length, periods: seen.size, wrong, sorted: labels.every((l, i) => i === 0 || labels[i - 1] < l), leapDay: labels.some((l) => l.startsWith('2028-02-29')) }
       }
       console.log(JSON.stringify(found))`,
    )
    try {
      const env = { ...process.env, TZ: zone }
      const found = JSON.parse(spawnSync(process.execPath, [script], { env, encoding: 'utf8' }).stdout)
      for (const rotate of ['hourly', 'daily', 'weekly']) {
        const { files, periods } = found[rotate]
        expect({ rotate, files }).toEqual({ rotate, files: periods })
        // Where the clock is put forward by half an hour, an hour begins at half past.
        const wrong = zone === 'Australia/Lord_Howe' && rotate === 'hourly' ? 1 : 0
        expect(found[rotate]).toMatchObject({ wrong, sorted: true, leapDay: rotate !== 'weekly' })
      }
      expect(found.daily.files).toBeGreaterThanOrEqual(392)
    } finally {
      bundle.remove()
    }
  })
})

describe('rotated files', () => {
  it('get their period and a number; the live name stays', () => {
    const directory = temporaryDirectory()
    const { writer, to, contents } = writerAt(directory, '2026-11-21T23:00:00Z')
    writer.append('a\n')
    to('2026-11-22T00:00:00Z')
    writer.append('b\n')
    writer.append('c\n')
    to('2026-11-25T00:00:00Z')
    writer.append('d\n')
    writer.close()
    expect(contents()).toEqual({
      'app-2026-11-21.001.log': 'a\n',
      'app-2026-11-22.001.log': 'b\nc\n',
      'app.log': 'd\n',
    })
  })

  it('never pass their size but by one flush that is larger itself', () => {
    const directory = temporaryDirectory()
    const { writer, contents } = writerAt(directory, '2026-11-21T10:00:00Z', { maxSize: 10 })
    for (const lines of ['1234\n', '678\n', '0\n', 'x'.repeat(50).concat('\n'), 'z\n']) writer.append(lines)
    writer.close()
    expect(contents()).toEqual({
      'app-2026-11-21.001.log': '1234\n678\n',
      'app-2026-11-21.002.log': '0\n',
      'app-2026-11-21.003.log': `${'x'.repeat(50)}\n`,
      'app.log': 'z\n',
    })
  })

  it('are right after a restart, in the period and several periods later', () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'app.log')
    writeFileSync(path, 'old\n')
    utimesSync(path, new Date('2026-11-18T12:00:00Z'), new Date('2026-11-18T12:00:00Z'))
    const late = writerAt(directory, '2026-11-21T10:00:00Z')
    late.writer.append('new\n')
    late.writer.close()
    expect(late.contents()).toEqual({ 'app-2026-11-18.001.log': 'old\n', 'app.log': 'new\n' })

    utimesSync(path, new Date('2026-11-21T10:00:00Z'), new Date('2026-11-21T10:00:00Z'))
    const same = writerAt(directory, '2026-11-21T11:00:00Z')
    same.writer.append('more\n')
    same.writer.close()
    expect(same.contents()['app.log']).toBe('new\nmore\n')
  })

  it('begin a new period where somebody truncated the file meanwhile', () => {
    const directory = temporaryDirectory()
    const { writer, to, path, contents } = writerAt(directory, '2026-11-21T23:00:00Z')
    writer.append('a\n')
    truncateSync(path)
    to('2026-11-22T00:00:01Z')
    writer.append('b\n')
    writer.append('c\n')
    writer.close()
    expect(contents()).toEqual({ 'app.log': 'b\nc\n' })
  })

  it('overwrite nobody, also where numbers are taken', () => {
    const directory = temporaryDirectory()
    writeFileSync(join(directory, 'app-2026-11-21.007.log'), 'theirs\n')
    const { writer, to, contents } = writerAt(directory, '2026-11-21T10:00:00Z')
    writer.append('a\n')
    to('2026-11-22T10:00:00Z')
    writer.append('b\n')
    writer.close()
    expect(contents()).toMatchObject({
      'app-2026-11-21.007.log': 'theirs\n',
      'app-2026-11-21.008.log': 'a\n',
    })
  })

  it('take the next name where another process was faster, and leave nothing behind', () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'app.log')
    const { move } = createMover(path, 0o640, () => '2026-11-21')
    const put = (name: string) => writeFileSync(join(directory, name), name)
    put('app-2026-11-21.001.log')
    put('app-2026-11-21.002.log.gz')
    put('app.log')
    expect(move('2026-11-21')).toBe(join(directory, 'app-2026-11-21.003.log'))
    expect(move('2026-11-21')).toBeUndefined()
    // Behind what it remembers, compressed or not; and far ahead of it.
    put('app-2026-11-21.004.log.zst')
    put('app.log')
    expect(move('2026-11-21')).toBe(join(directory, 'app-2026-11-21.005.log'))
    for (let n = 6; n < 60; n++) put(`app-2026-11-21.${String(n).padStart(3, '0')}.log`)
    put('app.log')
    expect(move('2026-11-21')).toBe(join(directory, 'app-2026-11-21.060.log'))
    expect(readdirSync(directory)).toHaveLength(60)
    expect(readFileSync(join(directory, 'app-2026-11-21.060.log'), 'utf8')).toBe('app.log')
  })

  it('take no number again that retention has freed, below younger files', () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'app.log')
    const mine = createMover(path, 0o640, () => '2026-11-21')
    const other = createMover(path, 0o640, () => '2026-11-21')
    const rotate = ({ move }: Mover, text: string): string => {
      writeFileSync(path, text)
      return move('2026-11-21') ?? ''
    }
    rotate(mine, 'first')
    const second = rotate(other, 'second')
    rotate(other, 'third')
    rmSync(second)
    expect(rotate(mine, 'fourth')).toBe(join(directory, 'app-2026-11-21.004.log'))
  })

  it('come behind those that were begun before them and are still on their way', () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'app.log')
    const { move } = createMover(path, 0o640, () => '2026-11-20')
    // File systems count time in steps of some ms.
    const put = (text: string, behind?: string): void => {
      do writeFileSync(path, text)
      while (behind !== undefined && isAsOld(path, behind))
    }
    const isAsOld = (file: string, other: string): boolean => {
      if (statSync(file).birthtimeMs !== statSync(other).birthtimeMs) return false
      rmSync(file)
      return true
    }
    put('older')
    const older = movingName(path)
    renameSync(path, older)
    put('mine', older)
    const mine = movingName(path)
    renameSync(path, mine)
    put('younger', mine)
    renameSync(path, movingName(path))
    renameSync(mine, path)
    // What was written last says nothing: a process that stood still may have written to the older one.
    utimesSync(older, new Date(), new Date(Date.now() + 60_000))
    move('2026-11-20')
    const contents = readdirSync(directory)
      .filter((name) => name.startsWith('app-'))
      .sort()
      .map((name) => readFileSync(join(directory, name), 'utf8'))
    expect(contents.slice(0, 2)).toEqual(['older', 'mine'])
  })

  it('do not count on from a number that nobody could have made', () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'app.log')
    for (const name of ['app-2026-11-21.999999999.log', 'app-2026-11-21.99999999.log', 'app.log'])
      writeFileSync(join(directory, name), '')
    expect(createMover(path, 0o640, () => '').move('2026-11-21')).toBe(
      join(directory, 'app-2026-11-21.001.log'),
    )
  })

  it('are made without hard links too', () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'app.log')
    writeFileSync(join(directory, 'app-2026-11-21.001.log'), 'theirs\n')
    // A directory has none, on any file system.
    mkdirSync(join(directory, 'moving'))
    expect(() => giveDoneName(path, '2026-11-21', join(directory, 'moving'), 0o640)).toThrow('ENOTDIR')
    expect(readdirSync(directory).sort()).toEqual(['app-2026-11-21.001.log', 'moving'])
  })

  it('are left to the one who has the lock, for 20 ms; a lock of 5 s is taken away', () => {
    const directory = temporaryDirectory()
    const lock = join(directory, '.app.log.lock')
    const { writer, path } = writerAt(directory, '2026-11-21T10:00:00Z', { maxSize: 3 })
    writer.append('a\n')
    const held = tryLock(lock, 0o640)
    expect(tryLock(lock, 0o640)).toBeUndefined()
    // While it waits, the one who has the lock rotates.
    let looks = 0
    const wait = vi.spyOn(Atomics, 'wait').mockImplementation(() => {
      if (++looks === 5) createMover(path, 0o640, () => '2026-11-21').move('2026-11-21')
      return 'timed-out'
    })
    try {
      writer.append('b\n')
      expect({ looks, rotated: writer.rotated }).toEqual({ looks: 5, rotated: 0 })
      writer.append('c\n')
      expect({ looks, rotated: writer.rotated }).toEqual({ looks: 25, rotated: 1 })
      expect(existsSync(lock)).toBe(false)
      for (const age of [6, -6]) {
        const then = new Date(Date.now() - age * 1000)
        writeFileSync(lock, '')
        utimesSync(lock, then, then)
        writer.append('d\n')
        expect(existsSync(lock)).toBe(false)
      }
      // Whoever was passed takes nobody else's lock away.
      writeFileSync(lock, '')
      utimesSync(lock, 1, 1)
      held?.release()
      expect(existsSync(lock)).toBe(true)
      expect({ looks, rotated: writer.rotated }).toEqual({ looks: 25, rotated: 3 })
    } finally {
      wait.mockRestore()
    }
    writer.close()
    expect(visible(directory)).toHaveLength(5)
  })

  it('are not made while they can not be: the live file is written on, and it is told', () => {
    const failures: string[] = []
    const clock = { now: at('2026-11-21T10:00:00Z') }
    // Too long for the name that it would have on its way: what a directory that can't be written is for others.
    const path = join(temporaryDirectory(), `${'x'.repeat(235)}.log`)
    const writer = createWriter({
      path,
      mode: 0o640,
      directoryMode: 0o750,
      rotation: createRotation({ maxSize: 3, rotate: 'off', timeZone: 'utc' }),
      now: () => clock.now,
      onRotationFailed: (error) => failures.push(error.message),
    })
    for (const lines of ['a\n', 'b\n', 'c\n']) expect(writer.append(lines)).toBe(2)
    expect(failures).toHaveLength(1)
    clock.now += 1001
    writer.append('d\n')
    expect(failures).toHaveLength(2)
    writer.close()
    expect(readFileSync(path, 'utf8')).toBe('a\nb\nc\nd\n')
  })
})
