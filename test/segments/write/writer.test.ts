import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createRotation } from '../../../src/segments/write/rotation.ts'
import { createWriter, type WriterOptions } from '../../../src/segments/write/writer.ts'
import { bundleOf } from '../../support/bundle.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

const REGULAR = 0o777

// Each look at it is two milliseconds on, so that every append looks at the path.
function ticking(): () => number {
  let time = 0
  return () => (time += 2)
}

function writerOf(path: string, maxSize = 1e9, more: Partial<WriterOptions> = {}) {
  return createWriter({
    monotonic: ticking(),
    path,
    mode: 0o640,
    directoryMode: 0o750,
    rotation: createRotation({ maxSize, rotate: 'off', timeZone: 'utc' }),
    now: Date.now,
    ...more,
  })
}

function text(path: string): string {
  return readFileSync(path, 'utf8')
}

it('comes back from a place that takes no directories', () => {
  // Node's own recursive mkdir never returns here.
  const writer = writerOf('/proc/no-such-place/app.log')
  expect(writer.append('abc\n')).toBe(0)
  expect((writer.error as NodeJS.ErrnoException).code).toBe('ENOENT')
})

describe('a writer', () => {
  it("takes another process's write half done for no torn end", () => {
    const path = join(temporaryDirectory(), 'app.log')
    writeFileSync(path, 'ha')
    const look = vi.spyOn(Atomics, 'wait').mockImplementationOnce(() => {
      appendFileSync(path, 'lf\n')
      return 'timed-out'
    })
    try {
      const writer = writerOf(path)
      writer.append('mine\n')
      writer.close()
    } finally {
      look.mockRestore()
    }
    expect(text(path)).toBe('half\nmine\n')
  })

  it('makes the file and its directories with their modes, and not before the first append', () => {
    const path = join(temporaryDirectory(), 'a/b/app.log')
    const writer = writerOf(path)
    expect(existsSync(path)).toBe(false)
    expect(writer.append('x\n')).toBe(2)
    expect(statSync(path).mode & REGULAR).toBe(0o640)
    expect(statSync(join(path, '..')).mode & REGULAR).toBe(0o750)
    writer.close()
  })

  it.each(['create', 'rename', 'unlink', 'remove the directory'])('follows: %s', (what) => {
    const directory = join(temporaryDirectory(), 'logs')
    const path = join(directory, 'app.log')
    const old = join(directory, 'app.log.1')
    let time = 0
    const writer = writerOf(path, 1e9, { monotonic: () => (time += 100) })
    writer.append('before\n')
    writer.verify()
    if (what === 'unlink') unlinkSync(path)
    else if (what === 'remove the directory') rmSync(directory, { recursive: true })
    else renameSync(path, old)
    if (what === 'create') writeFileSync(path, '')
    // A name that is merely gone may be in the midst of a rotation: that is looked at twice.
    if (what === 'rename') expect(writer.append('between\n')).toBe(8)
    expect(writer.append('after\n')).toBe(6)
    expect(text(path)).toBe('after\n')
    if (existsSync(old)) expect(text(old)).toBe(what === 'rename' ? 'before\nbetween\n' : 'before\n')
    expect(writer.error).toBeUndefined()
    writer.close()
  })

  it('leaves the making of the file to who renamed it, for 50 ms', () => {
    const path = join(temporaryDirectory(), 'app.log')
    let time = 0
    const writer = writerOf(path, 1e9, { monotonic: () => time })
    writer.append('before\n')
    renameSync(path, `${path}.1`)
    for (time = 2; time < 50; time += 10) writer.append(`${time}\n`)
    expect(existsSync(path)).toBe(false)
    // As logrotate's create does: it fails where there is a file already.
    writeFileSync(path, '', { flag: 'wx' })
    writer.append('after\n')
    expect(text(path)).toBe('after\n')
    renameSync(path, `${path}.2`)
    time += 2
    writer.append('while it is missing\n')
    time += 50
    writer.append('made by ourselves\n')
    expect(text(path)).toBe('made by ourselves\n')
    expect(text(`${path}.1`)).toBe('before\n2\n12\n22\n32\n42\n')
    writer.close()
  })

  it.each(['the next append', 'verify', 'close'])(
    'writes again what went away with a file that was removed under it, at %s',
    (when) => {
      const directory = join(temporaryDirectory(), 'logs')
      const path = join(directory, 'app.log')
      let remove = false
      const rotation = createRotation({ maxSize: 1e9, rotate: 'off', timeZone: 'utc' })
      // It is asked between the look and the write.
      const due: typeof rotation.due = () => {
        if (remove) rmSync(directory, { recursive: true })
        remove = false
        return false
      }
      const writer = writerOf(path, 1e9, { rotation: { ...rotation, label: '', due } })
      writer.append('before\n')
      remove = true
      writer.append('in the removed file\n')
      expect(existsSync(path)).toBe(false)
      if (when === 'verify') writer.verify()
      else if (when === 'close') writer.close()
      else writer.append('after\n')
      expect(text(path)).toBe(`in the removed file\n${when === 'the next append' ? 'after\n' : ''}`)
      writer.verify()
      writer.close()
      expect(text(path).match(/removed/g)).toHaveLength(1)
    },
  )

  it('looks once a millisecond while it is alone, and writes again all that went away since', () => {
    const path = join(temporaryDirectory(), 'app.log')
    let time = 0
    const writer = writerOf(path, 1e9, { monotonic: () => time })
    writer.append('before\n')
    unlinkSync(path)
    for (time = 0.3; time < 1; time += 0.3) writer.append(`${time.toFixed(1)}\n`)
    expect(existsSync(path)).toBe(false)
    time = 1
    writer.append('after\n')
    // What was written before the removal can't be told from what was written behind it.
    expect(text(path)).toBe('before\n0.3\n0.6\n0.9\nafter\n')
    writer.close()
  })

  it('does not wait for the next append to look: verify and close do it, within the millisecond too', () => {
    for (const end of ['verify', 'close'] as const) {
      const path = join(temporaryDirectory(), 'app.log')
      const writer = writerOf(path, 1e9, { monotonic: () => 0 })
      writer.append('before\n')
      unlinkSync(path)
      writer.append('in the removed file\n')
      writer[end]()
      expect(text(path)).toBe('before\nin the removed file\n')
    }
  })

  it('keeps no more than 256 Ki for that', () => {
    const path = join(temporaryDirectory(), 'app.log')
    const writer = writerOf(path, 1e9, { monotonic: () => 0 })
    writer.append(`${'x'.repeat(256 * 1024)}\n`)
    unlinkSync(path)
    writer.append('after\n')
    expect(text(path)).toContain('after\n')
    writer.close()
  })

  it('looks each time from when it has seen that somebody else writes', () => {
    const path = join(temporaryDirectory(), 'app.log')
    let time = 0
    const writer = writerOf(path, 1e9, { monotonic: () => time })
    writer.append('mine\n')
    appendFileSync(path, 'theirs\n')
    time = 1
    writer.append('mine\n')
    appendFileSync(path, '{"torn')
    writer.append('mine\n')
    expect(text(path)).toBe('mine\ntheirs\nmine\n{"torn\nmine\n')
    writer.close()
  })

  it('does not double what was there before it stood still between its look and its write', () => {
    const path = join(temporaryDirectory(), 'app.log')
    let time = 0
    const rotation = createRotation({ maxSize: 1e9, rotate: 'off', timeZone: 'utc' })
    let stop = false
    const due: typeof rotation.due = () => {
      if (stop) unlinkSync(path)
      if (stop) time = 10_000
      stop = false
      return false
    }
    const writer = writerOf(path, 1e9, { monotonic: () => time, rotation: { ...rotation, label: '', due } })
    writer.append('compressed and deleted meanwhile\n')
    stop = true
    writer.append('in the removed file\n')
    time = 10_001
    writer.append('after\n')
    expect(text(path)).toBe('in the removed file\nafter\n')
    writer.close()
  })

  it('loses nothing where it paused for a moment only', () => {
    const path = join(temporaryDirectory(), 'app.log')
    let time = 0
    let pause = false
    const rotation = createRotation({ maxSize: 1e9, rotate: 'off', timeZone: 'utc' })
    // It is asked between the look and the write.
    const due: typeof rotation.due = () => {
      if (pause) time += 60
      pause = false
      return false
    }
    const writer = writerOf(path, 1e9, { monotonic: () => time, rotation: { ...rotation, label: '', due } })
    writer.append('before\n')
    unlinkSync(path)
    writer.append('in the removed file\n')
    pause = true
    writer.append('this too\n')
    writer.append('after\n')
    expect(text(path)).toContain('in the removed file\nthis too\nafter\n')
    writer.close()
  })

  it('keeps the order where the file is to be rotated and was removed within the millisecond', () => {
    const path = join(temporaryDirectory(), 'app.log')
    let time = 0
    const writer = writerOf(path, 100, { monotonic: () => time })
    writer.append(`${'x'.repeat(59)}\n`)
    time = 5
    writer.append('0\n')
    unlinkSync(path)
    writer.append('A\n')
    writer.append(`${'B'.repeat(59)}\n`)
    writer.append('C\n')
    expect(text(path)).toBe(`0\nA\n${'B'.repeat(59)}\nC\n`)
    expect(writer.owed).toBe('')
    writer.close()
  })

  it('does not rotate a file that was truncated within the millisecond', () => {
    const path = join(temporaryDirectory(), 'app.log')
    const writer = writerOf(path, 100, { monotonic: () => 0 })
    writer.append(`${'x'.repeat(90)}\n`)
    truncateSync(path)
    writer.append(`${'y'.repeat(90)}\n`)
    expect(writer.rotated).toBe(0)
    expect(text(path)).toBe(`${'y'.repeat(90)}\n`)
    writer.close()
  })

  it('looks each time where what it writes is synced', () => {
    const path = join(temporaryDirectory(), 'app.log')
    const writer = writerOf(path, 1e9, { monotonic: () => 0, synced: true })
    writer.append('before\n')
    renameSync(path, `${path}.1`)
    writeFileSync(path, '')
    writer.append('after\n')
    expect(text(path)).toBe('after\n')
    writer.close()
  })

  it('looks as ever where a test has stopped the clock', () => {
    const path = join(temporaryDirectory(), 'app.log')
    vi.spyOn(performance, 'now').mockReturnValue(0)
    try {
      const writer = writerOf(path, 1e9, { monotonic: undefined })
      writer.append('before\n')
      renameSync(path, `${path}.1`)
      writeFileSync(path, '')
      for (const from = process.hrtime.bigint(); process.hrtime.bigint() - from < 2_000_000n; );
      writer.append('after\n')
      expect(text(path)).toBe('after\n')
      writer.close()
    } finally {
      vi.restoreAllMocks()
    }
  })

  it('does not write again what was in the file when it was removed, or is there under another name', () => {
    const path = join(temporaryDirectory(), 'app.log')
    const writer = writerOf(path)
    writer.append('there\n')
    // Sets the time of the last change, as the removal does, behind that of the write.
    utimesSync(path, 1, 1)
    unlinkSync(path)
    writer.append('after\n')
    expect(text(path)).toBe('after\n')
    renameSync(path, `${path}.1`)
    writeFileSync(path, '')
    writer.append('last\n')
    expect(text(path)).toBe('last\n')
    writer.close()
  })

  it('goes on after copytruncate without a hole', () => {
    const path = join(temporaryDirectory(), 'app.log')
    const writer = writerOf(path)
    writer.append('before\n')
    truncateSync(path)
    writer.append('after\n')
    expect(text(path)).toBe('after\n')
    writer.close()
  })

  it('ends a torn last line, whoever left it and whenever', () => {
    const path = join(temporaryDirectory(), 'app.log')
    writeFileSync(path, '{"whole":1}\n{"torn":')
    const writer = writerOf(path)
    writer.append('first\n')
    appendFileSync(path, '{"torn by another process')
    writer.append('second\n')
    writer.append('third\n')
    expect(text(path)).toBe('{"whole":1}\n{"torn":\nfirst\n{"torn by another process\nsecond\nthird\n')
    writer.close()
  })

  it('adds nothing to a file that ends with a newline', () => {
    const path = join(temporaryDirectory(), 'app.log')
    writeFileSync(path, 'whole\n')
    const writer = writerOf(path)
    writer.append('first\n')
    expect(text(path)).toBe('whole\nfirst\n')
    writer.close()
  })

  it('never renames a link: its target grows past the size', () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'app.log')
    writeFileSync(join(directory, 'target'), '')
    symlinkSync(join(directory, 'target'), path)
    const writer = writerOf(path, 4)
    for (const lines of ['abc\n', 'def\n']) writer.append(lines)
    expect(text(join(directory, 'target'))).toBe('abc\ndef\n')
    expect(writer.rotated).toBe(0)
    writer.close()
  })

  it('says how far it got when the path is a directory, a file stands for a directory, or the disk is full', () => {
    const directory = temporaryDirectory()
    mkdirSync(join(directory, 'app.log'))
    writeFileSync(join(directory, 'file'), '')
    const codes = [join(directory, 'app.log'), join(directory, 'file/app.log'), '/dev/full'].map((path) => {
      const writer = writerOf(path)
      expect(writer.append('x\n')).toBe(0)
      writer.close()
      return writer.error?.code
    })
    expect(codes).toEqual(['EISDIR', 'ENOTDIR', 'ENOSPC'])
  })

  it('goes on by itself when what was in the way is gone', () => {
    const path = join(temporaryDirectory(), 'app.log')
    mkdirSync(path)
    const writer = writerOf(path)
    expect(writer.append('x\n')).toBe(0)
    rmSync(path, { recursive: true })
    expect(writer.append('x\n')).toBe(2)
    expect(text(path)).toBe('x\n')
    writer.close()
  })

  it('keeps to permissions, and goes on when they are given', () => {
    const directory = temporaryDirectory()
    const bundle = bundleOf(['segments/write/writer.ts', 'segments/write/rotation.ts'])
    const script = bundle.script(
      'denied.mjs',
      `import { createWriter, createRotation } from './spoor.mjs'
       import { chmodSync, mkdirSync } from 'node:fs'
       const directory = ${JSON.stringify(join(directory, 'logs'))}
       mkdirSync(directory)
       // Root may write anywhere, so it becomes nobody.
       if (process.getuid() === 0) {
         chmodSync(${JSON.stringify(directory)}, 0o711)
         process.seteuid(65534)
       } else chmodSync(directory, 0o500)
       const writer = createWriter({ path: directory + '/app.log', mode: 0o640, directoryMode: 0o750, now: Date.now,
         rotation: createRotation({ maxSize: 1e9, rotate: 'off', timeZone: 'utc' }) })
       const denied = writer.append('x\\n')
       if (process.getuid() === 0) process.seteuid(0)
       chmodSync(directory, 0o777)
       console.log(JSON.stringify({ denied, code: writer.error.code, given: writer.append('x\\n') }))`,
    )
    try {
      const child = spawnSync(process.execPath, [script], { encoding: 'utf8' })
      expect(JSON.parse(child.stdout)).toEqual({ denied: 0, code: 'EACCES', given: 2 })
    } finally {
      bundle.remove()
    }
  })
})

