import { spawn } from 'node:child_process'
import { readdirSync, utimesSync, watch } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createMaintenance, type MaintenanceOptions } from '../../src/segments/upkeep/maintenance.ts'
import { type FileTransportOptions, fileTransport } from '../../src/transports/file.ts'
import { type Bundle, bundleOf } from '../support/bundle.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { ended, run } from './child.ts'
import { lineOf, type Tally, tallyOf, whole } from './numbered.ts'
import { ROOMS, startWriters, together, until, type Writers } from './writers.ts'

const KILLS = Number(process.env.SPOOR_RUNS_KILL ?? 12)
const SEED = Number(process.env.SPOOR_SEED ?? Date.now() % 1_000_000)
const HIDDEN = /\.(?:moving|tmp|lock|maintenance)$/
const STALE_MS = 10_000

let bundle: Bundle
beforeAll(() => {
  bundle = bundleOf(ROOMS)
})
afterAll(() => bundle.remove())

function hiddenIn(directory: string): string[] {
  return readdirSync(directory).filter((name) => HIDDEN.test(name))
}

/** Lets the lock that a dead process holds be an old one. */
function ageLock(directory: string): void {
  const old = (Date.now() - STALE_MS) / 1000
  try {
    utimesSync(join(directory, '.app.log.lock'), old, old)
  } catch (error) {
    // There is none, or it was that of a writer who lives.
    expect(error).toMatchObject({ code: 'ENOENT' })
  }
}

type Upkeep = Pick<MaintenanceOptions, 'compress' | 'retention'>

/** What the next start does, in a process that has seen the files stand still for long. */
async function recover(directory: string, upkeep: Upkeep): Promise<void> {
  const path = join(directory, 'app.log')
  let clock = 0
  const failures: string[] = []
  const maintenance = createMaintenance({
    ...upkeep,
    path,
    rotate: 'off',
    timeZone: 'local',
    settleMs: 1,
    monotonic: () => clock,
    report: ({ message }) => failures.push(message),
  })
  // It looks, breaks a lock that it has seen for long, and does the work.
  for (let pass = 0; pass < 4; pass++) {
    await maintenance.pass()
    clock += 100_000
  }
  await maintenance.close()
  ageLock(directory)
  const next = fileTransport({ path, rotate: 'off', compress: 'off' })
  next.write(lineOf(9, 0), 50)
  next.rotate()
  await next.close?.()
  expect(failures).toEqual([])
  expect(hiddenIn(directory)).toEqual([])
}

