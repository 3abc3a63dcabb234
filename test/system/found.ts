import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { parseStrict } from '../support/strict-json.ts'
import { recordOf } from './record.ts'

/** What is in a set of files: numbers by service in the order of each file, pieces of records, losses told. */
export interface Found {
  readonly numbers: Map<string, number[]>
  readonly pieces: string[]
  readonly told: number[]
}

/** Every file of these directories, compressed ones and hidden ones too. */
export function found(...directories: string[]): Found {
  return foundIn(directories.flatMap(textsOf))
}

export function textsOf(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => {
      const bytes = readFileSync(join(directory, name))
      return (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
    })
}

export function foundIn(texts: readonly string[]): Found {
  const result: Found = { numbers: new Map(), pieces: [], told: [] }
  for (const text of texts) {
    const last = new Map<string, number>()
    for (const line of text.split('\n')) if (line !== '') take(line, last, result)
  }
  return result
}

// Whole records are told by their text, which is much quicker than parsing them.
const RECORD = /^\{"who":"(\w)","n":(\d+),/

function take(line: string, last: Map<string, number>, { numbers, pieces, told }: Found): void {
  const [, who = '', digits] = RECORD.exec(line) ?? []
  const n = Number(digits)
  if (digits === undefined || `${line}\n` !== recordOf(who, n)) {
    const dropped = lossOf(line)
    if (dropped === undefined) pieces.push(line)
    else told.push(dropped)
    return
  }
  // In a file the records of a process are in the order in which they were logged.
  if (n <= (last.get(who) ?? -1)) throw new Error(`${line} comes after number ${last.get(who)}`)
  last.set(who, n)
  const mine = numbers.get(who)
  if (mine === undefined) numbers.set(who, [n])
  else mine.push(n)
}

function lossOf(line: string): number | undefined {
  return line.includes('"log records were lost"') ? parseStrict<{ dropped: number }>(line).dropped : undefined
}

/** Which of 0 to written - 1 are missing from what was found, and which are there twice; the first few. */
export function compared(
  numbers: readonly number[] | undefined,
  written: number,
): { lost: number[]; doubled: number[] } {
  const times = new Uint8Array(written)
  for (const n of numbers ?? []) times[n] = (times[n] ?? 0) + 1
  const lost: number[] = []
  const doubled: number[] = []
  times.forEach((count, n) => {
    if (count === 0 && lost.length < FEW) lost.push(n)
    if (count > 1 && doubled.length < FEW) doubled.push(n)
  })
  return { lost, doubled }
}

const FEW = 20

export const WHOLE = { lost: [], doubled: [] }

/** True for the beginning of a record, which is what a write cut short leaves. */
export function isPiece(text: string): boolean {
  const [, who = 'a'] = /^\{"who":"(\w)/.exec(text) ?? []
  const [, n = '0'] = /"n":(\d+)/.exec(text) ?? []
  // A letter that is cut in half reads as U+FFFD.
  return recordOf(who, Number(n)).startsWith(text.replace(/\uFFFD$/, ''))
}
