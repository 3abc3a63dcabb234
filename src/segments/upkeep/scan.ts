import { promises as fs, type Stats } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { parseDoneName } from '../names.ts'
import { type Family, memberReader } from './family.ts'
import { codeOf } from './remove.ts'
import type { DoneFile, FamilyFile } from './retention.ts'
import type { Settling } from './settling.ts'

/** A file that a crash may have left behind. */
export interface Leftover extends FamilyFile {
  readonly permissions: number
}

/** The live file of another process. */
export interface OtherFile extends FamilyFile {
  readonly pid: number | undefined
}

/** What a family's directory holds. */
export interface Scene {
  readonly done: readonly DoneFile[]
  readonly others: readonly OtherFile[]
  readonly liveBytes: number
  /** Files on their way from live to done. */
  readonly moving: readonly Leftover[]
  /** Hidden copies and files on their way out. */
  readonly hidden: readonly Leftover[]
}

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
  const memberOf = memberReader(family)
  settling.begin()
  for (const name of await namesIn(directory)) {
    const member = memberOf(name)
    if (member === undefined) continue
    const { kind, live, pid } = member
    const stats = await statsOf(join(directory, name))
    if (stats === undefined) continue
    const leftMs = kind === 'hidden' ? settling.leftoverMs : settling.settleMs
    const settled = settling.look(name, stats) >= leftMs
    const { ino, size, mtimeMs } = stats
    const file = { name, live, ino, size, mtimeMs, settled }
    if (kind === 'live') scene.liveBytes += size
    if (kind === 'live' && name !== basename(family.path)) scene.others.push({ ...file, pid })
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
