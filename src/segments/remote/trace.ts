import { Buffer } from 'node:buffer'
import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isMovingName, parseDoneName } from '../names.ts'
import type { Mark } from './state.ts'

const NEWLINE = 10
// What other processes may have written in between.
const OTHERS_BYTES = 16 * 1024 * 1024

/**
 * How many UTF-16 units of `lines` got into the file in an append of which only the beginning is known: its
 * lines are looked for behind `mark`, in that file wherever it was renamed to, and in the live one.
 */
export function unitsFound(path: string, mark: Mark, lines: string): number {
  const wanted = Buffer.from(lines)
  let found = 0
  for (const [file, from] of placesBehind(path, mark)) {
    found = linesFound(tailOf(file, from, wanted.length), wanted, found)
  }
  return wanted.toString('utf8', 0, found).length
}

function placesBehind(path: string, mark: Mark): [file: string, from: number][] {
  if (inodeOf(path) === mark.ino) return [[path, mark.size]]
  const renamed = namesBeside(path).find((file) => inodeOf(file) === mark.ino)
  return renamed === undefined
    ? [[path, 0]]
    : [
        [renamed, mark.size],
        [path, 0],
      ]
}

function namesBeside(path: string): string[] {
  const directory = dirname(path)
  try {
    return readdirSync(directory)
      .filter((name) => parseDoneName(path, name) !== undefined || isMovingName(path, name))
      .map((name) => join(directory, name))
  } catch {
    return []
  }
}

function inodeOf(file: string): number {
  try {
    return statSync(file, { throwIfNoEntry: false })?.ino ?? 0
  } catch {
    return 0
  }
}

function tailOf(file: string, from: number, length: number): Buffer {
  let fd = -1
  try {
    fd = openSync(file, 'r')
    const present = fstatSync(fd)
    if (!present.isFile()) return Buffer.alloc(0)
    const tail = Buffer.alloc(Math.max(0, Math.min(present.size - from, length + OTHERS_BYTES)))
    return tail.subarray(0, readSync(fd, tail, 0, tail.length, from))
  } catch {
    return Buffer.alloc(0)
  } finally {
    if (fd !== -1) closeSync(fd)
  }
}

/** Goes on from byte `found` of `wanted`: how far its lines are in `tail`, in order. */
function linesFound(tail: Buffer, wanted: Buffer, found: number): number {
  let at = 0
  let from = found
  while (from < wanted.length) {
    const end = wanted.indexOf(NEWLINE, from) + 1
    const place = lineIn(tail, wanted.subarray(from, end), at)
    if (end === 0 || place === -1) break
    at = place + end - from
    from = end
  }
  return from
}

function lineIn(tail: Buffer, line: Buffer, from: number): number {
  let at = tail.indexOf(line, from)
  while (at > 0 && tail[at - 1] !== NEWLINE) at = tail.indexOf(line, at + 1)
  return at
}
