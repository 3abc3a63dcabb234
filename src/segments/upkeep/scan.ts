import { promises as fs, type Stats } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { isMovingName, isTemporaryName, parseDoneName } from '../names.ts'
import { codeOf } from './remove.ts'
import type { DoneFile, FamilyFile } from './retention.ts'
import type { Settling } from './settling.ts'

/** Which files belong together. */
export interface Family {
  /** The live file. */
  readonly path: string
  /**
   * What the names of live files look like without their extension, where each process has one of its own: for
   * `logs/app.{pid}.log` it is `app\.\d+`. @default only that of `path`
   */
  readonly stem?: RegExp | undefined
}

/** A file that a crash may have left behind. */
export interface Leftover extends FamilyFile {
  readonly permissions: number
}

/** What a family's directory holds. */
export interface Scene {
  readonly done: readonly DoneFile[]
  readonly others: readonly FamilyFile[]
  readonly liveBytes: number
  /** Files on their way from live to done. */
  readonly moving: readonly Leftover[]
  /** Hidden copies and files on their way out. */
  readonly hidden: readonly Leftover[]
}

type Kind = 'live' | 'done' | 'moving' | 'hidden'

const HIDDEN = /^\.(.+)\.[0-9a-f]{16}\.tmp$/s
const PERMISSIONS = 0o777

/**
 * Reads the directory. A name that spoor could not have made, and whatever is no regular file, is not in it.
 *
 * @throws an errno error; a directory that is not there is empty
 */
export async function scan(family: Family, settling: Settling): Promise<Scene> {
  const scene = { done: [], others: [], liveBytes: 0, moving: [], hidden: [] } as {
    -readonly [K in keyof Scene]: Scene[K] extends readonly (infer E)[] ? E[] : Scene[K]
  }
  const directory = dirname(family.path)
  const liveOf = liveNames(family)
  settling.begin()
  for (const name of await namesIn(directory)) {
    const live = liveOf(name)
    const kind = live === undefined ? undefined : kindOf(live, name)
    if (live === undefined || kind === undefined) continue
    const stats = await statsOf(join(directory, name))
    if (stats === undefined) continue
    const leftMs = kind === 'hidden' ? settling.leftoverMs : settling.settleMs
    const settled = settling.look(name, stats) >= leftMs
    const { ino, size, mtimeMs } = stats
    const file = { name, live, ino, size, mtimeMs, settled }
    if (kind === 'live') scene.liveBytes += size
    if (kind === 'live' && name !== basename(family.path)) scene.others.push(file)
    const done = kind === 'done' ? parseDoneName(live, name) : undefined
    if (done !== undefined) scene.done.push({ ...file, ...done })
    if (kind === 'moving' || kind === 'hidden')
      scene[kind].push({ ...file, permissions: stats.mode & PERMISSIONS })
  }
  return scene
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await fs.readdir(directory)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

async function statsOf(file: string): Promise<Stats | undefined> {
  try {
    const stats = await fs.lstat(file)
    return stats.isFile() ? stats : undefined
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Gives the live file that a name would belong to, whatever the name is. */
function liveNames({ path, stem }: Family): (name: string) => string | undefined {
  const own = basename(path)
  if (stem === undefined) return () => own
  const extension = extname(path)
  const pattern = new RegExp(`^\\.?(${stem.source})`)
  return (name) => {
    const found = pattern.exec(name)?.[1]
    return found === undefined ? undefined : found + extension
  }
}

function kindOf(live: string, name: string): Kind | undefined {
  if (name === live) return 'live'
  if (parseDoneName(live, name) !== undefined) return 'done'
  if (isMovingName(live, name)) return 'moving'
  const base = HIDDEN.exec(name)?.[1]
  if (base === undefined || !isTemporaryName(base, name)) return undefined
  return base === live || parseDoneName(live, base) !== undefined ? 'hidden' : undefined
}
