import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect } from 'vitest'
import { adoptOrphans } from '../../../src/segments/spool/adopt.ts'
import { createSpoolBudget } from '../../../src/segments/spool/budget.ts'
import { parseSubdirectoryName, segmentName, subdirectoryName } from '../../../src/segments/spool/layout.ts'
import type { SpoolLine } from '../../../src/segments/spool/line.ts'
import { createSpoolSource } from '../../../src/segments/spool/source.ts'
import type { SpoolSource } from '../../../src/segments/spool/source-options.ts'
import { createSpoolWriter, type SpoolWriter } from '../../../src/segments/spool/writer.ts'
import { deadOwner, foreignOwner, LEVELS, linesOf, numberOf, parse, segmentsIn } from './spools.ts'

const SILENCE = 31_000
const ELEVEN_MINUTES = 11 * 60 * 1000

/** A source, and what was given of it and not committed. */
export interface Read {
  readonly source: SpoolSource
  readonly lines: SpoolLine[]
  last: number
}

/** A process: known to others by its sign of life alone, until it is proved dead. */
export interface Process {
  readonly owner: string
  readonly writer: SpoolWriter
  readonly reads: Read[]
  clock: number
}

/** Processes that share a destination's directory; each step checks what it is promised. */
export interface World {
  readonly processes: readonly Process[]
  start(): void
  append(process: Process, count: number): void
  read(from: Read, maxBytes: number, maxCount: number): Promise<number>
  commit(from: Read, index: number): Promise<void>
  /** With those taken for dead who are not. */
  adopt(process: Process): Promise<void>
  enforce(process: Process, budgetBytes: number): Promise<void>
  kill(process: Process, tears: boolean): Promise<void>
  stop(process: Process): Promise<void>
  /** A last process delivers all that is left. */
  drain(): Promise<void>
  /** Lines that were neither given nor said to be dropped. */
  missing(): number[]
}

