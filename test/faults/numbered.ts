import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { compareDone, type DoneName, isMovingName, parseDoneName } from '../../src/segments/names.ts'

/** A record's line; its writer and its number tell all of it, so that a broken one is seen. Some are long. */
export function lineOf(writer: number, n: number): string {
  const pad = n % 16 === 15 ? 1000 : (n * 7) % 120
  return `{"w":${writer},"n":${n},"pad":"${'x'.repeat(pad)}"}\n`
}

/** A file of the log of `app.log`, as it is in the directory. */
export interface Found {
  readonly name: string
  /** Bytes on disk. */
  readonly size: number
  /** Decompressed. */
  readonly text: string
}

interface Named {
  readonly name: string
  readonly ino: number
  readonly mtimeMs: number
  readonly size: number
  readonly done: DoneName | undefined
  readonly rank: number
}

/** The files with records in them, in the order of time: each inode once, a plain file before its compressed copy. */
export function filesIn(directory: string): Found[] {
  // Somebody may still write and rotate: what was listed is then under another name, and what is there another file.
  for (;;) {
    const files = unless('ENOENT', () => filesNow(directory))
    if (files !== undefined) return files
  }
}

function unless<T>(code: string, look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === code) return undefined
    throw error
  }
}

/** Undefined where a file got another name meanwhile. */
function filesNow(directory: string): Found[] | undefined {
  const inodes = new Set<number>()
  const keys = new Set<string>()
  const files: Found[] = []
  for (const { name, ino, size, done } of namedIn(directory)) {
    const key = done === undefined ? name : `${done.label}.${done.sequence}`
    if (inodes.has(ino) || keys.has(key)) continue
    inodes.add(ino)
    keys.add(key)
    const bytes = readFileSync(join(directory, name))
    if (statSync(join(directory, name)).ino !== ino) return undefined
    files.push({ name, size, text: (done?.compression === 'gzip' ? gunzipSync(bytes) : bytes).toString() })
  }
  return files
}

function namedIn(directory: string): Named[] {
  const named: Named[] = []
  for (const name of readdirSync(directory)) {
    const done = parseDoneName('app.log', name)
    const moving = isMovingName('app.log', name)
    if (done === undefined && !moving && name !== 'app.log') continue
    const { ino, mtimeMs, size } = statSync(join(directory, name))
    named.push({ name, ino, mtimeMs, size, done, rank: done !== undefined ? 0 : moving ? 1 : 2 })
  }
  return named.sort((a, b) => {
    if (a.done !== undefined && b.done !== undefined) return compareDone(a.done, b.done)
    return a.rank - b.rank || a.mtimeMs - b.mtimeMs
  })
}

/** What was found of a writer's records. */
export interface Account {
  /** The first and the last number, -1 if there is none. */
  readonly first: number
  readonly last: number
  /** Numbers between the two that are not there. */
  readonly lost: number
  /** Records that are there a second time. */
  readonly doubled: number
  /** Records that come before one with a lower number. */
  readonly disordered: number
}

/** Counts records by writer. */
export interface Tally {
  /** Takes whole lines, the last one perhaps without its newline. */
  add(text: string): void
  of(writer: number): Account
  readonly writers: readonly number[]
  readonly records: number
  /** Lines that are no record. */
  readonly broken: readonly string[]
}

const HEAD = /^\{"w":(\d+),"n":(\d+),/

export function createTally(): Tally {
  const numbers = new Map<number, number[]>()
  const broken: string[] = []
  let records = 0

  function take(line: string, whole: boolean): void {
    const [, w, n] = HEAD.exec(line) ?? []
    const isRecord = whole && w !== undefined && `${line}\n` === lineOf(Number(w), Number(n))
    if (!isRecord) {
      broken.push(line)
      return
    }
    records++
    const own = numbers.get(Number(w)) ?? []
    if (own.length === 0) numbers.set(Number(w), own)
    own.push(Number(n))
  }

  return {
    add(text) {
      const lines = text.split('\n')
      const rest = lines.pop()
      for (const line of lines) if (line !== '') take(line, true)
      if (rest !== '') take(rest ?? '', false)
    },
    of: (writer) => accountOf(numbers.get(writer) ?? []),
    get writers() {
      return [...numbers.keys()].sort((a, b) => a - b)
    },
    get records() {
      return records
    },
    broken,
  }
}

function accountOf(numbers: readonly number[]): Account {
  const set = new Set(numbers)
  let first = numbers[0] ?? -1
  let last = first
  let disordered = 0
  for (const n of numbers) {
    if (n < last) disordered++
    if (n > last) last = n
    if (n < first) first = n
  }
  const lost = set.size === 0 ? 0 : last - first + 1 - set.size
  return { first, last, lost, doubled: numbers.length - set.size, disordered }
}

/** Everything in the directory. */
export function tallyOf(directory: string): Tally {
  const tally = createTally()
  for (const { text } of filesIn(directory)) tally.add(text)
  return tally
}

/** The account of a writer whose records 0 … count - 1 are all there once. */
export function whole(count: number): Account {
  return { first: 0, last: count - 1, lost: 0, doubled: 0, disordered: 0 }
}
