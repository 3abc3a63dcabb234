import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  type Stats,
  statSync,
} from 'node:fs'
import { dirname } from 'node:path'

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR, O_WRONLY } = constants

/** A file opened for appending. */
export interface Opened {
  readonly fd: number
  readonly stats: Stats
  /** Neither a pipe nor a device. */
  readonly regular: boolean
  /** Renaming a link would leave its target in use under the old name, and /dev/stdout is one. */
  readonly linked: boolean
  /** Whether its end can be looked at. */
  readonly readable: boolean
}

/**
 * Opens or makes the file, and its directories where they are missing.
 *
 * A symbolic link is followed only if it belongs to this process's user or to root: whoever may write to the
 * directory could otherwise have a service append to any file that the service may write (CWE-59; the kernel's
 * fs.protected_symlinks does the same for sticky directories).
 *
 * @param more flags for open(2) besides. @default none
 * @throws an errno error
 */
export function openToAppend(path: string, mode: number, directoryMode: number, more = 0): Opened {
  const found = lstatSync(path, { throwIfNoEntry: false })
  const linked = found?.isSymbolicLink() === true
  if (linked) refuseOthersLink(path, found)
  const target = linked ? statSync(path, { throwIfNoEntry: false }) : found
  const regular = target === undefined || target.isFile() || target.isDirectory()
  // Not blocking where it is no regular file: opening a FIFO would wait for its reader.
  if (!regular) {
    const fd = openSync(path, O_WRONLY | O_APPEND | O_NONBLOCK)
    return { fd, stats: fstatSync(fd), regular, linked, readable: false }
  }
  const flags = O_APPEND | O_CREAT | more | (linked ? 0 : O_NOFOLLOW)
  let readable = true
  const attempt = (): number => {
    try {
      return openSync(path, flags | O_RDWR, mode)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error
      readable = false
      return openSync(path, flags | O_WRONLY, mode)
    }
  }
  const fd = withDirectory(path, directoryMode, attempt)
  return { fd, stats: fstatSync(fd), regular, linked, readable }
}

function withDirectory(path: string, mode: number, open: () => number): number {
  try {
    return open()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    makeDirectory(dirname(path), mode)
    return open()
  }
}

function refuseOthersLink(path: string, link: Stats): void {
  const uid = process.geteuid?.()
  if (uid === undefined || link.uid === uid || link.uid === 0) return
  const message = `ELOOP: '${path}' is a symbolic link made by another user (uid ${link.uid}) and is not followed; have this service's user (uid ${uid}) or root make it, or name its target`
  throw Object.assign(new Error(message), { code: 'ELOOP', path })
}

/** Makes a directory and those above it. Not `recursive`: where a parent takes no directories (/proc), Node then tries for ever without returning. */
export function makeDirectory(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode })
  } catch (failure) {
    const { code } = failure as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || dirname(path) === path) throw failure
    makeDirectory(dirname(path), mode)
    try {
      mkdirSync(path, { mode })
    } catch (again) {
      if ((again as NodeJS.ErrnoException).code !== 'EEXIST') throw again
    }
  }
}

/** Makes the names in a directory durable, as far as its file system can. Never throws. */
export function syncDirectory(path: string): void {
  let fd = -1
  try {
    fd = openSync(path, constants.O_RDONLY)
    fsyncSync(fd)
  } catch {
    // Some network mounts refuse it; what is in the files is synced all the same.
  } finally {
    if (fd !== -1) closeSync(fd)
  }
}
