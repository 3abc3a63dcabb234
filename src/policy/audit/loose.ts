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
  /** Whether one of them has a whole record's end: no write that was cut short leaves that. */
  readonly sealed: boolean
  /** Whether one of them ends with a newline: what is torn at the end of a log has none. */
  readonly ended: boolean
}

const SEAL = /,"audit_hash":"(?:sha256|hmac)-[0-9a-f]{64}"\}/
/** More than what an editor, or who copies files, puts behind a line's end. */
const SEAL_BYTES = 160

/** Of a line with NULs in it a disk that lost its power has kept the end alone. */
function isSealed(line: Buffer): boolean {
  return SEAL.test(line.toString('latin1', Math.max(0, line.length - SEAL_BYTES))) && !line.includes(0)
}

export function createLoose(at: AuditPlace): Loose {
  const hash = builtin('node:crypto').createHash('sha256')
  let open = true
  let ended = false
  let sealed = false
  const digest = (end: string): string => `sha256-${hash.copy().update(end).digest('hex')}`
  return {
    at,
    add(line, now) {
      if (!open) hash.update('\n')
      hash.update(line)
      open = !now
      ended ||= now
      sealed ||= isSealed(line)
    },
    is: (wanted) => digest('') === wanted || (!open && digest('\n') === wanted),
    get sealed() {
      return sealed
    },
    get ended() {
      return ended
    },
  }
}
