import type { CompressAfter, RetentionPolicy } from '../../config/retention.ts'
import { compareDone, type DoneName, type RotateTimeZone } from '../names.ts'
import type { Seen } from './remove.ts'

/** A file of a family as it was found. */
export interface FamilyFile extends Seen {
  /** Without its directory. */
  readonly name: string
  /** The name of the live file that it is, or was. */
  readonly live: string
  /** Whether it has not changed for so long that nobody writes to it any more. */
  readonly settled: boolean
}

export interface DoneFile extends FamilyFile, DoneName {}

/** Why a file is deleted. */
export type DeletionReason = 'age' | 'count' | 'size' | 'free'

export interface Deletion {
  readonly file: FamilyFile
  readonly reason: DeletionReason
  /** A reader has not read all of it, and the disk's budget leaves no choice. */
  readonly unread: boolean
}

export interface PlanInput {
  readonly done: readonly DoneFile[]
  /** Live files of other processes, where each has one of its own. */
  readonly others: readonly FamilyFile[]
  /** Bytes of all live files. */
  readonly liveBytes: number
  readonly policy: RetentionPolicy
  /** How long a file is kept, in ms; undefined for ever. */
  readonly keep: number | undefined
  readonly compress: CompressAfter
  /** Epoch ms. */
  readonly now: number
  readonly timeZone: RotateTimeZone
  /** Of the file system, in bytes; asked for only where the policy has `free`. */
  readonly space?: { readonly available: number; readonly total: number } | undefined
  /** Whether a reader has still to read a file. */
  readonly isUnread: (name: string) => boolean
}

export interface Plan {
  /** Oldest first within a reason. */
  readonly deletions: readonly Deletion[]
  /** Oldest first. */
  readonly compressions: readonly DoneFile[]
  /** Bytes that stay, live files too. */
  readonly bytes: number
  /** When the next file comes due by its age, epoch ms. */
  readonly nextAt: number | undefined
}

/** Decides what to delete and what to compress. It touches nothing and reads no clock. */
export function planRetention(input: PlanInput): Plan {
  const done = [...input.done].sort(byTime)
  const deletions = deletionsOf(input, done)
  const deleted = new Set(deletions.map(({ file }) => file))
  const stay = done.filter((file) => !deleted.has(file))
  return {
    deletions,
    compressions: compressionsOf(input, stay),
    bytes: bytesOf(input.done) + input.liveBytes - bytesOf([...deleted]),
    nextAt: nextAt(input, stay),
  }
}

function byTime(a: DoneFile, b: DoneFile): number {
  return compareDone(a, b) || (a.name < b.name ? -1 : 1)
}

/** What a done file and its compressed copy have in common. */
export function keyOf({ live, label, sequence }: DoneFile): string {
  return `${live}/${label}/${sequence}`
}

function bytesOf(files: readonly FamilyFile[]): number {
  return files.reduce((sum, { size }) => sum + size, 0)
}

function deletionsOf(input: PlanInput, done: readonly DoneFile[]): Deletion[] {
  const { policy, keep, now, isUnread, space } = input
  const deletions: Deletion[] = []
  // With those that go once they have settled, such as a copy that has just been compressed: no newer one goes in
  // their place.
  const leaving = new Set<FamilyFile>()

  function remove(file: FamilyFile, reason: DeletionReason, unread: boolean): void {
    leaving.add(file)
    if (file.settled) deletions.push({ file, reason, unread })
  }

  function removeRead(file: FamilyFile, reason: DeletionReason): void {
    if (!leaving.has(file) && !isUnread(file.name)) remove(file, reason, false)
  }

  /** Deletes until `excess` bytes are gone: what has been read first, and the rest if it must be. */
  function force(reason: DeletionReason, excess: number): void {
    let left = excess
    for (const unread of [false, true]) {
      for (const file of done) {
        if (left <= 0) return
        if (leaving.has(file) || isUnread(file.name) !== unread) continue
        remove(file, reason, unread)
        left -= file.size
      }
    }
  }

  if (keep !== undefined) {
    for (const file of done) if (now - since(file, input.timeZone) >= keep) removeRead(file, 'age')
    for (const file of input.others) if (now - file.mtimeMs >= keep) removeRead(file, 'age')
  }
  if (policy.count !== undefined) for (const file of beyond(done, policy.count)) removeRead(file, 'count')
  if (policy.size !== undefined)
    force('size', bytesOf(done) + input.liveBytes - bytesOf([...leaving]) - policy.size)
  if (policy.free !== undefined && space !== undefined) {
    const wanted = 'bytes' in policy.free ? policy.free.bytes : policy.free.share * space.total
    force('free', wanted - space.available - bytesOf([...leaving]))
  }
  return deletions
}

/** From when on a file's age counts: its last write, and never before the period that its name says. */
function since(file: DoneFile, timeZone: RotateTimeZone): number {
  return Math.max(file.mtimeMs, periodStart(file.label, timeZone))
}

function periodStart(label: string, timeZone: RotateTimeZone): number {
  const [year = 0, month = 1, day = 1, hour = 0] = label.split(/[-T]/).map(Number)
  if (timeZone === 'utc') return Date.UTC(year, month - 1, day, hour)
  return new Date(year, month - 1, day, hour).getTime()
}

/** What is older than the newest `count` files; a file and its compressed copy are one. */
function beyond(done: readonly DoneFile[], count: number): readonly DoneFile[] {
  const newest = new Set([...new Set(done.map(keyOf))].slice(-count || Number.POSITIVE_INFINITY))
  return done.filter((file) => !newest.has(keyOf(file)))
}

function compressionsOf(input: PlanInput, done: readonly DoneFile[]): DoneFile[] {
  const { compress } = input
  if (compress === 'off') return []
  const due = 'files' in compress ? beyond(done, compress.files) : done.filter((file) => isOld(input, file))
  return due.filter(({ compression, size, settled }) => compression === undefined && size > 0 && settled)
}

function isOld(input: PlanInput, file: DoneFile): boolean {
  const age = compressAge(input)
  return age !== undefined && input.now - since(file, input.timeZone) >= age
}

/** The age of compression, where a file lives to see it. */
function compressAge({ compress, keep }: PlanInput): number | undefined {
  if (compress === 'off' || 'files' in compress) return undefined
  return keep !== undefined && keep <= compress.age ? undefined : compress.age
}

function nextAt(input: PlanInput, done: readonly DoneFile[]): number | undefined {
  const { keep, now, timeZone, others } = input
  const age = compressAge(input)
  let next = Number.POSITIVE_INFINITY
  const consider = (at: number): void => {
    if (at > now && at < next) next = at
  }
  for (const file of done) {
    const from = since(file, timeZone)
    if (keep !== undefined) consider(from + keep)
    if (age !== undefined && file.compression === undefined) consider(from + age)
  }
  if (keep !== undefined) for (const file of others) consider(file.mtimeMs + keep)
  return next === Number.POSITIVE_INFINITY ? undefined : next
}
