import { fingerprint, HEAD_BYTES, hasHead, type Inode, sameBirth, sameInode } from './identity.ts'
import type { Segment } from './listing.ts'
import { readHead } from './source.ts'

/** A file that has been read, or is being read. */
export interface SeenFile extends Inode {
  /** The done name's part that compression keeps; undefined where it was read under another name. */
  key: string | undefined
  /** Fingerprint of its first `length` bytes; '' if nobody looked. */
  head: string
  length: number
  /** How far it has been read, decompressed. */
  offset: number
  /** Whether it was truncated when perhaps not all had been read: the rest can be in a copy. */
  cut: boolean
}

/** What a reader has read, so that it knows a file again under another name and compressed. */
export interface Seen {
  add(file: SeenFile): void
  /** Takes a file as read that was not opened; logrotate's are looked into, as only their content stays. */
  pass(segment: Segment): Promise<void>
  /** From where on a segment is to be read; undefined if it has been. */
  startOf(segment: Segment): Promise<number | undefined>
  /** Forgets what is not among these any more. */
  prune(segments: readonly Segment[]): void
}

// A file can be out of sight between two names, so not everything that is not there is forgotten.
const KEPT = 1000

export function seenFile(inode: Inode, key: string | undefined, head: Buffer, offset: number): SeenFile {
  const { dev, ino, birth } = inode
  return { dev, ino, birth, key, head: fingerprint(head), length: head.length, offset, cut: false }
}

export function createSeen(): Seen {
  let files: SeenFile[] = []

  async function startOf(segment: Segment): Promise<number | undefined> {
    let head: Buffer | undefined
    const look = async (): Promise<Buffer> => {
      head ??= (await readHead(segment.file, segment.compression, HEAD_BYTES)) ?? Buffer.alloc(0)
      return head
    }
    const same = files.filter((file) => sameInode(file, segment)).at(-1)
    if (same !== undefined && (await isSameFile(same, segment, look))) {
      same.key = segment.key
      // What is live is always followed, also when it was away in between.
      return segment.kind === 'live' ? same.offset : undefined
    }
    if (segment.compression === undefined && segment.kind !== 'rotated') return 0
    const source = await sourceOf(segment, look)
    if (source === undefined) return 0
    // copytruncate: a copy of what was live, with lines that were not read before they were truncated.
    const more = source.cut || (segment.compression === undefined && segment.size > source.offset)
    source.cut = false
    return more ? source.offset : undefined
  }

  async function isSameFile(file: SeenFile, segment: Segment, look: () => Promise<Buffer>): Promise<boolean> {
    if (file.birth !== 0 && segment.birth !== 0) return sameBirth(file, segment)
    return file.length === 0 || hasHead(file, await look())
  }

  /** The file that this is a copy of, compressed or not. */
  async function sourceOf(segment: Segment, look: () => Promise<Buffer>): Promise<SeenFile | undefined> {
    for (const file of files.toReversed()) {
      if (file.key !== undefined && file.key !== segment.key) continue
      if (file.length === 0 ? file.key !== undefined : hasHead(file, await look())) return file
    }
    return undefined
  }

  return {
    startOf,
    add(file) {
      files.push(file)
    },
    async pass(segment) {
      const { kind, file, compression, key, size } = segment
      const head = kind === 'rotated' ? await readHead(file, compression, HEAD_BYTES) : undefined
      files.push(seenFile(segment, key, head ?? Buffer.alloc(0), size))
    },
    prune(segments) {
      if (files.length <= KEPT) return
      const old = files.slice(0, -KEPT)
      const present = old.filter((file) =>
        segments.some((one) => sameInode(one, file) || (one.key !== undefined && one.key === file.key)),
      )
      files = [...present, ...files.slice(-KEPT)]
    },
  }
}
