// Medians, spreads and the reading back of what was written.

import { createReadStream, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

export const spread = (values) => ({
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
})

/** The median over the rounds of a/b: both were measured within one round, so a slow minute hits both. */
export const ratio = (a, b) => spread(a.map((value, round) => value / b[round]))

/** Counts the lines of a file without holding it. */
export async function countLines(path) {
  let lines = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }))
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++
  return lines
}

/** Counts the lines of every file in a folder whose name ends in .log. */
export async function countFolder(folder) {
  let lines = 0
  for (const name of readdirSync(folder).filter((one) => one.endsWith('.log')))
    lines += await countLines(join(folder, name))
  return lines
}

export const readLines = (path) => readFileSync(path, 'utf8').split('\n').slice(0, -1)
