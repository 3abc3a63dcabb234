import fs, { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { selfLogStats } from '../../../src/config/self-log.ts'
import { createScope, runInScope, withContext } from '../../../src/context/scope.ts'
import { boundTo } from '../../../src/logger/bound.ts'
import { createLogger, reconfigure } from '../../../src/logger/create.ts'
import { shutdown } from '../../../src/logger/default.ts'
import { verify } from '../../../src/policy/audit/verify.ts'
import { memoryTransport } from '../../../src/transports/memory.ts'
import { auditor, KEY, place, recordsOf } from './support.ts'

afterEach(() => {
  vi.restoreAllMocks()
  syncBuiltinESMExports()
})

/** Replaces a function of the file system, as a disk or a kernel would behave otherwise. */
function replace<K extends 'writeSync' | 'fdatasync' | 'fdatasyncSync' | 'renameSync'>(
  name: K,
  make: (real: (typeof fs)[K]) => unknown,
): void {
  const real = fs[name]
  fs[name] = make(real) as (typeof fs)[K]
  syncBuiltinESMExports()
  onTestFinished(() => {
    fs[name] = real
    syncBuiltinESMExports()
  })
}

const LINK = /^audit_/

/** A record without what differs from run to run. */
function said(record: Record<string, unknown> | undefined): Record<string, unknown> {
  const { time: _, ...rest } = record ?? {}
  return Object.fromEntries(Object.entries(rest).filter(([key]) => !LINK.test(key)))
}

describe('a record', () => {
  it('carries what every record of its logger and its scope carries, whatever the level is', async () => {
    const { path } = place()
    const memory = memoryTransport()
    const logger = auditor(
      { path },
      { transports: [memory], level: 'silent', labels: { module: 'store' }, identity: { service: 'shop' } },
    )
    const child = logger.child({ shard: 3 })
    await withContext({ request_id: 'r-1' }, () => child.audit('role granted', { by: 'ann', role: 'admin' }))
    const [record] = recordsOf(path)
    expect(said(record)).toMatchObject({
      level: 'info',
      msg: 'role granted',
      service: 'shop',
      module: 'store',
      shard: 3,
      request_id: 'r-1',
      by: 'ann',
      role: 'admin',
    })
    expect(record).toMatchObject({
      audit_seq: 1,
      audit_chain_seq: 1,
      audit_hash: expect.stringMatching(/^sha256-[0-9a-f]{64}$/),
    })
    // It goes nowhere else.
    expect(memory.records()).toEqual([])
  })

  it('of a bound logger carries that scope, as request.log does', async () => {
    const { path } = place()
    const scope = createScope({ request_id: 'mine' })
    const log = boundTo(auditor({ path }), scope)
    await runInScope(createScope({ request_id: "another's" }), () => log.audit('x'))
    expect(recordsOf(path)[0]).toMatchObject({ request_id: 'mine' })
  })

  it.each([{}, { mixin: () => ({}) }, { schema: 'ecs' as const }])(
    'stays within the limit of a line with all that proves it: %j',
    async (options) => {
      const { path } = place()
      for (const run of [1, 2]) {
        const logger = auditor({ path, key: KEY }, { limits: { string: 1_000_000 }, ...options })
        await logger.audit('many', { run, a: 'x'.repeat(200_000), b: '\u202e'.repeat(20_000) })
        await shutdown(logger)
      }
      const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
      expect(lines).toHaveLength(2)
      for (const line of lines) {
        expect(Buffer.byteLength(line)).toBeLessThan(64_000)
        expect(JSON.parse(line)).toMatchObject({ truncated: true })
      }
      expect(await verify({ path, key: KEY })).toMatchObject({ ok: true, records: 2 })
    },
  )

  it.each<[string, Parameters<typeof auditor>[1], Record<string, unknown>]>([
    [
      'redact',
      { redact: ['password', '*.token'] },
      { password: '[Redacted]', deep: { token: '[Redacted]' } },
    ],
    ['serializers', { serializers: { deep: () => 'serialised' } }, { deep: 'serialised' }],
    ['a mixin', { mixin: () => ({ mixed: 1 }) }, { mixed: 1, password: '[redacted]' }],
    ['formatters.log', { formatters: { log: (o) => ({ ...o, formatted: true }) } }, { formatted: true }],
    ['msgPrefix', { msgPrefix: 'shop: ' }, { msg: 'shop: act' }],
    ['a schema', { schema: 'ecs' }, { message: 'act', 'log.level': 'info' }],
    [
      'source',
      { source: 'all' },
      { source: { file: expect.stringContaining('audit.test.ts'), line: expect.any(Number) } },
    ],
  ])('is made as all others are: %s', async (_name, options, wanted) => {
    const { path } = place()
    const logger = auditor({ path }, options)
    await logger.audit('act', { password: 'p', deep: { token: 't' } })
    const text = readFileSync(path, 'utf8')
    expect(recordsOf(path)[0]).toMatchObject(wanted)
    if (options?.redact !== undefined) expect(text).not.toMatch(/"p"|"t"/)
    expect(await verify({ path })).toMatchObject({ ok: true, records: 1 })
  })

  it('keeps its own fields from a call, a binding and a scope', async () => {
    const { path } = place()
    const forged = {
      audit_seq: 99,
      audit_hash: `sha256-${'0'.repeat(64)}`,
      _audit_seq: 'taken',
      audit_removed: 'x',
    }
    const logger = auditor({ path }).child({ audit_chain: 'mine' })
    await withContext({ audit_prev: 'scope' }, () => logger.audit('act', forged))
    expect(recordsOf(path)[0]).toMatchObject({
      audit_seq: 1,
      __audit_seq: 99,
      _audit_seq: 'taken',
      _audit_hash: forged.audit_hash,
      _audit_chain: 'mine',
      _audit_prev: 'scope',
      _audit_removed: 'x',
    })
    expect(await verify({ path })).toMatchObject({ ok: true })
  })

  it('is whole whatever it is given, and what a getter logs goes where it belongs', async () => {
    const { path } = place()
    const memory = memoryTransport()
    const logger = auditor({ path }, { transports: [memory], mixin: () => ({}) })
    const hostile = {
      get inner() {
        logger.info('from a getter')
        return 1
      },
      get bad() {
        throw new Error('no')
      },
      text: 'a\n\u2028\ud800',
    }
    await logger.audit('act\n{"msg":"forged"}', hostile)
    await logger.audit(undefined as unknown as string)
    expect(recordsOf(path)).toMatchObject([{ inner: 1, bad: '[Throws: no]' }, { msg: 'undefined' }])
    expect(memory.records().map(({ msg }) => msg)).toEqual(['from a getter'])
    expect(await verify({ path })).toMatchObject({ ok: true, records: 2 })
  })

  it('loses nothing of an error in the place of the fields, nor of a call in pino’s order', async () => {
    const { path } = place()
    const audit = auditor({ path }).audit as (...given: unknown[]) => Promise<void>
    await audit('refused', new Error('no right'))
    await audit({ by: 'ann' }, 'role granted')
    await audit(new Error('declined'), 'payment refused')
    expect(recordsOf(path)).toMatchObject([
      { msg: 'refused', err: { type: 'Error', message: 'no right' } },
      { msg: 'role granted', by: 'ann' },
      { msg: 'payment refused', err: { message: 'declined' } },
    ])
    expect(await verify({ path })).toMatchObject({ ok: true, records: 3 })
  })

  it('can be made by a method that was taken off its logger; a level of that name stays one', async () => {
    const { path } = place()
    const { audit } = auditor({ path })
    await audit('act')
    expect(recordsOf(path)).toHaveLength(1)
    const memory = memoryTransport()
    const levels = createLogger({
      transports: [memory],
      env: {},
      customLevels: { audit: 35 },
    }) as unknown as { audit(msg: string): void }
    levels.audit('a level')
    expect(memory.records()).toMatchObject([{ msg: 'a level' }])
  })
})

describe('where it is written', () => {
  it('is named by the code, by LOG_AUDIT_FILE, or lies beside LOG_FILE', async () => {
    const { directory } = place()
    const at = (name: string): string => join(directory, name)
    const env = { LOG_AUDIT_FILE: at('env.log'), LOG_FILE: at('app.log') }
    await createLogger({ env, transports: [], audit: { path: at('code.log') } }).audit('code')
    await createLogger({ env, transports: [] }).audit('env')
    await createLogger({ env: { LOG_FILE: at('app.log') }, transports: [] }).audit('beside')
    for (const name of ['code.log', 'env.log', 'app.audit.log']) expect(recordsOf(at(name))).toHaveLength(1)
  })

  it('is nowhere otherwise: the promise rejects, and it is told once', async () => {
    const before = selfLogStats().codes['audit.missing'] ?? 0
    const logger = createLogger({ env: {}, transports: [] })
    void logger.audit('nobody listens')
    await expect(logger.audit('act')).rejects.toMatchObject({
      code: 'ERR_SPOOR_AUDIT',
      message: expect.stringContaining('LOG_AUDIT_FILE'),
    })
    expect(selfLogStats().codes['audit.missing']).toBe(before + 1)
  })

  it.each([['LOG_FILE'], ['LOG_AUDIT_HEAD']])('is no file that is something else: %s', async (name) => {
    const { path } = place()
    const logger = createLogger({ env: { LOG_AUDIT_FILE: path, [name]: path }, transports: [] })
    await expect(logger.audit('act')).rejects.toMatchObject({ code: 'ERR_SPOOR_AUDIT' })
    expect(existsSync(path)).toBe(false)
  })

  it('may have a lock beside it that nobody can take', async () => {
    const { path, directory } = place()
    mkdirSync(join(directory, '.app.audit.log.order'))
    const logger = auditor({ path })
    await logger.audit('act')
    expect(recordsOf(path)).toHaveLength(1)
  })

  it('follows a new configuration, and the old one is durable', async () => {
    const [one, two] = [place(), place()]
    const logger = auditor({ path: one.path })
    const pending = logger.audit('one')
    await reconfigure(logger, { transports: [], env: {}, audit: { path: two.path } })
    await logger.audit('two')
    await pending
    expect([recordsOf(one.path), recordsOf(two.path)]).toMatchObject([[{ msg: 'one' }], [{ msg: 'two' }]])
  })

  it.each([[{ path: 3 }], [{ pat: 'x' }], [{ key: 12_345 }], ['app.log'], [{ retention: 'long' }]])(
    'is an option that is checked: %o',
    (audit) => {
      const make = () => createLogger({ env: {}, audit: audit as never })
      expect(make).toThrow(expect.objectContaining({ code: 'ERR_SPOOR_OPTION' }))
      expect(make).not.toThrow(/12345/)
    },
  )
})

describe('durability', () => {
  it('is had before the promise resolves, once for all calls that wait together', async () => {
    const { path, head } = place()
    let syncs = 0
    let waiting: (() => void)[] = []
    replace('fdatasync', (real) => (fd: number, done: (error: Error | null) => void) => {
      syncs++
      waiting.push(() => real(fd, done))
    })
    const logger = auditor({ path, head })
    let resolved = 0
    const calls = Array.from({ length: 100 }, (_, n) => logger.audit('act', { n }).then(() => resolved++))
    await vi.waitFor(() => expect(waiting).toHaveLength(1))
    expect({ resolved, written: recordsOf(path).length, headed: existsSync(head) }).toEqual({
      resolved: 0,
      written: 100,
      headed: false,
    })
    // Those that come meanwhile wait for the next one.
    calls.push(...Array.from({ length: 50 }, (_, n) => logger.audit('later', { n }).then(() => resolved++)))
    const [first] = waiting
    waiting = []
    first?.()
    await vi.waitFor(() => expect(waiting).toHaveLength(1))
    expect(resolved).toBe(100)
    expect(JSON.parse(readFileSync(head, 'utf8'))).toMatchObject({ seq: 100 })
    waiting[0]?.()
    await Promise.all(calls)
    expect({ resolved, syncs }).toEqual({ resolved: 150, syncs: 2 })
    expect(await verify({ path, head })).toMatchObject({ ok: true, records: 150 })
  })

  it('that is waited for in vain costs bounded memory', async () => {
    const { path } = place()
    replace('fdatasync', () => () => {})
    const logger = auditor({ path })
    let refused: unknown
    let taken = 0
    const pad = 'x'.repeat(2000)
    for (; refused === undefined && taken < 20_000; taken++) {
      logger.audit('act', { pad }).catch((error: unknown) => {
        refused = error
      })
      if (taken % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    expect(refused).toMatchObject({ code: 'ERR_SPOOR_AUDIT', message: expect.stringContaining('too many') })
    expect(taken * pad.length).toBeLessThan(17 * 1024 * 1024)
  })

  it('that fails is told to who waits, and the next one is another try', async () => {
    const { path } = place()
    let fails = true
    replace('fdatasync', (real) => (fd: number, done: (error: Error | null) => void) => {
      if (fails) done(new Error('EIO: i/o error'))
      else real(fd, done)
    })
    replace('fdatasyncSync', (real) => (fd: number) => {
      if (fails) throw new Error('EIO: i/o error')
      real(fd)
    })
    const logger = auditor({ path })
    for (let n = 0; n < 2; n++) {
      await expect(logger.audit('act')).rejects.toMatchObject({
        code: 'ERR_SPOOR_AUDIT',
        message: expect.stringContaining('EIO'),
      })
    }
    fails = false
    await logger.audit('again')
    expect(await verify({ path })).toMatchObject({ ok: true, records: 3 })
  })
})

describe('a file that can not be rotated', () => {
  it('is written on', async () => {
    const { path } = place()
    let refusals = 0
    replace('renameSync', (real) => (from: string, to: string) => {
      if (from !== path) return real(from, to)
      refusals++
      throw Object.assign(new Error('EPERM: operation not permitted, rename'), { code: 'EPERM' })
    })
    const logger = auditor({ path, maxSize: 1000, rotate: 'off' })
    for (let n = 0; n < 5; n++) await logger.audit('act')
    expect(refusals).toBe(1)
    expect(await verify({ path })).toMatchObject({ ok: true, records: 5, files: 1 })
  })
})

describe('what goes wrong', () => {
  it.each<[string, (path: string) => void, (path: string) => void]>([
    ['a directory in its place', (path) => mkdirSync(path), (path) => rmSync(path, { recursive: true })],
    [
      'a file where its directory should be',
      (path) => writeFileSync(join(path, '..'), ''),
      (path) => rmSync(join(path, '..')),
    ],
    ['a device', (path) => symlinkSync('/dev/null', path), (path) => rmSync(path)],
  ])('rejects with ERR_SPOOR_AUDIT and ends with its cause: %s', async (_name, spoil, mend) => {
    const { directory } = place()
    const path = join(directory, 'deep', 'app.audit.log')
    if (_name !== 'a file where its directory should be') mkdirSync(join(path, '..'))
    spoil(path)
    const logger = auditor({ path })
    await expect(logger.audit('act')).rejects.toMatchObject({
      code: 'ERR_SPOOR_AUDIT',
      cause: expect.any(Error),
    })
    mend(path)
    await logger.audit('again')
    expect(recordsOf(path)).toMatchObject([{ msg: 'again', audit_seq: 1 }])
  })

  it('of a head file rejects too; the record is there', async () => {
    const { path, directory } = place()
    const logger = auditor({ path, head: join(directory, 'missing', 'head') })
    await expect(logger.audit('act')).rejects.toMatchObject({ code: 'ERR_SPOOR_AUDIT' })
    mkdirSync(join(directory, 'missing'))
    await logger.audit('again')
    expect(await verify({ path, head: join(directory, 'missing', 'head') })).toMatchObject({
      ok: true,
      records: 2,
    })
  })

  it.each([
    ['a file that is not there', { keyFile: '/nowhere/key' }, 'nowhere'],
    ['too short a key', { key: 'short' }, 'too short'],
  ])('of a key writes nothing: %s', async (_name, key, text) => {
    const { path } = place()
    await expect(auditor({ path, ...key }).audit('act')).rejects.toMatchObject({
      code: 'ERR_SPOOR_AUDIT',
      message: expect.stringContaining(text),
    })
    expect(existsSync(path)).toBe(false)
  })

  it('on a disk that is full, in the middle of a line, leaves a torn one that the next record tells of', async () => {
    const { path, head } = place()
    const logger = auditor({ path, head })
    await logger.audit('before')
    let room = 100
    replace('writeSync', (real) => (fd: number, buffer: Buffer | string, ...rest: number[]) => {
      if (typeof buffer === 'string') return real(fd, buffer)
      if (room === 0)
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
      const [from = 0] = rest
      const written = real(fd, buffer, from, Math.min(room, buffer.length - from))
      room -= written
      return written
    })
    const results = await Promise.allSettled([logger.audit('one'), logger.audit('two')])
    expect(results).toMatchObject([
      { status: 'rejected', reason: { code: 'ERR_SPOOR_AUDIT' } },
      { status: 'rejected', reason: { code: 'ERR_SPOOR_AUDIT' } },
    ])
    const torn = await verify({ path, head })
    expect(torn).toMatchObject({
      ok: true,
      records: 1,
      notes: [{ line: 2, message: expect.stringContaining('torn') }],
    })
    room = Number.POSITIVE_INFINITY
    await logger.audit('after')
    expect(await verify({ path, head })).toMatchObject({
      ok: true,
      records: 2,
      last: 2,
      notes: [{ line: 2 }],
    })
    // The torn line is covered as well.
    writeFileSync(path, readFileSync(path, 'utf8').replace(/\n(\{.{20})/, '\n$1x'))
    expect(await verify({ path, head })).toMatchObject({ ok: false, fault: { code: 'foreign', line: 2 } })
  })

  it('that takes a few bytes of each write ends with an error all the same', async () => {
    const { path, head } = place()
    const logger = auditor({ path, head })
    let short = true
    replace('writeSync', (real) => (fd: number, buffer: Buffer | string) => {
      if (typeof buffer === 'string') return real(fd, buffer)
      return real(fd, buffer, 0, short ? 10 : buffer.length)
    })
    await expect(logger.audit('act')).rejects.toMatchObject({ code: 'ERR_SPOOR_AUDIT' })
    short = false
    await logger.audit('again')
    expect(await verify({ path, head })).toMatchObject({ ok: true, records: 1 })
  })

  it('in part acknowledges the records that are there', async () => {
    const { path, head } = place()
    const logger = auditor({ path, head })
    let writes = 0
    replace('writeSync', (real) => (fd: number, buffer: Buffer | string) => {
      if (typeof buffer === 'string') return real(fd, buffer)
      if (++writes > 1) throw new Error('ENOSPC')
      const lines = buffer.toString().split('\n')
      return real(fd, buffer, 0, Buffer.byteLength(`${lines[0]}\n${lines[1]}`) + 20)
    })
    const results = await Promise.allSettled(['one', 'two', 'three'].map((action) => logger.audit(action)))
    // The second lacks its newline alone, and then some bytes of the third are there.
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
    expect(await verify({ path, head })).toMatchObject({ ok: true, records: 2 })
  })
})

describe('many writers', () => {
  it('in one thread make one line of records', async () => {
    const { path, head } = place()
    const loggers = Array.from({ length: 5 }, () => auditor({ path, head, key: KEY }))
    for (let n = 0; n < 20; n++) await Promise.all(loggers.map((logger) => logger.audit('act', { n })))
    await Promise.all(loggers.map((logger) => shutdown(logger)))
    expect(await verify({ path, head, key: KEY })).toMatchObject({
      ok: true,
      records: 100,
      chains: 5,
      notes: [],
    })
  })
})
