import type { Stats } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { COMPRESSED, type Compression, compareDone, isMovingName, parseDoneName } from '../names.ts'
import type { Inode } from './identity.ts'

/**
 * What a file of a log is: 'rotated' by logrotate, 'done' by a writer of ours, 'moving' from its live to its
 * done name, or 'live'.
 */
export type SegmentKind = 'rotated' | 'done' | 'moving' | 'live'

/** One file of a log, as a look at the directory found it. */
export interface Segment extends Inode {
  /** Without its directory. */
  readonly name: string
  readonly file: string
  readonly kind: SegmentKind
  readonly compression: Compression | undefined
  /** What stays the same when a done file is compressed; undefined for the other kinds. */
  readonly key: string | undefined
  /** Bytes on disk. */
  readonly size: number
  /** Epoch ms of the last change of content or name. */
  readonly changedAt: number
}

interface Named {
  readonly name: string
  readonly kind: SegmentKind
  readonly compression: Compression | undefined
  readonly key: string | undefined
  /** The order within its kind. */
  readonly rank: (other: Named) => number
  readonly order: number | string
}

const KINDS: readonly SegmentKind[] = ['rotated', 'done', 'moving', 'live']
const COMPRESSIONS = Object.keys(COMPRESSED) as Compression[]
// A rename between the two names of a directory's reading can hide a file from it, so it is read until two
// readings agree.
const LOOKS = 20
const STATS_AT_ONCE = 32

/** What the inode and its times say, without the rest of a stat. */
export function inodeOf(stats: Stats): Inode {
  return { dev: stats.dev, ino: stats.ino, birth: stats.birthtimeMs }
}

/**
 * The files of the log at `path`, oldest first: logrotate's, done ones, those on their way, the live one. Of
 * a file and its compressed copy it has one, the file; one inode it has once. No directory is an empty list.
 *
 * @throws an errno error if the directory can't be read
 */
export async function listSegments(path: string): Promise<Segment[]> {
  const directory = dirname(path)
  let names = await namesIn(directory)
  for (let look = 1; ; look++) {
    const found = await statAll(directory, parseAll(path, names))
    const again = await namesIn(directory)
    if (look >= LOOKS || again.join('/') === names.join('/')) return sorted(found)
    names = again
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

interface Found {
  readonly named: Named
  readonly stats: Stats
  readonly file: string
}

async function statAll(directory: string, all: readonly Named[]): Promise<Found[]> {
  const found: Found[] = []
  for (let i = 0; i < all.length; i += STATS_AT_ONCE) {
    const some = all.slice(i, i + STATS_AT_ONCE).map(async (named) => {
      const file = join(directory, named.name)
      const stats = await statOf(file)
      return stats === undefined ? undefined : { named, stats, file }
    })
    for (const one of await Promise.all(some)) if (one !== undefined) found.push(one)
  }
  return found
}

/** The file's stat; undefined if there is none, or nobody may look. */
export async function statOf(file: string): Promise<Stats | undefined> {
  try {
    return await stat(file)
  } catch {
    return undefined
  }
}

function sorted(found: readonly Found[]): Segment[] {
  const files = found.filter((one) => one.stats.isFile())
  files.sort(compare)
  const live = files.find((one) => one.named.kind === 'live')
  const inodes = new Set<string>()
  const keys = new Set<string>()
  const segments: Segment[] = []
  for (const { named, stats, file } of files) {
    const inode = `${stats.dev}:${stats.ino}`
    // The live file under a second name stays the live file, or it would not be followed.
    const isLive =
      live !== undefined && inode === `${live.stats.dev}:${live.stats.ino}` && named !== live.named
    const twin = named.key ?? (named.kind === 'rotated' ? `rotated ${named.order}` : undefined)
    if (isLive || inodes.has(inode) || (twin !== undefined && keys.has(twin))) continue
    inodes.add(inode)
    if (twin !== undefined) keys.add(twin)
    const { name, kind, compression, key } = named
    segments.push({
      ...inodeOf(stats),
      name,
      file,
      kind,
      compression,
      key,
      size: stats.size,
      changedAt: stats.ctimeMs,
    })
  }
  return segments
}

function compare(a: Found, b: Found): number {
  if (a.named.kind !== b.named.kind) return KINDS.indexOf(a.named.kind) - KINDS.indexOf(b.named.kind)
  if (a.named.kind === 'moving') return a.stats.mtimeMs - b.stats.mtimeMs
  return a.named.rank(b.named)
}

function parseAll(path: string, names: readonly string[]): Named[] {
  return names.map((name) => parse(path, name)).filter((named) => named !== undefined)
}

function parse(path: string, name: string): Named | undefined {
  const plain = { name, compression: undefined, key: undefined, rank: () => 0, order: 0 }
  if (name === basename(path)) return { ...plain, kind: 'live' }
  if (isMovingName(path, name)) return { ...plain, kind: 'moving' }
  const done = parseDoneName(path, name)
  if (done === undefined) return parseRotated(path, name)
  return {
    name,
    kind: 'done',
    compression: done.compression,
    key: `${done.label}.${done.sequence}`,
    order: 0,
    rank: (other) => compareDone(done, parseDoneName(path, other.name) ?? done),
  }
}

const NUMBER = /^\.([1-9]\d{0,5})$/
const DATE = /^-(\d{8}(?:-?\d{2,10})?)$/

/** logrotate's names: `app.log.2`, `app.log-20261121` (dateext), `app.log-2026112114`, compressed or not. */
function parseRotated(path: string, name: string): Named | undefined {
  const base = basename(path)
  if (!name.startsWith(base)) return undefined
  const compression = COMPRESSIONS.find((one) => name.endsWith(COMPRESSED[one]))
  const end = compression === undefined ? name.length : -COMPRESSED[compression].length
  const suffix = name.slice(base.length, end)
  const order = DATE.exec(suffix)?.[1] ?? Number(NUMBER.exec(suffix)?.[1])
  if (Number.isNaN(order)) return undefined
  const plainFirst = (other: Named): number =>
    Number(compression !== undefined) - Number(other.compression !== undefined)
  return {
    name,
    kind: 'rotated',
    compression,
    key: undefined,
    order,
    rank: (other) => compareRotated(order, other.order) || plainFirst(other),
  }
}

/** The higher a number the older; dates, which nobody mixes with them, before numbers and in their order. */
function compareRotated(a: number | string, b: number | string): number {
  if (typeof a === 'number' && typeof b === 'number') return b - a
  if (typeof a !== typeof b) return typeof a === 'string' ? -1 : 1
  if (a === b) return 0
  return a < b ? -1 : 1
}
