import type { Stats } from 'node:fs'
import { lstat, readdir, stat } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import {
  COMPRESSED,
  type Compression,
  compareDone,
  type DoneName,
  isMovingName,
  parseDoneName,
} from '../names.ts'
import { type Inode, inodeKey } from './identity.ts'
import { refusalOf } from './regular.ts'

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
  /** What the name of a done file says. */
  readonly done?: DoneName
  /** logrotate's number or date. */
  readonly order?: number | string
}

/** Something that has the name of a log's file and is none that may be read. */
export interface Refused {
  readonly file: string
  /** What it is. */
  readonly message: string
}

/** What a look at the directory found. */
export interface Listing {
  readonly segments: readonly Segment[]
  readonly refused: readonly Refused[]
  /** False if files were rotated during each of the looks: there may be more between the done ones and the live one. */
  readonly steady: boolean
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
  return [...(await lookAround(path)).segments]
}

/**
 * As `listSegments`, with what is not to be read.
 *
 * A file can be missing in one reading of the directory, where it gets its next name while that is made, and so in
 * the second one while the first came before it was rotated at all. Then the live file is not what it was before
 * the first reading: hence that is compared too.
 *
 * @throws an errno error if the directory can't be read
 */
export async function lookAround(path: string): Promise<Listing> {
  const parse = parserOf(path)
  let before = await readNames(path, parse)
  for (let looks = 1; ; looks++) {
    const found = await statAll(dirname(path), before.names)
    const after = await readNames(path, parse)
    const isSteady = isEqual(before.names, after.names) && before.live === liveInode(found)
    if (isSteady || looks >= LOOKS) return { ...listingOf(found), steady: isSteady }
    before = after
  }
}

interface Reading {
  /** The live file before the names were read. */
  readonly live: string | undefined
  readonly names: readonly Named[]
}

async function readNames(path: string, parse: Parser): Promise<Reading> {
  const live = liveInode(await statAll(dirname(path), [liveNamed(basename(path))]))
  return { live, names: await namesIn(path, parse) }
}

function liveInode(found: readonly Found[]): string | undefined {
  const live = found.find(({ named }) => named.kind === 'live')
  return live === undefined ? undefined : inodeKey(live.stats)
}

/** The log's own names, in order: what else comes and goes in the directory is nobody's business here. */
async function namesIn(path: string, parse: Parser): Promise<Named[]> {
  try {
    const names = (await readdir(dirname(path))).map(parse).filter((named) => named !== undefined)
    return names.sort((a, b) => (a.name < b.name ? -1 : 1))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function isEqual(a: readonly Named[], b: readonly Named[]): boolean {
  return a.length === b.length && a.every(({ name }, i) => name === b[i]?.name)
}

interface Found {
  readonly named: Named
  readonly stats: Stats
  readonly file: string
  readonly refusal: string | undefined
}

async function statAll(directory: string, all: readonly Named[]): Promise<Found[]> {
  const found: Found[] = []
  for (let i = 0; i < all.length; i += STATS_AT_ONCE) {
    const some = all.slice(i, i + STATS_AT_ONCE).map((named) => look(directory, named))
    for (const one of await Promise.all(some)) if (one !== undefined) found.push(one)
  }
  return found
}

/** Undefined if there is none, or nobody may look. */
async function look(directory: string, named: Named): Promise<Found | undefined> {
  const file = join(directory, named.name)
  try {
    const link = await lstat(file)
    const isLive = named.kind === 'live'
    let refusal = refusalOf(link, isLive)
    const isLink = refusal === undefined && link.isSymbolicLink()
    const stats = isLink ? await stat(file) : link
    if (isLink) refusal = refusalOf(stats, isLive)
    return { named, stats, file, refusal }
  } catch {
    return undefined
  }
}

/** The file's stat; undefined if there is none, or nobody may look. */
export async function statOf(file: string): Promise<Stats | undefined> {
  try {
    return await stat(file)
  } catch {
    return undefined
  }
}

function listingOf(found: readonly Found[]): Omit<Listing, 'steady'> {
  const refused: Refused[] = []
  const files: Found[] = []
  for (const one of found) {
    if (one.refusal === undefined) files.push(one)
    else refused.push({ file: one.file, message: `it is ${one.refusal}` })
  }
  return { segments: segmentsOf(files.sort(compare)), refused }
}

function segmentsOf(files: readonly Found[]): Segment[] {
  const live = liveInode(files)
  const inodes = new Set<string>()
  const twins = new Set<string>()
  const segments: Segment[] = []
  for (const { named, stats, file } of files) {
    const { name, kind, compression, key } = named
    const inode = inodeKey(stats)
    // The live file under a second name stays the live file, or it would not be followed.
    const isLive = inode === live && kind !== 'live'
    const twin = key ?? (kind === 'rotated' ? `rotated ${named.order}` : undefined)
    if (isLive || inodes.has(inode) || (twin !== undefined && twins.has(twin))) continue
    inodes.add(inode)
    if (twin !== undefined) twins.add(twin)
    const { size, ctimeMs: changedAt } = stats
    segments.push({ ...inodeOf(stats), name, file, kind, compression, key, size, changedAt })
  }
  return segments
}

function compare({ named: a, stats: first }: Found, { named: b, stats: second }: Found): number {
  if (a.kind !== b.kind) return KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind)
  if (a.kind === 'moving') return first.mtimeMs - second.mtimeMs
  if (a.done !== undefined && b.done !== undefined) return compareDone(a.done, b.done)
  const plainFirst = Number(a.compression !== undefined) - Number(b.compression !== undefined)
  return compareRotated(a.order ?? 0, b.order ?? 0) || plainFirst
}

function liveNamed(name: string): Named {
  return { name, kind: 'live', compression: undefined, key: undefined }
}

type Parser = (name: string) => Named | undefined

/** What reads the names in the directory of `path`; those that have nothing of its name are left at once. */
function parserOf(path: string): Parser {
  const base = basename(path)
  const stem = `${basename(path, extname(path))}-`
  const hidden = `.${base}.`
  return (name) => {
    if (name === base) return liveNamed(name)
    if (name.startsWith(hidden) && isMovingName(path, name))
      return { name, kind: 'moving', compression: undefined, key: undefined }
    const done = name.startsWith(stem) ? parseDoneName(path, name) : undefined
    if (done === undefined) return name.startsWith(base) ? parseRotated(base, name) : undefined
    return {
      name,
      kind: 'done',
      compression: done.compression,
      key: `${done.label}.${done.sequence}`,
      done,
    }
  }
}

const NUMBER = /^\.([1-9]\d{0,5})$/
const DATE = /^-(\d{8}(?:-?\d{2,10})?)$/

/** logrotate's names: `app.log.2`, `app.log-20261121` (dateext), `app.log-2026112114`, compressed or not. */
function parseRotated(base: string, name: string): Named | undefined {
  const compression = COMPRESSIONS.find((one) => name.endsWith(COMPRESSED[one]))
  const end = compression === undefined ? name.length : -COMPRESSED[compression].length
  const suffix = name.slice(base.length, end)
  const order = DATE.exec(suffix)?.[1] ?? Number(NUMBER.exec(suffix)?.[1])
  return Number.isNaN(order) ? undefined : { name, kind: 'rotated', compression, key: undefined, order }
}

/** The higher a number the older; dates, which nobody mixes with them, before numbers and in their order. */
function compareRotated(a: number | string, b: number | string): number {
  if (typeof a === 'number' && typeof b === 'number') return b - a
  if (typeof a !== typeof b) return typeof a === 'string' ? -1 : 1
  if (a === b) return 0
  return a < b ? -1 : 1
}
