import { Buffer } from 'node:buffer'
import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import { temporaryName } from '../names.ts'
import { openRegular } from '../read/regular.ts'
import { isFull } from '../upkeep/remove.ts'
import { readSmallFile } from './about.ts'
import { FILE_MODE } from './layout.ts'
import { type Dropped, NOTHING_DROPPED, type ParsedLine, sumOfLevels } from './line.ts'
import { createTape, type SkippedLines } from './tape.ts'

export interface DropOptions {
  readonly seq: number
  /** The segment's file. */
  readonly file: string
  readonly parse: (line: string) => ParsedLine | undefined
  readonly maxLine: number
  /** The line that takes the place of those dropped. */
  readonly note: ((dropped: Dropped) => string) | undefined
  /** The file of the segment before, if nobody has it in use: a note there becomes part of this one's. */
  readonly before: string | undefined
  readonly skipped: SkippedLines
}

/**
 * Drops a segment, after its lines were counted. With a note it is replaced in one step, so that a crash leaves
 * either the lines or the note, and whoever delivers what is behind delivers the note.
 *
 * A note stands behind an empty line. So its id, which is made of its place, is not that of a line that was there
 * before; and it is known by its first byte.
 *
 * Notes that follow one another become one, or a long outage would leave more of them than a directory should hold.
 *
 * @returns undefined if it is a note, which is never dropped
 * @throws an errno error, RefusedError, with the segment as it was
 */
export async function dropSegment(options: DropOptions): Promise<Dropped | undefined> {
  const { file, note } = options
  const counted = await count(options)
  if (counted === undefined) return undefined
  if (note === undefined || (counted.lines === 0 && counted.told.size === 0)) {
    await unlink(file)
    return counted
  }
  const earlier = await toldBy(options)
  const text = `\n${note({ ...counted, told: sumOfLevels(counted.told, earlier ?? []) })}\n`
  const noted = { ...counted, noted: counted.lines, told: NOTHING_DROPPED.told }
  try {
    await replace(file, text)
    // A crash before this leaves both: told twice, but never not at all.
    if (earlier !== undefined) await unlink(options.before as string)
    return noted
  } catch (error) {
    if (!isFull(error)) throw error
  }
  // A disk that is full must still let go of a file.
  await unlink(file)
  return replace(file, text).then(
    () => noted,
    () => counted,
  )
}

/** The losses that the note before tells of; undefined if there is none, or none that can be understood. */
async function toldBy({ before, parse }: DropOptions): Promise<[string, number][] | undefined> {
  if (before === undefined) return undefined
  const text = await readSmallFile(before)
  if (typeof text !== 'string' || !text.startsWith('\n')) return undefined
  const lost = parse(text.trim())?.lost
  return lost === undefined ? undefined : Object.entries(lost)
}

async function count({ seq, file, parse, maxLine, skipped }: DropOptions): Promise<Dropped | undefined> {
  const { handle, stats } = await openRegular(file, false)
  const byLevel = new Map<string, number>()
  let told = new Map<string, number>()
  let lines = 0
  let exact = true
  const tape = createTape(seq, handle, 0, maxLine, skipped)
  const taker = {
    wants: () => true,
    take(text: string) {
      const parsed = parse(text)
      if (parsed === undefined) {
        skipped.broken++
        return
      }
      if (parsed.lost !== undefined) {
        told = sumOfLevels(told, Object.entries(parsed.lost))
        return
      }
      const level = String(parsed.record.level)
      byLevel.set(level, (byLevel.get(level) ?? 0) + 1)
      lines++
    },
  }
  try {
    if (await isNote(handle)) return undefined
    while ((await tape.fill()) > 0) tape.lines(taker)
    await tape.tear()
  } catch {
    exact = false
  } finally {
    await tape.close()
  }
  return { ...NOTHING_DROPPED, lines, byLevel, told, bytes: stats.size, segments: 1, exact }
}

const NEWLINE = 10

async function isNote(handle: FileHandle): Promise<boolean> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(1), 0, 1, 0)
  return bytesRead === 1 && buffer[0] === NEWLINE
}

async function replace(file: string, text: string): Promise<void> {
  const temporary = temporaryName(file)
  try {
    const handle = await open(temporary, 'wx', FILE_MODE)
    try {
      await handle.writeFile(text)
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw error
  }
}
