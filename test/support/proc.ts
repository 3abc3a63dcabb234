import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const KIBIBYTE = 1024

/** Bytes of memory that a process has now, all of its threads together (proc(5), VmRSS). */
export function rssOf(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  if (kibibytes === undefined) throw new Error(`process ${pid} has no memory any more`)
  return Number(kibibytes) * KIBIBYTE
}

/** Bytes of all files below a directory; what goes meanwhile does not count. */
export function bytesBelow(directory: string): number {
  let bytes = 0
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name)
      if (entry.isDirectory()) bytes += bytesBelow(path)
      else bytes += statSync(path, { throwIfNoEntry: false })?.size ?? 0
    }
  } catch {
    // It is gone.
  }
  return bytes
}
