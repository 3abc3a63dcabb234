import type { Buffer } from 'node:buffer'
import { builtin } from '../../config/builtin.ts'

/** Bytes at a file's beginning that tell it from others; enough for the times of a few records. */
export const HEAD_BYTES = 1024

/**
 * Which file a place is in. A rename leaves device and inode as they are, and an inode may be another file's
 * later; compression leaves only the content. Hence both.
 */
export interface FileIdentity {
  readonly dev: number
  readonly ino: number
  /** When the inode was made, epoch ms; 0 where the file system doesn't know. */
  readonly birth: number
  /** Fingerprint of the first `length` bytes, decompressed; '' for none. */
  readonly head: string
  /** Bytes that `head` is of, at most 1024 and none behind the place. */
  readonly length: number
}

/** The point right behind a line. It is plain data: JSON and structuredClone keep it. */
export interface Place {
  readonly file: FileIdentity
  /** Bytes from the beginning of the file, decompressed. */
  readonly offset: number
}

/** What a stat says of an inode. */
export interface Inode {
  readonly dev: number
  readonly ino: number
  readonly birth: number
}

/** 128 bits of SHA-256 in hex; '' for no bytes. */
export function fingerprint(head: Buffer): string {
  if (head.length === 0) return ''
  return builtin('node:crypto').createHash('sha256').update(head).digest('hex').slice(0, 32)
}

/** The place at `offset` of a file that begins with `head` (its first 1024 bytes, or as many as there are). */
export function placeAt(inode: Inode, head: Buffer, offset: number): Place {
  const known = head.subarray(0, Math.min(HEAD_BYTES, offset))
  const { dev, ino, birth } = inode
  return { file: { dev, ino, birth, head: fingerprint(known), length: known.length }, offset }
}

/** Whether a file that begins with `head` can be the one whose first `length` bytes had that fingerprint. */
export function hasHead(file: { head: string; length: number }, head: Buffer): boolean {
  if (file.length === 0 || head.length < file.length) return false
  return fingerprint(head.subarray(0, file.length)) === file.head
}

export function sameInode(a: Inode, b: Inode): boolean {
  return a.dev === b.dev && a.ino === b.ino
}

/** What two inodes share if they are the same, for a Map. */
export function inodeKey({ dev, ino }: Pick<Inode, 'dev' | 'ino'>): string {
  return `${dev}:${ino}`
}

/** Whether the inode was certainly made at the same moment, so that it has not been another file's meanwhile. */
export function sameBirth(a: Inode, b: Inode): boolean {
  return a.birth !== 0 && a.birth === b.birth
}

/** Reads back a place from what JSON gave. Undefined if it is none. */
export function parsePlace(value: unknown): Place | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { file, offset } = value as Partial<Place>
  if (typeof file !== 'object' || file === null || !isCount(offset)) return undefined
  const { dev, ino, birth, head, length } = file
  if (!isCount(dev) || !isCount(ino) || typeof birth !== 'number') return undefined
  if (typeof head !== 'string' || !isCount(length) || length > HEAD_BYTES) return undefined
  return { file: { dev, ino, birth, head, length }, offset }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && Number.isInteger(value)
}
