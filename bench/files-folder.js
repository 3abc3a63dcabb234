// What a library has in its folder: how much, since when, and which records.

import { createReadStream, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout } from 'node:timers/promises'
import { createGunzip } from 'node:zlib'

const compressed = (name) => name.endsWith('.gz')
// A live file of spoor on its way to its done name holds records; other hidden files are the libraries' own books.
const holdsRecords = (name) => !name.startsWith('.') || name.endsWith('.moving')
const unfinished = (name) => name.startsWith('.') && name.endsWith('.tmp')

/** Files that hold records: [{ name, id (lives through a rename), gzip, size (bytes), changed (epoch ms) }]. */
export function filesOf(folder) {
  return readdirSync(folder)
    .filter(holdsRecords)
    .flatMap((name) => {
      const found = statSync(join(folder, name), { throwIfNoEntry: false })
      if (!found) return []
      const { ino, birthtimeMs, size, ctimeMs: changed } = found
      return [{ name, id: `${ino} ${birthtimeMs}`, gzip: compressed(name), size, changed }]
    })
}

/** The ids of the files that are not compressed. */
export const plainIds = (folder) => filesOf(folder).flatMap(({ id, gzip }) => (gzip ? [] : [id]))

/** Names of compressed files, finished or being written. */
export const compressedNames = (folder) =>
  readdirSync(folder).filter((name) => (holdsRecords(name) && compressed(name)) || unfinished(name))

const POLL_MS = 100
const LONGEST_MS = 60_000

/**
 * Waits until nothing has changed for `quietMs` and, where `compresses`, no more than `keepsPlain` files are
 * plain, at most a minute. Gives when the last byte arrived, by the kernel's own time of it (epoch ms), and the
 * CPU time used since `cpuFrom` until the poll that saw it (µs, all threads).
 */
export async function still(folder, { quietMs, compresses, keepsPlain }, cpuFrom) {
  const longest = Date.now() + LONGEST_MS
  let last = ''
  let since = Date.now()
  let cpu = process.cpuUsage(cpuFrom)
  for (;;) {
    const files = filesOf(folder)
    const now = JSON.stringify(files)
    if (now !== last) {
      last = now
      since = Date.now()
      cpu = process.cpuUsage(cpuFrom)
    }
    const busy = compresses && files.filter(({ gzip }) => !gzip).length > keepsPlain
    if ((Date.now() - since >= quietMs && !busy) || Date.now() > longest) {
      return { until: Math.max(...files.map(({ changed }) => changed)), cpu: cpu.user + cpu.system }
    }
    await setTimeout(POLL_MS)
  }
}

const NEWLINE = 10
const KEY = Buffer.from('"order_id":')
const CHUNK = 1 << 20

/**
 * Reads all records back, `count` of them with order_id 0 to count - 1. `found` is how many of them are there,
 * `doubled` how many lines say one that was there already, `broken` how many lines are not a whole object, or
 * files not whole.
 */
export async function countRecords(folder, count) {
  const seen = new Uint8Array(count)
  const result = { found: 0, doubled: 0, broken: 0, files: 0, compressed: 0 }
  const look = (data, from, to) => {
    if (data[from] !== 0x7b || data[to - 1] !== 0x7d) {
      result.broken++
      return
    }
    const at = data.indexOf(KEY, from)
    if (at === -1 || at >= to) return
    const id = idAt(data, at + KEY.length)
    if (seen[id]) result.doubled++
    else {
      seen[id] = 1
      result.found++
    }
  }
  for (const { name, gzip } of filesOf(folder)) {
    result.files++
    if (gzip) result.compressed++
    const whole = await eachLine(join(folder, name), gzip, look)
    if (!whole) result.broken++
  }
  return result
}

function idAt(data, from) {
  let id = 0
  for (let at = from; data[at] >= 48 && data[at] <= 57; at++) id = id * 10 + data[at] - 48
  return id
}

/** False if the file ends in the middle of a line or of its compressed form. */
async function eachLine(path, gzip, look) {
  let rest = Buffer.alloc(0)
  const split = async (chunks) => {
    for await (const chunk of chunks) {
      const data = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
      let from = 0
      for (let at = data.indexOf(NEWLINE); at !== -1; at = data.indexOf(NEWLINE, from)) {
        look(data, from, at)
        from = at + 1
      }
      rest = data.subarray(from)
    }
  }
  const source = createReadStream(path, { highWaterMark: CHUNK })
  try {
    if (gzip) await pipeline(source, createGunzip({ chunkSize: CHUNK }), split)
    else await pipeline(source, split)
  } catch (error) {
    if (error.code !== 'Z_BUF_ERROR' && error.code !== 'Z_DATA_ERROR') throw error
    return false
  }
  return rest.length === 0
}
