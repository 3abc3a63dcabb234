import { Buffer } from 'node:buffer'
import { basename } from 'node:path'
import { inodeKey } from '../../segments/read/identity.ts'
import { lookAround, type Segment } from '../../segments/read/listing.ts'
import { openSource, type Source } from '../../segments/read/source.ts'

/**
 * What is wrong with a log:
 *
 * - `changed`: a record is not what was written
 * - `missing`: records before this one are not there, or there is none at all
 * - `misplaced`: a record stands at another place than it was written at, or twice
 * - `foreign`: a line that is no record, and no torn one that the next record tells of
 * - `cut`: records at the end are not there, as the head file says
 * - `beginning`: records at the beginning are not there, and none tells that retention removed them
 * - `head`: the head file is missing, damaged, or names another record
 * - `key`: a record was made with another key, with one where none was given, or without
 * - `unreadable`: a file can't be read to its end
 */
export type AuditFaultCode =
  | 'changed'
  | 'missing'
  | 'misplaced'
  | 'foreign'
  | 'cut'
  | 'beginning'
  | 'head'
  | 'key'
  | 'unreadable'

/** Where in a log something is. */
export interface AuditPlace {
  /** The file, without its directory; '' for a log without files. */
  readonly file: string
  /** The line in it, from 1. */
  readonly line: number
}

export interface AuditFault extends AuditPlace {
  readonly code: AuditFaultCode
  /** The number of the record; undefined where there is none. */
  readonly seq: number | undefined
  /** What is wrong, in one sentence. */
  readonly message: string
}

export interface AuditNote extends AuditPlace {
  readonly message: string
}

/** What the lines of a log are handed to, in their order. */
export interface LineTaker {
  /** A line without its newline. @param ended false for the last one of a file, where it has none */
  line(bytes: Buffer, place: AuditPlace, ended: boolean): void
  /** A file that can't be read any further. */
  unreadable(place: AuditPlace, message: string): void
  /** Nothing more is wanted. */
  readonly done: boolean
}

const NEWLINE = 10
const PIECE = 256 * 1024

/**
 * Reads all files of the log at `path`, the oldest first, decompressed. What is rotated or compressed meanwhile is
 * found again.
 *
 * @returns how many files
 * @throws an errno error where the directory can't be read
 */
export async function readLog(path: string, taker: LineTaker): Promise<number> {
  let left = await list(path)
  const seen = new Set<string>()
  let files = 0
  while (left.length > 0 && !taker.done) {
    const [segment] = left as [Segment]
    left = left.slice(1)
    const opened = await open(segment)
    if (opened === 'gone') {
      // Another name by now: what was read already is left out.
      left = (await list(path)).filter((one) => !idsOf(one).some((id) => seen.has(id)))
      if (left.some((one) => one.file === segment.file && one.ino === segment.ino)) {
        taker.unreadable({ file: segment.name, line: 0 }, 'it can not be opened')
        break
      }
      continue
    }
    files++
    for (const id of idsOf(segment)) seen.add(id)
    if (typeof opened === 'string') taker.unreadable({ file: segment.name, line: 0 }, opened)
    else await readFile(segment, opened, taker)
    // The live file may have been rotated since it was listed: the new one is not read, nor is what it begins.
  }
  return files
}

async function list(path: string): Promise<readonly Segment[]> {
  return (await lookAround(path)).segments
}

function idsOf(segment: Segment): string[] {
  return segment.key === undefined ? [inodeKey(segment)] : [inodeKey(segment), segment.key]
}

/** The file, that it is another one by now, or why it can't be read. */
async function open(segment: Segment): Promise<Source | 'gone' | string> {
  try {
    const source = await openSource(segment)
    if (source.stats.ino === segment.ino && source.stats.dev === segment.dev) return source
    await source.close()
    return 'gone'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'gone' : (error as Error).message
  }
}

async function readFile(segment: Segment, source: Source, taker: LineTaker): Promise<void> {
  const file = basename(segment.name)
  const piece = Buffer.allocUnsafe(PIECE)
  let rest: Buffer[] = []
  let line = 1
  try {
    for (let at = 0; !taker.done; ) {
      const bytes = await source.read(piece, 0, at)
      if (bytes === 0) break
      at += bytes
      let from = 0
      for (;;) {
        const to = piece.subarray(0, bytes).indexOf(NEWLINE, from)
        if (to === -1) break
        const own = piece.subarray(from, to)
        taker.line(rest.length === 0 ? own : Buffer.concat([...rest, own]), { file, line: line++ }, true)
        rest = []
        from = to + 1
      }
      if (from < bytes) rest.push(Buffer.from(piece.subarray(from, bytes)))
    }
    if (rest.length > 0) taker.line(Buffer.concat(rest), { file, line }, false)
  } catch (error) {
    taker.unreadable({ file, line }, (error as Error).message)
  } finally {
    await source.close()
  }
}
