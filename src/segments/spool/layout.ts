import { builtin } from '../../config/builtin.ts'

/** Files beside the segments: what the records' keys are called, the owner's sign of life, how far was delivered. */
export const ABOUT = 'about.json'
export const ALIVE = 'alive'
export const CHECKPOINT = 'checkpoint'
/** Behind the name of a segment that could not be read. */
export const SET_ASIDE = '.unreadable'

export const DIRECTORY_MODE = 0o700
export const FILE_MODE = 0o600

/** The owner of a spool that was given up by its own: anybody may have it. */
export const NOBODY = 'closed'

const DIGITS = 16
const SEGMENT = /^\d{16}\.ndjson$/
const SUBDIRECTORY = /^([a-z2-7]{16})\.([a-z0-9-]{1,100})(\.guessed)?$/
const TEMPORARY = /^\..+\.[0-9a-f]{16}\.tmp$/
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/** The name of a segment: they begin at 1. */
export function segmentName(seq: number): string {
  return `${String(seq).padStart(DIGITS, '0')}.ndjson`
}

/** The number of a segment; undefined for any other name. */
export function parseSegmentName(name: string): number | undefined {
  if (!SEGMENT.test(name)) return undefined
  const seq = Number(name.slice(0, DIGITS))
  return seq >= 1 && Number.isSafeInteger(seq) ? seq : undefined
}

/** What the name of a spool's subdirectory says. */
export interface SubdirectoryName {
  /** Made once, kept over adoption: the records' ids begin with it. */
  readonly unique: string
  /** Who may read and delete: see owner.ts. */
  readonly owner: string
  /** Whether it was taken from an owner of whose death there was no proof, who may still be writing. */
  readonly guessed: boolean
}

export function subdirectoryName({ unique, owner, guessed }: SubdirectoryName): string {
  return `${unique}.${owner}${guessed ? '.guessed' : ''}`
}

/** Undefined for a name that is none of ours. */
export function parseSubdirectoryName(name: string): SubdirectoryName | undefined {
  const [, unique, owner, guessed] = SUBDIRECTORY.exec(name) ?? []
  if (unique === undefined || owner === undefined) return undefined
  return { unique, owner, guessed: guessed !== undefined }
}

/** 80 random bits in 16 characters of RFC 4648's base32. */
export function makeUnique(): string {
  const bytes = builtin('node:crypto').randomBytes(16)
  return Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join('')
}

/** Whether a name in a spool's subdirectory is one that we make, segments aside. */
export function isBookkeeping(name: string): boolean {
  return name === ABOUT || name === ALIVE || name === CHECKPOINT || TEMPORARY.test(name)
}
