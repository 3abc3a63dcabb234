import { promises as fs } from 'node:fs'
import { dirname, join } from 'node:path'
import type { CompressAfter, RetentionPolicy } from '../../config/retention.ts'
import { after, clearTimeout } from '../timers.ts'
import { isWrittenBy } from './family.ts'
import { codeOf, isFull } from './remove.ts'
import { type Plan, planRetention } from './retention.ts'
import { type OtherFile, type Scene, scan } from './scan.ts'
import type { Settling } from './settling.ts'
import type { Unread, UnreadBy, UnreadMap } from './unread.ts'
import { begunIn, type WorkOptions, work } from './work.ts'
import type { WorkLock } from './work-lock.ts'

export interface PassOptions extends WorkOptions {
  readonly stem: RegExp | undefined
  readonly policy: RetentionPolicy
  /** How long files are kept, in ms; undefined for ever. */
  readonly keep: number | undefined
  readonly compress: CompressAfter
  /** Asks the readers of a live file and of what came of it. */
  readonly unreadBy: (live: string) => UnreadBy
  readonly settling: Settling
  readonly lock: WorkLock
  /** Epoch ms. */
  readonly now: () => number
}

/** What a pass came to: 'idle' had nothing to do, 'busy' left it to another process. */
export type PassOutcome = 'done' | 'idle' | 'busy' | 'failed' | 'stopped'

export interface PassReport {
  readonly outcome: PassOutcome
  /** Bytes of the family's files; undefined where they could not be looked at. */
  readonly bytes?: number | undefined
  /** In how many ms there is something to do again, as far as is known. */
  readonly nextMs?: number | undefined
  /** The lock is somebody else's. */
  readonly locked?: boolean | undefined
}

interface View {
  readonly scene: Scene
  readonly plan: Plan
  readonly unread: UnreadMap
}

/** Looks at a family's files, waits for those to settle that something is to be done to, and does it. Never rejects. */
export async function runPass(options: PassOptions): Promise<PassReport> {
  try {
    return await tryPass(options)
  } catch (error) {
    options.onFailure('look after the log files', { code: codeOf(error), message: (error as Error).message })
    return { outcome: 'failed' }
  }
}

async function tryPass(options: PassOptions): Promise<PassReport> {
  const { signal } = options
  let view = await look(options)
  if (awaited(view) > 0) {
    // A timer may fire a moment before its time has passed.
    await pause(options.settling.settleMs + 2, signal)
    view = await look(options)
  }
  if (signal.aborted) return { outcome: 'stopped' }
  // Where there is nothing to do, a lock that a crash has left is still to go.
  if (amountOf(view) === 0 && !(await options.lock.isTaken())) return report('idle', view, options)
  const release = await takeLock(options.lock)
  if (release === undefined) return { ...report('busy', view, options), locked: true }
  try {
    // Another process may just have done it.
    view = await look(options)
    const changed = await work(options, view.scene, view.plan, view.unread)
    return report(signal.aborted ? 'stopped' : 'done', changed ? { ...view, later: 1 } : view, options)
  } finally {
    await release()
  }
}

async function look(options: PassOptions): Promise<View & { readonly later: number }> {
  const scene = await withoutForeign(options, await scan(options, options.settling))
  const { path, policy, keep, compress, timeZone } = options
  const limits = { policy, keep, compress, timeZone, now: options.now() }
  const input = { ...scene, ...limits, space: await spaceFor(policy, path) }
  const draft = planRetention({ ...input, isUnread: () => false })
  const unread = draft.deletions.length === 0 ? new Map() : await unreadIn(options, scene)
  const isUnread = (name: string): boolean => unread.has(join(dirname(path), name))
  const plan = unread.size === 0 ? draft : planRetention({ ...input, isUnread })
  const settled = asSettled(scene)
  const all = amountOf({ scene: settled, plan: planRetention({ ...input, ...settled, isUnread }) })
  return { scene, plan, unread, later: all - amountOf({ scene, plan }) }
}

/** Live files that are old enough to go, and that nothing shows to be another process's of ours, are left out. */
async function withoutForeign({ path, keep, now }: PassOptions, scene: Scene): Promise<Scene> {
  if (keep === undefined) return scene
  const others: OtherFile[] = []
  for (const file of scene.others) {
    const isOld = now() - file.mtimeMs >= keep
    if (!isOld || (await isWrittenBy(file.pid, join(dirname(path), file.name)))) others.push(file)
  }
  return { ...scene, others }
}

/** How much more there is to do once everything has settled. */
function awaited({ later }: { readonly later: number }): number {
  return Math.max(0, later)
}

function amountOf({ scene, plan }: Pick<View, 'scene' | 'plan'>): number {
  const leftovers = [...scene.moving, ...scene.hidden].filter(({ settled }) => settled).length
  return plan.deletions.length + plan.compressions.length + leftovers + begunIn(scene).length
}

/** A hidden file stays what it is: it takes longer, and no pass waits for it. */
function asSettled(scene: Scene): Scene {
  const settle = <F extends object>(file: F): F & { readonly settled: true } => ({ ...file, settled: true })
  const { done, others, moving } = scene
  return { ...scene, done: done.map(settle), others: others.map(settle), moving: moving.map(settle) }
}

async function spaceFor(policy: RetentionPolicy, path: string) {
  if (policy.free === undefined) return undefined
  const { bavail, blocks, bsize } = await fs.statfs(dirname(path))
  return { available: bavail * bsize, total: blocks * bsize }
}

/** Each process's readers have their checkpoints beside its own live file, and outlive it. */
async function unreadIn({ path, unreadBy, onFailure }: PassOptions, scene: Scene): Promise<UnreadMap> {
  const unread = new Map<string, readonly Unread[]>()
  const families = new Map<string, string[]>()
  for (const { live, name } of [...scene.done, ...scene.others])
    families.set(live, [...(families.get(live) ?? []), join(dirname(path), name)])
  for (const [live, paths] of families) {
    try {
      for (const [file, readers] of await unreadBy(join(dirname(path), live))(paths))
        unread.set(file, readers)
    } catch (error) {
      onFailure('tell what readers have read', { code: codeOf(error), message: (error as Error).message })
      for (const file of paths) unread.set(file, [])
    }
  }
  return unread
}

async function takeLock(lock: WorkLock): Promise<(() => Promise<void>) | undefined> {
  try {
    return await lock.take()
  } catch (error) {
    // A disk that has no room for a lock has to be given some.
    if (isFull(error)) return async () => {}
    throw error
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(patience)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const patience = after(ms, end).unref()
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
  })
}

function report(
  outcome: PassOutcome,
  view: View & { readonly later: number },
  options: PassOptions,
): PassReport {
  const { settleMs, leftoverMs } = options.settling
  const waits = [
    view.plan.nextAt === undefined ? undefined : view.plan.nextAt - options.now(),
    awaited(view) > 0 ? settleMs : undefined,
    view.scene.hidden.some(({ settled }) => !settled) ? leftoverMs : undefined,
  ].filter((wait) => wait !== undefined)
  return { outcome, bytes: view.plan.bytes, nextMs: waits.length === 0 ? undefined : Math.min(...waits) }
}
