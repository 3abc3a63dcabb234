import type { Buffer } from 'node:buffer'
import {
  checkChain,
  checkHash,
  checkHeadNow,
  checkHeadThen,
  checkPlace,
  KEPT,
  madeWith,
  type Seen,
  type Wrong,
} from './checks.ts'
import type { Head } from './head.ts'
import { readLink, type Sealed } from './link.ts'
import { createLoose, type Loose } from './loose.ts'
import type { AuditFault, AuditNote, AuditPlace, LineTaker } from './reading.ts'

export interface ExaminationOptions {
  readonly keys: readonly string[]
  /** What the head file says; undefined where none was named. */
  readonly head: Head | 'none' | 'invalid' | undefined
  readonly headFile: string
}

/** What was found. */
export interface Finding {
  readonly fault: AuditFault | undefined
  readonly notes: readonly AuditNote[]
  readonly records: number
  readonly chains: number
  readonly first: number | undefined
  readonly last: number | undefined
}

export interface Examination extends LineTaker {
  /** To be asked for when all lines were taken. */
  result(): Finding
}

const MOST_NOTES = 1000

/** Looks at a log line by line and keeps the first thing that is wrong. */
export function createExamination({ keys, head, headFile }: ExaminationOptions): Examination {
  const recent = new Map<string, Seen>()
  const chains = new Map<string, Seen>()
  const known = {
    last: undefined as Seen | undefined,
    first: undefined as number | undefined,
    keyedSince: undefined as number | undefined,
    recent,
    chains,
  }
  const notes: AuditNote[] = []
  let fault: AuditFault | undefined
  // Whether a log may begin where it does is known when a record tells that retention removed what was before.
  let beginning: { readonly fault: AuditFault; readonly prev: string } | undefined
  let records = 0
  let headFound = false
  // Whether a record tells of a head file that was there.
  let headsKnown = false
  let place: AuditPlace = { file: '', line: 0 }
  // Lines since the last record that are none.
  let loose: Loose | undefined

  function blame(wrong: Wrong | undefined, at: AuditPlace, seq: number | undefined): void {
    if (wrong !== undefined) fault ??= { ...at, ...wrong, seq }
  }

  function note(at: AuditPlace, message: string): void {
    if (notes.length < MOST_NOTES) notes.push({ ...at, message })
  }

  function line(bytes: Buffer, at: AuditPlace, ended: boolean): void {
    place = at
    const record = readLink(bytes)
    if (fault !== undefined) {
      // All that is still asked for.
      if (record !== undefined && madeWith(bytes, record, keys) !== undefined) allow(record)
    } else if (record === undefined) {
      loose ??= createLoose(at)
      loose.add(bytes, ended)
    } else take(record, bytes, at)
  }

  function take(record: Sealed, bytes: Buffer, at: AuditPlace): void {
    const { seq, hash, chainSeq } = record
    takeLoose(record, at)
    const made = madeWith(bytes, record, keys)
    blame(checkHash(record, made, known, keys.length > 0), at, seq)
    blame(checkPlace(record, known), at, seq)
    blame(checkChain(record, known), at, seq)
    blame(checkHeadThen(record, known, keys), at, seq)
    if (fault !== undefined) return
    tellOf(record, at)
    if (records === 0) begin(record, at)
    allow(record)
    if (made === 'key') known.keyedSince ??= seq
    if (typeof head === 'object' && head.hash === hash) headFound = true
    const seen = { seq, hash, chainSeq, at: records++ }
    known.last = seen
    chains.set(record.chain, seen)
    recent.set(hash, seen)
    if (recent.size > KEPT) recent.delete(recent.keys().next().value as string)
  }

  /** What stands between two records is what the second one says was torn. */
  function takeLoose({ torn, seq }: Sealed, at: AuditPlace): void {
    const found = loose
    loose = undefined
    if (found === undefined) {
      const message = `record ${seq} tells of a torn line before it, which is not there`
      if (torn !== undefined) blame({ code: 'missing', message }, at, seq)
    } else if (found.sealed) {
      blame({ code: 'changed', message: 'the line is what is left of a record' }, found.at, undefined)
    } else if (torn !== undefined && found.is(torn)) {
      note(found.at, 'a line was torn by a crash or a full disk; it was never acknowledged as a record')
    } else {
      const message = `the line is no audit record, and record ${seq} behind it tells of no such torn line`
      blame({ code: 'foreign', message }, found.at, undefined)
    }
  }

  function tellOf({ seq, prev, head: then }: Sealed, at: AuditPlace): void {
    const { last } = known
    if (last !== undefined && prev !== last.hash)
      note(at, `record ${seq} was written at the same time as others that stand before it`)
    if (then === 'none' && headsKnown)
      note(
        at,
        `the head file of earlier records had gone, or had another name, when record ${seq} was written`,
      )
    headsKnown ||= then !== undefined && then !== 'none'
  }

  function begin({ seq, prev }: Sealed, at: AuditPlace): void {
    known.first = seq
    if (prev === undefined && seq === 1) return
    const message = `the log begins with record ${seq}, and no record tells that retention removed those before it`
    const found: AuditFault = { code: 'beginning', ...at, seq, message }
    if (prev === undefined) fault = found
    else beginning = { fault: found, prev }
  }

  /** A record that tells of a removal allows the log to begin behind it. */
  function allow({ removed }: Sealed): void {
    if (removed !== undefined && removed === beginning?.prev) beginning = undefined
  }

  function end(): void {
    if (fault === undefined && loose !== undefined) {
      if (loose.ended) blame({ code: 'foreign', message: 'the line is no audit record' }, loose.at, undefined)
      else note(loose.at, 'the last line is torn, or is being written; it was not acknowledged as a record')
    }
    const unkeyed = keys.length > 0 && known.keyedSince === undefined && records > 0
    const message = 'a key was given, and no record was made with one: the log was made without it, or anew'
    if (unkeyed) blame({ code: 'key', message }, place, known.last?.seq)
    blame(checkHeadNow(head, headFile, known, headFound), place, known.last?.seq)
  }

  return {
    line,
    unreadable(at, why) {
      const message = `the file can't be read any further: ${why}`
      blame({ code: 'unreadable', message }, at, undefined)
    },
    get done() {
      return fault !== undefined && beginning === undefined
    },
    result() {
      end()
      return {
        fault: beginning?.fault ?? fault,
        notes,
        records,
        chains: chains.size,
        first: known.first,
        last: known.last?.seq,
      }
    },
  }
}
