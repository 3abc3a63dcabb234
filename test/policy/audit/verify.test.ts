import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  copyFileSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { shutdown } from '../../../src/logger/default.ts'
import type { Logger } from '../../../src/logger/types.ts'
import { startUpkeep } from '../../../src/policy/audit/audit-upkeep.ts'
import { seal } from '../../../src/policy/audit/link.ts'
import { verify } from '../../../src/policy/audit/verify.ts'
import { auditor, filesOf, KEY, type Place, place, recordsOf } from './support.ts'

type Audit = Parameters<typeof auditor>[0]

/** Writes records and closes the log. */
async function write(audit: Audit, ...actions: string[]): Promise<void> {
  const logger = auditor({ rotate: 'off', ...audit })
  for (const action of actions) await logger.audit(action)
  await shutdown(logger)
}

function edit(path: string, change: (text: string) => string): void {
  writeFileSync(path, change(readFileSync(path, 'utf8')))
}

const cutLast = (text: string): string => `${text.split('\n').slice(0, -2).join('\n')}\n`

describe('a fault', () => {
  it('is named by file, line, number and what is wrong', async () => {
    const { path } = place()
    await write({ path }, 'a', 'b', 'c')
    edit(path, (text) => text.replace('"msg":"b"', '"msg":"B"'))
    expect((await verify({ path })).fault).toEqual({
      code: 'changed',
      file: 'app.audit.log',
      line: 2,
      seq: 2,
      message: expect.stringContaining('record 2 is not what was written'),
    })
  })

  it.each<[string, (text: string) => string]>([
    ['line ends of another system', (text) => text.replaceAll('\n', '\r\n')],
    ['a byte order mark', (text) => text.replace(/(?=\{[^\n]*\n$)/, '\ufeff')],
  ])('is not taken for a torn line by who writes on: %s', async (_what, change) => {
    const { path } = place()
    await write({ path }, 'a', 'b', 'c')
    edit(path, change)
    await write({ path }, 'd')
    expect((await verify({ path })).fault?.code).toBe('changed')
  })

  it.each<[string, (lines: string[]) => string[], { code: string; line: number; seq: number | undefined }]>([
    ['a line less', ([a, , c]) => [a, c] as string[], { code: 'missing', line: 2, seq: 3 }],
    ['two lines swapped', ([a, b, c]) => [b, a, c] as string[], { code: 'beginning', line: 1, seq: 2 }],
    ['a line twice', ([a, b, c]) => [a, b, b, c] as string[], { code: 'misplaced', line: 3, seq: 2 }],
    [
      'a line of somebody else',
      ([a, b, c]) => [a, '{"msg":"x"}', b, c] as string[],
      { code: 'foreign', line: 2, seq: undefined },
    ],
    ['an empty line', ([a, b, c]) => [a, '', b, c] as string[], { code: 'foreign', line: 2, seq: undefined }],
    ['no beginning', ([, b, c]) => [b, c] as string[], { code: 'beginning', line: 1, seq: 2 }],
  ])('of its own kind: %s', async (_name, change, wanted) => {
    const { path } = place()
    await write({ path }, 'a', 'b', 'c')
    edit(path, (text) => `${change(text.split('\n').slice(0, 3)).join('\n')}\n`)
    expect((await verify({ path })).fault).toMatchObject(wanted)
  })

  it('that comes first is the one that is named', async () => {
    const { path } = place()
    await write({ path }, 'a', 'b', 'c', 'd')
    edit(path, (text) => text.replace('"d"', '"D"').replace('"b"', '"B"'))
    expect((await verify({ path })).fault).toMatchObject({ seq: 2 })
    // Also where it is known last.
    edit(path, (text) => text.replace('"B"', '"b"').slice(text.indexOf('\n') + 1))
    expect((await verify({ path })).fault).toMatchObject({ code: 'beginning', line: 1, seq: 2 })
  })

  it('is what a compressed file has that ends too early', async () => {
    const { path, directory } = place()
    await write({ path, maxSize: 1000 }, 'a', 'b', 'c', 'd', 'e', 'f')
    const [done = ''] = filesOf({ directory } as Place)
    const zipped = gzipSync(readFileSync(join(directory, done)))
    writeFileSync(join(directory, `${done}.gz`), zipped.subarray(0, zipped.length - 12))
    rmSync(join(directory, done))
    expect((await verify({ path })).fault).toMatchObject({ code: 'unreadable', file: `${done}.gz` })
  })

  it('is that there is no log', async () => {
    const { path, head } = place()
    expect((await verify({ path })).fault).toMatchObject({ code: 'missing', file: '', seq: undefined })
    await write({ path, head }, 'a')
    rmSync(path)
    expect((await verify({ path, head })).fault).toMatchObject({ code: 'cut' })
  })
})

describe('a head file', () => {
  it.runIf(process.platform !== 'win32')(
    'that is a FIFO keeps neither a service nor verify waiting',
    async () => {
      const { path, head } = place()
      execFileSync('mkfifo', [head])
      await write({ path, head }, 'a')
      expect(lstatSync(head).isFile()).toBe(true)
      rmSync(head)
      execFileSync('mkfifo', [head])
      expect((await verify({ path, head })).fault).toMatchObject({ code: 'head' })
    },
  )
})

describe('a key', () => {
  it('has to be the right one; several may have been used', async () => {
    const { path } = place()
    const other = `another ${KEY}`
    await write({ path, key: KEY }, 'a', 'b')
    expect(await verify({ path, key: KEY })).toMatchObject({ ok: true, keyed: true })
    expect((await verify({ path, key: other })).fault).toMatchObject({ code: 'changed', seq: 1 })
    expect((await verify({ path })).fault).toMatchObject({ code: 'key', seq: 1 })
    await write({ path, key: other }, 'c')
    expect((await verify({ path, key: KEY })).fault).toMatchObject({ code: 'changed', seq: 3 })
    expect(await verify({ path, key: [other, KEY] })).toMatchObject({ ok: true, records: 3 })
  })

  it('that comes later covers what was written before; what comes without it then is a fault', async () => {
    const { path } = place()
    await write({ path }, 'a', 'b')
    expect((await verify({ path, key: KEY })).fault).toMatchObject({ code: 'key' })
    await write({ path, key: KEY }, 'c')
    expect(await verify({ path, key: KEY })).toMatchObject({ ok: true, records: 3 })
    await write({ path }, 'd')
    expect((await verify({ path, key: KEY })).fault).toMatchObject({ code: 'key', seq: 4 })
  })

  it('is needed to make a log anew: without it everything can be forged, with it nothing', async () => {
    const [keyed, plain] = [place(), place()]
    await write({ path: keyed.path, key: KEY }, 'a', 'b')
    await write({ path: plain.path }, 'a', 'b')
    // What somebody does who knows how it is made.
    for (const { path } of [keyed, plain]) {
      const chain = String(recordsOf(path)[0]?.audit_chain)
      const forged = seal(
        '{"msg":"forged"}\n',
        {
          seq: 1,
          prev: undefined,
          chain,
          chainSeq: 1,
          chainPrev: undefined,
          torn: undefined,
          head: undefined,
          removed: undefined,
        },
        undefined,
      )
      writeFileSync(path, forged.line)
    }
    expect(await verify({ path: plain.path })).toMatchObject({ ok: true, records: 1 })
    expect((await verify({ path: keyed.path, key: KEY })).fault).toMatchObject({ code: 'key' })
  })
})

describe('a cut at the end', () => {
  it('is seen with a head file alone', async () => {
    const { path, head } = place()
    await write({ path, head }, 'a', 'b', 'c')
    edit(path, cutLast)
    expect(await verify({ path })).toMatchObject({ ok: true, records: 2, headed: false })
    expect((await verify({ path, head })).fault).toMatchObject({ code: 'cut', line: 2, seq: 2 })
  })

  it('stays seen when the service goes on, though the head file is replaced', async () => {
    const { path, head } = place()
    await write({ path, head }, 'a', 'b', 'c')
    edit(path, cutLast)
    await write({ path, head }, 'd', 'e')
    expect(recordsOf(path).map((record) => record.audit_seq)).toEqual([1, 2, 4, 5])
    expect((await verify({ path, head })).fault).toMatchObject({ code: 'missing', line: 3, seq: 4 })
  })

  it.each<[string, (text: string) => string]>([
    ['cut off', cutLast],
    ['spoiled', (text) => `${text.slice(0, -5)}xxxx\n`],
    ['cut off in its middle', (text) => text.slice(0, -50)],
  ])(
    'of another writer stays seen when this one goes on, though the head file is replaced: %s',
    async (_name, change) => {
      const { path, head } = place()
      const logger = auditor({ path, head })
      await logger.audit('a')
      await write({ path, head }, 'b')
      edit(path, change)
      await logger.audit('c')
      await logger.audit('d')
      expect((await verify({ path, head })).fault).toMatchObject({
        code: expect.stringMatching(/missing|cut/),
      })
    },
  )

  it('under a process that writes is seen too, without a head file', async () => {
    const { path } = place()
    const logger = auditor({ path })
    await logger.audit('a')
    await logger.audit('b')
    edit(path, cutLast)
    await logger.audit('c')
    expect((await verify({ path })).fault).toMatchObject({ code: 'missing', line: 2, seq: 2 })
    truncateSync(path)
    await logger.audit('d')
    expect((await verify({ path })).fault).toMatchObject({ code: 'missing', line: 1, seq: 1 })
  })

  it.each<[string, (head: string) => void, string]>([
    ['a head file that has gone', (head) => rmSync(head), 'head'],
    ['one that was changed', (head) => edit(head, (text) => text.replace('"seq":3', '"seq":2')), 'head'],
    [
      'one of another key',
      (head) => edit(head, (text) => text.replace(/"mac":"hmac-./, '"mac":"hmac-x')),
      'head',
    ],
  ])('can not be hidden by %s', async (_name, spoil, code) => {
    const { path, head } = place()
    await write({ path, head, key: KEY }, 'a', 'b', 'c')
    spoil(head)
    expect((await verify({ path, head, key: KEY })).fault).toMatchObject({ code })
    if (_name === 'a head file that has gone') return
    await write({ path, head, key: KEY }, 'd')
    expect((await verify({ path, head, key: KEY })).fault).toMatchObject({ code: 'head', seq: 4 })
  })

  const NEW_KEY = 'another key of more than sixteen characters'

  it.each([
    ['a first', undefined, KEY, [KEY]],
    ['a new', KEY, NEW_KEY, [NEW_KEY, KEY]],
  ])(
    'is not what %s key makes of a log, and is seen where that came with it',
    async (_name, old, key, keys) => {
      const { path, head } = place()
      await write({ path, head, key: old }, 'a', 'b', 'c')
      const end = readFileSync(path)
      await write({ path, head, key }, 'd', 'e')
      expect(await verify({ path, head, key: keys })).toMatchObject({ ok: true, records: 5 })

      writeFileSync(path, end)
      await write({ path, head, key: old }, 'd')
      writeFileSync(path, end)
      await write({ path, head, key }, 'f')
      expect((await verify({ path, head, key: keys })).fault).toMatchObject({ code: 'cut', seq: 4 })
    },
  )

  it('can not be hidden by a head that was made up before a new key came', async () => {
    const { path, head } = place()
    await write({ path, head, key: KEY }, 'a', 'b', 'c')
    const all = readFileSync(path, 'utf8')
    writeFileSync(path, all.slice(0, all.lastIndexOf('{"time"')))
    edit(head, (text) =>
      text.replace(/"seq":3,"hash":"[^"]*"/, `"seq":2,"hash":"${recordsOf(path)[1]?.audit_hash}"`),
    )
    await write({ path, head, key: NEW_KEY }, 'd')
    expect((await verify({ path, head, key: [KEY, NEW_KEY] })).fault).toMatchObject({ code: 'head', seq: 3 })
  })

  it('is not what a log is that has records the head file does not know yet', async () => {
    const { path, head } = place()
    await write({ path, head }, 'a')
    copyFileSync(head, `${head}.old`)
    await write({ path, head }, 'b', 'c')
    renameSync(`${head}.old`, head)
    expect(await verify({ path, head })).toMatchObject({ ok: true, records: 3 })
    await write({ path, head }, 'd')
    expect(await verify({ path, head })).toMatchObject({ ok: true, records: 4 })
  })
})

describe('a torn line', () => {
  it.each([
    ['at the end', (line: string) => line.slice(0, 50)],
    ['of zeros, after a power cut', () => '\0'.repeat(4096)],
    ['of zeros with lines among them', () => `${'\0'.repeat(300)}"}\n${'\0'.repeat(100)}\n`],
  ])('is told of by the next record, and then covered by it: %s', async (_name, tear) => {
    const { path, head } = place()
    await write({ path, head }, 'a', 'b')
    const [line = ''] = readFileSync(path, 'utf8').split('\n')
    appendFileSync(path, tear(line))
    await write({ path, head }, 'c', 'd')
    const report = await verify({ path, head })
    expect(report).toMatchObject({
      ok: true,
      records: 4,
      notes: [{ line: 3, message: expect.stringContaining('torn') }],
    })
    const torn = readFileSync(path, 'latin1').split('\n')[2] as string
    edit(path, (text) => text.replace(`\n${torn}\n`, '\n'))
    expect((await verify({ path, head })).fault).toMatchObject({
      code: expect.stringMatching(/missing|foreign/),
    })
  })

  it('may stay at the end of a file that is rotated before the next record', async () => {
    const { path, directory } = place()
    await write({ path }, 'a', 'b')
    appendFileSync(path, '{"time":"2026')
    await write({ path, maxSize: 1200 }, 'c', 'd')
    expect(filesOf({ directory } as Place).length).toBeGreaterThan(1)
    expect(await verify({ path })).toMatchObject({ ok: true, records: 4, notes: [{ line: 3 }] })
  })

  it('that lacks its newline alone is a record', async () => {
    const { path, head } = place()
    await write({ path, head }, 'a', 'b')
    edit(path, (text) => text.slice(0, -1))
    expect(await verify({ path, head })).toMatchObject({ ok: true, records: 2 })
    await write({ path, head }, 'c')
    expect(await verify({ path, head })).toMatchObject({ ok: true, records: 3, notes: [] })
  })
})

describe('a writer that did not wait for its turn', () => {
  it('is found to be one, and what it wrote is held by its own chain', async () => {
    const { path } = place()
    const [one, other] = [auditor({ path }), auditor({ path })]
    await one.audit('a')
    await other.audit('b')
    const before = readFileSync(path, 'utf8')
    await one.audit('c')
    const beside = readFileSync(path, 'utf8').slice(before.length)
    // As if the other had not seen that one.
    writeFileSync(path, before)
    await other.audit('d')
    appendFileSync(path, beside)
    expect(await verify({ path })).toMatchObject({
      ok: true,
      records: 4,
      notes: [{ line: 4, message: expect.stringContaining('at the same time') }],
    })
    await one.audit('e')
    expect(await verify({ path })).toMatchObject({ ok: true, records: 5 })
    edit(path, (text) => text.replace(beside, ''))
    expect(await verify({ path })).toMatchObject({ ok: false })
  })
})

describe('what is removed at the beginning', () => {
  const DAY = 24 * 60 * 60 * 1000

  async function manyFiles({ path }: Place): Promise<Logger> {
    const logger = auditor({ path, maxSize: 1000, rotate: 'off' })
    for (let n = 0; n < 12; n++) await logger.audit(`act ${n}`)
    return logger
  }

  function age(where: Place, count: number): string[] {
    const old = (Date.now() - 10 * DAY) / 1000
    const all = filesOf(where)
    const young = (Date.now() + 5 * DAY) / 1000
    for (const [i, name] of all.entries())
      utimesSync(join(where.directory, name), i < count ? old : young, i < count ? old : young)
    return all.slice(0, count)
  }

  it('by retention is told of in the log, before it goes', async () => {
    const where = place()
    const { path, directory } = where
    const logger = await manyFiles(where)
    const [first = '', second = ''] = age(where, 2)
    // One of them is compressed.
    writeFileSync(join(directory, `${second}.gz`), gzipSync(readFileSync(join(directory, second))))
    rmSync(join(directory, second))
    utimesSync(join(directory, `${second}.gz`), 1, 1)
    const before = await verify({ path })
    expect(before).toMatchObject({ ok: true, first: 1 })
    // The name's date is today's: the clock is ten days ahead.
    const next = auditor(
      { path, maxSize: 1e6, rotate: 'off', retention: '5d' },
      { now: () => Date.now() + 6 * DAY },
    )
    await next.audit('begins the upkeep')
    await until(
      () => !readdirSync(directory).some((name) => name.startsWith(first) || name.startsWith(second)),
    )
    await shutdown(next)
    await shutdown(logger)
    const report = await verify({ path })
    expect(report).toMatchObject({ ok: true, fault: undefined })
    expect(report.first).toBeGreaterThan(2)
    expect(
      recordsOf(path)
        .filter(({ msg }) => msg === 'audit file removed by retention')
        .map(({ file }) => file),
    ).toEqual(expect.arrayContaining([first, `${second}.gz`]))
    // What is removed after that, or had not been told of, is missed.
    const [oldest = ''] = filesOf(where)
    renameSync(join(directory, oldest), join(directory, 'elsewhere'))
    expect((await verify({ path })).fault).toMatchObject({ code: 'beginning', line: 1 })
  })

  it('goes oldest first, and not at all where the log can not be written', async () => {
    const where = place()
    await shutdown(await manyFiles(where))
    age(where, filesOf(where).length)
    const asked: string[] = []
    const failures: string[] = []
    const settings = {
      path: where.path,
      head: undefined,
      key: undefined,
      keyFile: undefined,
      mode: 0o640,
      directoryMode: 0o750,
      maxSize: 1000,
      rotate: 'off',
      timeZone: 'local',
      compress: 'off',
      compressFormat: 'gzip',
      retention: { age: { audit: 5 * DAY } },
      settleMs: 1,
      now: () => Date.now() + 20 * DAY,
    } as const
    const files = filesOf(where)
    const upkeep = startUpkeep(settings, {
      report: (_code, message) => failures.push(message),
      async tellRemoval({ file }) {
        asked.push(file)
        if (asked.length > 2) throw new Error('ENOSPC: no space left on device')
      },
    })
    await until(() => failures.length > 0)
    await upkeep.close()
    expect(asked.slice(0, 3)).toEqual(files.slice(0, 3))
    // The third one could not be told of: it stays, and so do those behind it.
    expect(filesOf(where)).toEqual(files.slice(2))
  })

  /** Files stand still for 10 s before anything is done to them; what is 10 minutes old needs no second look. */
  async function until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20))
  }
})

describe('a log that is written while it is read', () => {
  it('is no fault, over rotations', async () => {
    const { path, head, directory } = place()
    const loggers = [
      auditor({ path, head, maxSize: 3000, rotate: 'off' }),
      auditor({ path, head, maxSize: 3000, rotate: 'off' }),
    ]
    await loggers[0]?.audit('makes the head file')
    let writing = true
    const writers = loggers.map(async (logger) => {
      while (writing) await logger.audit('act')
    })
    const found: unknown[] = []
    while (filesOf({ directory } as Place).length < 12) found.push((await verify({ path, head })).fault)
    writing = false
    await Promise.all(writers)
    expect(found.filter((fault) => fault !== undefined)).toEqual([])
    expect(found.length).toBeGreaterThan(3)
    expect(await verify({ path, head })).toMatchObject({ ok: true })
    expect(basename(path)).toBe('app.audit.log')
  })
})
