import type { Dirent } from 'node:fs'
import { readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '../upkeep/remove.ts'
import { parseSubdirectoryName, type SubdirectoryName, subdirectoryName } from './layout.ts'
import { lifeOf } from './owner.ts'
import type { SpoolProblem } from './problems.ts'
import { lastSign, touchAlive } from './signs.ts'

export interface AdoptOptions {
  /** The destination's directory. */
  readonly directory: string
  /** Who adopts. */
  readonly owner: string
  /** Epoch ms. @default Date.now */
  readonly now?: (() => number) | undefined
  readonly onProblem: (problem: SpoolProblem) => void
}

/**
 * Takes over the subdirectories of owners that are dead or give no sign of life. The rename has one winner, however
 * many try. Never rejects.
 *
 * The new name says if there was no proof of death: of such a subdirectory the last segment is read on and kept for
 * 10 minutes after its last growth, whoever has it by then.
 *
 * @returns their new paths
 */
export async function adoptOrphans(options: AdoptOptions): Promise<string[]> {
  const adopted: string[] = []
  for (const entry of await entriesOf(options)) {
    const name = parseSubdirectoryName(entry.name)
    if (name === undefined || !entry.isDirectory() || name.owner === options.owner) continue
    const path = await adopt(join(options.directory, entry.name), name, options)
    if (path !== undefined) adopted.push(path)
  }
  return adopted
}

async function entriesOf({ directory, onProblem }: AdoptOptions): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true })
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    const message = `can't look for spools of dead processes in ${directory}: ${(error as Error).message}. What they hold waits until it can be read.`
    onProblem({ code: 'adoption', file: directory, message })
    return []
  }
}

async function adopt(
  path: string,
  name: SubdirectoryName,
  { directory, owner, now = Date.now, onProblem }: AdoptOptions,
): Promise<string | undefined> {
  try {
    const life = lifeOf(name.owner, await lastSign(path), now())
    if (life === 'alive') return undefined
    // Before the rename: those who see no more of the new owner than this must not take it for dead.
    await touchAlive(path, now())
    const guessed = life === 'silent' || name.guessed
    const target = join(directory, subdirectoryName({ unique: name.unique, owner, guessed }))
    await rename(path, target)
    return target
  } catch (error) {
    // Somebody else was quicker.
    if (codeOf(error) === 'ENOENT') return undefined
    const message = `can't take over ${path}: ${(error as Error).message}. Its records are not delivered; allow this process to rename it.`
    onProblem({ code: 'adoption', file: path, message })
    return undefined
  }
}
