import { gzipSync } from 'node:zlib'
import { onTestFinished } from 'vitest'
import { createReader, type ReaderOptions, type ReaderProblem } from '../../../src/segments/read/reader.ts'

/** Lines {"n":from} up to, and without, {"n":to}. */
export function numbered(from: number, to: number): string {
  let text = ''
  for (let n = from; n < to; n++) text += `{"n":${n}}\n`
  return text
}

export function gzipped(text: string): Buffer {
  return gzipSync(text)
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}

/** Reads to the end: the lines, what was told of, and the counts. */
export async function readAll(options: ReaderOptions) {
  const problems: ReaderProblem[] = []
  const reader = createReader({ onProblem: (problem) => problems.push(problem), ...options })
  const lines: string[] = []
  for await (const batch of reader) {
    for (let i = 0; i < batch.count; i++) lines.push(batch.text(i))
    if (options.checkpoint !== undefined) await batch.commit()
  }
  return { lines, problems, codes: problems.map(({ code }) => code), stats: reader.stats() }
}

/** The n of each line. */
export function numbersOf(lines: readonly string[]): number[] {
  return lines.map((line) => JSON.parse(line).n)
}

/** A reader that follows, and looks when it is told to. */
export function follow(options: ReaderOptions) {
  let now = 0
  let waiting: (() => void) | undefined
  let idle: (() => void) | undefined
  const problems: ReaderProblem[] = []
  const lines: string[] = []
  const reader = createReader({
    ...options,
    follow: true,
    onProblem: (problem) => problems.push(problem),
    clock: {
      now: () => now,
      after(_, act) {
        waiting = act
        idle?.()
        return () => {
          waiting = undefined
        }
      },
    },
  })
  const ended = (async () => {
    for await (const batch of reader) {
      for (let i = 0; i < batch.count; i++) lines.push(batch.text(i))
      if (options.checkpoint !== undefined) await batch.commit()
    }
  })()
  onTestFinished(() => reader.close())

  async function rest(): Promise<void> {
    while (waiting === undefined) {
      await new Promise<void>((resolve) => {
        idle = resolve
      })
    }
  }

  return {
    reader,
    ended,
    problems,
    lines,
    numbers: () => numbersOf(lines),
    /** Resolves when it has read what there is. */
    rest,
    /** Lets `ms` pass and the reader look. */
    async look(ms = 200): Promise<void> {
      await rest()
      now += ms
      const act = waiting
      waiting = undefined
      act?.()
      await rest()
    },
  }
}