describe('a write that comes back short', () => {
  // RLIMIT_FSIZE gives real short writes without a disk to fill, and truncating the file gives room again.
  it('leaves whole lines, never a truncated file, and the torn record is written again whole', () => {
    const path = join(temporaryDirectory(), 'app.log')
    const bundle = bundleOf(['segments/write/writer.ts', 'segments/write/rotation.ts'])
    const script = bundle.script(
      'short.mjs',
      `import { createWriter, createRotation } from './spoor.mjs'
       import { copyFileSync, truncateSync } from 'node:fs'
       const path = ${JSON.stringify(path)}
       const writer = createWriter({ path, mode: 0o640, directoryMode: 0o750, now: Date.now,
         rotation: createRotation({ maxSize: 1e9, rotate: 'off', timeZone: 'utc' }) })
       const lines = Array.from({ length: 100 }, (_, n) => JSON.stringify({ n, pad: 'ü'.repeat(100) }) + '\\n').join('')
       const taken = writer.append(lines)
       const again = writer.append(lines.slice(taken))
       const code = writer.error.code
       copyFileSync(path, path + '.1')
       truncateSync(path)
       let from = taken + again
       for (let i = 0; from < lines.length; i++) {
         from += writer.append(lines.slice(from))
         if (from < lines.length) { copyFileSync(path, path + '.' + (i + 2)); truncateSync(path) }
       }
       console.log(JSON.stringify({ taken, again, code, cut: lines[taken - 1] }))`,
    )
    try {
      const limited = `ulimit -f 8; exec "${process.execPath}" "${script}"`
      const child = spawnSync('bash', ['-c', limited], { encoding: 'utf8' })
      expect(child.stderr).toBe('')
      const report = JSON.parse(child.stdout)
      expect(report).toMatchObject({ again: 0, code: 'EFBIG', cut: '\n' })
      expect(report.taken).toBeGreaterThan(0)
      const all = [1, 2, 3, 4, 5, 6, '']
        .map((n) => (n === '' ? path : `${path}.${n}`))
        .filter(existsSync)
        .flatMap((file) => text(file).split('\n'))
      const whole = all.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line).n)
      expect(whole).toEqual(Array.from({ length: 100 }, (_, n) => n))
      // The pieces are there as well: nobody truncates a shared file.
      expect(all.filter((line) => line !== '' && !line.endsWith('}')).length).toBeGreaterThan(0)
    } finally {
      bundle.remove()
    }
  })

  it('takes a record for written of which the newline alone is missing: the next write begins with one', () => {
    const path = join(temporaryDirectory(), 'app.log')
    const bundle = bundleOf(['segments/write/writer.ts', 'segments/write/rotation.ts'])
    onTestFinished(() => bundle.remove())
    const script = bundle.script(
      'newline.mjs',
      `import { createWriter, createRotation } from './spoor.mjs'
       import { copyFileSync, truncateSync } from 'node:fs'
       const path = ${JSON.stringify(path)}
       const writer = createWriter({ path, mode: 0o640, directoryMode: 0o750, now: Date.now,
         rotation: createRotation({ maxSize: 1e9, rotate: 'off', timeZone: 'utc' }) })
       const first = '{' + 'x'.repeat(8190) + '}'
       const lines = first + '\\n{"n":1}\\n'
       const taken = writer.append(lines)
       copyFileSync(path, path + '.1')
       truncateSync(path, 100)
       const rest = writer.append(lines.slice(taken))
       console.log(JSON.stringify({ taken, rest }))`,
    )
    const limited = `ulimit -f 8; exec "${process.execPath}" "${script}"`
    const child = spawnSync('bash', ['-c', limited], { encoding: 'utf8' })
    expect(child.stderr).toBe('')
    expect(JSON.parse(child.stdout)).toEqual({ taken: 8193, rest: 8 })
    expect(text(`${path}.1`)).toMatch(/^\{x+\}$/)
    expect(text(path)).toMatch(/^\{x+\n\{"n":1\}\n$/)
  })
})
