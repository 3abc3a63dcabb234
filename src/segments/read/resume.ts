import type { Buffer } from 'node:buffer'
import { fingerprint, HEAD_BYTES, hasHead, inodeKey, type Place, sameBirth } from './identity.ts'
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
  const locate = locatorOf(segments)
  const found = last === undefined ? undefined : await locate(last)
  if (last === undefined || found === undefined)
    return { ...everything(segments), reason: 'the file that it names is not there any more' }
  if (found.compression === undefined && last.offset > found.size)
    return { ...everything(segments), reason: 'it is ahead of the end of its file' }

  const starts = new Map<Segment, number>()
  for (const place of places.slice(0, -1)) {
    const segment = await locate(place)
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
 * Makes the function that finds the segment that a place is in. The same inode with another beginning is another
 * file; of several files that begin alike it is the one whose inode was made at that moment, else the oldest.
 * Each file is opened once at most, since places and files can be many.
 */
function locatorOf(segments: readonly Segment[]): (place: Place) => Promise<Segment | undefined> {
  const byInode = new Map(segments.map((segment) => [inodeKey(segment), segment]))
  const heads = new Map<Segment, Buffer | undefined>()
  /** Of a length, by the fingerprint of so much. */
  const oldest = new Map<number, Map<string, Segment>>()

  async function headOf(segment: Segment): Promise<Buffer | undefined> {
    if (!heads.has(segment)) heads.set(segment, await readHead(segment, HEAD_BYTES))
    return heads.get(segment)
  }

  async function oldestOf(length: number): Promise<Map<string, Segment>> {
    const known = oldest.get(length)
    if (known !== undefined) return known
    const found = new Map<string, Segment>()
    for (const segment of segments) {
      const head = await headOf(segment)
      if (head === undefined || head.length < length) continue
      const print = fingerprint(head.subarray(0, length))
      if (!found.has(print)) found.set(print, segment)
    }
    oldest.set(length, found)
    return found
  }

  return async ({ file }) => {
    const same = byInode.get(inodeKey(file))
    const known = same !== undefined && sameBirth(same, file) ? same : undefined
    // An empty beginning tells nothing, so only an inode that is certainly the same will do.
    if (file.length === 0) return known
    const head = known === undefined ? undefined : await headOf(known)
    if (head !== undefined && hasHead(file, head)) return known
    return (await oldestOf(file.length)).get(file.head)
  }
}