describe('a process that dies before any step in its directory', () => {
  // Every call that makes, renames or removes a name there is a step.
  const dying = `
    import fs, { writeSync } from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    const { directory, at, upkeep } = JSON.parse(process.argv[2])
    let step = upkeep === undefined ? 0 : Number.NaN
    const trap = (host, name) => {
      const real = host[name]
      host[name] = function (...args) {
        if (String(args[0]).startsWith(directory) && ++step === at) {
          process.kill(process.pid, 'SIGKILL')
          for (;;);
        }
        return real.apply(this, args)
      }
    }
    for (const name of ['openSync', 'renameSync', 'linkSync', 'unlinkSync']) trap(fs, name)
    for (const name of ['open', 'rename', 'link', 'unlink']) trap(fs.promises, name)
    syncBuiltinESMExports()
    const { createMaintenance, fileTransport, lineOf } = await import('./spoor.mjs')
    const path = directory + '/app.log'
    const out = fileTransport({ path, rotate: 'off', maxSize: upkeep === undefined ? 5000 : 2500, compress: 'off' })
    for (let n = 0; n < 60; n++) {
      out.write(lineOf(0, n), 30)
      await new Promise((resolve) => setImmediate(resolve))
      writeSync(1, n + '\\n')
    }
    await out.close()
    if (upkeep !== undefined) {
      // No timer of maintenance holds the process.
      const alive = setInterval(() => {}, 1000)
      step = 0
      let clock = 0
      const report = ({ message }) => writeSync(2, message)
      const maintenance = createMaintenance({ ...upkeep, path, rotate: 'off', timeZone: 'local', settleMs: 1, monotonic: () => clock, report })
      await maintenance.pass()
      clock += 100_000
      await maintenance.pass()
      clearInterval(alive)
    }
    writeSync(1, 'all ' + step + '\\n')`

  const WAYS: readonly [string, Upkeep | undefined][] = [
    ['rotates', undefined],
    ['compresses', { compress: { files: 2 } }],
    ['deletes', { retention: { age: {}, count: 1 } }],
  ]

  /** Writes on, over rotations, when the lock of the dead one has grown old. */
  function goOn(directory: string): void {
    ageLock(directory)
    const out = fileTransport({
      path: join(directory, 'app.log'),
      rotate: 'off',
      maxSize: 2500,
      compress: 'off',
    })
    const from = tallyOf(directory).of(0).last + 1
    for (let n = from; n < from + 60; n++) out.write(lineOf(0, n), 50)
    void out.close?.()
  }

  it.each(WAYS)('while it %s loses and doubles nothing, and the next clears up', async (_name, upkeep) => {
    const script = bundle.script('steps.mjs', dying)
    let steps = 0
    for (let at = 1; steps === 0; at++) {
      const directory = temporaryDirectory()
      const args = [script, JSON.stringify({ directory, at, upkeep })]
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
      const { stdout, stderr } = await ended(child)
      expect(stderr).toBe('')
      const [, all] = /all (\d+)/.exec(stdout) ?? []
      if (all !== undefined) steps = Number(all)
      const acknowledged = stdout.split('\n').filter((line) => /^\d+$/.test(line)).length
      const look = (when: string): void => {
        const { first, last, ...faults } = tallyOf(directory).of(0)
        expect({ at, when, ...faults }).toEqual({ at, when, lost: 0, doubled: 0, disordered: 0 })
        expect(last).toBeGreaterThanOrEqual(acknowledged - 1)
        if (upkeep?.retention === undefined && last >= 0) expect(first).toBe(0)
      }
      look('at once')
      goOn(directory)
      look('after another has gone on')
      await recover(directory, upkeep ?? {})
      look('after the next start')
    }
    expect(steps).toBeGreaterThan(4)
  })
})

describe('a process that dies in the middle of a write', () => {
  it('leaves a piece of a line, which stays on a line of its own', async () => {
    const script = bundle.script(
      'torn.mjs',
      `import fs from 'node:fs'
       import { syncBuiltinESMExports } from 'node:module'
       const real = fs.writeSync
       let writes = 0
       fs.writeSync = (fd, buffer, from, length) => {
         if (++writes < 5) return real(fd, buffer, from, length)
         real(fd, buffer, from, Math.floor(length / 2))
         process.kill(process.pid, 'SIGKILL')
         for (;;);
       }
       syncBuiltinESMExports()
       const { fileTransport, lineOf } = await import('./spoor.mjs')
       const out = fileTransport({ path: process.argv[2], rotate: 'off', compress: 'off' })
       for (let n = 0; ; n++) out.write(lineOf(0, n), 50)`,
    )
    const directory = temporaryDirectory()
    const path = join(directory, 'app.log')
    await run(script, [path])
    const next = fileTransport({ path, rotate: 'off', compress: 'off' })
    for (let n = 0; n < 3; n++) next.write(lineOf(1, n), 50)
    await next.close?.()
    const tally = tallyOf(directory)
    expect([tally.of(0), tally.of(1)]).toEqual([whole(4), whole(3)])
    expect(tally.broken).toEqual([lineOf(0, 4).slice(0, Math.floor(lineOf(0, 4).length / 2))])
  })
})

interface Aim {
  /** What the process that is killed does. */
  readonly options: Omit<FileTransportOptions, 'path'>
  /** Names whose coming and going it is aimed at; none for any moment. */
  readonly names?: RegExp
}

const SETTLE = 60
const AIMS: Readonly<Record<string, Aim>> = {
  anything: { options: { maxSize: 20_000, compress: 2, settleMs: SETTLE } },
  rotation: { options: { maxSize: 8000 }, names: /\.(?:lock|moving)$|^app-.*\.log$/ },
  compression: { options: { maxSize: 8000, compress: 0, settleMs: SETTLE }, names: /\.(?:tmp|gz)$/ },
  deletion: { options: { maxSize: 8000, retention: 'count=1', settleMs: SETTLE }, names: /\.tmp$/ },
}

