import { mkdirSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type KeyNames, writeAbout } from './about.ts'
import { ABOUT, ALIVE, DIRECTORY_MODE, FILE_MODE, makeUnique, subdirectoryName } from './layout.ts'

/** A subdirectory of one writer, with what stands in it before the first segment. */
export interface Home {
  readonly path: string
  /** The files and directories that a sync has to make durable for it. */
  readonly made: readonly string[]
}

/** Of the directories above the spool's own, such as `logs`, which others have files in. */
const MODE_ABOVE = 0o750
const OWN_LEVELS = 2

/**
 * Makes a new one in a destination's directory, which is made too, with all above it.
 *
 * @throws an errno error, with nothing new left behind but directories above
 */
export function makeHome(directory: string, owner: string, names: KeyNames): Home {
  const changed: string[] = []
  makeDirectories(directory, OWN_LEVELS, changed)
  const path = join(directory, subdirectoryName({ unique: makeUnique(), owner, guessed: false }))
  mkdirSync(path, { mode: DIRECTORY_MODE })
  try {
    writeAbout(path, names)
    writeFileSync(join(path, ALIVE), '', { mode: FILE_MODE })
  } catch (error) {
    remove(path)
    throw error
  }
  return { path, made: [...changed, directory, path, join(path, ABOUT)] }
}

/** @param changed gets each directory that has a new one in it */
function makeDirectories(path: string, ownLevels: number, changed: string[]): void {
  try {
    makeDirectory(path, ownLevels, changed)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error
    makeDirectories(dirname(path), ownLevels - 1, changed)
    // Not mkdir's `recursive`, nor another round: where a parent takes no directories (/proc), they never end.
    makeDirectory(path, ownLevels, changed)
  }
}

function makeDirectory(path: string, ownLevels: number, changed: string[]): void {
  try {
    mkdirSync(path, { mode: ownLevels > 0 ? DIRECTORY_MODE : MODE_ABOVE })
    changed.push(dirname(path))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

function remove(path: string): void {
  for (const act of [
    () => unlinkSync(join(path, ABOUT)),
    () => unlinkSync(join(path, ALIVE)),
    () => rmdirSync(path),
  ]) {
    try {
      act()
    } catch {
      // Whoever adopts what is left finds nothing in it, and removes it.
    }
  }
}
