import { HEAD_BYTES, hasHead, type Place, sameBirth, sameInode } from './identity.ts'
import type { Segment } from './listing.ts'
import { readHead } from './source.ts'

/** A file to read, and from where on. */
export interface Step {
  readonly segment: Segment
  /** Bytes from its beginning, decompressed. */
  readonly start: number
  /** What the checkpoint said of it; undefined for a file that it does not name. */
  readonly committed: number | undefined
}

/** Where to go on after the places of a checkpoint. */
export interface Resumed {
  /** What is to be read, in order. */
  readonly steps: readonly Step[]
  /** What is done with. */
  readonly passed: readonly Segment[]
  /** Why it begins at the oldest file, if it does. */
  readonly reason: string | undefined
}

/**
 * Finds the files that `places` (a checkpoint's, the last one the furthest) are in. If the last one's file is not
 * there or shorter than that, everything is read again: a record twice rather than never.
 */
export async function resume(places: readonly Place[], segments: readonly Segment[]): Promise<Resumed> {
  const last = places.at(-1)
  const found = last === undefined ? undefined : await locate(last, segments)
  if (last === undefined || found === undefined)
    return { ...everything(segments), reason: 'the file that it names is not there any more' }
  if (found.compression === undefined && last.offset > found.size)
    return { ...everything(segments), reason: 'it is ahead of the end of its file' }

  const starts = new Map<Segment, number>()
  for (const place of places.slice(0, -1)) {
    const segment = await locate(place, segments)
    if (segment !== undefined) starts.set(segment, place.offset)
  }
  starts.set(found, last.offset)
  const index = segments.indexOf(found)
  const passed = segments.slice(0, index).filter((segment) => !starts.has(segment))
  const steps = segments
    .filter((segment, i) => i >= index || starts.has(segment))
    .map((segment) => ({ segment, start: starts.get(segment) ?? 0, committed: starts.get(segment) }))
  return { steps, passed, reason: undefined }
}

export function everything(segments: readonly Segment[]): Resumed {
  const steps = segments.map((segment) => ({ segment, start: 0, committed: undefined }))
  return { steps, passed: [], reason: undefined }
}

/**
 * The segment that a place is in. The same inode with another beginning is another file; of several files that
 * begin alike it is the one whose inode was made at that moment, else the oldest.
 */
async function locate(place: Place, segments: readonly Segment[]): Promise<Segment | undefined> {
  const { file } = place
  const known = segments.find((segment) => sameInode(segment, file) && sameBirth(segment, file))
  // An empty beginning tells nothing, so only an inode that is certainly the same will do.
  if (file.length === 0) return known
  if (known !== undefined && (await beginsAs(place, known))) return known
  for (const segment of segments) if (await beginsAs(place, segment)) return segment
  return undefined
}

async function beginsAs(place: Place, segment: Segment): Promise<boolean> {
  const head = await readHead(segment.file, segment.compression, Math.min(HEAD_BYTES, place.file.length))
  return head !== undefined && hasHead(place.file, head)
}
