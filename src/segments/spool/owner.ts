import { readFileSync, readlinkSync } from 'node:fs'
import { shared } from '../../config/shared.ts'
import { NOBODY } from './layout.ts'

/**
 * Whether an owner still writes:
 *
 * - `alive`
 * - `dead`: there is proof
 * - `silent`: it gives no sign of life, so it is taken for dead, which may be wrong
 */
export type Life = 'alive' | 'dead' | 'silent'

/** An owner is silent when its last sign of life is older; it gives one every 10 s. */
export const SILENT_MS = 30_000
/** How often an owner gives a sign of life (`touch` of a source). */
export const TOUCH_MS = 10_000
// A sign from the future is one of another machine's clock, or of before this one was set back; from so far it is none.
const FUTURE_MS = 24 * 60 * 60 * 1000
// 8 hex digits of the boot id, pid namespace, pid, start, thread, how many owners this thread had before.
const OWNER = /^([0-9a-f]{8}|none)-(\d+)-(\d+)-(\d+)-(\d+)-(\d+)$/

interface Process {
  /** 'none' where /proc can't be asked: nobody else can tell then whether this process lives. */
  readonly boot: string
  readonly namespace: string
  readonly start: string
}

let known: Process | undefined

function self(): Process {
  known ??= bySystem() ?? { boot: 'none', namespace: '0', start: String(Math.round(performance.timeOrigin)) }
  return known
}

function bySystem(): Process | undefined {
  try {
    // One that is mounted for another namespace speaks of other processes.
    if (readlinkSync('/proc/self') !== String(process.pid)) return undefined
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8)
    const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0]
    const start = statOf(process.pid)?.start
    if (namespace === undefined || start === undefined) return undefined
    return { boot, namespace, start }
  } catch {
    return undefined
  }
}

/** State (proc(5): field 3) and start in clock ticks since boot (field 22); undefined if there is no such process. */
function statOf(pid: number): { state: string; start: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name, in parentheses, may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0] as string, start: fields[19] as string }
  } catch {
    return undefined
  }
}

/**
 * Makes the text that names the owner of a spool: this process and the thread that writes. Each call gives another
 * one, since a thread may have several spools that come and go, also those of several copies of spoor.
 *
 * @param thread worker_threads.threadId of who writes
 */
export function makeOwner(thread: number): string {
  const counter = shared('spool-owners', 1, () => ({ made: 0 }))
  const { boot, namespace, start } = self()
  return `${boot}-${namespace}-${process.pid}-${start}-${thread}-${counter.made++}`
}

/**
 * Whether an owner lives. Of the same boot and pid namespace /proc tells: the process is there, with the same start
 * time, or it is not, which is proof. Threads of a process that lives, processes of other machines and containers,
 * and all where there is no /proc, are known by their sign of life alone.
 *
 * @param owner as `makeOwner` gave it; any other text is a silent one's
 * @param aliveMtimeMs the time of the last sign, epoch ms
 * @param now epoch ms
 */
export function lifeOf(owner: string, aliveMtimeMs: number, now: number): Life {
  if (owner === NOBODY) return 'dead'
  const age = now - aliveMtimeMs
  const bySign: Life = age <= SILENT_MS && age >= -FUTURE_MS ? 'alive' : 'silent'
  const [, boot, namespace, pid, start, thread] = OWNER.exec(owner) ?? []
  const me = self()
  if (boot === undefined || boot === 'none' || boot !== me.boot || namespace !== me.namespace) return bySign
  const found = statOf(Number(pid))
  if (found === undefined) return isGone(Number(pid)) ? 'dead' : bySign
  // Z: over, and its parent has not asked yet. X: the moment before.
  if (found.start !== start || found.state === 'Z' || found.state === 'X') return 'dead'
  // The main thread lives as long as its process. Of our own process we may be what came after it.
  return thread === '0' && Number(pid) !== process.pid ? 'alive' : bySign
}

/** Where /proc hides other users' processes (hidepid), a signal still finds them. */
function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}
