import { type Dirent, readdirSync, type Stats, statSync } from 'node:fs'
import { join } from 'node:path'
import { readSmallFileNow } from './about.ts'
import { parseCheckpoint } from './checkpoint.ts'
import { CHECKPOINT, parseSegmentName, parseSubdirectoryName, type SubdirectoryName } from './layout.ts'

export interface HeldSegment {
  readonly seq: number
  /** Bytes. */
  readonly size: number
  /** Of its last write, epoch ms. */
  readonly mtimeMs: number
}

/** What one owner has in a destination's directory. */
export interface Held {
  readonly path: string
  readonly name: SubdirectoryName
  /** In their order. */
  readonly segments: readonly HeldSegment[]
  /**
   * Whether all of it was delivered. What is left is then the one segment that its writer has open, which can't go
   * before there is a next one: if it counted, processes that have nothing to deliver could keep each other from
   * beginning one for ever.
   */
  readonly delivered: boolean
}

/**
 * What all owners together have in a destination's directory.
 *
 * @throws an errno error if it can't be read; none if there is no directory
 */
export function heldIn(directory: string): Held[] {
  const held: Held[] = []
  for (const entry of entriesOf(directory)) {
    const name = parseSubdirectoryName(entry.name)
    if (name === undefined || !entry.isDirectory()) continue
    const path = join(directory, entry.name)
    const segments = segmentsIn(path)
    held.push({ path, name, segments, delivered: isDelivered(path, segments) })
  }
  return held
}

/** Bytes that count against the budget. */
export function bytesOf(held: readonly Held[]): number {
  let bytes = 0
  for (const { segments, delivered } of held) {
    if (!delivered) for (const { size } of segments) bytes += size
  }
  return bytes
}

function segmentsIn(subdirectory: string): HeldSegment[] {
  const segments: HeldSegment[] = []
  for (const entry of entriesOf(subdirectory)) {
    const seq = parseSegmentName(entry.name)
    if (seq === undefined || !entry.isFile()) continue
    const stats = statOf(join(subdirectory, entry.name))
    if (stats !== undefined) segments.push({ seq, size: stats.size, mtimeMs: stats.mtimeMs })
  }
  return segments.sort((a, b) => a.seq - b.seq)
}

function isDelivered(subdirectory: string, segments: readonly HeldSegment[]): boolean {
  const [only, second] = segments
  if (only === undefined) return true
  if (second !== undefined) return false
  const text = readSmallFileNow(join(subdirectory, CHECKPOINT))
  const place = text === undefined ? 'missing' : parseCheckpoint(text)
  return typeof place !== 'string' && place.seq === only.seq && place.offset >= only.size
}

// Another process may adopt, deliver or drop it meanwhile.
function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw error
  }
}

function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false })
}
