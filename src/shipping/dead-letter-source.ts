import { readdirSync, renameSync, statSync, unlinkSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { openRegular } from '../segments/read/regular.ts'
import type { ParsedLine } from '../segments/spool/line.ts'
import { after } from '../segments/timers.ts'
import { tryLock } from '../segments/write/lock.ts'
import { olderHalf, renameLock } from './dead-letters.ts'
import type { Shipped } from './shipped.ts'
import type { Source } from './source.ts'
import { messageOf } from './words.ts'

export interface DeadLetterSourceOptions {
  /** Reads a record's line; undefined for what is none. */
  readonly parse: (line: string) => ParsedLine | undefined
  /** Told of what can't be read: one sentence. */
  readonly onProblem?: ((message: string) => void) | undefined
}

const LOCK_MODE = 0o600
const CHUNK = 64 * 1024
const NEWLINE = 10
const TAKEN = '.taken-'
const SUFFIX = /^\d{6}$/

/** A file of letters that nobody writes to any more. */
interface Taken {
  readonly path: string
  readonly bytes: number
  /** The number of its last letter, once it was read to its end. */
  last: number | undefined
  /** Bytes up to where it was read. */
  read: number
  /** Lines that are no letters. */
  foreign: number
}

/**
 * Dead letters as a source, to be sent again: with the ids that they had, so that a back end that knows a repetition
 * still does. What there is now is taken aside (`<path>.taken-000001`); what is refused meanwhile, again or anew,
 * goes to the file as ever. A file that was taken is deleted once all of its letters are committed, and read again from its
 * beginning after a crash. Two of these on one path would send everything twice.
 *
 * @throws an errno error where the files can't be listed or renamed
 */
export function readDeadLetters(path: string, options: DeadLetterSourceOptions): Source {
  const files = takeAside(path)
  const all = files.reduce((sum, file) => sum + file.bytes, 0)
  const letters = lettersOf(files, options)
  const numbers = new WeakMap<Shipped, number>()
  let ahead: Shipped | undefined
  let given = 0
  let committed = 0
  let done = 0
  let ended = false
  let closed = false

  async function peek(): Promise<Shipped | undefined> {
    if (ahead === undefined && !ended && !closed) {
      const next = await letters.next()
      ended = next.done === true
      ahead = next.done === true ? undefined : next.value
      if (ended) remove()
    }
    return ahead
  }

  async function read(maxBytes: number, maxCount: number): Promise<Shipped[]> {
    const records: Shipped[] = []
    let bytes = 0
    for (let next = await peek(); next !== undefined; next = await peek()) {
      if (records.length > 0 && (bytes + next.bytes > maxBytes || records.length >= maxCount)) break
      ahead = undefined
      numbers.set(next, ++given)
      records.push(next)
      bytes += next.bytes
    }
    return records
  }

  function remove(): void {
    for (const file of files.splice(0)) {
      if (file.last === undefined || file.last > committed) {
        files.push(file)
        continue
      }
      done += file.bytes
      discard(file, options)
    }
  }

  return {
    name: basename(path),
    read,
    wait: (ms) => new Promise((resolve) => void after(ended ? 0 : ms, resolve)),
    async commit(record) {
      committed = Math.max(committed, numbers.get(record) ?? 0)
      remove()
    },
    get ended() {
      return ended && ahead === undefined
    },
    get backlog() {
      return all - done
    },
    async close() {
      closed = true
      await letters.return(undefined)
    },
  }
}

/** Renames what there is, the older half first, behind what was taken before and not sent to its end. */
function takeAside(path: string): Taken[] {
  if (statSync(dirname(path), { throwIfNoEntry: false }) === undefined) return []
  const taken = takenNames(path)
  let number = Number(taken.at(-1)?.slice(-6) ?? 0)
  // Writers look at the name before each letter, and wait for who holds the lock.
  const lock = tryLock(renameLock(path), LOCK_MODE, true)
  try {
    for (const name of [olderHalf(path), path]) {
      if (statSync(name, { throwIfNoEntry: false }) === undefined) continue
      const aside = `${path}${TAKEN}${String(++number).padStart(6, '0')}`
      renameSync(name, aside)
      taken.push(aside)
    }
  } finally {
    lock?.release()
  }
  return taken.map((name) => ({
    path: name,
    bytes: statSync(name).size,
    last: undefined,
    read: 0,
    foreign: 0,
  }))
}

function takenNames(path: string): string[] {
  const prefix = `${basename(path)}${TAKEN}`
  return readdirSync(dirname(path))
    .filter((name) => name.startsWith(prefix) && SUFFIX.test(name.slice(prefix.length)))
    .sort()
    .map((name) => join(dirname(path), name))
}

async function* lettersOf(
  files: readonly Taken[],
  { parse, onProblem }: DeadLetterSourceOptions,
): AsyncGenerator<Shipped, void, void> {
  let number = 0
  for (const file of [...files]) {
    try {
      for await (const line of linesOf(file)) {
        const letter = letterOf(line, parse)
        if (letter === undefined) {
          file.foreign++
          continue
        }
        number++
        yield letter
      }
      file.last = number
    } catch (error) {
      // It is not read to its end, so it stays where it is.
      onProblem?.(
        `can't read ${file.path}: ${messageOf(error)}. It is kept; the other dead letters are sent.`,
      )
    }
  }
}

async function* linesOf(file: Taken): AsyncGenerator<string, void, void> {
  const { handle } = await openRegular(file.path, false)
  try {
    let held: Buffer[] = []
    for (let chunk = await chunkOf(handle); chunk.length > 0; chunk = await chunkOf(handle)) {
      file.read += chunk.length
      let from = 0
      for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
        const line = Buffer.concat([...held, chunk.subarray(from, at)]).toString('utf8')
        held = []
        from = at + 1
        if (line !== '') yield line
      }
      held.push(chunk.subarray(from))
    }
    // Without its newline it was not written to its end.
    if (held.some((piece) => piece.length > 0)) file.foreign++
  } finally {
    await handle.close()
  }
}

async function chunkOf(handle: FileHandle): Promise<Buffer> {
  const chunk = Buffer.allocUnsafe(CHUNK)
  const { bytesRead } = await handle.read(chunk, 0, CHUNK)
  return chunk.subarray(0, bytesRead)
}

function letterOf(line: string, parse: DeadLetterSourceOptions['parse']): Shipped | undefined {
  try {
    const { record: text, id, nth } = JSON.parse(line) as { record?: unknown; id?: unknown; nth?: unknown }
    if (typeof text !== 'string' || typeof id !== 'string') return undefined
    const read = parse(text)
    if (read === undefined) return undefined
    return { line: text, bytes: Buffer.byteLength(text), ...read, nth: typeof nth === 'number' ? nth : 0, id }
  } catch {
    return undefined
  }
}

/** Deletes a file all of whose letters are done with; what else is in it is not ours to delete. */
function discard(file: Taken, { onProblem }: DeadLetterSourceOptions): void {
  try {
    const grown = statSync(file.path).size > file.read
    if (file.foreign === 0 && !grown) {
      unlinkSync(file.path)
      return
    }
    // A writer that had it open still: it is read the next time, its other letters once more.
    if (grown) return
    const aside = `${file.path}.unread`
    renameSync(file.path, aside)
    onProblem?.(`${file.foreign} lines are no dead letters and were not sent; they are kept in ${aside}.`)
  } catch (error) {
    onProblem?.(
      `can't delete ${file.path}, whose dead letters were sent: ${messageOf(error)}. Delete it, or they are sent again.`,
    )
  }
}
