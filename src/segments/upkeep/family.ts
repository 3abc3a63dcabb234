import { Buffer } from 'node:buffer'
import { basename, extname } from 'node:path'
import { isMovingName, isTemporaryName, parseDoneName } from '../names.ts'
import { openRegular } from './regular.ts'

/** Which files belong together. */
export interface Family {
  /** The live file. */
  readonly path: string
  /**
   * What the names of live files look like without their extension, where each process has one of its own: for
   * `logs/app.{pid}.log` it is `app\.\d+(?:-\d+)?`, the process and its thread. @default only that of `path`
   */
  readonly stem?: RegExp | undefined
}

export type Kind = 'live' | 'done' | 'moving' | 'hidden'

/** What a name in the directory says. */
export interface Member {
  readonly kind: Kind
  /** The name of the live file that it is, or was. */
  readonly live: string
  /** The process whose file it is, where each has one of its own. */
  readonly pid: number | undefined
}

const HIDDEN = /^\.(.+)\.[0-9a-f]{16}\.tmp$/s
// As config/placeholders.ts puts it for {pid}, and what processes and threads are really called.
const ANY_PROCESS = '\\d+(?:-\\d+)?'
const REAL_PROCESS = '([1-9]\\d{0,6})(?:-[1-9]\\d*)?'
// Linux gives no higher one (PID_MAX_LIMIT), and a date as in app.20250101.log is none.
const LAST_PID = 4_194_304
const HEAD_BYTES = 4096

/** Makes the function that reads a name; undefined for one that spoor could not have made. */
export function memberReader({ path, stem }: Family): (name: string) => Member | undefined {
  const own = basename(path)
  const extension = extname(path)
  const pattern =
    stem === undefined ? undefined : new RegExp(`^(?:${stem.source.split(ANY_PROCESS).join(REAL_PROCESS)})$`)

  function pidOf(live: string): number | undefined {
    const found = pattern?.exec(live)
    if (found === undefined || found === null) return undefined
    // 0 is nobody's, for a stem that has no number.
    const [pid = 0, ...others] = found.slice(1).map(Number)
    return pid <= LAST_PID && others.every((other) => other === pid) ? pid : undefined
  }

  function memberOf(live: string, pid: number | undefined, name: string): Member | undefined {
    const kind = kindOf(live, name)
    return kind === undefined ? undefined : { kind, live, pid }
  }

  return (name) => {
    const member = memberOf(own, undefined, name)
    if (member !== undefined || pattern === undefined) return member
    // A process and its thread look like a process and a year: only one way to split it makes sense as a whole.
    const from = name.startsWith('.') ? 1 : 0
    for (let to = from + 1; to <= name.length; to++) {
      const start = name.slice(from, to)
      const pid = pidOf(start)
      const found = pid === undefined ? undefined : memberOf(start + extension, pid, name)
      if (found !== undefined) return found
    }
    return undefined
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

/**
 * Whether a live file begins with a record of this process: a number in a name may be anybody's. Records carry it
 * as `pid`, in the ECS schema as `process.pid`. Never rejects; what can't be read proves nothing.
 */
export async function isWrittenBy(pid: number | undefined, file: string): Promise<boolean> {
  try {
    const handle = await openRegular(file)
    try {
      const head = Buffer.alloc(HEAD_BYTES)
      const { bytesRead } = await handle.read(head, 0, HEAD_BYTES, 0)
      return new RegExp(`"(?:process\\.)?pid":${pid}[,}]`).test(head.toString('latin1', 0, bytesRead))
    } finally {
      await handle.close().catch(() => {})
    }
  } catch {
    return false
  }
}
