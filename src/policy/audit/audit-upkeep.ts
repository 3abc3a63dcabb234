import { Buffer } from 'node:buffer'
import { listSegments, type Segment } from '../../segments/read/listing.ts'
import { openSource } from '../../segments/read/source.ts'
import { createMaintenance } from '../../segments/upkeep/maintenance.ts'
import { lastRecord } from './end.ts'
import type { Sealed } from './link.ts'
import type { AuditSettings } from './settings.ts'

/** A file that retention is about to remove. */
export interface Removal {
  readonly file: string
  /** Of its last record. */
  readonly seq: number
  readonly hash: string
}

export interface UpkeepHost {
  readonly report: (code: string, message: string) => void
  /** Writes the record that tells of a file before it goes. @throws where that is not durable */
  readonly tellRemoval: (removal: Removal) => Promise<void>
}

export interface AuditUpkeep {
  rotated(): void
  close(): Promise<void>
}

/**
 * Looks after the log's done files. Before one is deleted a record in the log says so, durably: what is missing at the
 * beginning without such a record was taken by somebody else.
 */
export function startUpkeep(settings: AuditSettings, host: UpkeepHost): AuditUpkeep {
  const { path } = settings
  const maintenance = createMaintenance({
    ...settings,
    format: settings.compressFormat,
    levels: ['audit'],
    warnSize: Number.POSITIVE_INFINITY,
    report: ({ code, message }) => host.report(code, message),
    async mayDelete(file) {
      // Oldest first and without a gap, whatever the files' times say.
      const [oldest] = await listSegments(path)
      if (oldest === undefined || oldest.file !== file) return false
      const last = await lastRecordOf(oldest)
      if (last !== undefined) await host.tellRemoval({ file: oldest.name, seq: last.seq, hash: last.hash })
      return true
    },
  })
  maintenance.start()
  return { rotated: maintenance.rotated, close: maintenance.close }
}

const PIECE = 64 * 1024
// More than one write can have left behind the last record.
const KEPT = 4 * 1024 * 1024

/** @throws an error of the file system or of what is compressed */
async function lastRecordOf(segment: Segment): Promise<Sealed | undefined> {
  const source = await openSource(segment)
  try {
    const pieces: Buffer[] = []
    let kept = 0
    for (let at = 0; ; ) {
      const piece = Buffer.alloc(PIECE)
      const bytes = await source.read(piece, 0, at)
      if (bytes === 0) break
      at += bytes
      kept += bytes
      pieces.push(piece.subarray(0, bytes))
      while (kept - (pieces[0] as Buffer).length > KEPT) kept -= (pieces.shift() as Buffer).length
    }
    const tail = Buffer.concat(pieces)
    return lastRecord({ size: tail.length, read: (from, to) => tail.subarray(from, to) }).record
  } finally {
    await source.close()
  }
}
