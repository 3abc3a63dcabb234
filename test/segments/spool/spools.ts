import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { parseSegmentName } from '../../../src/segments/spool/layout.ts'
import type { ParsedLine } from '../../../src/segments/spool/line.ts'
import { makeOwner } from '../../../src/segments/spool/owner.ts'
import type { SpoolProblem } from '../../../src/segments/spool/problems.ts'
import { createSpoolSource } from '../../../src/segments/spool/source.ts'
import type { SpoolSource, SpoolSourceOptions } from '../../../src/segments/spool/source-options.ts'
import {
  createSpoolWriter,
  type SpoolWriter,
  type SpoolWriterOptions,
} from '../../../src/segments/spool/writer.ts'

export const LEVELS = ['debug', 'info', 'error'] as const

/** A line that tells by its number what it has to be; some hold characters of several bytes. */
export function lineOf(n: number, pad = (n * 7) % 60): string {
  const char = n % 5 === 0 ? 'ü' : n % 7 === 0 ? '€' : 'x'
  return `{"n":${n},"level":"${LEVELS[n % 3]}","pad":"${char.repeat(pad)}"}\n`
}

export function linesOf(from: number, count: number): string {
  return Array.from({ length: count }, (_, i) => lineOf(from + i)).join('')
}

export function parse(line: string): ParsedLine | undefined {
  try {
    return { record: JSON.parse(line), timeMs: 0 }
  } catch {
    return undefined
  }
}

/** The number of a line, which must be whole. */
export function numberOf(line: string): number {
  const { n, pad } = JSON.parse(line) as { n: number; pad: string }
  if (`${line}\n` !== lineOf(n, pad.length)) throw new Error(`'${line}' is not as it was written`)
  return n
}

/** An owner of this boot and namespace who is certainly dead: its process has another start time. */
export function deadOwner(): string {
  const parts = makeOwner(0).split('-')
  parts[3] = '1'
  return parts.join('-')
}

/** An owner who can be judged by its sign of life alone: of another boot. */
export function foreignOwner(): string {
  const parts = makeOwner(0).split('-')
  return ['00000000', ...parts.slice(1)].join('-')
}

export interface Spool {
  readonly writer: SpoolWriter
  readonly problems: SpoolProblem[]
  readonly directories: string[]
}

/** A writer with small segments, closed when the test ends. */
export function spoolIn(directory: string, options: Partial<SpoolWriterOptions> = {}): Spool {
  const problems: SpoolProblem[] = []
  const directories: string[] = []
  const writer = createSpoolWriter({
    directory,
    owner: makeOwner(0),
    budgetBytes: 1e9,
    segmentBytes: 200,
    fsync: 'never',
    fsyncMs: 1000,
    onProblem: (problem) => problems.push(problem),
    onDirectory: (path) => directories.push(path),
    ...options,
  })
  onTestFinished(() => writer.close())
  return { writer, problems, directories }
}

export interface Reading {
  readonly source: SpoolSource
  readonly problems: SpoolProblem[]
  /** The numbers of all lines that there are now; nothing is committed. */
  numbers(): Promise<number[]>
  /** The same, each batch committed. */
  deliver(): Promise<number[]>
  codes(): string[]
}

export function readingOf(subdirectory: string, options: Partial<SpoolSourceOptions> = {}): Reading {
  const problems: SpoolProblem[] = []
  const source = createSpoolSource({
    subdirectory,
    finished: false,
    parserOf: () => parse,
    fsync: 'never',
    pollMs: 1,
    onProblem: (problem) => problems.push(problem),
    ...options,
  })
  onTestFinished(() => source.close())
  const all = async (commits: boolean): Promise<number[]> => {
    const numbers: number[] = []
    for (;;) {
      const lines = await source.read(300, 7)
      const last = lines.at(-1)
      if (last === undefined) return numbers
      for (const { line } of lines) numbers.push(numberOf(line))
      if (commits) await source.commit(last.place)
    }
  }
  return {
    source,
    problems,
    numbers: () => all(false),
    deliver: () => all(true),
    codes: () => problems.map(({ code }) => code),
  }
}

/** The numbers of the segments that are there. */
export function segmentsIn(subdirectory: string): number[] {
  return readdirSync(subdirectory)
    .map(parseSegmentName)
    .filter((seq) => seq !== undefined)
    .sort((a, b) => a - b)
}

/** The one subdirectory of a destination's. */
export function onlyIn(directory: string): string {
  const names = readdirSync(directory)
  if (names.length !== 1) throw new Error(`expected one subdirectory, found ${names.join(', ')}`)
  return join(directory, names[0] as string)
}

export function upTo(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, i) => from + i)
}
