import { open, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { builtin } from '../../config/builtin.ts'
import { temporaryName } from '../names.ts'
import { codeOf, syncDirectory } from '../upkeep/remove.ts'
import { readSmallFile } from './about.ts'
import { CHECKPOINT, FILE_MODE, SET_ASIDE } from './layout.ts'
import type { SpoolPlace } from './place.ts'

const VERSION = 1

/** Reads the checkpoint of a spool: its place, or why there is none ('missing', 'torn', …). Never throws. */
export async function readCheckpoint(subdirectory: string): Promise<SpoolPlace | string> {
  const text = await readSmallFile(join(subdirectory, CHECKPOINT))
  return text instanceof Error ? (text.code === 'ENOENT' ? 'missing' : text.message) : parseCheckpoint(text)
}

/** The place that a checkpoint's text says, or why it says none. */
export function parseCheckpoint(text: string): SpoolPlace | string {
  let content: { v?: unknown; seq?: unknown; offset?: unknown; crc?: unknown } | null
  try {
    content = JSON.parse(text)
  } catch {
    return 'torn'
  }
  if (typeof content !== 'object' || content === null) return 'torn'
  const { v, seq, offset, crc } = content
  if (typeof v === 'number' && v !== VERSION) return `of version ${v}, not ${VERSION}`
  if (v !== VERSION || !isCount(seq) || !isCount(offset) || crc !== crcOf({ seq, offset })) return 'torn'
  return { seq, offset }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && Number.isSafeInteger(value)
}

/** What a checkpoint's file says of a place. */
export function checkpointText({ seq, offset }: SpoolPlace): string {
  return `${JSON.stringify({ v: VERSION, seq, offset, crc: crcOf({ seq, offset }) })}\n`
}

function crcOf({ seq, offset }: SpoolPlace): number {
  return builtin('node:zlib').crc32(`${seq} ${offset}`)
}

/**
 * Replaces the checkpoint as a whole: written beside, renamed.
 *
 * @param durable whether it has to survive a crash of the machine when this resolves
 * @throws an errno error, with the old one left as it was
 */
export async function writeCheckpoint(
  subdirectory: string,
  place: SpoolPlace,
  durable: boolean,
): Promise<void> {
  const target = join(subdirectory, CHECKPOINT)
  const temporary = temporaryName(target)
  const handle = await open(temporary, 'wx', FILE_MODE)
  try {
    try {
      await handle.writeFile(checkpointText(place))
      if (durable) await handle.datasync()
    } finally {
      await handle.close()
    }
    await put(temporary, target)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw error
  }
  if (durable) await syncDirectory(subdirectory)
}

/** A directory of that name would stand in the way for good, and what was delivered could never be deleted. */
async function put(temporary: string, target: string): Promise<void> {
  try {
    await rename(temporary, target)
  } catch (error) {
    if (codeOf(error) !== 'EISDIR') throw error
    await rename(target, `${target}${SET_ASIDE}`)
    await rename(temporary, target)
  }
}
