import type { Buffer } from 'node:buffer'
import { builtin } from '../../config/builtin.ts'
import type { AuditPlace } from './reading.ts'

/** Lines one behind the other that are no records. */
export interface Loose {
  /** The first of them. */
  readonly at: AuditPlace
  add(line: Buffer, ended: boolean): void
  /** Whether this is their SHA-256, with the newline at their end or, where a writer put that there, without it. */
  is(hash: string): boolean
  /** Whether one of them ends with a newline: what is torn at the end of a log has none. */
  readonly ended: boolean
}

export function createLoose(at: AuditPlace): Loose {
  const hash = builtin('node:crypto').createHash('sha256')
  let open = true
  let ended = false
  const digest = (end: string): string => `sha256-${hash.copy().update(end).digest('hex')}`
  return {
    at,
    add(line, now) {
      if (!open) hash.update('\n')
      hash.update(line)
      open = !now
      ended ||= now
    },
    is: (wanted) => digest('') === wanted || (!open && digest('\n') === wanted),
    get ended() {
      return ended
    },
  }
}
