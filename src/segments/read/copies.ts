import type { Buffer } from 'node:buffer'
import { fingerprint, hasHead } from './identity.ts'
import type { Segment } from './listing.ts'

/** What is known of a file that a segment may be a copy of. */
interface Known {
  readonly key: string | undefined
  readonly head: string
  readonly length: number
}

interface Numbered<F> {
  readonly file: F
  readonly number: number
}

/** Finds the file that a segment is a copy of, compressed or not; `look` gives the segment's beginning. */
export type FindOriginal<F> = (segment: Segment, look: () => Promise<Buffer>) => Promise<F | undefined>

/**
 * Among `files` as they are now, the latest first: by the part of a done name that compression keeps, or by content
 * for those that were never seen under one. A directory may hold thousands, so no file is compared with all others.
 */
export function originalsAmong<F extends Known>(files: readonly F[]): FindOriginal<F> {
  const byKey = new Map<string, Numbered<F>[]>()
  /** Of a length, by the fingerprint of so much. */
  const byHead = new Map<number, Map<string, Numbered<F>[]>>()
  for (const [number, file] of files.entries()) {
    if (file.key !== undefined) put(byKey, file.key, { file, number })
    else if (file.length > 0) put(inner(byHead, file.length), file.head, { file, number })
  }

  async function keyed(segment: Segment, look: () => Promise<Buffer>): Promise<Numbered<F> | undefined> {
    const some = segment.key === undefined ? [] : (byKey.get(segment.key) ?? [])
    for (const one of some.toReversed())
      if (one.file.length === 0 || hasHead(one.file, await look())) return one
    return undefined
  }

  async function alike(segment: Segment, look: () => Promise<Buffer>): Promise<Numbered<F> | undefined> {
    let latest: Numbered<F> | undefined
    for (const [length, heads] of byHead) {
      const head = await look()
      if (head.length < length) continue
      const some = heads.get(fingerprint(head.subarray(0, length))) ?? []
      // It may have got a name since.
      const last = some.findLast(({ file }) => file.key === undefined || file.key === segment.key)
      if (last !== undefined && last.number > (latest?.number ?? -1)) latest = last
    }
    return latest
  }

  return async (segment, look) => {
    const [first, second] = [await keyed(segment, look), await alike(segment, look)]
    return (first?.number ?? -1) > (second?.number ?? -1) ? first?.file : second?.file
  }
}

function inner<K, V>(map: Map<K, Map<string, V>>, key: K): Map<string, V> {
  const found = map.get(key) ?? new Map<string, V>()
  map.set(key, found)
  return found
}

function put<V>(map: Map<string, V[]>, key: string, one: V): void {
  const some = map.get(key)
  if (some === undefined) map.set(key, [one])
  else some.push(one)
}
