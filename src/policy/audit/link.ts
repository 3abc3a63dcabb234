import type { Buffer } from 'node:buffer'
import { builtin } from '../../config/builtin.ts'

/**
 * What a record says of its place in the log: its last fields, in this order, which no call can write. All hashes are
 * `sha256-` or, made with a key, `hmac-`, and 64 hexadecimal digits.
 */
export interface Link {
  /** The record's number in the log: one more than that of the record before it. */
  readonly seq: number
  /** The hash of the record before it in the log; undefined for the first of all. */
  readonly prev: string | undefined
  /** The chain of who wrote it: 16 hexadecimal digits, made anew by each process, thread and logger. */
  readonly chain: string
  /** Its number in that chain, from 1. */
  readonly chainSeq: number
  /** The hash of the chain's record before it, where that is not `prev`. */
  readonly chainPrev: string | undefined
  /** The SHA-256 of the bytes between the record before it and its own line, where there were any: a torn line. */
  readonly torn: string | undefined
  /**
   * In a chain's first record, and where it is not what is expected: what the head file said, `number:hash`, with
   * `:mac` behind it where that was made with another key, or that it was `none` or `invalid`.
   */
  readonly head: string | undefined
  /** The hash of the last record of a file that retention removes after this record. */
  readonly removed: string | undefined
}

/** A link with the hash of the record that has it. */
export interface Sealed extends Link {
  readonly hash: string
}

const HASH = '(?:sha256|hmac)-[0-9a-f]{64}'
const HASH_MARK = ',"audit_hash":"'
const LINK = new RegExp(
  `,"audit_seq":([1-9]\\d{0,15})(?:,"audit_prev":"(${HASH})")?` +
    `,"audit_chain":"([0-9a-f]{16})","audit_chain_seq":([1-9]\\d{0,15})(?:,"audit_chain_prev":"(${HASH})")?` +
    `(?:,"audit_torn":"(${HASH})")?(?:,"audit_head":"([a-z0-9:-]{1,200})")?(?:,"audit_removed":"(${HASH})")?` +
    `${HASH_MARK}(${HASH})"\\}$`,
)
/** More than the longest link has. */
export const LINK_BYTES = 1024

/** The names of a link's fields, which a call's fields step aside for. */
export const LINK_NAMES: readonly string[] = [
  'audit_seq',
  'audit_prev',
  'audit_chain',
  'audit_chain_seq',
  'audit_chain_prev',
  'audit_torn',
  'audit_head',
  'audit_removed',
  'audit_hash',
]

/** SHA-256, or HMAC-SHA-256 (RFC 2104) where there is a key. */
export function hashOf(bytes: string | Buffer, key: string | undefined): string {
  const { createHash, createHmac } = builtin('node:crypto')
  return key === undefined
    ? `sha256-${createHash('sha256').update(bytes).digest('hex')}`
    : `hmac-${createHmac('sha256', key).update(bytes).digest('hex')}`
}

/** Whether a hash was made with a key. */
export function isKeyed(hash: string): boolean {
  return hash.startsWith('hmac-')
}

/** The beginning of a chain's name. */
export function newChain(): string {
  return builtin('node:crypto').randomBytes(8).toString('hex')
}

/**
 * Puts a record into its place.
 *
 * @param line one whole record, `{…}` and a newline
 */
export function seal(line: string, link: Link, key: string | undefined): { line: string; hash: string } {
  const text = (name: string, value: string | undefined): string =>
    value === undefined ? '' : `,"${name}":"${value}"`
  const begun =
    `${line.slice(0, -2)},"audit_seq":${link.seq}${text('audit_prev', link.prev)}` +
    `${text('audit_chain', link.chain)},"audit_chain_seq":${link.chainSeq}` +
    `${text('audit_chain_prev', link.chainPrev)}${text('audit_torn', link.torn)}` +
    `${text('audit_head', link.head)}${text('audit_removed', link.removed)}`
  const hash = hashOf(begun, key)
  return { line: `${begun}${HASH_MARK}${hash}"}\n`, hash }
}

/** Reads the link of a line, given without its newline; undefined if it is no audit record. */
export function readLink(line: Buffer): Sealed | undefined {
  const end = line.toString('latin1', Math.max(0, line.length - LINK_BYTES))
  const found = LINK.exec(end)
  if (found === null || line[0] !== 0x7b) return undefined
  const [, seq, prev, chain = '', chainSeq, chainPrev, torn, head, removed, hash = ''] = found
  return { seq: Number(seq), prev, chain, chainSeq: Number(chainSeq), chainPrev, torn, head, removed, hash }
}

/** The hash that a line should have, where it was made with that key. */
export function expectedHash(line: Buffer, hash: string, key: string | undefined): string {
  return hashOf(line.subarray(0, line.length - HASH_MARK.length - hash.length - 2), key)
}
