import { Buffer } from 'node:buffer'
import { type FindOriginal, originalsAmong } from './copies.ts'
import { fingerprint, HEAD_BYTES, hasHead, type Inode, inodeKey, sameBirth } from './identity.ts'
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
  /** Which of these are to be read, in their order, and from where on. */
  startsOf(segments: readonly Segment[]): Promise<Map<Segment, number>>
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
  /** The latest of each. */
  let byInode = new Map<string, SeenFile>()

  function add(file: SeenFile): void {
    files.push(file)
    byInode.set(inodeKey(file), file)
  }

  /** From where on a segment is to be read; undefined if it has been. */
  async function startOf(segment: Segment, find: FindOriginal<SeenFile>): Promise<number | undefined> {
    let head: Buffer | undefined
    const look = async (): Promise<Buffer> => {
      head ??= (await readHead(segment, HEAD_BYTES)) ?? Buffer.alloc(0)
      return head
    }
    const same = byInode.get(inodeKey(segment))
    if (same !== undefined && (await isSameFile(same, segment, look))) {
      same.key = segment.key
      // What is live is always followed, also when it was away in between.
      return segment.kind === 'live' ? same.offset : undefined
    }
    if (segment.compression === undefined && segment.kind !== 'rotated') return 0
    const source = await find(segment, look)
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

  return {
    add,
    async startsOf(segments) {
      const starts = new Map<Segment, number>()
      const find = originalsAmong(files)
      for (const segment of segments) {
        const start = await startOf(segment, find)
        if (start !== undefined) starts.set(segment, start)
      }
      return starts
    },
    async pass(segment) {
      const head = segment.kind === 'rotated' ? await readHead(segment, HEAD_BYTES) : undefined
      add(seenFile(segment, segment.key, head ?? Buffer.alloc(0), segment.size))
    },
    prune(segments) {
      if (files.length <= KEPT) return
      const inodes = new Set(segments.map(inodeKey))
      const keys = new Set(segments.map(({ key }) => key))
      const present = files
        .slice(0, -KEPT)
        .filter((file) => inodes.has(inodeKey(file)) || (file.key !== undefined && keys.has(file.key)))
      files = [...present, ...files.slice(-KEPT)]
      byInode = new Map(files.map((file) => [inodeKey(file), file]))
    },
  }
}
