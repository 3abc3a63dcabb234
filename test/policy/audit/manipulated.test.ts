import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { shutdown } from '../../../src/logger/default.ts'
import { verify } from '../../../src/policy/audit/verify.ts'
import { listSegments } from '../../../src/segments/read/listing.ts'
import { directoryOfFile } from '../../support/temporary.ts'
import { auditor, KEY } from './support.ts'

const numRuns = Number(process.env.SPOOR_RUNS ?? 200)
const directory = directoryOfFile()

/** A log that was closed in order. */
interface Log {
  readonly name: string
  readonly path: string
  readonly head: string
  readonly key: string | undefined
  /** Its files, the oldest first, decompressed. */
  readonly files: readonly { readonly name: string; readonly text: string }[]
}

/** Several writers, one after the other and at the same time, over many rotations. */
async function makeLog(
  name: string,
  key: string | undefined,
  maxSize: number,
  writers: number,
): Promise<Log> {
  const place = join(directory, name)
  mkdirSync(place)
  const path = join(place, 'app.audit.log')
  const head = join(place, 'head')
  for (let round = 0; round < 3; round++) {
    const loggers = Array.from({ length: writers }, () =>
      auditor({ path, head, key, maxSize, rotate: 'off' }),
    )
    for (let n = 0; n < 8; n++) {
      // Not awaited together: they write one after the other, and some at once.
      await Promise.all(
        loggers.map((logger, w) => logger.audit(`act ${n}`, { w, to: 'ü'.repeat((n * 13) % 40) })),
      )
    }
    await Promise.all(loggers.map((logger) => shutdown(logger)))
  }
  const segments = await listSegments(path)
  return {
    name,
    path,
    head,
    key,
    files: segments.map(({ name: file }) => ({ name: file, text: readFileSync(join(place, file), 'utf8') })),
  }
}

let logs: Log[] = []
beforeAll(async () => {
  logs = [
    await makeLog('one', undefined, 1e9, 1),
    await makeLog('keyed', KEY, 1e9, 3),
    await makeLog('rotated', KEY, 4000, 2),
    await makeLog('plain', undefined, 4000, 3),
  ]
})

interface Edited {
  readonly name: string
  /** Undefined for a file that is taken away. */
  readonly bytes: Buffer | undefined
}

/** The log as somebody has left it, some of its done files compressed. */
function put(log: Log, edited: readonly Edited[], compressed: number, head = readFileSync(log.head)): string {
  const place = join(directory, 'edited')
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place)
  for (const [i, { name, bytes }] of edited.entries()) {
    if (bytes === undefined) continue
    const isDone = name !== basename(log.path)
    if (isDone && i < compressed) writeFileSync(join(place, `${name}.gz`), gzipSync(bytes))
    else writeFileSync(join(place, name), bytes)
  }
  writeFileSync(join(place, 'head'), head)
  return join(place, basename(log.path))
}

const plainOf = (log: Log): Edited[] =>
  log.files.map(({ name, text }) => ({ name, bytes: Buffer.from(text) }))

/** What somebody does to a log; undefined where it would change nothing. */
type Manipulation = (log: Log, pick: (below: number) => number) => Edited[] | undefined

function withLines(
  edit: (lines: string[], pick: (below: number) => number) => string[] | undefined,
): Manipulation {
  return (log, pick) => {
    const at = pick(log.files.length)
    const { text } = log.files[at] as Log['files'][number]
    const lines = text.split('\n').slice(0, -1)
    const edited = edit([...lines], pick)
    if (edited === undefined) return undefined
    const bytes = Buffer.from(edited.map((line) => `${line}\n`).join(''))
    return plainOf(log).map((file, i) => (i === at ? { ...file, bytes } : file))
  }
}

const MANIPULATIONS: Record<string, Manipulation> = {
  byte(log, pick) {
    const at = pick(log.files.length)
    const files = plainOf(log)
    const bytes = files[at]?.bytes as Buffer
    const offset = pick(bytes.length)
    bytes[offset] = ((bytes[offset] as number) + 1 + pick(255)) % 256
    return files
  },
  'line removed': withLines((lines, pick) => lines.toSpliced(pick(lines.length), 1)),
  'line doubled': withLines((lines, pick) => {
    const at = pick(lines.length)
    return lines.toSpliced(pick(lines.length + 1), 0, lines[at] as string)
  }),
  'line put in': withLines((lines, pick) => {
    const like = lines[pick(lines.length)] as string
    const forged = [like.replace('act', 'ACT'), '{"msg":"forged"}', like.slice(0, pick(like.length)), '']
    return lines.toSpliced(pick(lines.length + 1), 0, forged[pick(forged.length)] as string)
  }),
  'line moved': withLines((lines, pick) => {
    const from = pick(lines.length)
    const to = pick(lines.length)
    if (from === to) return undefined
    const [line] = lines.splice(from, 1)
    return lines.toSpliced(to, 0, line as string)
  }),
  'lines swapped': withLines((lines, pick) => {
    const [a, b] = [pick(lines.length), pick(lines.length)]
    if (a === b) return undefined
    return lines.map((line, i) => (i === a ? (lines[b] as string) : i === b ? (lines[a] as string) : line))
  }),
  'file removed': (log, pick) => {
    const at = pick(log.files.length)
    return plainOf(log).map((file, i) => (i === at ? { ...file, bytes: undefined } : file))
  },
  'tail cut': (log, pick) => {
    const files = plainOf(log)
    const at = pick(2) === 0 ? files.length - 1 : pick(files.length)
    const { bytes } = files[at] as { bytes: Buffer }
    // Where the last newline alone is missing every record is there.
    const cut = bytes.subarray(0, bytes.length - 2 - pick(bytes.length - 1))
    return files.map((file, i) => (i === at ? { ...file, bytes: cut } : file))
  },
}

describe('a clean log', () => {
  it.each(['one', 'keyed', 'rotated', 'plain'])(
    'is found to be one, however much of it is compressed: %s',
    async (name) => {
      const log = logs.find((one) => one.name === name) as Log
      if (name === 'rotated' || name === 'plain') expect(log.files.length).toBeGreaterThan(3)
      for (const compressed of [0, 1, log.files.length]) {
        const path = put(log, plainOf(log), compressed)
        const { fault, notes, records, chains } = await verify({
          path,
          head: join(path, '../head'),
          key: log.key,
        })
        const lines = log.files.reduce((sum, { text }) => sum + text.split('\n').length - 1, 0)
        expect({ fault, notes, records }).toEqual({ fault: undefined, notes: [], records: lines })
        expect(chains).toBe(name === 'one' ? 3 : name === 'rotated' ? 6 : 9)
      }
      expect(readdirSync(join(log.path, '..')).filter((file) => /order|lock|tmp/.test(file))).toEqual([])
    },
  )
})

describe('whatever is done to a log is found', () => {
  it.each(Object.keys(MANIPULATIONS))(`${'%s'}, ${numRuns} times`, async (what) => {
    const manipulate = MANIPULATIONS[what] as Manipulation
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: 3 }),
        fc.infiniteStream(fc.nat()),
        fc.nat({ max: 5 }),
        async (which, numbers, compressed) => {
          const log = logs[which] as Log
          const pick = (below: number): number => (numbers.next().value as number) % below
          const edited = manipulate(log, pick)
          fc.pre(edited !== undefined)
          const path = put(log, edited as Edited[], compressed)
          const report = await verify({ path, head: join(path, '../head'), key: log.key })
          expect({ ok: report.ok, message: report.fault?.message }).toEqual({
            ok: false,
            message: expect.any(String),
          })
        },
      ),
      { numRuns },
    )
  })
})