/** All that happens to the lines 0 to written - 1. */
export function createWorld(directory: string): World {
  const processes: Process[] = []
  // By processes who had a right to.
  const given = new Set<number>()
  const committed = new Set<number>()
  const dropped = new Set<number>()
  const ids = new Map<number, string>()
  let written = 0
  // Added to the time, so that who was taken without proof is done with.
  let ahead = 0

  const problem = ({ code, message }: { code: string; message: string }): void => {
    if (!['moved', 'torn'].includes(code)) throw new Error(message)
  }

  function start(): Process {
    const owner = foreignOwner()
    const process: Process = {
      owner,
      reads: [],
      clock: 0,
      writer: createSpoolWriter({
        directory,
        owner,
        budgetBytes: 1e9,
        segmentBytes: 150,
        segmentMs: 20_000,
        fsync: 'never',
        fsyncMs: 1000,
        monotonic: () => process.clock,
        onProblem: problem,
        onDirectory: (path) => follow(process, path, false),
      }),
    }
    processes.push(process)
    return process
  }

  function follow(process: Process, subdirectory: string, finished: boolean): void {
    const source = createSpoolSource({
      subdirectory,
      finished,
      parserOf: () => parse,
      fsync: 'never',
      now: () => Date.now() + ahead,
      onProblem: problem,
    })
    process.reads.push({ source, lines: [], last: -1 })
  }

  function append({ writer }: Process, count: number): void {
    const lines = linesOf(written, count)
    expect(writer.append(lines)).toBe(lines.length)
    written += count
  }

  async function read(from: Read, maxBytes: number, maxCount: number): Promise<number> {
    // Who has not noticed yet that it was taken for dead gives on what its adopter gives as well.
    const stands = has(from.source.subdirectory)
    const lines = await from.source.read(maxBytes, maxCount)
    for (const line of lines) {
      const n = numberOf(line.line)
      expect(n).toBeGreaterThan(from.last)
      from.last = n
      expect(stands && (committed.has(n) || dropped.has(n)) ? n : undefined).toBeUndefined()
      expect(ids.get(n) ?? line.id).toBe(line.id)
      ids.set(n, line.id)
      if (stands) given.add(n)
      from.lines.push(line)
    }
    return lines.length
  }

  async function commit(from: Read, index: number): Promise<void> {
    const line = from.lines[index]
    if (line === undefined) return
    // Of what was taken away meanwhile the next owner gives it again.
    const stands = has(from.source.subdirectory)
    await from.source.commit(line.place)
    for (const { line } of from.lines.splice(0, index + 1)) if (stands) committed.add(numberOf(line))
  }

  async function adopt(process: Process): Promise<void> {
    const now = (): number => Date.now() + SILENCE
    const paths = await adoptOrphans({ directory, owner: process.owner, now, onProblem: problem })
    for (const path of paths) follow(process, path, true)
  }

  /** What is in the segments, by their unique names. */
  function segments(): Map<string, number[]> {
    const found = new Map<string, number[]>()
    for (const name of readdirSync(directory)) {
      const unique = parseSubdirectoryName(name)?.unique
      for (const seq of segmentsIn(join(directory, name))) {
        const lines = readFileSync(join(directory, name, segmentName(seq)), 'utf8').split('\n')
        found.set(`${unique} ${seq}`, lines.slice(0, -1).map(numberOf))
      }
    }
    return found
  }

  async function enforce(process: Process, budgetBytes: number): Promise<void> {
    const before = segments()
    const budget = createSpoolBudget({
      directory,
      budgetBytes,
      segmentBytes: 50,
      sources: () => process.reads.map(({ source }) => source),
      onProblem: problem,
    })
    const { lines, byLevel } = await budget.enforce()
    const after = segments()
    const gone = [...before].flatMap(([key, numbers]) => (after.has(key) ? [] : numbers))
    const lost = gone.filter((n) => !committed.has(n))
    for (const n of lost) dropped.add(n)
    expect(lines).toBe(lost.length)
    for (const [i, level] of LEVELS.entries())
      expect(byLevel.get(level) ?? 0).toBe(lost.filter((n) => n % LEVELS.length === i).length)
  }

  /** SIGKILL, perhaps in the middle of a write: nothing of the process runs on, and there is proof. */
  async function kill(process: Process, tears: boolean): Promise<void> {
    const home = process.writer.directory
    process.writer.close()
    const seq = home === undefined || !has(home) ? undefined : segmentsIn(home).at(-1)
    if (tears && home !== undefined && seq !== undefined)
      appendFileSync(join(home, segmentName(seq)), linesOf(written, 1).slice(0, 9))
    // Its files are closed, with nothing noted: the directory is elsewhere meanwhile.
    const away = `${directory}-away`
    renameSync(directory, away)
    mkdirSync(directory)
    for (const { source } of process.reads) await source.close()
    expect(readdirSync(directory)).toEqual([])
    renameSync(away, directory)
    for (const name of readdirSync(directory)) {
      const parsed = parseSubdirectoryName(name)
      if (parsed?.owner !== process.owner) continue
      const dead = subdirectoryName({ ...parsed, owner: deadOwner() })
      renameSync(join(directory, name), join(directory, dead))
    }
    processes.splice(processes.indexOf(process), 1)
  }

  async function stop(process: Process): Promise<void> {
    process.writer.close()
    for (const { source } of process.reads) {
      source.finish()
      await source.close()
    }
    processes.splice(processes.indexOf(process), 1)
  }

  function has(path: string): boolean {
    return readdirSync(dirname(path)).includes(basename(path))
  }

  /** A last process delivers all that is left. */
  async function drain(): Promise<void> {
    for (const process of [...processes]) await stop(process)
    const last = start()
    ahead = ELEVEN_MINUTES
    await adopt(last)
    for (const one of last.reads) {
      while ((await read(one, 1000, 100)) > 0) await commit(one, one.lines.length - 1)
      expect(one.source.ended).toBe(true)
    }
    expect(readdirSync(directory)).toEqual([])
  }

  return {
    processes,
    start,
    append,
    read,
    commit,
    adopt,
    enforce,
    kill,
    stop,
    drain,
    missing: () =>
      Array.from({ length: written }, (_, n) => n).filter((n) => !given.has(n) && !dropped.has(n)),
  }
}
