import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'
import { ext4, mount, tmpfs } from './disks.ts'
import { compared, found, WHOLE } from './found.ts'
import { type Service, type ServiceOptions, type State, services } from './service.ts'

const service = services()

interface Fault {
  /** What stats() and stderr name. */
  readonly code: string
  happen(): void
  pass(): void
}

/** While it lasts the event loop turns, after it everything is written. */
async function outlive(one: Service, { code, happen, pass }: Fault): Promise<State & { stderr: string }> {
  await one.ask('followed', { count: 100 })
  await one.ask('pace', { perTurn: 0 })
  happen()
  await one.ask('pace', { perTurn: 5 })
  const failing = await one.ask('failing', { code })
  pass()
  const drained = await one.ask('drained')
  await one.ask('followed', { count: 100 })
  const end = await one.end()
  expect(failing.lastError).toContain(code)
  expect(
    end.stderr.match(new RegExp(`^spoor: can't write .*${code}: .*Records are held in memory`, 'gm')),
  ).toHaveLength(1)
  expect(end.stderr).toContain('is written again')
  expect(end).toMatchObject({ dropped: 0, buffered: 0 })
  expect(drained.turns).toBeGreaterThan(failing.turns)
  return end
}

function stopped(pid: number, act: () => void): void {
  process.kill(pid, 'SIGSTOP')
  while (!/\) T /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) {}
  act()
  process.kill(pid, 'SIGCONT')
}

function expectAll(dirs: string | string[], written: number): void {
  const { numbers, pieces } = found(...[dirs].flat())
  expect(compared(numbers.get('a'), written)).toEqual(WHOLE)
  expect(pieces).toEqual([])
}

describe.each(['turn', 'interval'] as const)(
  'a service (durability %s) never notices, and its records are written afterwards, when',
  (durability) => {
    let dir = ''
    let path = ''
    beforeEach(() => {
      dir = join(temporaryDirectory(), 'logs')
      path = join(dir, 'app.log')
    })
    const started = (more: Partial<ServiceOptions> = {}) =>
      service({ options: { path, rotate: 'off', durability, intervalMs: 5 }, ...more })

    it('its file system is mounted read-only for a while', async () => {
      dir = tmpfs('4m')
      path = join(dir, 'app.log')
      const one = started()
      await one.ask('followed', { count: 100 })
      await one.ask('pace', { perTurn: 0 })
      // The kernel refuses while somebody has a file open for writing.
      await one.ask('reopen')
      mount('-o', 'remount,ro', dir)
      await one.ask('pace', { perTurn: 5 })
      await one.ask('failing', { code: 'EROFS' })
      mount('-o', 'remount,rw', dir)
      await one.ask('drained')
      const { written, dropped, stderr } = await one.end()
      expect(dropped).toBe(0)
      expect(stderr).toContain('EROFS')
      expectAll(dir, written)
    })

    it('its file system turns read-only by an error of the disk, and is repaired', async () => {
      const { disk, fail, repair } = ext4()
      path = join(disk, 'app.log')
      const one = started()
      // Stopped while nothing is mounted there: it would go on in the bare directory.
      const pass = (): void => stopped(one.pid, repair)
      const { written } = await outlive(one, { code: 'EROFS', happen: fail, pass })
      expectAll(disk, written)
    })

    it('it may not enter the directory', async () => {
      mkdirSync(dir)
      chownSync(dir, 65534, 65534)
      chmodSync(dirname(dir), 0o755)
      const { written } = await outlive(started({ user: 65534 }), {
        code: 'EACCES',
        happen: () => chmodSync(dir, 0),
        pass: () => chmodSync(dir, 0o755),
      })
      expectAll(dir, written)
    })

    it('its file is replaced by one that it may not write', async () => {
      mkdirSync(dir)
      chownSync(dir, 65534, 65534)
      chmodSync(dirname(dir), 0o755)
      const { written } = await outlive(started({ user: 65534 }), {
        code: 'EACCES',
        happen() {
          renameSync(path, `${path}.1`)
          writeFileSync(path, '', { mode: 0o600 })
        },
        pass: () => chmodSync(path, 0o666),
      })
      expectAll(dir, written)
    })

    it('its path is a directory', async () => {
      const { written } = await outlive(started(), {
        code: 'EISDIR',
        happen() {
          renameSync(path, `${path}.1`)
          mkdirSync(path)
        },
        pass: () => rmdirSync(path),
      })
      expectAll(dir, written)
    })

    const few = ['bash', '-c', 'ulimit -n 64; exec "$@"', '-']

    it('it has no descriptor left to open its file with', async () => {
      const one = started({ under: few })
      await one.ask('followed', { count: 100 })
      await one.ask('pace', { perTurn: 0 })
      await one.ask('reopen')
      await one.ask('grab')
      await one.ask('pace', { perTurn: 5 })
      await one.ask('failing', { code: 'EMFILE' })
      await one.ask('release')
      await one.ask('drained')
      const { written, dropped, stderr } = await one.end()
      expect(dropped).toBe(0)
      expect(stderr).toContain('EMFILE: too many open files')
      expectAll(dir, written)
    })

    it('it has no descriptor left to rotate with: the file grows on, and is rotated later', async () => {
      const one = started({
        options: { path, maxSize: 50_000, rotate: 'off', durability, intervalMs: 5 },
        under: few,
      })
      await one.ask('followed', { count: 100 })
      await one.ask('grab')
      const { rotated } = await one.ask('written', { count: 2000 })
      expect(readdirSync(dir)).toHaveLength(rotated + 1)
      await one.ask('release')
      await one.ask('rotated', { count: 2 })
      const { written, dropped, stderr } = await one.end()
      expect(dropped).toBe(0)
      expect(stderr).toMatch(/can't rotate .*EMFILE/)
      expectAll(dir, written)
    })

    it('the disk answers EIO', async () => {
      // The service's own thread tries at each turn, the other once a second.
      const last = durability === 'turn' ? 130 : 31
      const inject = ['-P', path, '-e', 'trace=write', '-e', `inject=write:error=EIO:when=30..${last}`]
      const one = started({ under: ['strace', '-f', '-qq', '-o', '/dev/null', ...inject] })
      await one.ask('failing', { code: 'EIO' })
      await one.ask('drained')
      await one.ask('followed', { count: 100 })
      const { written, dropped, stderr } = await one.end()
      expect(dropped).toBe(0)
      expect(stderr.match(/can't write .*EIO: i\/o error/g)).toHaveLength(1)
      expect(stderr).toContain('is written again')
      expectAll(dir, written)
    })

    it('the disk answers EIO to fdatasync: what was appended stays, once', async () => {
      const inject = ['-P', path, '-e', 'trace=fdatasync', '-e', 'inject=fdatasync:error=EIO:when=10..12']
      const options = { path, rotate: 'off', fsync: 'always', durability, intervalMs: 5 } as const
      const one = started({ options, under: ['strace', '-f', '-qq', '-o', '/dev/null', ...inject] })
      await one.ask('written', { count: 300 })
      const { written, dropped, lastError, stderr } = await one.end()
      expect(dropped).toBe(0)
      expect(lastError, stderr).toEqual(expect.stringContaining('EIO'))
      expect(stderr, stderr).toMatch(/can't make .* durable: EIO/)
      expectAll(dir, written)
    })
  },
)
