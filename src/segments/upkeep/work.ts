import { promises as fs } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { hasZstd } from '../compression.ts'
import { type Compression, periodLabel, type RotatePeriod, type RotateTimeZone } from '../names.ts'
import { finishMoving } from '../write/done.ts'
import type { CompressResult } from './compress.ts'
import { createCompressor } from './compressor.ts'
import { codeOf, isFull, removeFile } from './remove.ts'
import { type Deletion, type DeletionReason, type DoneFile, keyOf, type Plan } from './retention.ts'
import type { Leftover, Scene } from './scan.ts'
import { countLines, type UnreadMap } from './unread.ts'

/** What has been done since the start. */
export interface WorkCounts {
  compressed: number
  readonly deleted: Record<DeletionReason, number>
  /** Lines that were deleted before every reader had read them. */
  unreadLines: number
  /** Leftovers of a crash that were put right. */
  finished: number
  failures: number
}

export interface WorkOptions {
  readonly path: string
  readonly rotate: RotatePeriod
  readonly timeZone: RotateTimeZone
  readonly format: Compression
  readonly threadFile: string | undefined
  readonly signal: AbortSignal
  readonly counts: WorkCounts
  /** Asked before a file is deleted; false keeps it, as does what it throws. @default every one may be */
  readonly mayDelete?: ((file: string) => Promise<boolean>) | undefined
  /** Tells of a failure; the work goes on with the next file. */
  readonly onFailure: (what: string, error: { readonly code: string; readonly message: string }) => void
  /** Tells of something else that an operator should know. */
  readonly tell: (code: string, message: string, dropped?: number) => void
}

/**
 * Does what a pass has found to do: deletions, which give room, then leftovers, then compressions. Never rejects.
 *
 * @returns whether a file changed under its hands, which is to be tried again
 */
export async function work(
  options: WorkOptions,
  scene: Scene,
  plan: Plan,
  unread: UnreadMap,
): Promise<boolean> {
  const { signal, onFailure } = options
  const attempt = async (what: string, act: () => Promise<void>): Promise<void> => {
    if (signal.aborted) return
    try {
      await act()
    } catch (error) {
      onFailure(what, { code: codeOf(error), message: (error as Error).message })
    }
  }
  for (const { file, reason, unread: forced } of plan.deletions) {
    const deletion = { file, reason, unread: forced }
    await attempt(`delete ${file.name}`, () => remove(options, deletion, unread))
  }
  for (const file of scene.hidden)
    if (file.settled) await attempt(`delete ${file.name}`, () => clear(options, file))
  for (const file of scene.moving)
    if (file.settled) await attempt(`rename ${file.name}`, () => finish(options, file))
  return compressAll(options, toCompress(options, scene, plan))
}

async function remove(
  { path, counts, mayDelete, tell }: WorkOptions,
  { file, reason, unread }: Deletion,
  readers: UnreadMap,
): Promise<void> {
  const full = join(dirname(path), file.name)
  const offset = Math.min(...(readers.get(full) ?? []).map((each) => each.offset))
  const compression = (file as Partial<DoneFile>).compression
  const lines = unread ? await countLines(full, compression, Math.max(0, offset)).catch(() => 0) : 0
  if (mayDelete !== undefined && !(await mayDelete(full))) return
  if ((await removeFile(full, file, join(dirname(path), file.live))) !== 'removed') return
  counts.deleted[reason]++
  counts.unreadLines += lines
  if (!unread) return
  const names = (readers.get(full) ?? []).map(({ reader }) => reader).join(', ')
  tell(
    'unread',
    `${full} was deleted to stay within ${reason === 'size' ? 'the size' : 'the free space'} of LOG_RETENTION before ${names || 'its reader'} had read ${lines} lines of it. Give it more room, or see why the reader is behind.`,
    lines,
  )
}

async function clear({ path, counts }: WorkOptions, file: Leftover): Promise<void> {
  const full = join(dirname(path), file.name)
  // Its name is its own, so what was looked at is what goes.
  await fs.unlink(full)
  counts.finished++
}

/** Gives a done name to a file whose rotation was cut off by a crash. */
async function finish(options: WorkOptions, file: Leftover): Promise<void> {
  const label = periodLabel(file.mtimeMs, options.rotate, options.timeZone)
  finishMoving(join(dirname(options.path), file.live), file.name, label, file.permissions)
  options.counts.finished++
}

interface Candidate {
  readonly file: DoneFile
  readonly format: Compression
}

/** What the plan says, and first what a crash has left with its compressed copy beside it. */
function toCompress({ format }: WorkOptions, scene: Scene, plan: Plan): Candidate[] {
  const deleted = new Set(plan.deletions.map(({ file }) => file))
  // A moving file of the same inode is a rotation between its last two steps.
  const busy = new Set(scene.moving.map(({ ino }) => ino))
  const twins = twinsIn(scene)
  return [...new Set([...begunIn(scene), ...plan.compressions])]
    .filter((file) => !busy.has(file.ino) && !deleted.has(file))
    .map((file) => ({ file, format: twins.get(keyOf(file)) ?? format }))
}

/** The plain files with a compressed one beside them: one of the two is to go. */
export function begunIn(scene: Scene): DoneFile[] {
  const twins = twinsIn(scene)
  return scene.done.filter((file) => file.settled && file.compression === undefined && twins.has(keyOf(file)))
}

function twinsIn({ done }: Scene): ReadonlyMap<string, Compression> {
  const twins = new Map<string, Compression>()
  for (const file of done) if (file.compression !== undefined) twins.set(keyOf(file), file.compression)
  return twins
}

async function compressAll(options: WorkOptions, candidates: readonly Candidate[]): Promise<boolean> {
  const { path, signal, threadFile, tell } = options
  if (candidates.length === 0 || signal.aborted) return false
  let changed = false
  const compressor = createCompressor({
    file: threadFile,
    signal,
    onThreadLost: (error) =>
      tell(
        'thread',
        `the thread that compresses ${basename(path)} has failed: ${error.message}. The main thread does its work.`,
      ),
  })
  for (const { file, format } of candidates) {
    if (signal.aborted) break
    if (format === 'zstd' && !hasZstd()) continue
    const { name, ino, size, mtimeMs, live } = file
    const job = { path: join(dirname(path), live), name, ino, size, mtimeMs, format }
    const result = await compressor.compress(job)
    take(options, name, result)
    if (result.outcome === 'changed') changed = true
    // The next one would find the disk as full.
    if (result.outcome === 'failed' && isFull(result)) break
  }
  await compressor.end()
  return changed
}

function take({ counts, onFailure, tell }: WorkOptions, name: string, result: CompressResult): void {
  if (result.outcome === 'failed') onFailure(`compress ${name}`, result)
  if (result.outcome !== 'compressed') return
  counts.compressed++
  if (result.late !== undefined)
    tell('late', `a process wrote to ${name} long after its rotation; its lines are in ${result.late}.`)
}
