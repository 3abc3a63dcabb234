import { basename, dirname, extname, join } from 'node:path'
import type { RetentionLevel } from '../config/retention.ts'
import type { FileSettings, FileStats, FileTransport } from './file-options.ts'

interface Part {
  /** Behind the stem of the file's name. */
  readonly suffix: string
  readonly levels: readonly RetentionLevel[]
}

const DEBUG: Part = { suffix: '.debug', levels: ['trace', 'debug'] }
const MAIN: Part = { suffix: '', levels: ['info', 'warn'] }
const ERROR: Part = { suffix: '.error', levels: ['error', 'fatal'] }
const INFO_LEVEL = 30
const ERROR_LEVEL = 50

/** Three files behind one transport, each for some levels. */
export function splitFiles(
  settings: FileSettings,
  level: number,
  make: (settings: FileSettings, levels: readonly RetentionLevel[]) => FileTransport,
): FileTransport {
  const [debug, main, error] = [DEBUG, MAIN, ERROR].map(({ suffix, levels }) =>
    make(partOf(settings, suffix), levels),
  ) as [FileTransport, FileTransport, FileTransport]
  const all = [debug, main, error]
  return {
    name: settings.name,
    level,
    attach: (host) => {
      for (const each of all) each.attach?.(host)
    },
    write(line, at) {
      if (at < INFO_LEVEL) debug.write(line, at)
      else if (at < ERROR_LEVEL) main.write(line, at)
      else error.write(line, at)
    },
    flushSync: () => {
      for (const each of all) each.flushSync?.()
    },
    flush: async () => {
      await Promise.all(all.map((each) => each.flush?.()))
    },
    rotate: () => {
      for (const each of all) each.rotate()
    },
    reopen: () => {
      for (const each of all) each.reopen()
    },
    close: async () => {
      await Promise.all(all.map((each) => each.close?.()))
    },
    stats: () => all.map((each) => each.stats()).reduce(added),
  }
}

function partOf(settings: FileSettings, suffix: string): FileSettings {
  const { path, stem, symlink } = settings
  return {
    ...settings,
    path: suffixed(path, suffix),
    stem: stem === undefined ? undefined : new RegExp(stem.source + suffix.replace('.', '\\.')),
    symlink: symlink === undefined ? undefined : suffixed(symlink, suffix),
  }
}

function suffixed(path: string, suffix: string): string {
  const extension = extname(path)
  return join(dirname(path), `${basename(path, extension)}${suffix}${extension}`)
}

function added(a: FileStats, b: FileStats): FileStats {
  return {
    records: a.records + b.records,
    bytes: a.bytes + b.bytes,
    dropped: a.dropped + b.dropped,
    buffered: a.buffered + b.buffered,
    lastError: b.lastError ?? a.lastError,
    rotated: a.rotated + b.rotated,
    compressed: a.compressed + b.compressed,
    deleted: a.deleted + b.deleted,
    deletedUnread: a.deletedUnread + b.deletedUnread,
  }
}
