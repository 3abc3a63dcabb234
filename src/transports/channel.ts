import { constants, fstatSync, openSync } from 'node:fs'
import { shared } from '../config/shared.ts'
import { PIPE_BUF } from '../segments/chunks.ts'

/** A descriptor as all transports of the process share it: nobody writes while the rest of a line waits. */
export interface Channel {
  readonly fd: number
  /** The most bytes that go in one write. */
  readonly most: number
  /** The rest of a line that was begun. */
  rest: Buffer | undefined
  /** Whose line that is: called where it is lost. */
  owner: (() => void) | undefined
}

const channels = shared('channels', 1, () => new Map<string, Channel>())

/**
 * The channel of a descriptor; a pipe has one, however many descriptors name it (`2>&1`).
 *
 * A pipe is opened a second time, as one that does not block: a reader that has stopped then costs memory and
 * not the event loop, and who shares the first one's open file does not get the flag. Where that can't be (no
 * /proc, another user's pipe) it is written as it is.
 */
export function channelOf(fd: number): Channel {
  let key = `${fd}`
  let pipe = false
  let most = PIPE_BUF
  try {
    const stat = fstatSync(fd)
    pipe = stat.isFIFO()
    key = pipe ? `pipe:${stat.dev}:${stat.ino}` : `${fd}:${stat.dev}:${stat.ino}`
    if (!pipe) most = Number.POSITIVE_INFINITY
  } catch {
    // A closed descriptor: the write says so.
  }
  const known = channels.get(key)
  if (known !== undefined) return known
  const made: Channel = { fd: pipe ? reopened(fd) : fd, most, rest: undefined, owner: undefined }
  channels.set(key, made)
  return made
}

function reopened(fd: number): number {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    return fd
  }
}
