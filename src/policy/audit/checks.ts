import type { Buffer } from 'node:buffer'
import { type Head, isMadeWith } from './head.ts'
import { expectedHash, isKeyed, type Sealed } from './link.ts'
import type { AuditFaultCode } from './reading.ts'

/** A record that was found to be right. */
export interface Seen extends Pick<Sealed, 'seq' | 'hash' | 'chainSeq'> {
  /** How many records came before it. */
  readonly at: number
}

/** What is known of a log up to a record. */
export interface Known {
  readonly last: Seen | undefined
  /** The number of its first record. */
  readonly first: number | undefined
  /** By hash; the last KEPT of them. */
  readonly recent: ReadonlyMap<string, Seen>
  /** The last record of each writer. */
  readonly chains: ReadonlyMap<string, Seen>
  /** The number of the first record that was made with a key. */
  readonly keyedSince: number | undefined
}

/** What is wrong with a record. */
export interface Wrong {
  readonly code: AuditFaultCode
  readonly message: string
}

// How far behind the last record one may be named: by who wrote without waiting for his turn, and by a head file.
export const KEPT = 65_536

const right = undefined

/** How a record's hash was made; none of the ways that are known. */
export function madeWith(
  bytes: Buffer,
  { hash }: Sealed,
  keys: readonly string[],
): 'key' | 'nothing' | undefined {
  const fits = (key: string | undefined): boolean => expectedHash(bytes, hash, key) === hash
  if (!isKeyed(hash)) return fits(undefined) ? 'nothing' : undefined
  return keys.some(fits) ? 'key' : undefined
}

export function checkHash(
  { seq, hash }: Sealed,
  made: 'key' | 'nothing' | undefined,
  { keyedSince }: Known,
  hasKeys: boolean,
): Wrong | undefined {
  if (made === undefined) {
    if (isKeyed(hash) && !hasKeys)
      return {
        code: 'key',
        message: `record ${seq} was made with a key, and none was given to check it with`,
      }
    const other = isKeyed(hash) ? ', or it was made with another key' : ''
    return {
      code: 'changed',
      message: `record ${seq} is not what was written: its hash does not fit${other}`,
    }
  }
  if (made === 'key' || keyedSince === undefined || !hasKeys) return right
  return {
    code: 'key',
    message: `record ${seq} was made without a key, after record ${keyedSince} with one`,
  }
}

/** It stands behind the record that it names, and has the next number. */
export function checkPlace({ seq, prev, chain, head }: Sealed, known: Known): Wrong | undefined {
  const { last, chains } = known
  // Where a log may begin is for the whole of it to say.
  if (last === undefined) return right
  const named = prev === undefined ? undefined : known.recent.get(prev)
  if (named === undefined) return unnamed(seq, last)
  // Where two wrote beside each other the last record has not the highest number; the head file may name that one.
  // By one of another key no writer goes.
  const headed = partsOf(head ?? '').mac === undefined ? (seenHead(head, known)?.seq ?? 0) : 0
  if (seq !== Math.max(named.seq, headed) + 1) return missing(seq, named.seq)
  const own = chains.get(chain)
  // Who stood still for longer than his turn lasts wrote beside others, not before what he had written himself.
  if (named === last || own === undefined || own.at <= named.at) return right
  return misplaced(`record ${seq} was written before others that stand before it`)
}

function partsOf(head: string): { number: number; hash: string; mac: string | undefined } {
  const [number = '', hash = '', mac] = head.split(':')
  return { number: Number(number), hash, mac }
}

function seenHead(head: string | undefined, { recent }: Known): Seen | undefined {
  const { number, hash } = partsOf(head ?? '')
  const seen = recent.get(hash)
  return seen?.seq === number ? seen : undefined
}

function unnamed(seq: number, last: Seen): Wrong {
  if (seq <= last.seq)
    return misplaced(`record ${seq} stands behind record ${last.seq}, and was not written there`)
  if (seq > last.seq + 1) return missing(seq, last.seq)
  return {
    code: 'missing',
    message: `record ${seq} does not follow record ${last.seq}: it names another one before it, which is not there`,
  }
}

function missing(seq: number, before: number): Wrong {
  const between = seq - before === 2 ? `record ${before + 1} is` : `records ${before + 1} to ${seq - 1} are`
  return { code: 'missing', message: `record ${seq} follows record ${before}: ${between} not between them` }
}

function misplaced(message: string): Wrong {
  return { code: 'misplaced', message }
}

/** It goes on from its writer's record before it. */
export function checkChain(
  { seq, chain, chainSeq, chainPrev, prev }: Sealed,
  { chains, first }: Known,
): Wrong | undefined {
  const before = chains.get(chain)
  if (before === undefined) {
    // Of a writer from before the beginning nothing may be left.
    if (chainSeq === 1 || (first ?? seq) !== 1) return right
    return {
      code: 'missing',
      message: `${chainSeq - 1} records of the writer of record ${seq} are not there`,
    }
  }
  if (chainSeq <= before.chainSeq)
    return misplaced(`record ${seq} is there twice, or stands behind one that was written after it`)
  if (chainSeq === before.chainSeq + 1 && (chainPrev ?? prev) === before.hash) return right
  const message = `record ${seq} does not go on from its writer's record before it, ${before.seq}`
  return { code: 'missing', message }
}

/** What the head file said when a writer began was there. */
export function checkHeadThen(
  { seq, head }: Sealed,
  known: Known,
  keys: readonly string[],
): Wrong | undefined {
  if (head === undefined || head === 'none') return right
  const { number } = partsOf(head)
  if (!isTrusted(head, known, keys)) {
    const other = head === 'invalid' ? '' : ', or was made with a key that was not given'
    return { code: 'head', message: `the head file was damaged when record ${seq} was written${other}` }
  }
  const isFarBack = known.recent.size >= KEPT && number <= seq - KEPT
  const isRemoved = number < (known.first ?? seq)
  if (seenHead(head, known) !== undefined || isFarBack || isRemoved) return right
  const message = `the head file named record ${number} when record ${seq} was written, and that is not there`
  return { code: 'cut', message }
}

/** Its writer knew its key, or it is made with one that is given; before the first key there was none. */
function isTrusted(head: string, { keyedSince }: Known, keys: readonly string[]): boolean {
  if (head === 'invalid') return false
  const { number, hash, mac } = partsOf(head)
  return (
    mac === undefined ||
    isMadeWith({ seq: number, hash }, mac, keyedSince === undefined ? [undefined, ...keys] : keys)
  )
}

/** What the head file says now is there. @param found whether its record was seen */
export function checkHeadNow(
  head: Head | 'none' | 'invalid' | undefined,
  file: string,
  { last }: Known,
  found: boolean,
): Wrong | undefined {
  if (head === undefined || found) return right
  const end = last === undefined ? 'the log has no records' : `the log ends with record ${last.seq}`
  if (head === 'none') return { code: 'head', message: `there is no head file ${file}; ${end}` }
  if (head === 'invalid')
    return { code: 'head', message: `the head file ${file} is damaged, or was made with another key` }
  if (head.seq > (last?.seq ?? 0))
    return { code: 'cut', message: `${end}, and the head file names record ${head.seq}` }
  return { code: 'head', message: `record ${head.seq} is another one than the head file names` }
}
