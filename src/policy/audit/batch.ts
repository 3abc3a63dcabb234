import type { Buffer } from 'node:buffer'
import type { Head } from './head.ts'
import { type Link, seal } from './link.ts'

/** A record on its way into the log. */
export interface Entry {
  /** `{…}` and a newline. */
  readonly line: string
  /** See Link. */
  readonly removed?: string | undefined
}

/** Records one behind the other, ready to be written. */
export interface Batch {
  readonly text: string
  readonly records: readonly Head[]
}

/** What the first record of a batch says of its place. */
export interface Start extends Pick<Link, 'seq' | 'prev' | 'chain' | 'chainSeq' | 'torn' | 'head'> {
  /** The hash of the chain's record before it. */
  readonly own: string | undefined
  readonly key: string | undefined
}

const NEWLINE = 10
// A write takes the event loop for as long as it lasts.
const MOST_UNITS = 1024 * 1024

/** Puts entries from `from` on into their places, each behind the one before it; as many as one write may take. */
export function sealBatch(entries: readonly Entry[], from: number, start: Start): Batch {
  const { chain, key } = start
  const records: Head[] = []
  let { prev, own } = start
  let text = ''
  for (let i = from; i < entries.length && text.length < MOST_UNITS; i++) {
    const { line, removed } = entries[i] as Entry
    const at = records.length
    const seq = start.seq + at
    const link = {
      seq,
      prev,
      chain,
      chainSeq: start.chainSeq + at,
      chainPrev: own === prev ? undefined : own,
      torn: at === 0 ? start.torn : undefined,
      head: at === 0 ? start.head : undefined,
      removed,
    }
    const made = seal(line, link, key)
    text += made.line
    records.push({ seq, hash: made.hash })
    prev = made.hash
    own = made.hash
  }
  return { text, records }
}

/** How many records are in the file when so much of `buffer` is; one that lacks its newline alone counts. */
export function wholeRecords({ records }: Batch, buffer: Buffer, written: number): number {
  let from = buffer[0] === NEWLINE ? 1 : 0
  for (let count = 0; count < records.length; count++) {
    const newline = buffer.indexOf(NEWLINE, from)
    if (newline > written) return count
    from = newline + 1
  }
  return records.length
}