/** Numbers from 0 to 1 (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Acts within 5 ms after one of the names has come or gone, or at any moment of the first 300 ms. */
function atMoment(directory: string, { names }: Aim, random: () => number, act: () => void): Promise<void> {
  if (names === undefined) {
    return new Promise((resolve) => {
      setTimeout(() => {
        act()
        resolve()
      }, random() * 300)
    })
  }
  let skip = Math.floor(random() * 6)
  const delay = random() * 5
  return new Promise((resolve) => {
    const watcher = watch(directory, (event, name) => {
      if (event !== 'rename' || !names.test(name ?? '') || skip-- > 0) return
      watcher.close()
      const at = performance.now() + delay
      while (performance.now() < at);
      act()
      resolve()
    })
  })
}

describe('SIGKILL of one of two writers, which is then started again', () => {
  function start(path: string, writer: number, options: Omit<FileTransportOptions, 'path'>): Writers {
    const given = { path, options, writers: [writer], count: 0, lasting: true, atOnce: 40 }
    const writers = startWriters(bundle, given)
    onTestFinished(() => void writers.child.kill('SIGKILL'))
    return writers
  }

  function writtenBy({ told }: Writers): number {
    return Math.max(0, ...[...told.values()].map(({ written }) => written))
  }

  /** Everything that was acknowledged is there once; of the one that was killed perhaps a piece of its next line. */
  function look(directory: string, all: readonly Writers[], deletes: boolean, note: string): Tally {
    const tally = tallyOf(directory)
    for (const [writer, each] of all.entries()) {
      const { first, last, ...faults } = tally.of(writer)
      expect({ note, writer, ...faults }).toEqual({ note, writer, lost: 0, doubled: 0, disordered: 0 })
      expect(last, note).toBeGreaterThanOrEqual(writtenBy(each) - 1)
      if (!deletes && last >= 0) expect(first, note).toBe(0)
    }
    const next = lineOf(1, tally.of(1).last + 1)
    expect(
      tally.broken.filter((line) => !next.startsWith(line)),
      note,
    ).toEqual([])
    expect(tally.broken.length, note).toBeLessThan(2)
    return tally
  }

  it(`loses and doubles nothing, ${KILLS} times, half of them aimed; seed ${SEED}`, async () => {
    const random = randomFrom(SEED)
    const aimed = ['rotation', 'compression', 'deletion']
    let left = 0
    let torn = 0
    for (let kill = 0; kill < KILLS; kill++) {
      const name = kill % 2 === 0 ? 'anything' : (aimed[((kill - 1) / 2) % aimed.length] as string)
      const aim = AIMS[name] as Aim
      const note = `seed ${SEED}, kill ${kill} (${name})`
      const directory = temporaryDirectory()
      const path = join(directory, 'app.log')
      const deletes = aim.options.retention !== undefined
      // What is aimed at is done by the victim alone.
      const besides = name === 'anything' ? aim.options : { maxSize: 8000, compress: 'off' }
      const survivor = start(path, 0, besides)
      const victim = start(path, 1, aim.options)
      await Promise.all([survivor.ready, victim.ready])
      const killed = atMoment(directory, aim, random, () => victim.child.kill('SIGKILL'))
      await together([survivor, victim])
      await killed
      await victim.over
      left += hiddenIn(directory).length
      if (random() < 0.5) ageLock(directory)
      const again = start(path, 2, besides)
      await together([again])
      const before = writtenBy(survivor)
      await until([survivor, again], () => writtenBy(survivor) > before + 400 && writtenBy(again) > 400)
      survivor.stop()
      if (random() < 0.5) again.stop()
      else again.child.kill('SIGKILL')
      await Promise.all([survivor.over, again.over])

      const all = [survivor, victim, again]
      torn += look(directory, all, deletes, note).broken.length
      await recover(directory, name === 'compression' ? { compress: { files: 0 } } : {})
      look(directory, all, deletes, `${note}, after the next start`)
    }
    if (KILLS >= 100) expect(left).toBeGreaterThan(0)
    if (process.env.SPOOR_FULL) console.log(`${left} hidden files left, ${torn} torn lines`)
  })
})
