import { readdirSync, type Stats, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { COMPRESSED, parseDoneName } from '../../segments/names.ts'
import { usageError } from './usage.ts'

/** What was named on the command line. */
export interface Wanted {
  /** As it was written. */
  readonly text: string
  /** Absolute. */
  readonly directory: string
  /** Which names in it; undefined where one file was named, which need not be there yet. */
  readonly matches: ((name: string) => boolean) | undefined
  readonly name: string
}

/** What there is now. */
export interface Found {
  /** Paths of live files, absolute: rotated and compressed files are part of theirs. */
  readonly logs: readonly string[]
  /** Files that were named and are not there. They may come. */
  readonly missing: readonly string[]
  /** Compressed files of no log that is known: they can't be followed. */
  readonly unreadable: readonly string[]
}

const isLogName = (name: string): boolean => name.endsWith('.log')
const COMPRESSIONS = Object.values(COMPRESSED)

/**
 * Understands a path, a directory (all *.log in it) or a path whose last part has a `*`.
 *
 * @throws a usage error for a `*` anywhere else
 */
export function wantedOf(text: string): Wanted {
  const path = resolve(text)
  const stats = statOf(path)
  if (stats?.isDirectory() === true) return { text, directory: path, name: '', matches: isLogName }
  const wanted = { text, directory: dirname(path), name: basename(path) }
  if (stats !== undefined || !path.includes('*')) return { ...wanted, matches: undefined }
  if (wanted.directory.includes('*'))
    throw usageError(
      `${text} has a * in its directory, expected one in the last part alone. Without quotes your shell fills in what is there now; name the directories one by one to have new files of each picked up.`,
    )
  const pieces = wanted.name.split('*').map((piece) => piece.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'))
  const pattern = new RegExp(`^${pieces.join('.*')}$`, 's')
  return { ...wanted, matches: (name) => pattern.test(name) }
}

/**
 * Looks for what is wanted. Never throws: a directory that can't be read is as empty as one that is not there.
 *
 * @param known logs that were found before, whose live file may be on its way to another name just now
 */
export function findLogs(all: readonly Wanted[], known: { has(path: string): boolean }): Found {
  const logs = new Set<string>()
  const missing: string[] = []
  const unreadable: string[] = []
  const add = (path: string, isNamed: boolean): void => {
    const live = liveOf(path, known)
    const stats = statOf(path)
    if (live !== undefined) logs.add(live)
    // One of many that was found has just gone, or is a link that leads nowhere: no reason not to ship the others.
    else if (stats === undefined) missing.push(...(isNamed ? [path] : []))
    else if (COMPRESSIONS.some((extension) => path.endsWith(extension))) unreadable.push(path)
    else if (isNamed || stats.isFile()) logs.add(path)
  }
  for (const { directory, name, matches } of all) {
    const path = join(directory, name)
    // A directory may have come since it was named.
    const isDirectory = matches === undefined && statOf(path)?.isDirectory() === true
    if (matches === undefined && !isDirectory) add(path, true)
    else
      for (const one of namesIn(isDirectory ? path : directory))
        if (!one.startsWith('.') && (matches ?? isLogName)(one))
          add(join(isDirectory ? path : directory, one), false)
  }
  return { logs: [...logs].sort(), missing, unreadable }
}

const DONE = /^(.+)-\d{4}-\d{2}-\d{2}(?:T\d{2})?\.\d{3,7}(\.[^.]+)?$/
const ROTATED = /^(.+?)(?:\.[1-9]\d{0,5}|-\d{8}(?:-?\d{2,10})?)$/
const LOG_NAME = /\.(?:log|json|jsonl|ndjson|txt|out|err)$/

/**
 * The live file of one that was rotated: by spoor, or by logrotate, whose names (`app.log.1`, `access_log-20261121`)
 * others have too, so that the live file must be there or called like a log. Undefined for any other.
 */
function liveOf(path: string, known: { has(path: string): boolean }): string | undefined {
  const directory = dirname(path)
  const name = basename(path)
  const compression = COMPRESSIONS.find((extension) => name.endsWith(extension)) ?? ''
  const plain = name.slice(0, name.length - compression.length)
  const [, stem, extension = ''] = DONE.exec(plain) ?? []
  if (stem !== undefined && parseDoneName(`${stem}${extension}`, name) !== undefined)
    return join(directory, `${stem}${extension}`)
  const rotated = ROTATED.exec(plain)?.[1]
  if (rotated === undefined) return undefined
  const live = join(directory, rotated)
  return LOG_NAME.test(live) || known.has(live) || statOf(live)?.isFile() === true ? live : undefined
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    // Its directory may not be looked into.
    return undefined
  }
}
